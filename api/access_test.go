package api_test

import (
	"strings"
	"testing"
)

func TestWhoMayDoWhat(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	rival, _ := s.tenant("rival")
	lead := s.lead(owner, ann)

	s.want(s.do("GET", lead, call{}), 401, "unauthenticated")
	s.want(s.do("POST", "/api/v2/leads", call{body: ann}), 401, "unauthenticated")
	s.want(s.do("GET", lead, call{cookie: "sf_client=forged"}), 401, "unauthenticated")
	s.want(s.do("GET", lead, call{cookie: rival}), 404, "not_found")
	s.want(s.do("GET", lead+"/history", call{cookie: rival}), 404, "not_found")
	s.want(s.do("POST", lead+"/contact", call{cookie: rival}), 404, "not_found")
	s.want(s.do("POST", lead+"/convert", call{cookie: rival}), 404, "not_found")
	for _, id := range []string{"%00", "x", "../tenants", strings.ToUpper(lead[len("/api/v2/leads/"):])} {
		if w := s.do("GET", "/api/v2/leads/"+id, call{cookie: owner}); w.Code != 404 {
			t.Errorf("id %q: %d %s", id, w.Code, w.Body)
		}
	}
	s.want(s.do("POST", "/api/v2/leads", call{cookie: rival, body: ann}), 201, "") // keys are unique within a tenant only
	s.want(s.do("POST", "/api/v2/leads", call{cookie: s.provider, body: ann}), 403, "forbidden")
	s.want(s.do("GET", "/api/v2/tenants", call{cookie: owner}), 403, "forbidden")
	s.want(s.do("POST", lead+"/contact", call{cookie: owner, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}), 403, "cross_origin_refused")
	// The same key of another caller is another command.
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, key: "k", body: `{"name":"A","externalId":"1"}`}), 201, "")
	s.want(s.do("POST", "/api/v2/leads", call{cookie: rival, key: "k", body: `{"name":"B","externalId":"2"}`}), 201, "")
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	s.want(s.do("POST", "/api/auth/login", call{body: `{"email":"acme@example.com","password":"wrong horse"}`}), 401, "bad_credentials")
	s.want(s.do("POST", "/api/auth/login", call{body: `{"email":"nobody@example.com","password":"wrong horse"}`}), 401, "bad_credentials")
	s.want(s.do("POST", "/api/auth/login", call{body: `{"email":"acme@example.com","password":"` + secret + `","portal":"provider"}`}), 403, "forbidden")
	me := s.do("GET", "/api/auth/me", call{cookie: owner})
	s.want(me, 200, "")
	if !strings.Contains(me.Body.String(), tenant) {
		t.Errorf("me: %s", me.Body)
	}
	both := owner + "; " + s.provider
	s.want(s.do("GET", "/api/auth/me", call{cookie: both}), 400, "malformed_request")
	s.want(s.do("GET", "/api/auth/me", call{cookie: both, header: map[string]string{"StreamFlow-Portal": "client"}}), 200, "")
	s.want(s.do("GET", "/api/portals/client/stats", call{cookie: both}), 200, "")
	s.want(s.do("GET", "/api/portals/provider/stats", call{cookie: owner}), 403, "forbidden")
	s.want(s.do("GET", "/api/portals/nonsense/stats", call{cookie: owner}), 404, "not_found")
	s.want(s.do("GET", "/api/portals/client/stats?on=yesterday", call{cookie: owner}), 422, "validation_failed")
	s.want(s.do("POST", "/api/auth/logout", call{cookie: owner}), 204, "")
	s.want(s.do("GET", "/api/auth/me", call{cookie: owner}), 401, "unauthenticated")
}

// A session that does not name its account's business is nobody's: without a tenant it would be the staff's.
func TestASessionIsOfItsAccountsTenant(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("Acme")
	s.want(s.do("GET", "/api/auth/me", call{cookie: owner}), 200, "")
	for _, tenant := range []string{"null", "gen_random_uuid()"} {
		_, err := s.commands.Pool.Exec(t.Context(), `update app.session set tenant_id = `+tenant)
		must(t, err)
		s.want(s.do("GET", "/api/auth/me", call{cookie: owner}), 401, "unauthenticated")
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"name":`, 400, "malformed_json"},
		{`{"name":"A","name":"B","email":"a@b.example"}`, 400, "malformed_json"},
		{`{"name":"A","email":"a@b.example","nickname":"x"}`, 422, "validation_failed"},
		{`{"Name":"A","email":"a@b.example"}`, 422, "validation_failed"},
		{`{"name":"A","email":"no address"}`, 422, "validation_failed"},
		{`{"name":7,"email":"a@b.example"}`, 422, "validation_failed"},
		{`{"name":"A"}`, 422, "validation_failed"},
		{`{"notes":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "payload_too_large"},
	} {
		w := s.do("POST", "/api/v2/leads", call{cookie: owner, key: "same", body: c.body})
		s.want(w, c.status, c.code)
	}
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, body: ann, header: map[string]string{"Content-Type": "text/plain"}}), 415, "unsupported_media_type")
	// None of it used the key up.
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, key: "same", body: ann}), 201, "")
}

