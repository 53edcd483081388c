package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/ui"
)

// formPage is a page of one form, which is a dialog where scripts run.
type formPage struct {
	Shell shell
	Form  ui.Form
	Text  string
}

func (s *server) showForm(v visit, status int, title, text string, form ui.Form) {
	form.Cancel = backOr(v, form.Cancel)
	form.Hidden = append(form.Hidden, ui.Option{Value: backField, Title: form.Cancel})
	render(v.w, v.r, status, formScreen(formPage{Shell: s.shell(v, title), Form: form, Text: text}))
}

// refuse says in a form why the API did not take it, and where a record is that it would be a duplicate of.
func refuse(v visit, k *kind, form *ui.Form, a *answer) {
	refused(form, a)
	if existing := a.fault().ExistingID; existing != "" {
		form.Instead = ui.Way{Address: k.path + "/" + url.PathEscape(existing), Title: "Open the " + k.noun + " that exists"}
	}
	if wait := a.header.Get(retryHeader); wait != "" {
		v.w.Header().Set(retryHeader, wait)
	}
}

// recordOf asks the API for the record that the address names. Without one it answers by itself, and says that it has.
func recordOf[R any](s *server, v visit, k *kind) (record R, ok bool) {
	id := chi.URLParam(v.r, "id")
	a := s.call(v.r, v.portal.Name, http.MethodGet, k.api+"/"+url.PathEscape(id), ofTenant(v, nil), nil)
	switch {
	case s.stopped(v, a, k.path+"/"+id):
		return record, false
	case a.status != http.StatusOK || a.decode(&record) != nil:
		s.fail(v, failure{Status: failed(a), Title: "No such " + k.noun, Text: a.fault().words()})
		return record, false
	}
	return record, true
}

// asking is what is asked before a step.
type asking struct {
	form        ui.Form
	title, text string
}

func (s *server) ask(v visit, status int, q asking) { s.showForm(v, status, q.title, q.text, q.form) }

// askAgain shows why a step was not taken: in its form where that can be mended there, else on a page of its own.
func (s *server) askAgain(v visit, k *kind, q asking, asks bool, a *answer) {
	if !asks || a.status != http.StatusUnprocessableEntity {
		s.fail(v, failure{Status: failed(a), Title: "Not done", Text: a.fault().words()})
		return
	}
	for i := range q.form.Fields {
		q.form.Fields[i].Value = v.r.PostForm.Get(q.form.Fields[i].Name)
	}
	refuse(v, k, &q.form, a)
	s.ask(v, failed(a), q)
}
