package web

import (
	"maps"
	"net/http"
	"net/url"
	"time"
)

// formTime is what a browser's date and time field takes and sends: a time without a zone.
const formTime = "2006-01-02T15:04:05"

// board is a dashboard page.
type board struct {
	Shell    shell
	Portal   *portal
	Sections []section
	Query    url.Values // what the figures were asked for
	At       time.Time  // when the figures held
	AtField  string     // the time as the form shows it, empty for now
	Message  string     // why there are no figures
}

// liveURL is where the page hears of changes. What was known at a past time never changes, and has none.
func (b board) liveURL() string {
	if b.Query.Get("at") != "" || b.Message != "" {
		return ""
	}
	q := url.Values{"portal": {b.Portal.Name}}
	maps.Copy(q, b.Query)
	return "/live?" + q.Encode()
}

func (s *server) dashboard(p *portal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := s.me(w, r, p)
		if !ok {
			return
		}
		b := board{Shell: s.shell(r, p.Title, p, who), Portal: p, Query: statsQuery(r), AtField: r.URL.Query().Get("at")}
		a := s.call(r, p.Name, http.MethodGet, "/api/portals/"+p.Name+"/stats", b.Query, nil)
		if a.noSession() {
			toLogin(w, r)
			return
		}
		var figures statsAnswer
		if a.status != http.StatusOK || a.decode(&figures) != nil {
			b.Message = a.fault().words()
			render(w, r, failed(a), dashboardPage(b))
			return
		}
		b.Shell.Then = b.Query.Get("at") != ""
		b.Sections, b.At = p.sections(figures), figures.At
		if b.AtField != "" {
			b.AtField = figures.At.UTC().Format(formTime)
		}
		render(w, r, http.StatusOK, dashboardPage(b))
	}
}

// failed is the status of a page that could not be made from the answer.
func failed(a *answer) int {
	if a.status < http.StatusBadRequest {
		return http.StatusBadGateway
	}
	return a.status
}

// statsQuery passes on what figures can be asked for. A form's empty field asks for nothing.
func statsQuery(r *http.Request) url.Values {
	q := url.Values{}
	for _, name := range []string{"at", "on", "tenantId"} {
		if value := r.URL.Query().Get(name); value != "" {
			q.Set(name, value)
		}
	}
	if at := q.Get("at"); at != "" {
		for _, layout := range []string{formTime, "2006-01-02T15:04"} {
			if t, err := time.Parse(layout, at); err == nil {
				q.Set("at", t.Format(time.RFC3339)) // the form says that it is UTC
			}
		}
	}
	return q
}
