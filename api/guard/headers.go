package guard

import "net/http"

// The policies of the two kinds of answer. Neither lets anything inline run; a page may load what its own origin
// serves and nothing else.
const (
	apiPolicy  = "default-src 'none'; frame-ancestors 'none'"
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// hstsYears is two years in seconds, what browsers' preload lists ask for at least half of. Subdomains are not ours
// to decide about.
const hstsYears = "max-age=63072000"

// SecurityHeaders sets, on every answer, what tells a browser to take it for nothing more than it is. Behind https,
// as WithCaller found it, that includes Strict-Transport-Security. A handler may replace any of them; those of pages
// are put right by PageHeaders.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", apiPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not read frame-ancestors
		// Not no-referrer: with that a browser sends "Origin: null" even to the page's own origin.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if CallerOf(r.Context()).HTTPS {
			h.Set("Strict-Transport-Security", hstsYears)
		}
		next.ServeHTTP(w, r)
	})
}

// PageHeaders replaces the content security policy with that of pages. Pages hold no inline script or style.
func PageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		next.ServeHTTP(w, r)
	})
}
