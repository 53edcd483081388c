package signature_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/streamflow/streamflow/api/guard/signature"
)

var (
	noon    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	partner = signature.Key{ID: "fk_1.1", Secret: bytes.Repeat([]byte{7, 1}, 32)}
)

const (
	leads = "https://flow.example.com/api/federation/leads"
	lead  = `{"name":"Ada"}`
	nonce = "0123456789abcdef"
)

// server is a Verifier at a given time that knows one key, one revoked key, and remembers nonces.
type server struct {
	signature.Verifier
	mu      sync.Mutex
	spent   map[string]bool
	spends  atomic.Int64
	lookups atomic.Int64
}

func newServer(now time.Time) *server {
	s := &server{spent: map[string]bool{}}
	s.Verifier = signature.Verifier{
		Key: func(_ context.Context, id string) (signature.Key, error) {
			s.lookups.Add(1)
			switch id {
			case partner.ID:
				return partner, nil
			case "fk_revoked":
				return signature.Key{}, fmt.Errorf("partner 7: %w", signature.ErrKeyRevoked)
			}
			return signature.Key{}, signature.ErrKeyUnknown
		},
		SpendNonce: func(_ context.Context, keyID string, nonce [32]byte, forget time.Time) (bool, error) {
			s.spends.Add(1)
			s.mu.Lock()
			defer s.mu.Unlock()
			name := fmt.Sprintf("%s/%x", keyID, nonce)
			first := !s.spent[name]
			s.spent[name] = true
			return first, nil
		},
		Now:     func() time.Time { return now },
		Origins: []string{"https://flow.example.com", "http://127.0.0.1:8080"},
	}
	return s
}

// request makes a client's request with what its method needs.
func request(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if method != "GET" && method != "HEAD" {
		r.Header.Set("Idempotency-Key", "key-0001")
	}
	return r
}

// arrive sends r over the wire format and gives the server's view of it.
func arrive(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	got := httptest.NewRequest(r.Method, r.URL.RequestURI(), nil)
	got.Host = r.URL.Host
	got.Header = r.Header.Clone()
	return got
}

func signed(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r := request(t, method, target, body)
	if err := signature.Sign(r, partner, []byte(body), noon, nonce); err != nil {
		t.Fatal(err)
	}
	return arrive(t, r)
}

func TestAcceptsWhatSignMakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, target, body string }{
		{"GET", "https://flow.example.com/api/federation/status", ""},
		{"GET", "https://FLOW.example.com:443/api/federation/escalations?incidentId=a%20b&x=%2F", ""},
		{"HEAD", "http://127.0.0.1:8080/", ""},
		{"POST", leads, lead},
		{"POST", "http://127.0.0.1:8080/api/federation/escalations/7/updates", lead},
		{"POST", leads, ""},
		{"PATCH", leads + "/a%2Fb", lead},
		{"DELETE", leads, ""},
		{"GET", leads + "?", lead},
	} {
		s := newServer(noon.Add(time.Second))
		got, err := s.Verify(t.Context(), signed(t, c.method, c.target, c.body), []byte(c.body))
		if err != nil {
			t.Errorf("%s %s: %s", c.method, c.target, internal(err))
			continue
		}
		if got.KeyID != partner.ID || got.Nonce != nonce || !got.Created.Equal(noon) || len(got.Components) < 4 {
			t.Errorf("%s %s: %+v", c.method, c.target, got)
		}
	}
}

