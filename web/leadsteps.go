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
)

// leadSteps are what can be done with a lead, the likeliest first. Back is where each leads back to.
func leadSteps(l leadRecord, back string) []ui.Step {
	address := func(step string) string {
		return leadsPath + "/" + l.ID + "/" + step + "?" + url.Values{backField: {back}}.Encode()
	}
	posts := func(step, title string) ui.Step {
		return ui.Step{Title: title, Address: leadsPath + "/" + l.ID + "/" + step, Posts: true, Key: newKey(), Back: back}
	}
	contact, qualify := posts(stepContact, "Contacted"), posts(stepQualify, "Qualify")
	convert, edit := ui.Step{Title: "Convert", Address: address(stepConvert)}, ui.Step{Title: "Edit", Address: address("edit")}
	disqualify := ui.Step{Title: "Disqualify", Address: address(stepDisqualify)}
	switch {
	case l.Archived:
		return nil
	case l.Status == lead.StatusNew:
		return []ui.Step{contact, qualify, convert, edit, disqualify}
	case l.Status == lead.StatusContacted:
		return []ui.Step{qualify, convert, edit, disqualify}
	case l.Status == lead.StatusQualified:
		return []ui.Step{convert, edit, disqualify}
	}
	return []ui.Step{edit}
}

// stepForm asks before a step that ends a lead; false for a step that asks nothing.
func (l leadRecord) stepForm(step string) (form ui.Form, title, text string, ok bool) {
	form = ui.Form{ID: "step", Key: newKey(), Action: leadsPath + "/" + l.ID + "/" + step, Cancel: leadsPath + "/" + l.ID}
	switch step {
	case stepConvert:
		form.Submit = "Convert lead"
		text = "It becomes a customer: an opportunity is made"
		if l.Name != "" {
			text += ", with " + l.Name + " as its contact"
		}
		if l.Company != "" {
			text += ", at " + l.Company
		}
		return form, "Convert " + l.called(), text + ". This cannot be taken back.", true
	case stepDisqualify:
		form.Submit, form.Danger = "Disqualify lead", true
		form.Fields = []ui.Field{{Name: "reason", Label: "Reason", Kind: "textarea", Required: true, Hint: "Why nothing will come of it."}}
		return form, "Disqualify " + l.called(), "It leaves the open leads. This cannot be taken back; its history stays.", true
	}
	return form, "", "", false
}

// askStep asks before a step. One that asks nothing has no page: whoever comes to its address, from a sign-in say, sees the lead.
func (s *server) askStep(v visit) {
	l, ok := s.theLead(v)
	if !ok {
		return
	}
	form, title, text, ok := l.stepForm(chi.URLParam(v.r, "step"))
	if !ok {
		http.Redirect(v.w, v.r, leadsPath+"/"+l.ID, http.StatusSeeOther)
		return
	}
	s.showForm(v, http.StatusOK, title, text, form)
}

func (s *server) takeStep(v visit) {
	if !s.posted(v) {
		return
	}
	id, step := chi.URLParam(v.r, "id"), chi.URLParam(v.r, "step")
	if !slices.Contains([]string{stepContact, stepQualify, stepConvert, stepDisqualify}, step) {
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
	l, ok := s.theLead(v)
	if !ok {
		return
	}
	form, title, text, asks := l.stepForm(step)
	if !asks || a.status != http.StatusUnprocessableEntity {
		s.fail(v, failure{Status: failed(a), Title: "Not done", Text: a.fault().words()})
		return
	}
	for i := range form.Fields {
		form.Fields[i].Value = v.r.PostForm.Get(form.Fields[i].Name)
	}
	leadRefused(v, &form, a)
	s.showForm(v, failed(a), title, text, form)
}
