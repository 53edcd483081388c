package api_test

import (
	"encoding/json"
	"testing"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, in := s.tenant("ours")
	stranger, _ := s.tenant("theirs")
	made := s.do("POST", "/api/v2/users", call{cookie: owner, key: "ann", body: `{"email":"Ann@example.com","name":"Ann","role":"manager","password":"` + secret + `"}`})
	s.want(made, 201, "")
	at := made.Header().Get("Location")
	again := s.do("POST", "/api/v2/users", call{cookie: owner, key: "ann", body: `{"email":"Ann@example.com","name":"Ann","role":"manager","password":"` + secret + `"}`})
	if again.Code != 201 || again.Body.String() != made.Body.String() {
		t.Errorf("again: %d %s, want %s", again.Code, again.Body, made.Body)
	}
	ann := s.login("ann@example.com")
	s.want(s.do("GET", "/api/v2/leads", call{cookie: ann}), 200, "")
	s.want(s.do("GET", "/api/v2/users", call{cookie: ann}), 403, "forbidden")
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"email":"ann@example.com","name":"B","role":"staff"}`:                       {409, "duplicate"},
		`{"email":"b@example.com","name":"B","role":"owner"}`:                         {422, "validation_failed"},
		`{"email":"b@example.com","name":"B","role":" owner "}`:                       {422, "validation_failed"},
		`{"email":"b@example.com","name":"B","role":"provider"}`:                      {422, "validation_failed"},
		`{"email":"b@example.com","name":"B","role":"staff","password":"short"}`:      {422, "validation_failed"},
		`{"email":"b@example.com","name":"B","role":"staff","tenantId":"` + in + `"}`: {422, "validation_failed"},
	} {
		s.want(s.do("POST", "/api/v2/users", call{cookie: owner, body: body}), want.status, want.code)
	}
	var list struct {
		Items []struct {
			ID       string `json:"id"`
			Email    string `json:"email"`
			TenantID string `json:"tenantId"`
		} `json:"items"`
		NextCursor *string `json:"nextCursor"`
	}
	first := s.do("GET", "/api/v2/users?limit=1", call{cookie: owner})
	must(t, json.Unmarshal(first.Body.Bytes(), &list))
	if len(list.Items) != 1 || list.Items[0].Email != "ann@example.com" || list.NextCursor == nil {
		t.Fatalf("first page: %s", first.Body)
	}
	second := s.do("GET", "/api/v2/users?limit=1&cursor="+*list.NextCursor, call{cookie: owner})
	list.NextCursor = nil
	must(t, json.Unmarshal(second.Body.Bytes(), &list))
	if len(list.Items) != 1 || list.Items[0].Email != "ours@example.com" || list.Items[0].TenantID != in || list.NextCursor != nil {
		t.Errorf("second page: %s", second.Body)
	}
	s.want(s.do("GET", at, call{cookie: owner}), 200, "")
	s.want(s.do("GET", at, call{cookie: stranger}), 404, "not_found")
	s.want(s.do("GET", at+"?tenantId="+in, call{cookie: s.provider}), 200, "")
	s.want(s.do("GET", at, call{cookie: s.provider}), 404, "not_found")
}
