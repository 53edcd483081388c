package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/web/ui"
)

// correlationHeader is what a request is called in logs.
const correlationHeader = "X-Correlation-Id"

// failure is a page that says why the one that was asked for is not shown, and what to do now.
type failure struct {
	Shell   shell
	Status  int
	Title   string
	Text    string
	Wait    string      // how long to wait before asking again; empty where that is of no matter
	Again   string      // address to ask again; empty where that would not help
	Form    []ui.Option // what was sent to it; none where it was only asked for
	Instead ui.Way      // a record in the way; without a title there is none
	Back    string      // the page that led here; empty where there is none of this site
}

// home is where a way on leads in any case.
func (f failure) home() ui.Way {
	if p := f.Shell.Portal; p != nil {
		return ui.Way{Address: p.Home, Title: "Go to the dashboard"}
	}
	return ui.Way{Address: "/", Title: "Go to the start page"}
}

// failures are what a page says of an answer, by its status. Where the API has words of its own these are said too.
var failures = map[int]struct{ title, text string }{
	http.StatusForbidden:           {"Not allowed", "Your role does not include this. Whoever owns the account can give you one that does."},
	http.StatusNotFound:            {"Page not found", "There is no page at this address. It may have moved, or the link may be incomplete."},
	http.StatusMethodNotAllowed:    {"Nothing to see here", "This address takes forms, and has no page of its own."},
	http.StatusTooManyRequests:     {"Too many requests", "This was asked for more often than one may in a short time."},
	http.StatusInternalServerError: {"Something broke here", "It was not your doing, and nothing that was saved is lost. The log holds what happened, under the id below."},
	http.StatusBadGateway:          {"Something broke here", "The answer could not be read. Nothing that was saved is lost."},
	http.StatusServiceUnavailable:  {"Not available just now", "A part that this page needs does not answer. Nothing that was saved is lost."},
}

// named gives the request the name that its answer carries, so that what a page asks of the API is found under it too.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := w.Header().Get(correlationHeader)
		if id == "" {
			id = uuid.NewString()
			w.Header().Set(correlationHeader, id)
		}
		r = r.Clone(r.Context())
		r.Header.Set(correlationHeader, id)
		next.ServeHTTP(w, r)
	})
}

// caught makes a page of a panic, and logs it under the id that the page shows. Where a part of the answer is out already
// it cuts the connection instead.
func (s *server) caught(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(cause)
			}
			s.log.ErrorContext(r.Context(), "page panicked", "panic", fmt.Sprint(cause), "method", r.Method, "path", r.URL.Path,
				"correlation", r.Header.Get(correlationHeader), "stack", string(debug.Stack()))
			if wrapped.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			s.fail(visit{w: wrapped, r: r}, failure{Status: http.StatusInternalServerError})
		}()
		next.ServeHTTP(wrapped, r)
	})
}

// fail answers with a page about a failure, inside the portal that the address belongs to where its visitor is signed in there.
func (s *server) fail(v visit, f failure) {
	known := failures[f.Status]
	if f.Title == "" {
		f.Title = known.title
	}
	if f.Text == "" {
		f.Text = known.text
	}
	if f.Shell.Title == "" {
		f.Shell = s.around(v, f.Title)
	}
	if f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError {
		f.Again, f.Form = again(v.r)
	}
	f.Back = cameFrom(v.r)
	render(v.w, v.r, f.Status, failurePage(f))
}

// around is what surrounds a page of whoever it is. Where the API cannot say who that is just now, it is the portal without a name: its
// menu is no secret.
func (s *server) around(v visit, title string) shell {
	if v.portal == nil {
		v.portal = portalOf(v.r.URL.Path)
	}
	if v.who.ID == "" && v.portal != nil {
		if a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/auth/me", nil, nil); !a.unwell() && (a.status != http.StatusOK || !v.who.read(a)) {
			return s.door(v.r, title, v.portal.Home)
		}
	}
	if v.portal == nil {
		return s.door(v.r, title, "")
	}
	return s.shell(v, title)
}

// stopped answers by itself where the API does not let a page be made: as barred, and for one request too many and for what
// broke there are pages. What a form could mend, and a record that is not there, are the page's own matter.
func (s *server) stopped(v visit, a *answer, next string) bool {
	if s.barred(v, a, next) {
		return true
	}
	if !a.unwell() {
		return false
	}
	s.refuse(v, a)
	return true
}

// barred leads who has no session any more to the sign-in, and tells whom their role does not let in.
func (s *server) barred(v visit, a *answer, next string) bool {
	switch {
	case a.status != http.StatusUnauthorized && a.status != http.StatusForbidden:
		return false
	case a.status == http.StatusForbidden && !s.call(v.r, v.portal.Name, http.MethodGet, "/api/auth/me", nil, nil).noSession():
		s.refuse(v, a)
	case !ended(v, a, next):
		s.refuse(v, a)
	}
	return true
}

// refuse answers with the page about what the API said.
func (s *server) refuse(v visit, a *answer) {
	f, status := a.fault(), failed(a)
	page := failure{Status: status, Wait: waitWords(a.header.Get(retryHeader)), Title: f.Title, Text: f.Detail}
	if f.Code == "" || f.Code == "forbidden" || f.Code == "internal" { // the page's own words say more
		page.Title = ""
	}
	a.tellWait(v.w)
	s.fail(v, page)
}

// again is how the same is asked for once more. A form is sent again only where its key makes that harmless.
func again(r *http.Request) (address string, form []ui.Option) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI(), nil
	}
	if r.PostForm.Get(ui.KeyField) == "" {
		return "", nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		for _, value := range r.PostForm[name] {
			form = append(form, ui.Option{Value: name, Title: value})
		}
	}
	return r.URL.RequestURI(), form
}

// cameFrom is the page that led to a request, where it is another of this site.
func cameFrom(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return ""
	}
	if back := ownPath(from.RequestURI()); back != r.URL.RequestURI() {
		return back
	}
	return ""
}

// waitWords is how long an answer asks to wait; empty where it does not.
func waitWords(seconds string) string {
	n, err := strconv.Atoi(seconds)
	switch wait := time.Duration(n) * time.Second; {
	case seconds == "":
		return ""
	case err != nil || n < 0:
		return "in a moment"
	case n <= 1:
		return "in a second"
	case wait < 2*time.Minute:
		return "in " + seconds + " seconds"
	case wait < 2*time.Hour:
		return "in " + strconv.Itoa(int((wait+time.Minute-1)/time.Minute)) + " minutes"
	default:
		return "in " + strconv.Itoa(int((wait+time.Hour-1)/time.Hour)) + " hours"
	}
}