// TestThroughAServer sends a signed request through net/http's client and server, which rewrite what they like.
func TestThroughAServer(t *testing.T) {
	t.Parallel()
	var verified error
	var s *server
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = s.Verify(r.Context(), r, body)
		}
		verified = err
	}))
	defer web.Close()
	s = newServer(noon)
	s.Origins = []string{web.URL}
	for _, target := range []string{"/a/b%2Fc?x=%7e&y", "", "/é/~?ü=ö", "/a/../b//c;d=1"} {
		r := request(t, "POST", web.URL+target, lead)
		if err := signature.Sign(r, partner, []byte(lead), noon, signature.NewNonce()); err != nil {
			t.Fatal(err)
		}
		answer, err := web.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if verified != nil {
			t.Errorf("%q: %s", target, internal(verified))
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		reason signature.Reason
	}{
		{"no headers", func(r *http.Request) { r.Header.Del("Signature"); r.Header.Del("Signature-Input") }, signature.ReasonMalformed},
		{"other label", func(r *http.Request) {
			swap(r, "Signature-Input", "sig1", "sig2")
			swap(r, "Signature", "sig1", "sig2")
		}, signature.ReasonMalformed},
		{"second label", func(r *http.Request) {
			in, sig := r.Header.Get("Signature-Input"), r.Header.Get("Signature")
			r.Header.Set("Signature-Input", in+", "+strings.Replace(in, "sig1", "sig2", 1))
			r.Header.Set("Signature", sig+", "+strings.Replace(sig, "sig1", "sig2", 1))
		}, signature.ReasonMalformed},
		{"second line", func(r *http.Request) { r.Header.Add("Signature", "sig2=:AAAA:") }, signature.ReasonMalformed},
		{"other algorithm", func(r *http.Request) { swap(r, "Signature-Input", "hmac-sha256", "none") }, signature.ReasonMalformed},
		{"other tag", func(r *http.Request) { swap(r, "Signature-Input", "streamflow", "other") }, signature.ReasonMalformed},
		{"no nonce", func(r *http.Request) { swap(r, "Signature-Input", `;nonce="`+nonce+`"`, "") }, signature.ReasonMalformed},
		{"short nonce", func(r *http.Request) { swap(r, "Signature-Input", nonce, nonce[1:]) }, signature.ReasonMalformed},
		{"long nonce", func(r *http.Request) { swap(r, "Signature-Input", nonce, strings.Repeat("n", 129)) }, signature.ReasonMalformed},
		{"huge header", func(r *http.Request) { swap(r, "Signature-Input", nonce, strings.Repeat("n", 9000)) }, signature.ReasonMalformed},
		{"created is a string", func(r *http.Request) {
			swap(r, "Signature-Input", fmt.Sprintf("created=%d", noon.Unix()), `created="1"`)
		}, signature.ReasonMalformed},
		{"path not covered", func(r *http.Request) { swap(r, "Signature-Input", `"@path" `, "") }, signature.ReasonComponents},
		{"key not covered", func(r *http.Request) { swap(r, "Signature-Input", ` "idempotency-key"`, "") }, signature.ReasonComponents},
		{"key not sent", func(r *http.Request) { r.Header.Del("Idempotency-Key") }, signature.ReasonComponents},
		{"key sent twice", func(r *http.Request) { r.Header.Add("Idempotency-Key", "other") }, signature.ReasonComponents},
		{"unknown component", func(r *http.Request) { swap(r, "Signature-Input", `"@path"`, `"@path" "@status"`) }, signature.ReasonComponents},
		{"unknown key", func(r *http.Request) { swap(r, "Signature-Input", partner.ID, "fk_none") }, signature.ReasonKeyUnknown},
		{"revoked key", func(r *http.Request) { swap(r, "Signature-Input", partner.ID, "fk_revoked") }, signature.ReasonKeyRevoked},
		{"other host", func(r *http.Request) { r.Host = "evil.example" }, signature.ReasonAuthority},
		{"our other host", func(r *http.Request) { r.Host = "127.0.0.1:8080" }, signature.ReasonMismatch},
		{"other method", func(r *http.Request) { r.Method = "PUT" }, signature.ReasonMismatch},
		{"other path", func(r *http.Request) { r.URL.Path = "/api/federation/escalation" }, signature.ReasonMismatch},
		{"other query", func(r *http.Request) { r.URL.RawQuery = "historical=true" }, signature.ReasonMismatch},
		{"other idempotency key", func(r *http.Request) { r.Header.Set("Idempotency-Key", "key-0002") }, signature.ReasonMismatch},
		{"other media type", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-ndjson") }, signature.ReasonMismatch},
		{"other digest", func(r *http.Request) { r.Header.Set("Content-Digest", signature.ContentDigest([]byte("x"))) }, signature.ReasonMismatch},
	} {
		s := newServer(noon)
		r := signed(t, "POST", leads, lead)
		c.change(r)
		_, err := s.Verify(t.Context(), r, []byte(lead))
		expectFailure(t, c.name, err, c.reason)
		if s.spends.Load() != 0 {
			t.Errorf("%s: a nonce was spent on a refused signature", c.name)
		}
	}
	s := newServer(noon)
	_, err := s.Verify(t.Context(), signed(t, "POST", leads, lead), []byte(`{"name":"Eve"}`))
	expectFailure(t, "other body", err, signature.ReasonDigest)
	_, err = s.Verify(t.Context(), signed(t, "POST", leads, ""), []byte(`{"name":"Eve"}`))
	expectFailure(t, "a body where none was signed", err, signature.ReasonComponents)
	_, err = s.Verify(t.Context(), signed(t, "POST", leads, lead), nil)
	expectFailure(t, "no body where one was signed", err, signature.ReasonDigest)
	if s.spends.Load() != 0 {
		t.Error("a nonce was spent before the body was checked")
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	s := newServer(noon)
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		r := signed(t, "POST", leads, lead)
		wg.Go(func() {
			if _, err := s.Verify(context.Background(), r, []byte(lead)); err == nil {
				accepted.Add(1)
			} else if f := new(signature.Failure); !errors.As(err, &f) || f.Reason != signature.ReasonReplayed {
				t.Errorf("replay: %s", internal(err))
			}
		})
	}
	wg.Wait()
	if accepted.Load() != 1 {
		t.Errorf("%d of 64 copies were accepted", accepted.Load())
	}
}

func TestClockEdges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		age    time.Duration // of the signature when it arrives
		reason signature.Reason
	}{
		{0, ""},
		{300 * time.Second, ""},
		{300*time.Second + 999*time.Millisecond, ""}, // parameters are whole seconds
		{301 * time.Second, signature.ReasonClockSkew},
		{-60 * time.Second, ""},
		{-61 * time.Second, signature.ReasonClockSkew},
		{24 * time.Hour, signature.ReasonClockSkew},
	} {
		s := newServer(noon.Add(c.age))
		_, err := s.Verify(t.Context(), signed(t, "POST", leads, lead), []byte(lead))
		expectFailure(t, c.age.String(), err, c.reason)
	}
	for _, c := range []struct {
		created, expires, now int64 // seconds after noon
		reason                signature.Reason
	}{
		{0, 300, 0, ""},
		{0, 301, 0, signature.ReasonLifetime},
		{0, -1, 0, signature.ReasonLifetime},
		{0, 0, 0, ""},
		{0, 10, 10, ""},
		{0, 10, 11, signature.ReasonExpired},
		{-300, 0, 0, ""},
		{60, 360, 0, ""},
	} {
		s := newServer(noon.Add(time.Duration(c.now) * time.Second))
		r := forge(t, noon.Unix()+c.created, noon.Unix()+c.expires)
		_, err := s.Verify(t.Context(), r, nil)
		expectFailure(t, fmt.Sprintf("%+v", c), err, c.reason)
	}
}

