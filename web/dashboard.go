package web

import (
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/streamflow/streamflow/web/ui"
)

// formTime is what a browser's date and time field takes and sends: a time without a zone.
const formTime = "2006-01-02T15:04:05"

// everyQuarter, of a minute in milliseconds, is how soon a component that went down is seen to be, where no figure changes meanwhile.
const everyQuarter = "15000"

// board is a dashboard page.
type board struct {
	Shell    shell
	Portal   *portal
	Sections []section
	Query    url.Values // what the figures were asked for
	At       time.Time  // when the figures held
	Lag      lagging
	AtField  string  // the time as the form shows it, empty for now
	Message  string  // why there are no figures
	Health   *health // of the components; nil where the portal does not show it
	Aging    *owed   // by how late it is; likewise
	Beside   region  // of these two, which are no figures
}

// kept is what another time is asked for with.
func (b board) kept() []ui.Option {
	var all []ui.Option
	for _, name := range []string{"on", "tenantId"} {
		if value := b.Query.Get(name); value != "" {
			all = append(all, ui.Option{Value: name, Title: value})
		}
	}
	return all
}

// now is the address of a page as it stands now.
func now(path string, kept []ui.Option) templ.SafeURL {
	q := url.Values{}
	for _, k := range kept {
		q.Add(k.Value, k.Title)
	}
	address := url.URL{Path: path, RawQuery: q.Encode()}
	return templ.SafeURL(address.String())
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

func (s *server) dashboard(v visit) {
	p, asked := v.portal, v.r.URL.Query()
	b := board{Shell: s.shell(v, p.Title), Portal: p, Query: statsQuery(v.r), AtField: asked.Get("at")}
	a := s.call(v.r, p.Name, http.MethodGet, "/api/portals/"+p.Name+"/stats", b.Query, nil)
	if s.stopped(v, a, v.r.URL.RequestURI()) {
		return
	}
	var figures statsAnswer
	if a.status != http.StatusOK || a.decode(&figures) != nil {
		b.Message = a.fault().words()
		render(v.w, v.r, failed(a), dashboardPage(b))
		return
	}
	b.Shell.Then = b.Query.Get("at") != ""
	b.Sections, b.At, b.Lag = p.sections(figures, b.Query), figures.At, figures.lagging
	switch {
	case p.Name == "developer" && !b.Shell.Then:
		b.Health = s.health(v)
		b.Beside.Every = everyQuarter
	case p.Name == "accountant":
		b.Aging = s.owed(v, b)
	}
	if b.liveURL() != "" && (b.Health != nil || b.Aging != nil) {
		b.Beside.ID, b.Beside.Address = "beside", string(now(p.Home, b.kept()))
	}
	if b.AtField != "" {
		b.AtField = figures.At.UTC().Format(formTime)
	}
	render(v.w, v.r, http.StatusOK, dashboardPage(b))
}

// owed is what is owed by how late it is, and why that is not known.
type owed struct {
	ui.Breakdown

	Trouble string
}

// owed asks for it as of when the dashboard is, and says of when that is: it is asked for anew only after a figure has changed.
func (s *server) owed(v visit, b board) *owed {
	o := &owed{}
	o.Breakdown, o.Trouble = s.aging(v, ui.View{Path: invoicesPath, Query: b.Query})
	o.Note += ", as of " + ui.Hour(b.At)
	return o
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
		q.Set("at", formMoment(at))
	}
	return q
}

// formMoment is a time as the API takes it: a form's field names no zone, and the form says that it is UTC.
func formMoment(at string) string {
	for _, layout := range []string{formTime, "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, at); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return at
}
