package api_test

import (
	"testing"

	"github.com/google/uuid"
)

func TestASaleWithoutALead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	org := s.do("POST", "/api/v2/organizations", call{cookie: owner, body: `{"name":"Acme"}`})
	s.want(org, 201, "")
	ada := s.do("POST", "/api/v2/contacts", call{cookie: owner, body: `{"name":"Ada","email":"ada@example.com","organizationId":"` + text(org, "id") + `"}`})
	s.want(ada, 201, "")
	s.want(s.do("GET", ada.Header().Get("Location"), call{cookie: owner}), 200, "")
	s.want(s.do("POST", "/api/v2/contacts", call{cookie: owner, body: `{"name":"Ada","organizationId":"` + uuid.NewString() + `"}`}), 422, "validation_failed")
	s.want(s.do("POST", "/api/v2/opportunities", call{cookie: owner, body: `{"title":"X","contactId":"` + text(org, "id") + `"}`}), 422, "validation_failed")
	made := s.do("POST", "/api/v2/opportunities", call{cookie: owner, body: `{"title":"Fleet","contactId":"` + text(ada, "id") + `","value":{"amount":100,"currency":"USD"}}`})
	s.want(made, 201, "")
	at := made.Header().Get("Location")
	for _, step := range []struct {
		verb, body, code, stage string
		status                  int
	}{
		{"move", `{"stage":"proposal"}`, "", "proposal", 200},
		{"move", `{"stage":"lost"}`, "validation_failed", "", 422},
		{"move", `{"stage":"nowhere"}`, "validation_failed", "", 422},
		{"move", `{"stage":"lost","reason":"price"}`, "", "lost", 200},
		{"move", `{"stage":"won"}`, "invalid_transition", "", 409},
		{"reopen", `{}`, "", "negotiation", 200},
		{"move", `{"stage":"won"}`, "", "won", 200},
	} {
		w := s.do("POST", at+"/"+step.verb, call{cookie: owner, body: step.body})
		if s.want(w, step.status, step.code); step.code == "" && text(w, "stage") != step.stage {
			t.Errorf("%s: %s, want %s", step.body, w.Body, step.stage)
		}
	}
}

func TestADraftIsEditedAndAnInvoiceCredited(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	at := s.draft(owner, "globex")
	half := `{"amount":{"amount":5950,"currency":"USD"},"reason":"broken"}`
	s.want(s.do("POST", at+"/credit", call{cookie: owner, body: half}), 409, "invalid_transition")
	edited := s.do("PATCH", at, call{cookie: owner, body: `{"reference":"PO 7"}`, header: map[string]string{"If-Match": `"v1"`}})
	if s.want(edited, 200, ""); text(edited, "reference") != "PO 7" {
		t.Errorf("edited: %s", edited.Body)
	}
	s.want(s.do("PATCH", at, call{cookie: owner, body: `{"reference":"PO 8"}`, header: map[string]string{"If-Match": `"v1"`}}), 412, "version_conflict")
	s.want(s.do("PATCH", at, call{cookie: owner, body: `{"organizationId":"` + uuid.NewString() + `"}`}), 422, "validation_failed")
	s.want(s.do("PATCH", at, call{cookie: owner, body: `{"lines":[{"description":"x","quantity":1,"unitAmount":1,"taxRatePercent":0,"leadId":"l"}]}`}), 422, "validation_failed")
	s.want(s.do("POST", at+"/issue", call{cookie: owner, body: `{}`}), 200, "")
	s.want(s.do("PATCH", at, call{cookie: owner, body: `{"reference":"PO 9"}`}), 409, "invalid_transition")
	for i, want := range []float64{5950, 0} {
		w := s.do("POST", at+"/credit", call{cookie: owner, body: half})
		s.want(w, 200, "")
		m := members(w)
		credits, _ := m["credits"].([]any)
		balance, _ := m["balance"].(map[string]any)
		if len(credits) != i+1 || balance["amount"] != want || credits[i].(map[string]any)["creditNumber"] != float64(i+1) {
			t.Errorf("credit note %d: %s", i+1, w.Body)
		}
	}
	s.want(s.do("POST", at+"/credit", call{cookie: owner, body: half}), 422, "validation_failed")
}
