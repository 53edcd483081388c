package api_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
)

func TestProviderWorksOnAnEscalation(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("ours")
	stranger, _ := s.tenant("theirs")
	_, key := s.partner(in, bothEscalations)
	w := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-1", "Down")})
	s.want(w, 201, "")
	at := "/api/v2/escalations/" + text(w, "escalationId")
	ours := map[string]string{"StreamFlow-Tenant": in}
	staff := text(s.do("GET", "/api/v2/users", call{cookie: s.provider}), "nextCursor")
	if staff != "" {
		t.Errorf("a page follows the one account: %s", staff)
	}
	for _, step := range []struct {
		verb, body, code, status string
		answer                   int
	}{
		{"acknowledge", `{}`, "", "acknowledged", 200},
		{"comment", `{"text":"We look at it."}`, "", "acknowledged", 200},
		{"comment", `{}`, "validation_failed", "", 422},
		{"start", `{"text":"Found it."}`, "", "in_progress", 200},
		{"acknowledge", `{}`, "invalid_transition", "", 409},
		{"assign", `{"assigneeId":"` + uuid.NewString() + `"}`, "validation_failed", "", 422},
		{"assign", `{"assigneeId":""}`, "", "in_progress", 200},
		{"resolve", `{}`, "", "resolved", 200},
		{"reopen", `{}`, "", "open", 200},
		{"close", `{}`, "", "closed", 200},
		{"reopen", `{}`, "invalid_transition", "", 409},
		{"close", `{"kind":"reopened"}`, "validation_failed", "", 422},
	} {
		w := s.do("POST", at+"/"+step.verb, call{cookie: s.provider, header: ours, body: step.body})
		if s.want(w, step.answer, step.code); text(w, "status") != step.status && step.code == "" {
			t.Errorf("%s: %s, want %s", step.verb, w.Body, step.status)
		}
	}
	s.want(s.do("POST", at+"/comment", call{cookie: s.provider, body: `{"text":"x"}`}), 422, "validation_failed")
	s.want(s.do("POST", at+"/comment", call{cookie: owner, body: `{"text":"x"}`}), 403, "forbidden")
	if w := s.do("GET", at, call{cookie: owner}); w.Code != 200 || text(w, "status") != "closed" {
		t.Errorf("its tenant reads %d %s", w.Code, w.Body)
	}
	s.want(s.do("GET", at, call{cookie: stranger}), 404, "not_found")

	past := s.do("GET", at+"/history?tenantId="+in+"&limit=2", call{cookie: s.provider})
	if got := column(past, "type"); past.Code != 200 || !slices.Equal(got, []string{"escalation.closed", "escalation.reopened"}) || text(past, "nextCursor") == "" {
		t.Errorf("its history: %d %s", past.Code, past.Body)
	}
	s.want(s.do("GET", at+"/history", call{cookie: owner}), 200, "")
	s.want(s.do("GET", at+"/history", call{cookie: stranger}), 404, "not_found")
}

func TestAssignedToStaffOnly(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("ours")
	_, key := s.partner(in, bothEscalations)
	w := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-1", "Down")})
	s.want(w, 201, "")
	assign := "/api/v2/escalations/" + text(w, "escalationId") + "/assign"
	ours := map[string]string{"StreamFlow-Tenant": in}
	theirs := s.do("POST", "/api/v2/users", call{cookie: owner, body: `{"email":"a@example.com","name":"A","role":"staff"}`})
	s.want(theirs, 201, "")
	s.want(s.do("POST", assign, call{cookie: s.provider, header: ours, body: `{"assigneeId":"` + text(theirs, "id") + `"}`}), 422, "validation_failed")
	staff := s.do("POST", "/api/v2/users", call{cookie: s.provider, body: `{"email":"b@example.com","name":"B","role":"provider"}`})
	s.want(staff, 201, "")
	given := s.do("POST", assign, call{cookie: s.provider, header: ours, body: `{"assigneeId":"` + text(staff, "id") + `"}`})
	if s.want(given, 200, ""); text(given, "assigneeId") != text(staff, "id") {
		t.Errorf("assigned: %s", given.Body)
	}
}
