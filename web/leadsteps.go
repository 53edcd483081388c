package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/web/ui"
)

// The steps of a lead, by the names of the API's routes.
const (
	stepContact    = "contact"
	stepQualify    = "qualify"
	stepConvert    = "convert"
	stepDisqualify = "disqualify"
	stepArchive    = "archive"
	stepRestore    = "restore"
)

// titleContact names the step as something to do: beside a status, a word that is one reads like another.
const titleContact = "Mark contacted"

// leadSteps are what can be done with a lead, the likeliest first. Back is where each leads back to.
func leadSteps(l leadRecord, back string) []ui.Step {
	address := func(step string) string {
		return leadsPath + "/" + l.ID + "/" + step + "?" + url.Values{backField: {back}}.Encode()
	}
	posts := func(step, title string) ui.Step {
		return ui.Step{Title: title, Address: leadsPath + "/" + l.ID + "/" + step, Posts: true, Key: newKey(), Back: back}
	}
	contact, qualify, archive := posts(stepContact, titleContact), posts(stepQualify, "Qualify"), posts(stepArchive, "Archive")
	convert, edit := ui.Step{Title: "Convert", Address: address(stepConvert)}, ui.Step{Title: "Edit", Address: address("edit")}
	disqualify := ui.Step{Title: "Disqualify", Address: address(stepDisqualify)}
	switch {
	case l.Archived:
		return []ui.Step{posts(stepRestore, "Restore")}
	case l.Status == lead.StatusNew:
		return []ui.Step{contact, qualify, convert, edit, disqualify, archive}
	case l.Status == lead.StatusContacted:
		return []ui.Step{qualify, convert, edit, disqualify, archive}
	case l.Status == lead.StatusQualified:
		return []ui.Step{convert, edit, disqualify, archive}
	}
	return []ui.Step{edit, archive}
}

// asked is what is asked before a step that ends a lead; false for a step that asks nothing.
func (l leadRecord) asked(step string) (q asking, ok bool) {
	q.form = ui.Form{ID: "step", Key: newKey(), Action: leadsPath + "/" + l.ID + "/" + step, Cancel: leadsPath + "/" + l.ID}
	switch step {
	case stepConvert:
		q.form.Submit, q.title = "Convert lead", "Convert "+l.called()
		q.text = "It becomes a customer: an opportunity is made"
		if l.Name != "" {
			q.text += ", with " + l.Name + " as its contact"
		}
		if l.Company != "" {
			q.text += ", at " + l.Company
		}
		q.text += ". This cannot be taken back."
		return q, true
	case stepDisqualify:
		q.form.Submit, q.form.Danger, q.title = "Disqualify lead", true, "Disqualify "+l.called()
		q.form.Fields = []ui.Field{{Name: "reason", Label: "Reason", Kind: "textarea", Required: true, Hint: "Why nothing will come of it."}}
		q.text = "It leaves the open leads. This cannot be taken back; its history stays."
		return q, true
	}
	return q, false
}

// askStep asks before a step. One that asks nothing has no page: whoever comes to its address, from a sign-in say, sees the lead.
func (s *server) askStep(v visit) {
	l, ok := recordOf[leadRecord](s, v, leadKind)
	if !ok {
		return
	}
	q, ok := l.asked(chi.URLParam(v.r, "step"))
	if !ok {
		http.Redirect(v.w, v.r, leadsPath+"/"+l.ID, http.StatusSeeOther)
		return
	}
	s.ask(v, http.StatusOK, q)
}

func (s *server) takeStep(v visit) {
	if !s.posted(v) {
		return
	}
	id, step := chi.URLParam(v.r, "id"), chi.URLParam(v.r, "step")
	if !slices.Contains([]string{stepContact, stepQualify, stepConvert, stepDisqualify, stepArchive, stepRestore}, step) {
		s.missing(v.w, v.r)
		return
	}
	body := map[string]string{}
	if step == stepDisqualify {
		body["reason"] = v.r.PostForm.Get("reason")
	}
	a := s.command(v, http.MethodPost, leadsAPI+"/"+url.PathEscape(id)+"/"+step, body)
	if s.stopped(v, a, leadsPath+"/"+id) {
		return
	}
	if a.status < http.StatusBadRequest {
		finish(v, a, backOr(v, leadsPath+"/"+id), step)
		return
	}
	if l, ok := recordOf[leadRecord](s, v, leadKind); ok {
		q, asks := l.asked(step)
		s.askAgain(v, leadKind, q, asks, a)
	}
}
