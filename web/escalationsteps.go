package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/web/ui"
)

// escalationStep is the address of a step of an escalation.
func escalationStep(e escalationRecord, step string) string {
	return escalationsPath + "/" + e.ID + "/" + step + "?" + url.Values{tenantParameter: {e.TenantID}}.Encode()
}

// stepTo is the step that leads to a status.
func stepTo(status string) string {
	return escalationMoves[slices.IndexFunc(escalationMoves, func(m move) bool { return m.to == status })].step
}

// offered are the moves that are likely from the status; whether one is allowed is for the API to say.
func (e escalationRecord) offered() []move {
	var all []move
	for _, m := range escalationMoves {
		ahead := slices.Index(escalation.Statuses, m.to) > slices.Index(escalation.Statuses, e.Status)
		if ahead || m.step == stepReopen && e.Status == escalation.StatusResolved {
			all = append(all, m)
		}
	}
	return all
}

// moves are the ways to other columns of the board, each a form of one button.
func (e escalationRecord) moves(back string) []ui.Step {
	var all []ui.Step
	for _, m := range e.offered() {
		all = append(all, ui.Step{Title: escalationStatus(m.to).Text, Address: escalationStep(e, m.step), Posts: true, Key: newKey(), Back: back})
	}
	return all
}

// steps are what can be done with an escalation, the likeliest first.
func (e escalationRecord) steps(back string) []ui.Step {
	var all []ui.Step
	asks := func(step, title string) {
		all = append(all, ui.Step{Title: title, Address: escalationStep(e, step) + "&" + url.Values{backField: {back}}.Encode()})
	}
	for _, m := range e.offered() {
		if m.asks != "" {
			asks(m.step, m.title)
		} else {
			all = append(all, ui.Step{Title: m.title, Address: escalationStep(e, m.step), Posts: true, Key: newKey(), Back: back})
		}
	}
	if e.Status != escalation.StatusClosed {
		asks(stepAssign, "Assign")
	}
	asks(stepComment, "Comment")
	return all
}

// asked is what is asked before a step; false for one that asks nothing.
func (e escalationRecord) asked(step string, d desk) (q asking, ok bool) {
	q.form = ui.Form{ID: "step", Key: newKey(), Action: escalationStep(e, step), Cancel: place{View: escalationKind.view(nil), Tenant: e.TenantID}.address(e.ID)}
	text := ui.Field{Name: "text", Label: "Text", Kind: "textarea", Hint: "The partner reads it too."}
	switch step {
	case stepComment:
		text.Required = true
		q.title, q.form.Submit, q.form.Fields = "Comment on "+e.Summary, "Add comment", []ui.Field{text}
		return q, true
	case stepAssign:
		q.title, q.form.Submit = "Assign "+e.Summary, "Assign"
		q.form.Fields = []ui.Field{{Name: "assigneeId", Label: "Owner", Kind: "select", Required: true, Value: e.AssigneeID,
			Options: append([]ui.Option{{Title: "Nobody"}}, d.people.options(e.AssigneeID)...)}}
		return q, true
	}
	for _, m := range escalationMoves {
		if m.step == step && m.asks != "" {
			text.Label = m.asks
			q.title, q.form.Submit, q.form.Fields = m.title+" "+e.Summary, m.title, []ui.Field{text}
			if step == stepClose {
				q.form.Danger, q.text = true, "Nothing more is expected then. Only its partner can open it again; its history stays."
			}
			return q, true
		}
	}
	return q, false
}

// theEscalation asks the API for the escalation that the address names.
func (s *server) theEscalation(v visit) (e escalationRecord, ok bool) {
	e, ok = recordOf[escalationRecord](s, v, escalationKind)
	e.ID, e.TenantID = chi.URLParam(v.r, "id"), v.r.URL.Query().Get(tenantParameter)
	return e, ok
}

// askEscalationStep asks before a step. One that asks nothing has no page: whoever comes to its address sees the escalation.
func (s *server) askEscalationStep(v visit) {
	e, ok := s.theEscalation(v)
	if !ok {
		return
	}
	q, ok := e.asked(chi.URLParam(v.r, "step"), s.desk(v))
	if !ok {
		http.Redirect(v.w, v.r, q.form.Cancel, http.StatusSeeOther)
		return
	}
	s.ask(v, http.StatusOK, q)
}

func (s *server) takeEscalationStep(v visit) {
	if !s.posted(v) {
		return
	}
	e := escalationRecord{ID: chi.URLParam(v.r, "id"), TenantID: v.r.URL.Query().Get(tenantParameter)}
	step := chi.URLParam(v.r, "step")
	body := map[string]string{}
	switch {
	case step == stepAssign:
		body["assigneeId"] = v.r.PostForm.Get("assigneeId")
	case step == stepComment || isMove(step):
		if text := v.r.PostForm.Get("text"); text != "" {
			body["text"] = text
		}
	default:
		s.missing(v.w, v.r)
		return
	}
	a := s.command(v, http.MethodPost, escalationsAPI+"/"+url.PathEscape(e.ID)+"/"+step, body)
	own := place{View: escalationKind.view(nil), Tenant: e.TenantID}.address(e.ID)
	switch {
	case s.barred(v, a, own):
	case a.status < http.StatusBadRequest:
		finish(v, a, backOr(v, own), step)
	case a.status == http.StatusUnprocessableEntity && step != stepAcknowledge && step != stepStart && e.TenantID != "":
		if e, ok := s.theEscalation(v); ok {
			q, asks := e.asked(step, s.desk(v))
			s.askAgain(v, escalationKind, q, asks, a)
		}
	case a.unwell():
		s.refuse(v, a)
	default:
		s.notDone(v, backOr(v, own), own, a)
	}
}

// notDone shows the page that a form leads back to, as it stands, with the API's words for why the form was refused: the list, or the
// escalation's own.
func (s *server) notDone(v visit, back, own string, a *answer) {
	why := refusal{failed(a), a.fault().words(), own}
	v.r = v.r.Clone(v.r.Context())
	v.r.Method = http.MethodGet
	if there, err := url.Parse(back); err == nil && there.Path == escalationsPath {
		v.r.URL, why.back = there, back
		s.showEscalations(v, why)
		return
	}
	v.r.URL, _ = url.Parse(own) // it was made of one
	s.showEscalation(v, why)
}