func TestMoreMayBeCovered(t *testing.T) {
	t.Parallel()
	s := newServer(noon)
	r := forgeWith(t, noon.Unix(), noon.Unix()+10, `"@method" "@authority" "@path" "@query" "x-trace" "@target-uri" "@scheme" "@request-target" "host"`)
	if _, err := s.Verify(t.Context(), r, nil); err != nil {
		t.Error(internal(err))
	}
	r.Header.Set("X-Trace", "2")
	_, err := s.Verify(t.Context(), r, nil)
	expectFailure(t, "covered header changed", err, signature.ReasonMismatch)
}

func TestLookupFailureIsNoVerdict(t *testing.T) {
	t.Parallel()
	broken := errors.New("database is away")
	s := newServer(noon)
	s.SpendNonce = func(context.Context, string, [32]byte, time.Time) (bool, error) { return false, broken }
	_, err := s.Verify(t.Context(), signed(t, "POST", leads, lead), []byte(lead))
	notAFailure(t, "nonce", err, broken)
	s.Verifier.Key = func(context.Context, string) (signature.Key, error) { return signature.Key{}, broken }
	_, err = s.Verify(t.Context(), signed(t, "POST", leads, lead), []byte(lead))
	notAFailure(t, "key", err, broken)
	// A key without a secret would let anybody sign for it.
	s.Verifier.Key = func(context.Context, string) (signature.Key, error) { return signature.Key{ID: partner.ID}, nil }
	_, err = s.Verify(t.Context(), signed(t, "POST", leads, lead), []byte(lead))
	notAFailure(t, "empty secret", err, nil)
}