func TestAddresses(t *testing.T) {
	s := newSite(t)
	s.want(s.do("GET", "/nowhere", call{}), 404, "not_found")
	w := s.do("DELETE", "/api/v2/leads", call{})
	s.want(w, 405, "method_not_allowed")
	if allow := w.Header().Values("Allow"); strings.Join(allow, ", ") != "GET, HEAD, POST" {
		t.Errorf("Allow: %v", allow)
	}
	s.want(s.do("GET", "/healthz", call{}), 200, "")
	s.want(s.do("GET", "/readyz", call{}), 200, "")
	if page := s.do("GET", "/problems/duplicate_lead", call{}); page.Code != 200 || !strings.Contains(page.Body.String(), "This lead exists") {
		t.Errorf("page: %d %s", page.Code, page.Body)
	}
	s.want(s.do("GET", "/problems/%3Cscript%3E", call{}), 404, "not_found")
}

func TestTenants(t *testing.T) {
	s := newSite(t)
	begin := func(name string) (cursor, id string) {
		return s.made(s.provider, "/api/v2/tenants", `{"name":"`+name+`","owner":{"email":"`+name+`@example.com","name":"O","password":"`+secret+`"}}`)
	}
	_, id := begin("acme")
	begin("bravo")
	third, _ := begin("charlie")
	taken := `{"name":"Twin","owner":{"email":"ACME@example.com","name":"O","password":"` + secret + `"}}`
	s.want(s.do("POST", "/api/v2/tenants", call{cookie: s.provider, body: taken}), 409, "duplicate")
	s.want(s.do("POST", "/api/v2/tenants", call{cookie: s.provider, body: `{"name":"T","owner":{"email":"t@x.example","name":"O","password":"short"}}`}), 422, "validation_failed")
	missing := s.do("POST", "/api/v2/tenants", call{cookie: s.provider, body: `{"name":"T","owner":{}}`})
	s.want(missing, 422, "validation_failed")
	if !strings.Contains(missing.Body.String(), "owner.email") {
		t.Errorf("missing: %s", missing.Body)
	}
	page := s.get(s.provider, "/api/v2/tenants?limit=2", third)
	newer, _ := begin("delta") // does not shift the next page
	rest := s.get(s.provider, "/api/v2/tenants?limit=2&cursor="+text(page, "nextCursor"), newer)
	if items, _ := members(rest)["items"].([]any); len(items) != 1 || !strings.Contains(rest.Body.String(), id) {
		t.Errorf("last page: %s", rest.Body)
	}
	s.want(s.do("GET", "/api/v2/tenants/"+id, call{cookie: s.provider}), 200, "")
	s.want(s.do("GET", "/api/v2/tenants?limit=101", call{cookie: s.provider}), 422, "validation_failed")
}

func TestATenantThatIsSuspendedOrClosedIsShutOut(t *testing.T) {
	s := newSite(t)
	owner, id := s.tenant("acme")
	lead, at := s.lead(owner, ann), "/api/v2/tenants/"+id
	s.want(s.do("POST", at+"/suspend", call{cookie: s.provider, body: `{"reason":"unpaid"}`}), 200, "")
	s.want(s.do("GET", lead, call{cookie: owner}), 403, "tenant_suspended")
	s.want(s.do("POST", lead+"/contact", call{cookie: owner, key: "later"}), 403, "tenant_suspended")
	s.want(s.do("POST", "/api/auth/login", call{body: `{"email":"acme@example.com","password":"` + secret + `"}`}), 403, "tenant_suspended")
	s.want(s.do("POST", at+"/reactivate", call{cookie: s.provider}), 200, "")
	s.want(s.do("POST", lead+"/contact", call{cookie: owner, key: "later"}), 200, "") // the refusal was no outcome
	s.want(s.do("POST", at+"/close", call{cookie: s.provider, body: `{"reason":"left"}`}), 200, "")
	s.want(s.do("GET", lead, call{cookie: owner}), 401, "unauthenticated")
	s.want(s.do("POST", at+"/reactivate", call{cookie: s.provider}), 409, "invalid_transition")
	s.want(s.do("POST", at+"/suspend", call{cookie: owner}), 401, "unauthenticated")
}
