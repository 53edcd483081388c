package api_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestPartnerKeys(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("ours")
	body := `{"name":"Acme","tenantIds":["` + in + `"],"scopes":["escalations:read"]}`
	s.want(s.do("POST", "/api/v2/partners", call{cookie: owner, body: body}), 403, "forbidden")
	unknown := `{"name":"Acme","tenantIds":["` + uuid.NewString() + `"],"scopes":["escalations:read"]}`
	s.want(s.do("POST", "/api/v2/partners", call{cookie: s.provider, body: unknown}), 422, "validation_failed")
	w := s.do("POST", "/api/v2/partners", call{cookie: s.provider, key: "p", body: body})
	s.want(w, 201, "")
	first, id := s.keyOf(w), text(w, "id")
	repeated := s.do("POST", "/api/v2/partners", call{cookie: s.provider, key: "p", body: body})
	if m := members(repeated); repeated.Code != 201 || m["keyId"] != first.ID || m["secret"] != nil || m["secretState"] != "issued" {
		t.Errorf("repeated: %d %s", repeated.Code, repeated.Body)
	}
	var stored int
	must(t, s.commands.Pool.QueryRow(t.Context(), `select count(*) from app.partner_key`).Scan(&stored))
	if stored != 1 {
		t.Errorf("%d secrets are kept, want 1", stored)
	}

	keys := "/api/v2/partners/" + id + "/keys"
	w = s.do("POST", keys, call{cookie: s.provider, body: `{"overlap":"1h"}`})
	s.want(w, 201, "")
	second := s.keyOf(w)
	if text(w, "previousValidUntil") == "" || text(w, "validFrom") == "" {
		t.Errorf("rotated: %s", w.Body)
	}
	const status = "/api/federation/status"
	s.want(s.sign(first, "GET", status, call{}), 200, "")
	w = s.sign(second, "GET", status, call{})
	s.want(w, 200, "")
	if text(w, "keyId") != second.ID || members(w)["keyExpiresAt"] != nil {
		t.Errorf("status: %s", w.Body)
	}
	w = s.do("DELETE", keys+"/"+first.ID, call{cookie: s.provider, key: "revoke"})
	if w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("revoked: %d %s", w.Code, w.Body)
	}
	s.want(s.sign(first, "GET", status, call{}), 401, "signature_invalid")
	s.want(s.sign(second, "GET", status, call{}), 200, "")
	s.want(s.do("GET", "/api/v2/partners/"+id, call{cookie: s.provider}), 200, "")

	other, _ := s.partner(in, `"leads:write"`)
	w = s.do("GET", "/api/v2/partners?limit=1", call{cookie: s.provider})
	if w.Code != 200 || !strings.Contains(w.Body.String(), other) || strings.Contains(w.Body.String(), id) {
		t.Errorf("newest partner: %d %s", w.Code, w.Body)
	}
	w = s.do("GET", "/api/v2/partners?limit=1&cursor="+text(w, "nextCursor"), call{cookie: s.provider})
	if w.Code != 200 || !strings.Contains(w.Body.String(), id) || members(w)["nextCursor"] != nil {
		t.Errorf("oldest partner: %d %s", w.Code, w.Body)
	}
}
