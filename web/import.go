package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/ui"
)

// The states of an import, by the API's names.
const (
	importPlanning = "planning"
	importPlanned  = "planned"
	importRunning  = "running"
	importDone     = "done"
	importUndoing  = "undoing"
	importUndone   = "undone"
	importFailed   = "failed"
)

var importStates = map[string]ui.Cell{
	importPlanning: {Text: "Being looked at", Tone: ui.Info}, importPlanned: {Text: "Not imported yet", Tone: ui.Warning}, importRunning: {Text: "Importing", Tone: ui.Info},
	importDone: {Text: "Imported", Tone: ui.Success}, importFailed: {Text: "Stopped", Tone: ui.Danger},
	importUndoing: {Text: "Being taken back", Tone: ui.Info}, importUndone: {Text: "Taken back", Tone: ui.Warning},
}

// importRecord is an import as the API shows it.
type importRecord struct {
	ID         string            `json:"id"`
	State      string            `json:"state"`
	Name       string            `json:"name"`
	Header     []string          `json:"header"`
	Sample     [][]string        `json:"sample"`
	Columns    map[string]string `json:"columns"`
	Fixed      map[string]string `json:"fixed"`
	DateLayout string            `json:"dateLayout"`
	Fields     []string          `json:"fields"`
	Counts     *importCounts     `json:"counts"`
	Left       []struct {
		Line       int    `json:"line"`
		Reason     string `json:"reason"`
		ExistingID string `json:"existingId"`
	} `json:"left"`
	Kept []struct {
		LeadID string `json:"leadId"`
		Reason string `json:"reason"`
	} `json:"kept"`
	Done      int       `json:"done"`
	Total     int       `json:"total"`
	Error     string    `json:"error"`
	CanRun    bool      `json:"canRun"`
	CanUndo   bool      `json:"canUndo"`
	BegunAt   time.Time `json:"begunAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Cursor    string    `json:"cursor"`
}

// working says that it changes by itself.
func (m importRecord) working() bool {
	return m.State == importPlanning || m.State == importRunning || m.State == importUndoing
}

// imported says that its rows were brought in, whatever happened to them since.
func (m importRecord) imported() bool {
	return m.State == importDone || m.State == importUndoing || m.State == importUndone || m.undoStopped()
}

// forgotten says that nothing of the file is kept any more.
func (m importRecord) forgotten() bool { return len(m.Header) == 0 }

// importShown is the page of an import.
type importShown struct {
	Shell   shell
	Import  importRecord
	Notes   []ui.Note
	Run     ui.Form
	Mapping ui.Form
	Figures []fact
	Sample  ui.Table
	Left    ui.Table
	Kept    ui.Table
	More    string // how many rows are not taken beyond those listed; empty where all are listed
}

func (s *server) importPage(v visit) { s.showImport(v, http.StatusOK, nil) }

// importOf asks the API for the import that the address names. Without one it answers by itself, and says that it has.
func (s *server) importOf(v visit) (m importRecord, ok bool) {
	id := chi.URLParam(v.r, "id")
	a := s.call(v.r, v.portal.Name, http.MethodGet, importsAPI+"/"+url.PathEscape(id), nil, nil)
	switch {
	case s.stopped(v, a, importAddress(id)):
		return m, false
	case a.status != http.StatusOK || a.decode(&m) != nil:
		s.fail(v, failure{Status: failed(a), Title: "No such import", Text: a.fault().words()})
		return m, false
	}
	return m, true
}

// showImport shows how far an import is; with a form that was refused, that instead of the import's own.
func (s *server) showImport(v visit, status int, refused *ui.Form) {
	m, ok := s.importOf(v)
	if !ok {
		return
	}
	p := importShown{Shell: s.shell(v, fileCalled(m.Name)), Import: m, Figures: m.figures(), Sample: m.sample(), Left: m.left(), Kept: s.kept(v, m), Mapping: m.mapping(),
		Run: ui.Form{ID: "run", Key: newKey(), Action: importAddress(m.ID) + "/run", Submit: m.runs()}}
	if m.State == importPlanned && m.Counts != nil && m.Counts.Imported == 0 {
		p.Import.CanRun = false
	}
	if m.State == importDone && m.Counts != nil && m.Counts.Imported == 0 {
		p.Import.CanUndo = false // it made nothing
	}
	if refused != nil {
		p.Mapping = *refused
	}
	if m.Counts != nil && m.Counts.Duplicates+m.Counts.Rejected > int64(len(m.Left)) && len(m.Left) > 0 {
		p.More = "The list has the first " + strconv.Itoa(len(m.Left)) + " of " + whole(m.Counts.Duplicates+m.Counts.Rejected) + "."
	}
	render(v.w, v.r, status, importScreen(p))
}

// runs is what the button is called.
func (m importRecord) runs() string {
	if m.State == importFailed || m.Counts == nil {
		return "Go on"
	}
	return "Import " + counted(m.Counts.Imported, "lead")
}

// figures are what the rows come to, in words.
func (m importRecord) figures() []fact {
	if m.Counts == nil {
		return nil
	}
	imported := "Would be imported"
	if m.imported() {
		imported = "Imported"
	}
	all := []fact{{"Rows", whole(m.Counts.Rows), ""}, {imported, whole(m.Counts.Imported), ""}, {"Imported before", whole(m.Counts.Known), ""},
		{"Duplicates", whole(m.Counts.Duplicates), ""}, {"Rejected", whole(m.Counts.Rejected), ""}}
	if m.State == importUndone {
		all = append(all, fact{"Taken back", whole(m.Counts.TakenBack), ""}, fact{"Not taken back", whole(m.Counts.Kept), ""})
	}
	return all
}

// outcome is the same in one sentence, for who hears the page.
func (m importRecord) outcome() string {
	c := m.Counts
	switch {
	case c == nil, m.State == importUndoing, m.State == importFailed:
		return ""
	case m.State == importUndone:
		return counted(c.TakenBack, "lead") + " taken back, " + whole(c.Kept) + " not taken back."
	}
	text := " would be imported, "
	if m.State == importDone {
		text = " imported, "
	}
	return counted(c.Rows, "row") + ": " + whole(c.Imported) + text + whole(c.Known+c.Duplicates) + " there already, " + whole(c.Rejected) + " rejected."
}

// sample are the first rows of the file.
func (m importRecord) sample() ui.Table {
	t := ui.Table{ID: "sample", Caption: "The first rows of the file"}
	for _, column := range m.Header {
		title := strings.TrimSpace(column)
		if title == "" {
			title = "No name"
		}
		t.Columns = append(t.Columns, ui.Column{Title: title})
	}
	for i, cells := range m.Sample {
		row := ui.Row{ID: strconv.Itoa(i), Name: "Row " + strconv.Itoa(i+1)}
		for _, cell := range cells {
			row.Cells = append(row.Cells, ui.Cell{Text: clipped(cell)})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// clipped is as much of a text as a preview shows.
func clipped(text string) string {
	const most = 80
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// left are the first rows that are not taken.
func (m importRecord) left() ui.Table {
	t := ui.Table{ID: "left", Caption: "Rows that are not imported", Columns: []ui.Column{{Title: "Line", Tight: true, Counts: true}, {Title: "Why"}, {Title: "Lead"}}}
	for _, one := range m.Left {
		row := ui.Row{ID: strconv.Itoa(one.Line), Name: "Line " + strconv.Itoa(one.Line), Cells: []ui.Cell{{Text: whole(int64(one.Line))}, {Text: capital(one.Reason)}, {}}}
		if one.ExistingID != "" {
			row.Cells[2] = ui.Cell{Text: "The one that exists", Href: leadsPath + "/" + url.PathEscape(one.ExistingID)}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// runImport has the rows brought in.
func (s *server) runImport(v visit) {
	if !s.posted(v) {
		return
	}
	m, ok := s.importOf(v)
	if !ok {
		return
	}
	s.ordered(v, m, s.command(v, http.MethodPost, importsAPI+"/"+url.PathEscape(m.ID)+"/run", map[string]any{}))
}

// ordered leads back to the import after something was asked of it, or says why it was not done.
func (s *server) ordered(v visit, m importRecord, a *answer) {
	switch {
	case s.barred(v, a, importAddress(m.ID)):
	case a.status == http.StatusAccepted:
		http.Redirect(v.w, v.r, importAddress(m.ID), http.StatusSeeOther)
	case a.status == http.StatusUnprocessableEntity:
		form := m.mapping()
		q := asking{form: form}
		q.fill(v.r.PostForm)
		refused(&q.form, a)
		s.showImport(v, a.status, &q.form)
	default:
		a.tellWait(v.w)
		s.fail(v, failure{Status: failed(a), Title: "Not done", Text: a.fault().words()})
	}
}

// rejectedRows is the file of the rows that were not taken, as the API streams it.
func (s *server) rejectedRows(v visit) {
	id := chi.URLParam(v.r, "id")
	if _, ok := s.importOf(v); !ok {
		return
	}
	s.api.ServeHTTP(v.w, s.request(v.r, v.portal.Name, http.MethodGet, importsAPI+"/"+url.PathEscape(id)+"/rejected", nil, nil))
}

// toNew is the list with what the run made first.
func (m importRecord) toNew() string {
	q := url.Values{"sort": {"-createdAt"}}
	if m.Cursor != "" {
		q.Set(afterParameter, m.Cursor)
	}
	return leadsPath + "?" + q.Encode()
}

// importHead says what happens, or happened.
func importHead(state string) string {
	switch state {
	case importUndoing:
		return "Taking the leads back"
	case importUndone:
		return "What was taken back"
	case importPlanning:
		return "Looking at the rows"
	case importRunning:
		return "Importing the rows"
	case importDone:
		return "What was imported"
	case importFailed:
		return "It did not come to its end"
	}
	return "What the file comes to"
}
