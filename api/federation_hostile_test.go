package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard/signature"
)

const allScopes = `"leads:write","escalations:write","escalations:read","invoices:write","invoices:read","tenants:read","diagnostics:read"`

// signedRoutes are the routes that take a signature, each with a body that it would take.
func signedRoutes(in string) map[string]string {
	id, sale := uuid.NewString(), `{"tenantId":"`+in+`","name":"Ann","email":"ann@example.com"}`
	return map[string]string{
		"POST /api/federation/escalation":                     incident(in, "INC-1", "Down"),
		"POST /api/federation/escalations/" + id + "/updates": `{"kind":"resolved"}`,
		"POST /api/federation/leads":                          sale,
		"POST /api/federation/billing/invoice":                billWithoutLead(in, "R-1"),
		"POST /api/federation/commands":                       `{"command":"lead","key":"k","body":` + sale + `}`,
		"GET /api/federation/escalations?incidentId=INC-1":    "",
		"GET /api/federation/escalations/" + id:               "",
		"GET /api/federation/invoices?reference=R-1":          "",
		"GET /api/federation/invoices/" + id:                  "",
		"GET /api/federation/status":                          "",
		"GET /api/fed/providers/tenants":                      "",
		"GET /api/fed/providers/tenants/" + in:                "",
		"GET /api/fed/developers/diagnostics":                 "",
	}
}

// attempt is a request that is signed, spoilt and sent.
type attempt struct {
	route, body string
	key         signature.Key
	nonce       string
	now         time.Time
	spoil       func(*http.Request) // after it was signed
}

func (s *site) attempt(a attempt) *httptest.ResponseRecorder {
	s.t.Helper()
	method, path, _ := strings.Cut(a.route, " ")
	r := httptest.NewRequestWithContext(s.t.Context(), method, publicURL+path, strings.NewReader(a.body))
	r.TLS = nil
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
		if strings.HasSuffix(path, "/commands") {
			r.Header.Set("Content-Type", "application/x-ndjson")
		}
	}
	if method != http.MethodGet {
		r.Header.Set("Idempotency-Key", uuid.NewString())
	}
	must(s.t, signature.Sign(r, a.key, []byte(a.body), a.now, a.nonce))
	if a.spoil != nil {
		a.spoil(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// TestEverySignedRouteRefusesAlike: whatever is wrong with a signature, every route answers the same problem, and does nothing.
func TestEverySignedRouteRefusesAlike(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	id, key := s.partner(in, allScopes)
	rotated := s.do("POST", "/api/v2/partners/"+id+"/keys", call{cookie: s.provider, body: `{"overlap":"24h"}`})
	s.want(rotated, 201, "")
	revoked := s.keyOf(rotated)
	s.want(s.do("DELETE", "/api/v2/partners/"+id+"/keys/"+revoked.ID, call{cookie: s.provider}), 204, "")
	spent := signature.NewNonce()
	s.want(s.signWith(key, "GET", "/api/federation/status", spent, call{}), 200, "")
	before := s.head()

	for name, spoil := range map[string]func(*attempt){
		"replayed nonce": func(a *attempt) { a.nonce = spent },
		"old":            func(a *attempt) { a.now = a.now.Add(-10 * time.Minute) },
		"ahead":          func(a *attempt) { a.now = a.now.Add(2 * time.Minute) },
		"unknown key":    func(a *attempt) { a.key.ID = uuid.NewString() },
		"revoked key":    func(a *attempt) { a.key = revoked },
		"wrong secret":   func(a *attempt) { a.key.Secret = signature.NewSecret() },
		"less covered": func(a *attempt) {
			a.spoil = func(r *http.Request) {
				r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), ` "@query"`, "", 1))
			}
		},
		"no signature": func(a *attempt) { a.spoil = func(r *http.Request) { r.Header.Del("Signature") } },
		"nonsense":     func(a *attempt) { a.spoil = func(r *http.Request) { r.Header.Set("Signature", "sig1=:::") } },
		"other query":  func(a *attempt) { a.spoil = func(r *http.Request) { r.URL.RawQuery += "&x=1" } },
		"wrong digest": func(a *attempt) {
			a.spoil = func(r *http.Request) { r.Header.Set("Content-Digest", signature.ContentDigest([]byte("another"))) }
		},
		"other body": func(a *attempt) {
			a.spoil = func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(a.body + " ")) }
		},
	} {
		code := "signature_invalid"
		if name == "old" || name == "ahead" {
			code = "clock_skew"
		}
		for route, body := range signedRoutes(in) {
			a := attempt{route: route, body: body, key: key, nonce: signature.NewNonce(), now: time.Now()}
			spoil(&a)
			if w := s.attempt(a); w.Code != 401 || text(w, "code") != code || w.Header().Get("Accept-Signature") == "" {
				t.Errorf("%s, %s: %d %v %s", route, name, w.Code, w.Header(), w.Body)
			}
		}
	}
	if after := s.head(); after != before {
		t.Errorf("refused requests wrote %d events", after-before)
	}
}

