package rate

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/streamflow/streamflow/api/problem"
)

// SetHeaders adds the decision to RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers); several
// policies on one route make a list. A policy that is off adds nothing.
//
// In RateLimit, t is the whole seconds until the quota is full again, or, when none is left, those of Retry-After.
func (d Decision) SetHeaders(h http.Header) {
	if d.Policy.Off() {
		return
	}
	t := int(math.Ceil(d.Refill.Seconds()))
	if !d.Allowed {
		t = problem.WholeSeconds(d.RetryAfter)
	}
	// The name is checked by Parse, so it needs no escaping.
	addMember(h, "RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, d.Policy.Name, d.Policy.Limit, d.Policy.Window/time.Second))
	addMember(h, "RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, d.Policy.Name, max(0, d.Remaining), t))
}

// addMember puts a member at the end of a list in one line: not every client joins lines.
func addMember(h http.Header, name, member string) {
	if before := h.Get(name); before != "" {
		member = before + ", " + member
	}
	h.Set(name, member)
}

// Problem is the answer to a refused request.
func (d Decision) Problem() *problem.Problem {
	p := problem.New(problem.RateLimited, "")
	p.RetryAfter = d.RetryAfter
	return p
}

// Limit takes one token for every request, of the bucket that key names; an empty name is not limited. The headers
// are on every answer; over the limit it is the problem rate_limited.
func (l *Limiter) Limit(p Policy, key func(*http.Request) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name := key(r)
			if name == "" {
				next.ServeHTTP(w, r)
				return
			}
			d := l.Take(r.Context(), p, name)
			d.SetHeaders(w.Header())
			if !d.Allowed {
				problem.Write(w, r, d.Problem())
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