// TestOneAnswer: whatever is wrong, the caller sees the same bytes.
func TestOneAnswer(t *testing.T) {
	t.Parallel()
	for _, reason := range []signature.Reason{
		signature.ReasonMalformed, signature.ReasonComponents, signature.ReasonLifetime, signature.ReasonExpired, signature.ReasonKeyUnknown,
		signature.ReasonKeyRevoked, signature.ReasonAuthority, signature.ReasonMismatch, signature.ReasonDigest, signature.ReasonReplayed,
	} {
		f := &signature.Failure{Reason: reason, Cause: errors.New("secret cause"), KeyID: "fk_secret", Base: "secret base"}
		p := f.Problem(httptest.NewRequest("POST", leads, nil), true)
		if f.Error() != "signature_invalid" || p.Status != 401 || p.Code != "signature_invalid" || p.Detail != "" {
			t.Errorf("%s: %v, %+v", reason, f, p)
		}
		want := `sig1=("@method" "@authority" "@path" "@query" "content-type" "content-digest" "idempotency-key");created;expires;alg="hmac-sha256";tag="streamflow"`
		if got := p.GetHeaders().Get("Accept-Signature"); got != want {
			t.Errorf("Accept-Signature %s", got)
		}
		if !strings.Contains(f.Internal(), "secret cause") || !strings.Contains(f.Internal(), string(reason)) {
			t.Errorf("internal: %s", f.Internal())
		}
	}
	f := &signature.Failure{Reason: signature.ReasonClockSkew}
	if p := f.Problem(httptest.NewRequest("GET", leads, nil), false); p.Code != "clock_skew" || p.Status != 401 {
		t.Errorf("clock skew: %+v", p)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*http.Request, *signature.Key, *string){
		"short nonce":     func(_ *http.Request, _ *signature.Key, n *string) { *n = "short" },
		"long nonce":      func(_ *http.Request, _ *signature.Key, n *string) { *n = strings.Repeat("n", 129) },
		"strange nonce":   func(_ *http.Request, _ *signature.Key, n *string) { *n = strings.Repeat("ü", 16) },
		"no content type": func(r *http.Request, _ *signature.Key, _ *string) { r.Header.Del("Content-Type") },
		"no key":          func(r *http.Request, _ *signature.Key, _ *string) { r.Header.Del("Idempotency-Key") },
		"two keys":        func(r *http.Request, _ *signature.Key, _ *string) { r.Header.Add("Idempotency-Key", "x") },
		"no secret":       func(_ *http.Request, k *signature.Key, _ *string) { k.Secret = nil },
		"no id":           func(_ *http.Request, k *signature.Key, _ *string) { k.ID = "" },
		"opaque URL":      func(r *http.Request, _ *signature.Key, _ *string) { r.URL.Opaque = "//x" },
	} {
		r, key, n := request(t, "POST", leads, lead), partner, nonce
		change(r, &key, &n)
		if err := signature.Sign(r, key, []byte(lead), noon, n); err == nil {
			t.Errorf("%s: signed", name)
		}
		if r.Header.Get("Signature") != "" || r.Header.Get("Content-Digest") != "" {
			t.Errorf("%s: the request was changed", name)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", partner, partner, partner); strings.Contains(text, "7") || strings.Contains(text, "0x") {
		t.Errorf("a printed key shows its secret: %s", text)
	}
}

func TestCurlQuotes(t *testing.T) {
	t.Parallel()
	r := request(t, "POST", leads+"?a=b&c='d'", "it's @ $HOME")
	r.Host = "other.example"
	got := signature.Curl(r, []byte("it's @ $HOME"))
	for _, part := range []string{`--data-raw 'it'\''s @ $HOME'`, `'https://flow.example.com/api/federation/leads?a=b&c='\''d'\'''`, `--header 'Host: other.example'`} {
		if !strings.Contains(got, part) {
			t.Errorf("%s\nlacks %s", got, part)
		}
	}
}

func swap(r *http.Request, header, old, new string) {
	before := r.Header.Get(header)
	if !strings.Contains(before, old) {
		panic("test changes nothing: " + old)
	}
	r.Header.Set(header, strings.Replace(before, old, new, 1))
}

func expectFailure(t *testing.T, name string, err error, reason signature.Reason) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("%s: %s", name, internal(err))
		}
		return
	}
	var f *signature.Failure
	if !errors.As(err, &f) || f.Reason != reason {
		t.Errorf("%s: %s; want %s", name, internal(err), reason)
	}
}

func notAFailure(t *testing.T, name string, err, cause error) {
	t.Helper()
	var f *signature.Failure
	if err == nil || errors.As(err, &f) || cause != nil && !errors.Is(err, cause) {
		t.Errorf("%s: %v", name, err)
	}
}

func internal(err error) string {
	if f, ok := errors.AsType[*signature.Failure](err); ok {
		return f.Internal()
	}
	return fmt.Sprint(err)
}