// head is how many events there are.
func (s *site) head() int64 {
	s.t.Helper()
	heads, err := s.commands.Log.Heads(s.t.Context())
	must(s.t, err)
	return heads[1].Position
}

// TestASignedBodyHasALimit: a body of exactly the limit is read, one byte more is not.
func TestASignedBodyHasALimit(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, key := s.partner(in, allScopes)
	lead := `{"tenantId":"` + in + `","name":"Ann","email":"ann@example.com"}`
	fits := lead + strings.Repeat(" ", 1<<20-len(lead))
	s.want(s.sign(key, "POST", "/api/federation/leads", call{body: fits}), 201, "")
	before := s.head()
	for route, body := range signedRoutes(in) {
		if method, path, _ := strings.Cut(route, " "); method == "POST" {
			s.want(s.sign(key, method, path, call{body: body + strings.Repeat(" ", 1<<20)}), 413, "payload_too_large")
		}
	}
	if after := s.head(); after != before {
		t.Errorf("refused requests wrote %d events", after-before)
	}
}

// TestABadLineStandsAlone: each line has its own verdict, and what is wrong with one does nothing to its neighbours.
func TestABadLineStandsAlone(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, foreign := s.tenant("theirs")
	_, key := s.partner(in, `"leads:write","invoices:write"`)
	lead := func(key, rest string) string {
		return `{"command":"lead","key":"` + key + `","body":{"tenantId":"` + in + `","name":"Ann",` + rest + `}}`
	}
	lines := []struct {
		text, code string
		status     int
	}{
		{lead("a", `"externalId":"1"`), "", 201},
		{`{"command":"lead","key":"a"`, "malformed_json", 400},
		{"", "malformed_json", 400},
		{`[1]`, "validation_failed", 422},
		{"\xff", "malformed_json", 400},
		{`{"command":"lead","command":"lead","key":"b","body":{}}`, "malformed_json", 400},
		{`{"command":"explode","key":"b","body":{}}`, "validation_failed", 422},
		{`{"command":"lead","key":"b","body":{},"extra":1}`, "validation_failed", 422},
		{`{"command":"lead","key":"b b","body":{}}`, "idempotency_key_required", 400},
		{`{"command":"lead","key":"` + strings.Repeat("k", 256) + `","body":{}}`, "idempotency_key_required", 400},
		{`{"command":"lead","key":"b","body":null}`, "validation_failed", 422},
		{`{"command":"lead","key":"b","body":"text"}`, "validation_failed", 422},
		{lead("b", `"externalId":"2","value":{"amount":1.5,"currency":"USD"}`), "validation_failed", 422},
		{lead("b", `"externalId":"\u0007"`), "validation_failed", 422},
		{strings.Replace(lead("b", `"externalId":"2"`), in, foreign, 1), "tenant_not_allowed", 403},
		{strings.Replace(lead("b", `"externalId":"2"`), in, "nobody", 1), "tenant_not_allowed", 403},
		{`{"command":"escalation","key":"b","body":{}}`, "scope_missing", 403},
		{`{"command":"update","key":"b","body":{"incidentId":"I"}}`, "scope_missing", 403},
		{`{"command":"invoice","key":"b","body":` + strings.Replace(billWithoutLead(in, "R"), `"quantity":1,`, `"quantity":0,`, 1) + `}`, "validation_failed", 422},
		{lead("a", `"externalId":"2"`), "idempotency_key_reused", 422},
		{lead("b", `"externalId":"1"`), "duplicate_lead", 409},
		{lead("c", `"externalId":"2"`), "", 201},
	}
	var body strings.Builder
	for _, l := range lines {
		body.WriteString(l.text + "\n")
	}
	before := s.head()
	w := s.sign(key, "POST", "/api/federation/commands", call{body: body.String(), header: map[string]string{"Content-Type": "application/x-ndjson"}})
	s.want(w, 200, "")
	verdicts := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(verdicts) != len(lines) {
		t.Fatalf("%d verdicts: %s", len(verdicts), w.Body)
	}
	for i, l := range lines {
		begins := fmt.Sprintf(`{"line":%d,"status":%d,`, i+1, l.status)
		if !strings.HasPrefix(verdicts[i], begins) || l.code != "" && !strings.Contains(verdicts[i], `"code":"`+l.code+`"`) {
			t.Errorf("%s: %s, want %d %s", l.text, verdicts[i], l.status, l.code)
		}
	}
	if wrote := s.head() - before; wrote != 2 {
		t.Errorf("%d events were written, want those of the two good lines", wrote)
	}
}

