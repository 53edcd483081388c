package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/streamflow/streamflow/web/ui"
)

// kept are the first leads that were not taken back.
func (s *server) kept(v visit, m importRecord) ui.Table {
	t := ui.Table{ID: "kept-leads", Caption: "Leads that were not taken back", Columns: []ui.Column{{Title: "Lead"}, {Title: "Why"}}}
	for _, one := range m.Kept {
		name, address := s.leadAt(v, one.LeadID)
		t.Rows = append(t.Rows, ui.Row{ID: one.LeadID, Name: name, Cells: []ui.Cell{{Text: name, Href: address}, {Text: capital(one.Reason)}}})
	}
	return t
}

// keptMore says how many there are, where not all are listed.
func (m importRecord) keptMore() string {
	if m.Counts == nil || m.Counts.Kept <= int64(len(m.Kept)) || len(m.Kept) == 0 {
		return ""
	}
	return "The list has the first " + strconv.Itoa(len(m.Kept)) + " of " + whole(m.Counts.Kept) + "."
}

// undoStopped says that it was being taken back, and that did not come to its end: what it comes to is known by then.
func (m importRecord) undoStopped() bool {
	return m.State == importFailed && m.CanUndo && m.Counts != nil
}

// stopped says that it did not come to its end, and what then.
func (m importRecord) stopped() string {
	if m.undoStopped() {
		return "Taking it back stopped: " + m.Error + ". Nothing is taken back twice when it goes on."
	}
	return "It stopped: " + m.Error + ". Nothing is imported twice when it goes on."
}

// undoes is what the button is called that takes it back.
func (m importRecord) undoes() string {
	if m.undoStopped() {
		return "Go on taking it back"
	}
	return "Take back"
}

// undo asks before an import is taken back.
func (m importRecord) undo() asking {
	q := asking{title: "Take " + fileCalled(m.Name) + " back", form: ui.Form{ID: "undo", Key: newKey(), Action: importAddress(m.ID) + "/undo", Cancel: importAddress(m.ID), Submit: m.undoes(), Danger: true}}
	q.text = "The leads that this import made are archived. Leads that were there before stay, and so do those that somebody has changed since: you see which, and why. " +
		"Each can be restored, and the file can be imported again."
	return q
}

func (s *server) askUndo(v visit) {
	m, ok := s.importOf(v)
	switch {
	case !ok:
	case !m.CanUndo:
		http.Redirect(v.w, v.r, importAddress(m.ID), http.StatusSeeOther)
	default:
		s.ask(v, http.StatusOK, m.undo())
	}
}

// undoImport has it taken back.
func (s *server) undoImport(v visit) {
	if !s.posted(v) {
		return
	}
	m, ok := s.importOf(v)
	if !ok {
		return
	}
	s.ordered(v, m, s.command(v, http.MethodPost, importsAPI+"/"+url.PathEscape(m.ID)+"/undo", map[string]any{}))
}

// toArchived is the list of what was taken back.
func (m importRecord) toArchived() string {
	q := url.Values{archivedFilter: {"true"}, "sort": {"-createdAt"}}
	if m.Cursor != "" {
		q.Set(afterParameter, m.Cursor)
	}
	return leadsPath + "?" + q.Encode()
}
