package api_test

import (
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/api/guard/rate"
)

const (
	here  = "203.0.113.1:1000"
	there = "203.0.113.2:1000"
)

// limited makes another instance on the site's database, with limits as they are configured.
func (s *site) limited(auth, ordinary, federation string) *site {
	s.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	policy := func(name, text string) rate.Policy {
		p, err := rate.Parse(name, text, rate.Share)
		must(s.t, err)
		return p
	}
	handler, err := api.New(api.Config{Commands: s.commands, Reader: s.reader, PublicURL: publicURL, Logger: quiet, Limits: api.Limits{
		Limiter: rate.New(rate.Postgres(s.commands.Pool), 1, quiet), Auth: policy("auth", auth), API: policy("api", ordinary), Federation: policy("federation", federation)}})
	must(s.t, err)
	other := *s
	other.handler = conform(s.t, handler)
	return &other
}

// tells checks what an answer says of a policy.
func (s *site) tells(w *httptest.ResponseRecorder, policy, left string) {
	s.t.Helper()
	if got := w.Header().Get("RateLimit-Policy"); got != policy {
		s.t.Errorf("%d: RateLimit-Policy is %q, want %q", w.Code, got, policy)
	}
	got := w.Header().Get("RateLimit")
	if len(got) < len(left) || got[:len(left)] != left {
		s.t.Errorf("%d: RateLimit is %q, want %q", w.Code, got, left)
	}
	wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if w.Code == 429 && (err != nil || wait < 1) || w.Code != 429 && err == nil {
		s.t.Errorf("%d: Retry-After is %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func credentials(email, password string) string {
	return `{"email":"` + email + `","password":"` + password + `"}`
}

func TestSignInIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t).limited("3/1h", "off", "off")
	const login = "/api/auth/login"
	for i := range 3 {
		w := s.do("POST", login, call{from: here, body: credentials("provider@example.com", "guessed wrong")})
		s.want(w, 401, "bad_credentials")
		s.tells(w, `"auth";q=3;w=3600`, `"auth";r=`+strconv.Itoa(2-i)+`;`)
	}
	w := s.do("POST", login, call{from: here, body: credentials("provider@example.com", secret)})
	s.want(w, 429, "rate_limited")
	s.tells(w, `"auth";q=3;w=3600`, `"auth";r=0;`)
	// The account that was guessed at pays for none of it.
	s.want(s.do("POST", login, call{from: there, body: credentials("provider@example.com", secret)}), 200, "")
	s.want(s.do("POST", login, call{from: there, body: credentials("nobody@example.com", secret)}), 401, "bad_credentials")
	if w := s.do("GET", "/api/auth/me", call{cookie: s.provider, from: here}); w.Code != 200 || w.Header().Get("RateLimit") != "" {
		t.Errorf("a policy that is off: %d %v", w.Code, w.Header())
	}
}

func TestTheAPIIsLimitedByUser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("acme")
	s = s.limited("off", "4/1h", "off")
	const policy = `"api";q=4;w=3600`
	// Whatever becomes of a request, who sent it is known.
	for i, w := range []*httptest.ResponseRecorder{
		s.do("POST", "/api/v2/leads", call{cookie: owner, from: here, body: ann}),
		s.do("GET", "/api/v2/tenants", call{cookie: owner, from: here}),
		s.do("GET", "/api/v2/leads/nonsense", call{cookie: owner, from: here}),
		s.do("GET", "/api/portals/client/stats?x=1", call{cookie: owner, from: here}),
	} {
		if want := []int{201, 403, 404, 422}[i]; w.Code != want {
			t.Errorf("request %d: %d %s, want %d", i, w.Code, w.Body, want)
		}
		s.tells(w, policy, `"api";r=`+strconv.Itoa(3-i)+`;`)
	}
	w := s.do("GET", "/api/auth/me", call{cookie: owner, from: there})
	s.want(w, 429, "rate_limited")
	s.tells(w, policy, `"api";r=0;`)
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, from: there, body: ann}), 429, "rate_limited")
	s.want(s.do("GET", "/api/auth/me", call{cookie: s.provider, from: here}), 200, "")

	// Who shows no session that holds pays by address.
	for i := range 4 {
		w := s.do("GET", "/api/v2/leads/"+uuid.NewString(), call{cookie: "sf_client=forged" + strconv.Itoa(i), from: there})
		s.want(w, 401, "unauthenticated")
		s.tells(w, policy, `"api";r=`+strconv.Itoa(3-i)+`;`)
	}
	s.want(s.do("GET", "/api/auth/me", call{from: there}), 429, "rate_limited")
	s.want(s.do("GET", "/api/auth/me", call{cookie: s.provider, from: there}), 200, "")
	s.want(s.do("GET", "/healthz", call{from: there}), 200, "") // open routes have no limit
}

