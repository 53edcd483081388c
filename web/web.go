// Package web is the portals: pages rendered on the server, which read and post with scripts off. It keeps no rule of
// its own: what a page shows or does goes through the public API, in process and with the browser's own cookies, and so
// nobody sees on a page what the API would not answer.
//
//nolint:godoclint // templ writes its version where a second package comment would stand
package web

import (
	"net/http"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// policy lets nothing inline run; a page loads what its own origin serves and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

type server struct {
	api http.Handler
}

// New makes the handler of all pages. The API is asked in process, as the browser that asks for the page.
func New(api http.Handler) http.Handler {
	s := &server{api: api}
	r := chi.NewRouter()
	r.Use(headers, middleware.GetHead)
	r.NotFound(s.missing)
	r.Get("/live", s.live)
	r.Get("/assets/{file}", s.asset)
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
	render(w, r, http.StatusNotFound, messagePage(s.door(r, "Page not found", r.URL.Path), "There is no page at this address. It may have moved, or the link may be incomplete."))
}

// render answers with a page. It is rendered whole before the first byte goes out, so that a failure is no half page.
func render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	templ.Handler(page, templ.WithStatus(status)).ServeHTTP(w, r)
}
