package web

import (
	"net/http"
	"net/url"
	"slices"

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
		form.Instead = k.existing(existing)
	}
	a.tellWait(v.w)
}

// currencies are offered in forms; one that is chosen already is too.
var currencies = []string{"USD", "EUR", "GBP", "CHF", "CAD", "AUD", "JPY"}

func currencyOptions(chosen string) (all []ui.Option) {
	codes := currencies
	if chosen != "" && !slices.Contains(codes, chosen) {
		codes = append([]string{chosen}, codes...)
	}
	for _, code := range codes {
		all = append(all, ui.Option{Value: code, Title: code})
	}
	return all
}

// overtaken says in a form what somebody else changed meanwhile. Sent again it is about the record as it is now.
func overtaken(form *ui.Form, k *kind, now func(name string) string) {
	form.Message = "Somebody changed this " + k.noun + " while you did. What you entered stands below; save again to keep it."
	form.Key = newKey()
	for _, f := range form.Fields {
		if is := now(f.Name); is != f.Value && f.Kind != "select" {
			if is == "" {
				is = "nothing"
			}
			form.Blame(f.Name, "It is "+is+" now.")
		}
	}
}

// recordOf asks the API for the record that the address names. Without one it answers by itself, and says that it has.
func recordOf[R any](s *server, v visit, k *kind) (record R, ok bool) {
	id := chi.URLParam(v.r, "id")
	a := s.call(v.r, v.portal.Name, http.MethodGet, k.api+"/"+url.PathEscape(id), ofTenant(v, nil), nil)
	switch {
	case s.stopped(v, a, inTenant(k.path+"/"+id, v.r.URL.Query().Get(tenantParameter))):
		return record, false
	case a.status != http.StatusOK || a.decode(&record) != nil:
		s.fail(v, failure{Status: failed(a), Title: "No such " + k.noun, Text: a.fault().words()})
		return record, false
	case a.named(v):
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
		f := failure{Status: failed(a), Title: "Not done", Text: a.fault().words()}
		if existing := a.fault().ExistingID; existing != "" {
			f.Instead = k.existing(existing)
		}
		s.fail(v, f)
		return
	}
	q.fill(v.r.PostForm)
	refuse(v, k, &q.form, a)
	s.ask(v, failed(a), q)
}

// fill keeps what was entered.
func (q *asking) fill(sent url.Values) {
	for i := range q.form.Fields {
		q.form.Fields[i].Value = sent.Get(q.form.Fields[i].Name)
	}
}
