// Package web is the portals: pages rendered on the server, which read and post with scripts off. It keeps no rule of
// its own: what a page shows or does goes through the public API, in process and with the browser's own cookies, and so
// nobody sees on a page what the API would not answer.
//
//nolint:godoclint // templ writes its version where a second package comment would stand
package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// policy lets nothing inline run; a page loads what its own origin serves and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// patience is how long a page waits, in all, for what it asks of the API: one that does not answer once would else be waited for again and
// again, also by the page that says so. A file that is sent has its own time.
const patience = 30 * time.Second

type server struct {
	api      http.Handler
	log      *slog.Logger
	patience time.Duration
}

// New makes the handler of all pages. The API is asked in process, as the browser that asks for the page.
func New(api http.Handler, log *slog.Logger) http.Handler {
	return (&server{api, log, patience}).routes()
}

func (s *server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(named, headers, s.patiently, s.caught, middleware.GetHead)
	r.NotFound(s.missing)
	r.MethodNotAllowed(s.unfit(r))
	r.Get("/live", s.live)
	r.Get("/assets/{file}", s.asset)
	r.Get(importPath+"/{id}/rejected", s.serve(screen{portal: "client"}, (*server).rejectedRows)) // a file, and no page
	r.Group(func(r chi.Router) {
		r.Use(middleware.Compress(5, "text/html")) // no page holds a secret that its packed length could tell
		for _, sc := range screens() {
			if sc.get != nil {
				r.Get(sc.path, s.serve(sc, sc.get))
			}
			if sc.post != nil {
				r.Post(sc.path, s.serve(sc, sc.post))
			}
		}
	})
	return r
}

// start leads to the portal that most people have.
func (s *server) start(v visit) {
	http.Redirect(v.w, v.r, portalNamed("client").Home, http.StatusSeeOther)
}

// headers tells browsers to take a page for nothing more than it is, and to keep none of it.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not read frame-ancestors
		// Not no-referrer: with that a browser sends "Origin: null" even to the page's own origin, and sign-in is refused.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Cookie") // the look is one
		next.ServeHTTP(w, r)
	})
}

func (s *server) missing(w http.ResponseWriter, r *http.Request) {
	s.fail(visit{w: w, r: r}, failure{Status: http.StatusNotFound})
}

// unfit answers a method that an address does not take, and names those that it does.
func (s *server) unfit(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		s.fail(visit{w: w, r: r}, failure{Status: http.StatusMethodNotAllowed})
	}
}

// render answers with a page. It is rendered whole before the first byte goes out, so that a failure is no half page: it is
// a panic, which is answered with a page of its own, unless the browser has gone.
func render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	broken := func(r *http.Request, err error) http.Handler {
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
		panic(err)
	}
	templ.Handler(page, templ.WithStatus(status), templ.WithErrorHandler(broken)).ServeHTTP(w, r)
}
