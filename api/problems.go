package api

import (
	"html/template"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/api/problem"
)

var problemTemplate = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title>
<main><h1>{{.Title}}</h1><p><code>{{.Code}}</code>, HTTP {{.Status}} {{.StatusText}}</p>
<h2>Cause</h2><p>{{.Cause}}</p><h2>Remedy</h2><p>{{.Remedy}}</p></main></html>
`))

// problemPage is where a problem's type leads.
func (s *server) problemPage(w http.ResponseWriter, r *http.Request) {
	entry, ok := problem.Page(chi.URLParam(r, "code"))
	if !ok {
		problem.Write(w, r, problem.New(problem.NotFound, ""))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := problemTemplate.Execute(w, entry); err != nil {
		s.Logger.WarnContext(r.Context(), "problem page was not written", "error", err)
	}
}
