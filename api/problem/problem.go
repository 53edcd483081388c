// Package problem is the API's one form of error: application/problem+json of RFC 9457, with a stable code, and a
// registry that says for each code what it means and what to do about it.
//
// A problem never carries a stack, SQL, the name of a Go type, or any part of the request's body: whoever writes
// Detail or a FieldError's Message states the rule, not the value that broke it.
package problem

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MediaType is the content type of a problem (RFC 9457).
const MediaType = "application/problem+json"

// correlationHeader is where the correlation middleware has put the request's id before any handler runs; reading it
// from the answer keeps this package free of the context keys of others.
const correlationHeader = "X-Correlation-Id"

// FieldError says what is wrong with one field of a 422.
type FieldError struct {
	// Field is the place in the body, as `lines[0].unitAmount`, or the name of a parameter or header. It is empty
	// when the body as a whole is meant.
	Field string `json:"field" doc:"Place in the body, as lines[0].unitAmount, or the parameter's name"`
	// Code is stable; see the Field… constants.
	Code string `json:"code" doc:"Stable, snake_case"`
	// Message states the rule to a person, without repeating the value.
	Message string `json:"message"`
}

// Use names a record that stands in the way (code in_use).
type Use struct {
	RecordType string `json:"recordType"`
	RecordID   string `json:"recordId"`
}

// Problem is one answer of the form RFC 9457. Make one with New, so that type, title and status come from the
// registry. It is an error, and fits huma's StatusError, HeadersError and ContentTypeFilter as it is.
type Problem struct {
	Type          string       `json:"type" doc:"Address of a page with cause and remedy"`
	Title         string       `json:"title"`
	Status        int          `json:"status"`
	Detail        string       `json:"detail,omitempty" doc:"What happened this time"`
	Instance      string       `json:"instance,omitempty" doc:"Path of the request"`
	Code          Code         `json:"code" doc:"Stable, snake_case"`
	CorrelationID string       `json:"correlationId,omitempty"`
	Errors        []FieldError `json:"errors,omitempty" doc:"With 422: what is wrong, field by field"`
	ExistingID    string       `json:"existingId,omitempty" doc:"With a duplicate: the record that exists"`
	UsedBy        []Use        `json:"usedBy,omitempty" doc:"With in_use: what stands in the way"`

	// Header holds what the answer carries beside the body: Allow, Accept-Signature, ETag …
	Header http.Header `json:"-"`
	// RetryAfter becomes the Retry-After header, in whole seconds, rounded up, at least one. Zero: no header.
	RetryAfter time.Duration `json:"-"`
}

// New makes a problem of a registered code. Detail may be empty; it must not repeat anything of the request's body.
// A code outside the registry is a bug and panics: the tests hold every code to the table.
func New(code Code, detail string) *Problem {
	entry, ok := Lookup(code)
	if !ok {
		panic(fmt.Sprintf("problem: code %q is not in the registry", code))
	}
	return &Problem{Type: entry.TypeURI(), Title: entry.Title, Status: entry.Status, Detail: detail, Code: code}
}

// Invalid makes a 422 validation_failed of the given fields.
func Invalid(fields ...FieldError) *Problem {
	p := New(ValidationFailed, "")
	p.Errors = fields
	return p
}

// For writes p's place in the traffic into it: the path of r, and the correlation id that w already carries. Write
// does it by itself; a framework that encodes the problem calls it.
func (p *Problem) For(w http.Header, r *http.Request) {
	p.Instance = r.URL.EscapedPath()
	p.CorrelationID = w.Get(correlationHeader)
}

// Error implements error with the code and detail, both fit for the outside.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return string(p.Code)
	}
	return string(p.Code) + ": " + p.Detail
}

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return MediaType }

// GetHeaders implements huma.HeadersError: what the answer carries beside the body.
func (p *Problem) GetHeaders() http.Header {
	h := p.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(WholeSeconds(p.RetryAfter)))
	}
	// RFC 9110 15.5.2: a 401 states how to authenticate. A signed route states it with Accept-Signature instead.
	if p.Status == http.StatusUnauthorized && h.Get("Accept-Signature") == "" {
		h.Set("WWW-Authenticate", `Bearer realm="streamflow"`)
	}
	return h
}

// WholeSeconds rounds a wait up to whole seconds, at least one: a client that waits so long is never early.
func WholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// Write answers r with p. Nothing may have been written to w before.
func Write(w http.ResponseWriter, r *http.Request, p *Problem) {
	answer := *p // a problem may be shared, its place in the traffic is not
	answer.For(w.Header(), r)
	// AllowInvalidUTF8: a detail that quotes bytes is a bug, but it must not cost the caller the answer.
	body, err := json.Marshal(answer, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(fmt.Errorf("problem: encode %s: %w", p.Code, err))
	}
	h := w.Header()
	for _, ofTheSuccess := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified"} {
		h.Del(ofTheSuccess)
	}
	maps.Copy(h, answer.GetHeaders())
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(answer.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone is told nothing
	}
}
