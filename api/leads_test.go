package api_test

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const ann = `{"name":"Ann","company":"Acme","email":"Ann@Acme.example","phone":"+1 415 555 2671","source":"web"}`

func TestCreateIsRepeatedByteForByte(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	first := s.do("POST", "/api/v2/leads", call{cookie: owner, key: "one", body: ann})
	s.want(first, 201, "")
	for name, want := range map[string]string{"ETag": `"v1"`, "Location": "/api/v2/leads/" + text(first, "id"), "Idempotent-Replayed": ""} {
		if got := first.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if text(first, "email") != "ann@acme.example" || text(first, "status") != "new" || first.Header().Get("StreamFlow-Cursor") == "" {
		t.Fatalf("record: %v %s", first.Header(), first.Body)
	}
	s.want(s.do("POST", first.Header().Get("Location")+"/contact", call{cookie: owner}), 200, "")
	// The same JSON with other spaces is the same request; the lead has moved since, the answer has not.
	again := s.do("POST", "/api/v2/leads", call{cookie: owner, key: "one", body: strings.ReplaceAll(ann, ",", ", ")})
	s.want(again, 201, "")
	if again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" || again.Header().Get("ETag") != `"v1"` {
		t.Errorf("repeated: %v %s, first %s", again.Header(), again.Body, first.Body)
	}
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, key: "one", body: `{"name":"Bob","email":"b@x.example"}`}), 422, "idempotency_key_reused")
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, key: "none", body: ann}), 400, "idempotency_key_required")
}

func TestSixteenRacersMakeOneLead(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	answers := make([]*httptest.ResponseRecorder, 16)
	var done sync.WaitGroup
	for i := range answers {
		done.Go(func() { answers[i] = s.do("POST", "/api/v2/leads", call{cookie: owner, body: ann}) })
	}
	done.Wait()
	made := ""
	for _, w := range answers {
		if w.Code == 201 {
			if made != "" {
				t.Fatal("two leads were made")
			}
			made = text(w, "id")
		}
	}
	for _, w := range answers {
		if w.Code != 201 {
			s.want(w, 409, "duplicate_lead")
			if text(w, "existingId") != made {
				t.Errorf("existingId of %s, want %s", w.Body, made)
			}
		}
	}
	if made == "" {
		t.Fatal("no lead was made")
	}
}

func TestSixteenRepetitionsAtOnceAreOneCommand(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	answers := make([]*httptest.ResponseRecorder, 16)
	var done sync.WaitGroup
	for i := range answers {
		done.Go(func() { answers[i] = s.do("POST", "/api/v2/leads", call{cookie: owner, key: "same", body: ann}) })
	}
	done.Wait()
	fresh := 0
	for _, w := range answers {
		s.want(w, 201, "")
		if w.Body.String() != answers[0].Body.String() {
			t.Errorf("answers differ: %s, %s", w.Body, answers[0].Body)
		}
		if w.Header().Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d answers say that they are the first", fresh)
	}
}

func TestARefusalStaysTheAnswerAfterTheStateChanged(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	lead := s.lead(owner, ann)
	s.want(s.do("POST", lead+"/qualify", call{cookie: owner}), 200, "")
	refused := s.do("POST", lead+"/contact", call{cookie: owner, key: "back", header: map[string]string{"X-Correlation-Id": "first"}})
	s.want(refused, 409, "invalid_transition")
	s.want(s.do("POST", lead+"/disqualify", call{cookie: owner, body: `{"reason":"no budget"}`}), 200, "")
	again := s.do("POST", lead+"/contact", call{cookie: owner, key: "back", header: map[string]string{"X-Correlation-Id": "second"}})
	if again.Body.String() != refused.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" || again.Header().Get("X-Correlation-Id") != "second" {
		t.Errorf("repeated: %v %s, first %s", again.Header(), again.Body, refused.Body)
	}
}

func TestIfMatchHoldsOnceAndRepeats(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	lead := s.lead(owner, ann)
	v1 := map[string]string{"If-Match": `"v1"`}
	first := s.do("POST", lead+"/contact", call{cookie: owner, key: "a", header: v1})
	s.want(first, 200, "")
	again := s.do("POST", lead+"/contact", call{cookie: owner, key: "a", header: v1})
	s.want(again, 200, "")
	if again.Body.String() != first.Body.String() {
		t.Errorf("repeated %s, first %s", again.Body, first.Body)
	}
	s.want(s.do("POST", lead+"/qualify", call{cookie: owner, key: "b", header: v1}), 412, "version_conflict")
	s.want(s.do("POST", lead+"/qualify", call{cookie: owner, key: "b", header: map[string]string{"If-Match": `"v2"`}}), 200, "")
	s.want(s.do("POST", lead+"/qualify", call{cookie: owner, header: map[string]string{"If-Match": "nonsense"}}), 412, "version_conflict")
}

