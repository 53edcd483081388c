package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// draft makes an organization and a draft invoice of 119.00 for it, and returns the invoice's address.
func (s *site) draft(cookie, name string) string {
	s.t.Helper()
	org := s.do("POST", "/api/v2/organizations", call{cookie: cookie, key: "org-" + dash(name), body: fmt.Sprintf(`{"name":%q}`, name)})
	s.want(org, http.StatusCreated, "")
	made := s.do("POST", "/api/v2/invoices", call{cookie: cookie, key: "invoice-" + dash(name), body: fmt.Sprintf(
		`{"organizationId":%q,"currency":"USD","issueDate":"2026-01-02","dueDate":"2026-02-01","lines":[{"description":"work","quantity":1,"unitAmount":10000,"taxRatePercent":19}]}`, text(org, "id"))})
	s.want(made, http.StatusCreated, "")
	return made.Header().Get("Location")
}

func TestInvoiceFromDraftToPaid(t *testing.T) {
	s := newSite(t)
	cookie, _ := s.tenant("acme")
	at := s.draft(cookie, "globex")
	paid := call{cookie: cookie, key: "pay", body: `{"amount":{"amount":11900,"currency":"USD"},"paidOn":"2026-01-20"}`}
	s.want(s.do("POST", at+"/payments", paid), http.StatusConflict, "invalid_transition")
	issued := s.do("POST", at+"/issue", call{cookie: cookie, key: "issue", body: `{}`})
	s.want(issued, http.StatusOK, "")
	if m := members(issued); m["number"] != 1.0 || m["status"] != "issued" || fmt.Sprint(m["total"]) != "map[amount:11900 currency:USD]" {
		t.Fatalf("issued as %v", m)
	}
	// A refusal is that command's outcome for ever, also now that the invoice could be paid.
	s.want(s.do("POST", at+"/payments", paid), http.StatusConflict, "invalid_transition")
	paid.key = "pay-again"
	done := s.do("POST", at+"/payments", paid)
	s.want(done, http.StatusOK, "")
	if m := members(done); m["status"] != "paid" || m["daysToPay"] != 18.0 {
		t.Fatalf("paid as %v", m)
	}
	s.want(s.do("POST", at+"/void", call{cookie: cookie, key: "void", body: `{"reason":"late thought"}`}), http.StatusConflict, "invalid_transition")
}

func TestInvoiceNumbersHaveNoGapUnderRace(t *testing.T) {
	s := newSite(t)
	cookie, _ := s.tenant("acme")
	const racers = 12
	var drafts []string
	for i := range racers {
		drafts = append(drafts, s.draft(cookie, fmt.Sprintf("customer %d", i)))
	}
	var mu sync.Mutex
	var numbers []int
	var wg sync.WaitGroup
	for i, at := range drafts {
		for range 2 { // each twice: the repeat must not take a number
			wg.Go(func() {
				w := s.do("POST", at+"/issue", call{cookie: cookie, key: fmt.Sprintf("issue-%d", i), body: `{}`})
				n, _ := members(w)["number"].(float64)
				mu.Lock()
				defer mu.Unlock()
				numbers = append(numbers, int(n))
			})
		}
	}
	wg.Wait()
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != i/2+1 {
			t.Fatalf("numbers %v, want each of 1 to %d for one invoice", numbers, racers)
		}
	}
}

func TestInvoiceNeedsAnOrganizationOfTheTenant(t *testing.T) {
	s := newSite(t)
	cookie, _ := s.tenant("acme")
	other, _ := s.tenant("rival")
	org := s.do("POST", "/api/v2/organizations", call{cookie: other, key: "org", body: `{"name":"theirs"}`})
	s.want(org, http.StatusCreated, "")
	made := s.do("POST", "/api/v2/invoices", call{cookie: cookie, key: "i", body: fmt.Sprintf(
		`{"organizationId":%q,"currency":"USD","lines":[{"description":"x","quantity":1,"unitAmount":1,"taxRatePercent":0}]}`, text(org, "id"))})
	s.want(made, http.StatusUnprocessableEntity, "validation_failed")
	s.want(s.do("POST", "/api/v2/organizations", call{cookie: cookie, key: "a", body: `{"name":"Initech"}`}), http.StatusCreated, "")
	s.want(s.do("POST", "/api/v2/organizations", call{cookie: cookie, key: "b", body: `{"name":" INITECH "}`}), http.StatusConflict, "duplicate_organization")
}

// dash makes a name fit for a key, which has no spaces.
func dash(name string) string { return strings.ReplaceAll(name, " ", "-") }
