package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
)

const (
	portalHeader = "StreamFlow-Portal" // chooses among the sessions that a browser sends
	retryHeader  = "Retry-After"       // how many seconds to wait before asking again
)

// passed are the browser's headers that the API judges a request by: who it is from, whether another site sent it, and
// what it is called in logs. No other is passed on: a page's own conditions and encodings are not the API's.
var passed = []string{
	"Cookie", "Origin", "Sec-Fetch-Site", "X-Forwarded-For", "X-Forwarded-Proto", "User-Agent", "X-Correlation-Id", "Traceparent", "Tracestate",
}

// answer is what the API said.
type answer struct {
	key    string // of the command that it answers
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// header is one that the page adds of its own; without a value it is not sent.
type header struct{ name, value string }

// call asks the API as the browser behind r, with the session of the portal where one is named. It takes from the patience of the page.
func (s *server) call(r *http.Request, portal, method, path string, query url.Values, body []byte, more ...header) *answer {
	req := s.request(r, portal, method, path, query, body)
	left, begun := r.Context().Value(patienceKey{}).(*atomic.Int64), time.Now() // before the limit is set, so that who waited for all of it has none left
	ctx, cancel := context.WithTimeout(req.Context(), time.Duration(left.Load()))
	defer cancel()
	defer func() { left.Add(-int64(time.Since(begun))) }()
	return s.asked(req.WithContext(ctx), more...)
}

type patienceKey struct{}

// patiently gives a page its patience, which every call takes from.
func (s *server) patiently(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var left atomic.Int64
		left.Store(int64(s.patience))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), patienceKey{}, &left)))
	})
}

// send is call with a file, which is read as it comes in. Its length is not known.
func (s *server) send(r *http.Request, portal, path string, query url.Values, form string, file io.Reader, more ...header) *answer {
	req := s.request(r, portal, http.MethodPost, path, query, nil)
	req.Body, req.ContentLength = io.NopCloser(file), -1
	req.Header.Set("Content-Type", form)
	return s.asked(req, more...)
}

func (s *server) asked(req *http.Request, more ...header) *answer {
	a := &answer{header: http.Header{}}
	for _, h := range more {
		if h.value != "" {
			req.Header.Set(h.name, h.value)
		}
	}
	s.api.ServeHTTP(a, req)
	a.WriteHeader(http.StatusOK)
	return a
}

func (s *server) request(r *http.Request, portal, method, path string, query url.Values, body []byte) *http.Request {
	// The page's own route must not be taken by the API's router for its parent.
	ctx := context.WithValue(r.Context(), chi.RouteCtxKey, (*chi.Context)(nil))
	target := url.URL{Path: path, RawQuery: query.Encode()}
	req := (&http.Request{
		Method: method, URL: &target, RequestURI: target.RequestURI(), Host: r.Host, RemoteAddr: r.RemoteAddr, TLS: r.TLS,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(ctx)
	for _, name := range passed {
		if values := r.Header.Values(name); len(values) > 0 {
			req.Header[name] = values
		}
	}
	req.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if portal != "" {
		req.Header.Set(portalHeader, portal)
	}
	return req
}

// tellWait hands on how long the API wants to be left alone.
func (a *answer) tellWait(w http.ResponseWriter) {
	if wait := a.header.Get(retryHeader); wait != "" {
		w.Header().Set(retryHeader, wait)
	}
}

// decode reads the answer's JSON. Members that a page does not know are none of its business.
func (a *answer) decode(into any) error { return json.Unmarshal(a.body.Bytes(), into) }

// fault is the API's refusal in its own words.
type fault struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	wait   string // how long to wait before asking again
	// ExistingID is the record that a duplicate is one of.
	ExistingID string `json:"existingId"`
	Errors     []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

func (a *answer) fault() fault {
	var f fault
	if a.decode(&f) != nil || f.Title == "" {
		f.Title = "The server could not answer this. Please try again."
	}
	f.wait = waitWords(a.header.Get(retryHeader))
	return f
}

// words tells a person what was refused.
func (f fault) words() string {
	text := f.Title
	if f.Detail != "" {
		text = f.Detail
	}
	for i, e := range f.Errors {
		if i == 0 {
			text = strings.TrimSuffix(text, ".") + "."
		}
		text += " " + sentence(strings.TrimPrefix(e.Field+": "+e.Message, ": "))
	}
	return text + f.later()
}

// later says when to try again, after what was refused.
func (f fault) later() string {
	if f.wait == "" {
		return ""
	}
	return " Try again " + f.wait + "."
}

// unwell says that the request was no worse than another, and may be repeated as it is.
func (a *answer) unwell() bool {
	return a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError
}

// noSession says that signing in, and nothing else, would help.
func (a *answer) noSession() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden && a.fault().Code == "forbidden"
}