func TestConvertTwiceGivesTheFirstResult(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	lead := s.lead(owner, ann)
	first := s.do("POST", lead+"/convert", call{cookie: owner, key: "go"})
	s.want(first, 201, "")
	to, _ := members(first)["convertedTo"].(map[string]any)
	if to["organizationId"] == nil || to["contactId"] == nil || to["opportunityId"] == nil {
		t.Fatalf("convertedTo: %s", first.Body)
	}
	second := s.do("POST", lead+"/convert", call{cookie: owner, key: "again"})
	s.want(second, 200, "")
	if second.Body.String() != first.Body.String() {
		t.Errorf("second %s, first %s", second.Body, first.Body)
	}
	replayed := s.do("POST", lead+"/convert", call{cookie: owner, key: "go"})
	if replayed.Code != 201 || replayed.Body.String() != first.Body.String() {
		t.Errorf("replayed %d %s", replayed.Code, replayed.Body)
	}
	// Another lead of the company, written otherwise, finds the organization.
	other := s.do("POST", s.lead(owner, `{"company":"ACME","email":"bob@acme.example"}`)+"/convert", call{cookie: owner})
	s.want(other, 201, "")
	reused, _ := members(other)["convertedTo"].(map[string]any)
	if reused["organizationId"] != to["organizationId"] || reused["contactId"] != nil {
		t.Errorf("reused: %v, first %v", reused, to)
	}
}

func TestPatchMovesKeys(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	lead := s.lead(owner, ann)
	w := s.do("PATCH", lead, call{cookie: owner, body: `{"email":"new@acme.example","phone":null}`})
	s.want(w, 200, "")
	if text(w, "email") != "new@acme.example" || text(w, "phone") != "" {
		t.Errorf("patched: %s", w.Body)
	}
	s.lead(owner, `{"name":"Other Ann","email":"ann@acme.example"}`) // the address is free again
	s.want(s.do("PATCH", lead, call{cookie: owner, body: `{"email":"ann@acme.example"}`}), 409, "duplicate_lead")
	s.want(s.do("PATCH", lead, call{cookie: owner, body: `{"nickname":"x"}`}), 422, "validation_failed")
	s.want(s.do("PATCH", lead, call{cookie: owner, body: `[]`}), 422, "validation_failed")
}

func TestAnArchivedLeadIsOutOfTheWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	other, _ := s.tenant("other")
	lead := s.lead(owner, ann)
	archive := func(cookie, key string) *httptest.ResponseRecorder {
		return s.do("POST", lead+"/archive", call{cookie: cookie, key: key})
	}
	s.want(archive(other, ""), 404, "not_found")
	s.want(archive(s.member(owner, "accountant"), ""), 403, "forbidden")
	s.want(s.do("POST", lead+"/archive", call{cookie: owner, body: `{"reason":"x"}`}), 422, "validation_failed")
	s.want(s.do("POST", lead+"/archive", call{cookie: owner, header: map[string]string{"If-Match": `"v7"`}}), 412, "version_conflict")
	first := archive(s.member(owner, "staff"), "")
	s.want(first, 200, "")
	if text(first, "archivedAt") == "" || first.Header().Get("ETag") != `"v2"` {
		t.Errorf("archived: %v %s", first.Header(), first.Body)
	}
	twice := archive(owner, "twice")
	if s.want(twice, 200, ""); twice.Header().Get("ETag") != `"v2"` || twice.Body.String() != first.Body.String() {
		t.Errorf("archived again: %v %s", twice.Header(), twice.Body)
	}
	after := first.Header().Get("StreamFlow-Cursor")
	for query, want := range map[string]int{"": 0, "?archived=false": 0, "?archived=true": 1, "?archived=true&q=ann": 1, "?status=new": 0} {
		if got := items(s.get(owner, "/api/v2/leads"+query, after)); len(got) != want {
			t.Errorf("%s: %v, want %d", query, got, want)
		}
	}
	s.want(s.do("POST", lead+"/contact", call{cookie: owner}), 409, "invalid_transition")
	s.want(s.do("PATCH", lead, call{cookie: owner, body: `{"notes":"x"}`}), 409, "rule_violated")
	if w := s.get(owner, "/api/portals/client/stats", after); !strings.Contains(w.Body.String(), `"leadsNew90d":{"value":1,`) {
		t.Errorf("an archived lead counts, says the contract: %s", w.Body)
	}
	// Whoever holds one of its keys meanwhile keeps it.
	next := s.lead(owner, `{"name":"Ann again","email":"ann@acme.example"}`)
	w := s.do("POST", lead+"/restore", call{cookie: owner, key: "back"})
	s.want(w, 409, "duplicate_lead")
	if "/api/v2/leads/"+text(w, "existingId") != next {
		t.Errorf("held by %s, want %s", w.Body, next)
	}
	s.want(s.do("POST", next+"/archive", call{cookie: owner}), 200, "")
	s.want(s.do("POST", lead+"/restore", call{cookie: owner, key: "back"}), 409, "duplicate_lead") // which stays the answer
	back := s.do("POST", lead+"/restore", call{cookie: owner})
	s.want(back, 200, "")
	if members(back)["archivedAt"] != nil || text(back, "status") != "new" {
		t.Errorf("restored: %s", back.Body)
	}
	s.want(s.do("POST", next+"/restore", call{cookie: owner}), 409, "duplicate_lead")
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, body: `{"name":"B","phone":"+1 415 555 2671"}`}), 409, "duplicate_lead")
	s.want(s.do("POST", lead+"/restore", call{cookie: owner}), 200, "") // it is so already
	s.want(s.do("POST", lead+"/contact", call{cookie: owner}), 200, "")
	now := back.Header().Get("StreamFlow-Cursor")
	if got := items(s.get(owner, "/api/v2/leads", now)); len(got) != 1 || got[0]["name"] != "Ann" {
		t.Errorf("now: %v", got)
	}
	if got := items(s.get(owner, "/api/v2/leads?archived=true&at="+after, now)); len(got) != 1 || got[0]["name"] != "Ann" || got[0]["archivedAt"] == nil {
		t.Errorf("archived then: %v", got)
	}
	if got := items(s.get(s.provider, "/api/v2/leads?archived=true&tenantId="+tenant, now)); len(got) != 1 || got[0]["name"] != "Ann again" {
		t.Errorf("staff sees archived: %v", got)
	}
	if w := s.do("GET", lead+"/history", call{cookie: owner}); !strings.Contains(w.Body.String(), "lead.archived") || !strings.Contains(w.Body.String(), "lead.restored") {
		t.Errorf("history: %s", w.Body)
	}
}

func TestReadsThePast(t *testing.T) {
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	made := s.do("POST", "/api/v2/leads", call{cookie: owner, body: ann})
	lead := made.Header().Get("Location")
	s.want(s.do("POST", lead+"/contact", call{cookie: owner}), 200, "")
	s.want(s.do("POST", lead+"/qualify", call{cookie: owner}), 200, "")
	now := s.do("GET", lead, call{cookie: owner})
	if text(now, "status") != "qualified" || now.Header().Get("ETag") != `"v3"` {
		t.Fatalf("now: %s", now.Body)
	}
	then := s.do("GET", lead+"?at="+made.Header().Get("StreamFlow-Cursor"), call{cookie: owner})
	if then.Body.String() != made.Body.String() {
		t.Errorf("then: %s, was %s", then.Body, made.Body)
	}
	s.want(s.do("GET", lead+"?at=2020-01-01T00:00:00Z", call{cookie: owner}), 404, "not_found")
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	s.want(s.do("GET", lead+"?at="+future, call{cookie: owner}), 422, "validation_failed")
	s.want(s.do("GET", lead+"?at=forged", call{cookie: owner}), 422, "invalid_cursor")
	s.want(s.do("GET", lead+"?color=red", call{cookie: owner}), 422, "validation_failed")
	s.want(s.do("GET", lead, call{cookie: owner, header: map[string]string{"StreamFlow-Cursor": "forged"}}), 422, "invalid_cursor")
	s.want(s.do("GET", lead+"?tenantId="+tenant, call{cookie: s.provider}), 200, "")

	page := s.do("GET", lead+"/history?limit=2", call{cookie: owner})
	s.want(page, 200, "")
	if !strings.Contains(page.Body.String(), "lead.qualified") || strings.Contains(page.Body.String(), "lead.created") {
		t.Errorf("first page: %s", page.Body)
	}
	rest := s.do("GET", lead+"/history?limit=2&cursor="+text(page, "nextCursor"), call{cookie: owner})
	if items, _ := members(rest)["items"].([]any); len(items) != 1 || !strings.Contains(rest.Body.String(), "ann@acme.example") {
		t.Errorf("last page: %s", rest.Body)
	}
	other := s.lead(owner, `{"name":"Bob","email":"bob@x.example"}`)
	s.want(s.do("GET", other+"/history?cursor="+text(page, "nextCursor"), call{cookie: owner}), 422, "invalid_cursor")
}
