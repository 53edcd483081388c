package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/ui"
)

// The steps of a read model, by the names of the API's routes.
const (
	stepRebuild = "rebuild"
	stepPause   = "pause"
	stepResume  = "resume"
	stepRetry   = "retry"
	stepSwitch  = "switch"

	retriedInVain = "stuck" // what a page says was done where a retry left events parked
)

// forceField says that a rebuild is switched to also where it differs.
const forceField = "force"

// modelSteps are what each step is called, and what is asked before those that change what everybody reads.
var modelSteps = map[string]struct {
	title, asks, text string
	danger            bool
}{
	stepRebuild: {title: "Rebuild", asks: "Rebuild", text: "It is built anew from the whole log, beside the tables that are read. When both are equal, the new ones are read from then on."},
	stepPause:   {title: "Pause", asks: "Pause", danger: true, text: "It stops on every node, and everybody reads it as it is now until it is resumed. The log goes on, and nothing is lost."},
	stepResume:  {title: "Resume"},
	stepRetry:   {title: "Try again"},
	stepSwitch:  {title: "Switch back", asks: "Switch back", danger: true, text: "The tables from before the last rebuild are read again, at once and by everybody. These are kept, and switching again leads back to them."},
}

// modelNotes say what was just done with a read model.
var modelNotes = map[string]ui.Note{
	stepRebuild: {Tone: ui.Info, Text: "The rebuild has begun."}, stepPause: {Tone: ui.Warning, Text: "The projection is paused."},
	stepResume: {Tone: ui.Success, Text: "The projection goes on."}, stepRetry: {Tone: ui.Info, Text: "The parked events are folded."},
	retriedInVain: {Tone: ui.Warning, Text: "The parked events were tried again. Those below still cannot be folded."},
	stepSwitch:    {Tone: ui.Success, Text: "The tables from before are read again."},
}

// step is a button, or a link to the page that asks first.
func (m readModel) step(name, back string) ui.Step {
	s, address := modelSteps[name], modelAddress(m.Name)+"/"+name
	if s.asks != "" {
		return ui.Step{Title: s.title, Address: address + "?" + url.Values{backField: {back}}.Encode()}
	}
	return ui.Step{Title: s.title, Address: address, Posts: true, Key: newKey(), Back: back}
}

// modelForm asks before a step; false for one that asks nothing.
func modelForm(model, step string) (form ui.Form, title, text string, ok bool) {
	s := modelSteps[step]
	if s.asks == "" {
		return form, "", "", false
	}
	form = ui.Form{ID: "step", Key: newKey(), Action: modelAddress(model) + "/" + step, Cancel: projectionsPath, Submit: s.title, Danger: s.danger}
	if step == stepRebuild {
		form.Fields = []ui.Field{{Name: forceField, Label: "Switch also where they differ", Kind: "checkbox",
			Hint: "For a projection that is wrong: else a difference ends the rebuild, and nothing has changed."}}
	}
	return form, s.asks + " " + model, s.text, true
}

// askModelStep asks before a step. One that asks nothing has no page: whoever comes to its address sees the read model.
func (s *server) askModelStep(v visit) {
	model, step := chi.URLParam(v.r, "id"), chi.URLParam(v.r, "step")
	if _, known := modelSteps[step]; !known {
		s.missing(v.w, v.r)
		return
	}
	a := s.call(v.r, v.portal.Name, http.MethodGet, projectionsAPI+"/"+url.PathEscape(model), nil, nil)
	if s.stopped(v, a, modelAddress(model)) {
		return
	}
	if a.status != http.StatusOK {
		s.fail(v, failure{Status: failed(a), Title: "No such projection", Text: a.fault().words()})
		return
	}
	form, title, text, asks := modelForm(model, step)
	if !asks {
		http.Redirect(v.w, v.r, modelAddress(model), http.StatusSeeOther)
		return
	}
	s.showForm(v, http.StatusOK, title, text, form)
}

// doneOf is what a step did, by the API's answer to it.
func doneOf(step string, a *answer) string {
	var left readModel
	if step == stepRetry && a.decode(&left) == nil && left.Parked > 0 {
		return retriedInVain
	}
	return step
}

func (s *server) takeModelStep(v visit) {
	if !s.posted(v) {
		return
	}
	model, step := chi.URLParam(v.r, "id"), chi.URLParam(v.r, "step")
	if _, known := modelSteps[step]; !known {
		s.missing(v.w, v.r)
		return
	}
	body := map[string]bool{}
	if step == stepRebuild && v.r.PostForm.Get(forceField) == "yes" {
		body[forceField] = true
	}
	a := s.command(v, http.MethodPost, projectionsAPI+"/"+url.PathEscape(model)+"/"+step, body)
	if s.barred(v, a, modelAddress(model)) {
		return
	}
	if a.status < http.StatusBadRequest {
		finish(v, a, backOr(v, projectionsPath), doneOf(step, a))
		return
	}
	a.tellWait(v.w)
	form, title, text, asks := modelForm(model, step)
	if !asks || a.status == http.StatusNotFound {
		s.fail(v, failure{Status: failed(a), Title: "Not done", Text: a.fault().words()})
		return
	}
	q := asking{form, title, text}
	q.fill(v.r.PostForm)
	refused(&q.form, a)
	s.ask(v, failed(a), q)
}