func TestFederationIsLimitedByKey(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, key := s.partner(in, bothEscalations)
	_, other := s.partner(in, bothEscalations)
	w := s.do("POST", "/api/v2/partners", call{cookie: s.provider, body: `{"name":"Big","tenantIds":["` + in + `"],"scopes":["leads:write"],"rate":"7/2h"}`})
	s.want(w, 201, "")
	big := s.keyOf(w)
	for _, rate := range []string{"1000001/1m", "5/25h", "off", "many"} {
		s.want(s.do("POST", "/api/v2/partners", call{cookie: s.provider, body: `{"name":"Big","tenantIds":["` + in + `"],"scopes":["leads:write"],"rate":"` + rate + `"}`}), 422, "validation_failed")
	}
	s = s.limited("3/1h", "off", "2/1h")
	const status = "/api/federation/status"

	// Signatures that name a key and are not made with it cost the address they come from, and the key nothing.
	forged := key
	forged.Secret = other.Secret
	for i := range 3 {
		w := s.sign(forged, "GET", status, call{from: here})
		s.want(w, 401, "signature_invalid")
		s.tells(w, `"auth";q=3;w=3600`, `"auth";r=`+strconv.Itoa(2-i)+`;`)
	}
	s.want(s.sign(forged, "GET", status, call{from: here}), 429, "rate_limited")
	s.want(s.sign(forged, "GET", status, call{from: there}), 401, "signature_invalid")
	w = s.sign(key, "GET", status, call{from: here})
	s.want(w, 200, "")
	s.tells(w, `"federation";q=2;w=3600`, `"federation";r=1;`)

	w = s.sign(key, "POST", "/api/federation/leads", call{from: there, body: `{"tenantId":"` + in + `"}`})
	s.want(w, 403, "scope_missing")
	s.tells(w, `"federation";q=2;w=3600`, `"federation";r=0;`)
	s.want(s.sign(key, "GET", status, call{from: there}), 429, "rate_limited")
	s.want(s.sign(other, "GET", status, call{from: there}), 200, "")
	s.tells(s.sign(big, "GET", status, call{from: there}), `"federation";q=7;w=7200`, `"federation";r=6;`)
}

func TestALimitHoldsOverInstances(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	nodes := []*site{s.limited("off", "9/1h", "off"), s.limited("off", "9/1h", "off")}
	admitted := 0
	for i := range 24 {
		switch w := nodes[i%2].do("GET", "/api/auth/me", call{cookie: s.provider}); w.Code {
		case 200:
			admitted++
		case 429:
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if admitted != 9 {
		t.Errorf("two instances admitted %d of 9", admitted)
	}
}

func TestALimitNeedsALimiter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := api.New(api.Config{Commands: s.commands, Reader: s.reader, Limits: api.Limits{API: rate.Policy{Name: "api", Limit: 1}}}); err == nil {
		t.Error("a limit that nothing keeps was accepted")
	}
}

// TestEveryLimitIsDocumented: what answers 429 is what the document says may.
func TestEveryLimitIsDocumented(t *testing.T) {
	t.Parallel()
	s := newSite(t).limited("1/1h", "1/1h", "1/1h")
	document, err := contractOf()
	must(t, err)
	paths, _ := document.at("paths")
	names := strings.NewReplacer("{id}", uuid.NewString(), "{keyId}", "fk_none.1", "{portal}", "client", "{name}", "figures", "{code}", "not_found")
	limited := 0
	for path := range paths {
		methods, _ := document.at("paths", path)
		for method := range methods {
			var w *httptest.ResponseRecorder
			for range 2 { // nobody who is known, from one address: the second time it has no token left
				w = s.do(strings.ToUpper(method), names.Replace(path), call{from: here})
			}
			responses, _ := document.at("paths", path, method, "responses")
			if _, documented := responses["429"]; documented != (w.Code == 429) {
				t.Errorf("%s %s answers %d, and 429 is documented: %t", method, path, w.Code, documented)
			}
			if w.Code == 429 {
				limited++
			}
		}
	}
	if limited < 50 {
		t.Errorf("%d operations have a limit", limited)
	}
}

func TestFederationSwitchedOff(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, key := s.partner(in, bothEscalations)
	s.want(s.sign(key, "GET", "/api/federation/status", call{}), 200, "")
	handler, err := api.New(api.Config{Commands: s.commands, Reader: s.reader, PublicURL: publicURL, NoFederation: true})
	must(t, err)
	s.handler = conform(t, handler)
	for route, body := range signedRoutes(in) {
		method, path, _ := strings.Cut(route, " ")
		if strings.HasPrefix(path, "/api/fed/") { // staff goes on reading it
			s.want(s.sign(key, method, path, call{body: body}), 401, "unauthenticated")
			continue
		}
		s.want(s.sign(key, method, path, call{body: body}), 404, "not_found")
	}
	s.want(s.do("GET", "/api/fed/providers/tenants", call{cookie: s.provider}), 200, "")
}