func billWithoutLead(in, reference string) string {
	return strings.Replace(bill(in, reference, "1", ""), `,"leadId":""`, "", 1)
}

func TestStaffAndKeysReadTenantsAlike(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("ours")
	_, foreign := s.tenant("theirs")
	s.want(s.do("POST", "/api/v2/users", call{cookie: owner, body: `{"email":"a@example.com","name":"A","role":"staff"}`}), 201, "")
	s.lead(owner, `{"name":"Ann","email":"ann@example.com"}`)
	_, key := s.partner(in, allScopes)
	open := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "I-1", "Down")})
	s.want(open, 201, "")
	done := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "I-2", "Down")})
	s.want(s.sign(key, "POST", done.Header().Get("Location")+"/updates", call{body: `{"kind":"resolved"}`}), 200, "")

	const list = "/api/fed/providers/tenants"
	byStaff, byKey := s.do("GET", list, call{cookie: s.provider}), s.sign(key, "GET", list, call{})
	s.want(byStaff, 200, "")
	s.want(byKey, 200, "")
	if staff := byStaff.Body.String(); !strings.Contains(staff, foreign) || !strings.Contains(staff, in) {
		t.Errorf("staff sees %s", staff)
	}
	if partner := byKey.Body.String(); strings.Contains(partner, foreign) || !strings.Contains(partner, `"name":"ours","status":"active","userCount":2,`) {
		t.Errorf("the partner sees %s", partner)
	}
	page := s.do("GET", list+"?limit=1", call{cookie: s.provider})
	if next := text(page, "nextCursor"); next == "" || !strings.Contains(s.do("GET", list+"?limit=1&cursor="+next, call{cookie: s.provider}).Body.String(), in) {
		t.Errorf("the second page does not go on: %s", page.Body)
	}
	one := s.sign(key, "GET", list+"/"+in, call{})
	s.want(one, 200, "")
	for _, part := range []string{`"ownerName":"Owner"`, `"counts":{"leads":1,"opportunities":0,"invoices":0,"escalationsOpen":1}`, `"lastEventAt":"2`} {
		if !strings.Contains(one.Body.String(), part) {
			t.Errorf("one tenant: %s, want %s", one.Body, part)
		}
	}
	s.want(s.sign(key, "GET", list+"/"+foreign, call{}), 404, "not_found")
	s.want(s.sign(key, "GET", list+"/"+uuid.NewString(), call{}), 404, "not_found")
	s.want(s.do("GET", list+"/"+foreign, call{cookie: s.provider}), 200, "")
	s.want(s.do("GET", list, call{cookie: owner}), 403, "forbidden")
	s.want(s.do("GET", list, call{}), 401, "unauthenticated")
	_, blind := s.partner(in, `"leads:write"`)
	s.want(s.sign(blind, "GET", list, call{}), 403, "scope_missing")
	s.want(s.sign(blind, "GET", "/api/fed/developers/diagnostics", call{}), 403, "scope_missing")
	s.want(s.sign(key, "GET", "/api/fed/developers/diagnostics", call{}), 503, "unavailable") // nobody measures anything here
	s.want(s.do("GET", "/api/fed/developers/diagnostics", call{cookie: s.provider}), 403, "forbidden")
}
