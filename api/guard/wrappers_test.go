package guard_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
)

func TestCorrelation(t *testing.T) {
	t.Parallel()
	var seen string
	h := guard.WithCorrelation(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = guard.CorrelationID(r.Context()) }))
	for _, c := range []struct {
		lines []string
		kept  bool
	}{
		{[]string{"order-7/step:1"}, true},
		{[]string{strings.Repeat("x", 128)}, true},
		{[]string{strings.Repeat("x", 129)}, false},
		{[]string{"a b"}, false},
		{[]string{"a\x00"}, false},
		{[]string{"é"}, false},
		{[]string{""}, false},
		{[]string{"a", "b"}, false},
		{nil, false},
	} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		r.Header["X-Correlation-Id"] = c.lines
		h.ServeHTTP(w, r)
		answered := w.Header().Get("X-Correlation-Id")
		if answered != seen || seen == "" {
			t.Errorf("%q: context %q, answer %q", c.lines, seen, answered)
		}
		if c.kept != (len(c.lines) == 1 && seen == c.lines[0]) {
			t.Errorf("%q became %q", c.lines, seen)
		}
		if id, err := uuid.Parse(seen); !c.kept && (err != nil || id.Version() != 7) {
			t.Errorf("%q: made %q", c.lines, seen)
		}
	}
	if got := guard.CorrelationID(t.Context()); got != "" {
		t.Errorf("outside of a request: %q", got)
	}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	trusted, err := guard.ParseNetworks("10.0.0.0/8, 192.0.2.1 2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		proto        string
		tls          bool
		key          string
		https        bool
	}{
		{"direct", "203.0.113.9:5", nil, "", false, "203.0.113.9", false},
		{"direct, TLS", "203.0.113.9:5", nil, "", true, "203.0.113.9", true},
		{"a stranger's header", "203.0.113.9:5", []string{"198.51.100.1"}, "https", false, "203.0.113.9", false},
		{"a stranger's plain", "203.0.113.9:5", nil, "http", true, "203.0.113.9", true},
		{"one proxy", "10.1.2.3:5", []string{"198.51.100.1"}, "https", false, "198.51.100.1", true},
		{"what the client wrote is left of it", "10.1.2.3:5", []string{"1.1.1.1, 198.51.100.1"}, "", false, "198.51.100.1", false},
		{"two lines", "10.1.2.3:5", []string{"1.1.1.1", "198.51.100.1"}, "", false, "198.51.100.1", false},
		{"two proxies", "10.1.2.3:5", []string{"1.1.1.1, 198.51.100.1, 192.0.2.1"}, "", false, "198.51.100.1", false},
		{"a trusted name claimed by the client", "10.1.2.3:5", []string{"10.9.9.9, 198.51.100.1"}, "", false, "198.51.100.1", false},
		{"all trusted", "10.1.2.3:5", []string{"10.7.7.7, 10.8.8.8"}, "", false, "10.7.7.7", false},
		{"no header", "10.1.2.3:5", nil, "", false, "10.1.2.3", false},
		{"nonsense", "10.1.2.3:5", []string{"198.51.100.1, unknown"}, "", false, "10.1.2.3", false},
		{"empty", "10.1.2.3:5", []string{""}, "", false, "10.1.2.3", false},
		{"with port", "10.1.2.3:5", []string{"198.51.100.1:443"}, "", false, "198.51.100.1", false},
		{"IPv6", "[2001:db9:1:2:3:4:5:6]:5", nil, "", false, "2001:db9:1:2::/64", false},
		{"IPv6 with zone", "[fe80::1%eth0]:5", nil, "", false, "fe80::/64", false},
		{"IPv4 in IPv6", "[::ffff:203.0.113.9]:5", nil, "", false, "203.0.113.9", false},
		{"trusted IPv4 in IPv6", "[::ffff:10.1.2.3]:5", []string{"[2001:db9::1]"}, "", false, "2001:db9::/64", false},
		{"trusted IPv6", "[2001:db8::1]:5", []string{"[2001:db9:0:7::1]:99"}, "http, https", false, "2001:db9:0:7::/64", true},
		{"proxy before TLS", "10.1.2.3:5", nil, "http", true, "10.1.2.3", false},
		{"no address", "@", nil, "", false, "invalid IP", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		var got guard.Caller
		guard.WithCaller(trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = guard.CallerOf(r.Context()) })).
			ServeHTTP(httptest.NewRecorder(), r)
		if got.RateKey() != c.key || got.HTTPS != c.https {
			t.Errorf("%s: %s https %v, want %s %v", c.name, got.RateKey(), got.HTTPS, c.key, c.https)
		}
	}
	if none, err := guard.ParseNetworks(" "); err != nil || len(none) != 0 {
		t.Errorf("no networks: %v, %v", none, err)
	}
	for _, bad := range []string{"10.0.0.0/33", "localhost", "10.0.0"} {
		if _, err := guard.ParseNetworks(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	get := func(h http.Handler, secure bool) http.Header {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		r.TLS = nil
		if secure {
			r.TLS = &tls.ConnectionState{}
		}
		guard.WithCaller(nil)(guard.SecurityHeaders(h)).ServeHTTP(w, r)
		return w.Header()
	}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, secure, page := get(nothing, false), get(nothing, true), get(guard.PageHeaders(nothing), true)
	for _, h := range []http.Header{plain, secure, page} {
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("headers %v", h)
		}
		for _, word := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), word) {
				t.Errorf("policy %s", h.Get("Content-Security-Policy"))
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("policy %s", h.Get("Content-Security-Policy"))
		}
	}
	if plain.Get("Strict-Transport-Security") != "" || secure.Get("Strict-Transport-Security") == "" {
		t.Error("HSTS belongs behind https, and nowhere else")
	}
	if !strings.Contains(page.Get("Content-Security-Policy"), "script-src 'self'") || strings.Contains(plain.Get("Content-Security-Policy"), "script-src") {
		t.Error("the two policies are mixed up")
	}
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	var seen, read []byte
	h := guard.ReadBody(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = guard.Body(r.Context())
		read, _ = io.ReadAll(r.Body)
	}))
	for _, c := range []struct {
		name     string
		size     int
		length   bool // whether Content-Length tells it beforehand
		encoding string
		status   int
	}{
		{"none", 0, true, "", 200},
		{"small", 10, true, "", 200},
		{"largest", 1 << 20, true, "", 200},
		{"largest, chunked", 1 << 20, false, "identity", 200},
		{"too large", 1<<20 + 1, true, "", 413},
		{"too large, chunked", 1<<20 + 1, false, "", 413},
		{"compressed", 10, true, "gzip", 415},
	} {
		seen, read = nil, nil
		body := bytes.Repeat([]byte("x"), c.size)
		r, w := httptest.NewRequest("POST", "/", bytes.NewReader(body)), httptest.NewRecorder()
		if !c.length {
			r.ContentLength = -1
		}
		r.Header.Set("Content-Encoding", c.encoding)
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d", c.name, w.Code)
		}
		if c.status == 200 && (!bytes.Equal(seen, body) || !bytes.Equal(read, body)) {
			t.Errorf("%s: %d and %d bytes of %d", c.name, len(seen), len(read), c.size)
		}
		if c.status != 200 && (seen != nil || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s reached the handler, or is no problem: %v", c.name, w.Header())
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("x"), brokenReader{})))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "malformed_request") || strings.Contains(w.Body.String(), "cut") {
		t.Errorf("a cut body: %d %s", w.Code, w.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("cut") }

func TestCheckMediaType(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"application/json": true, "Application/JSON; charset=UTF-8": true, "application/merge-patch+json": true,
		"": false, "text/plain": false, "application/jsonx": false, "application/json; charset=latin1": false, "application/json;;": false,
		"application/x-www-form-urlencoded": false,
	} {
		p := guard.CheckMediaType(http.Header{"Content-Type": {value}}, []byte("{}"))
		if (p == nil) != ok || p != nil && p.Status != 415 {
			t.Errorf("%q: %v", value, p)
		}
	}
	if p := guard.CheckMediaType(http.Header{}, nil); p != nil {
		t.Errorf("without a body: %v", p)
	}
	if p := guard.CheckMediaType(http.Header{"Content-Type": {"application/json", "text/plain"}}, []byte("{}")); p == nil {
		t.Error("two media types were accepted")
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	guarded := func(f http.HandlerFunc) http.Handler {
		return guard.WithCorrelation(guard.Recover(slog.New(slog.NewJSONHandler(&logged, nil)))(f))
	}
	r, w := httptest.NewRequest("GET", "/x", nil), httptest.NewRecorder()
	r.Header.Set("X-Correlation-Id", "c-1")
	guarded(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		panic("secret: select * from users")
	}).ServeHTTP(w, r)
	var p map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p["code"] != "internal" || p["correlationId"] != "c-1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "select") || strings.Contains(w.Body.String(), "goroutine") || w.Header().Get("ETag") != "" {
		t.Errorf("the answer tells too much: %v %s", w.Header(), w.Body)
	}
	if !strings.Contains(logged.String(), "select * from users") || !strings.Contains(logged.String(), `"correlation":"c-1"`) || !strings.Contains(logged.String(), "wrappers_test.go") {
		t.Errorf("log: %s", logged.String())
	}
	for name, f := range map[string]http.HandlerFunc{
		"half an answer": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[`); panic("late") },
		"abort":          func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		if got := panicOf(func() { guarded(f).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) }); got != http.ErrAbortHandler { //nolint:errorlint // what a panic carries is that very value
			t.Errorf("%s: panic %v", name, got)
		}
	}
	// What the writer beneath can do, the handler can still do.
	w = httptest.NewRecorder()
	guarded(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
	}).ServeHTTP(w, r)
	if !w.Flushed {
		t.Error("not flushed")
	}
}

func panicOf(f func()) (cause any) {
	defer func() { cause = recover() }()
	f()
	return nil
}

func TestRefuseCrossOrigin(t *testing.T) {
	t.Parallel()
	wrap, err := guard.RefuseCrossOrigin("https://flow.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	h := wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	const own, proxied, other = "http://inner:8080", "https://flow.example.com", "https://evil.example"
	for _, c := range []struct {
		method, site, origin string
		ok                   bool
	}{
		{"POST", "same-origin", own, true},
		{"POST", "none", "", true},
		{"POST", "same-site", "", false},
		{"POST", "cross-site", other, false},
		{"POST", "cross-site", "", false},
		{"POST", "", other, false},
		{"POST", "", "null", false},
		{"POST", "", own, true},
		{"POST", "", proxied, true},
		{"POST", "", "", true},
		{"PUT", "cross-site", "", false},
		{"PATCH", "cross-site", "", false},
		{"DELETE", "cross-site", "", false},
		{"GET", "cross-site", other, true},
	} {
		r, w := httptest.NewRequest(c.method, own+"/x", nil), httptest.NewRecorder()
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		h.ServeHTTP(w, r)
		if (w.Code == 200) != c.ok || !c.ok && (w.Code != 403 || !strings.Contains(w.Body.String(), "cross_origin_refused")) {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
	if _, err := guard.RefuseCrossOrigin("flow.example.com"); err == nil {
		t.Error("a public URL without a scheme was accepted")
	}
}
