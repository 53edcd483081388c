package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain/user"
)

// agesOf are the buckets of an aging report as text, those with something in them, and its total last.
func agesOf(w *httptest.ResponseRecorder) []string {
	type age struct {
		Bucket   string `json:"bucket"`
		Invoices int    `json:"invoices"`
		Amounts  []struct {
			Amount   int64  `json:"amount"`
			Currency string `json:"currency"`
		} `json:"amounts"`
	}
	var report struct {
		Buckets []age `json:"buckets"`
		Total   age   `json:"total"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &report)
	var all []string
	for _, a := range append(report.Buckets, report.Total) {
		if a.Invoices != 0 || len(a.Amounts) > 0 {
			all = append(all, fmt.Sprint(a.Bucket, " ", a.Invoices, " ", a.Amounts))
		}
	}
	return all
}

// TestAgingAddsUpToWhatIsOwed: each open invoice is in the bucket of its due date, also as of another day and as of then, and the
// whole is the figure of receivables.
func TestAgingAddsUpToWhatIsOwed(t *testing.T) {
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	other, after := s.business("other")
	_, org := s.made(owner, "/api/v2/organizations", `{"name":"Buyer"}`)
	today := time.Now().UTC()
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	var then string
	for i, late := range []int{0, 1, 30, 31, 90, 91, 400} { // days past due
		_, id := s.made(owner, "/api/v2/invoices", fmt.Sprintf(`{"organizationId":%q,"issueDate":%q,"dueDate":%q,"currency":%q,
			"lines":[{"description":"x","quantity":1,"unitAmount":%d,"taxRatePercent":0}]}`, org, day(-late), day(-late), []string{"EUR", "USD"}[i%2], 100+i))
		if i == 6 {
			break // a draft is not owed
		}
		after, _ = s.made(owner, "/api/v2/invoices/"+id+"/issue", "")
		switch i {
		case 1:
			then = after
		case 2:
			after, _ = s.made(owner, "/api/v2/invoices/"+id+"/payments", `{"amount":{"amount":2,"currency":"EUR"}}`)
		case 5:
			after, _ = s.made(owner, "/api/v2/invoices/"+id+"/void", `{"reason":"wrong"}`)
		}
	}
	for query, want := range map[string][]string{
		"":                         {"not_due 1 [{100 EUR}]", "1-30 2 [{100 EUR} {101 USD}]", "31-60 1 [{103 USD}]", "61-90 1 [{104 EUR}]", "total 5 [{304 EUR} {204 USD}]"},
		"?on=" + day(1):            {"1-30 2 [{100 EUR} {101 USD}]", "31-60 2 [{100 EUR} {103 USD}]", "90+ 1 [{104 EUR}]", "total 5 [{304 EUR} {204 USD}]"},
		"?at=" + then:              {"not_due 1 [{100 EUR}]", "1-30 1 [{101 USD}]", "total 2 [{100 EUR} {101 USD}]"},
		"?on=" + day(-200):         nil,
		"?tenantId=" + tenant:      {"not_due 1 [{100 EUR}]", "1-30 2 [{100 EUR} {101 USD}]", "31-60 1 [{103 USD}]", "61-90 1 [{104 EUR}]", "total 5 [{304 EUR} {204 USD}]"},
		"?at=2020-01-01T00:00:00Z": nil,
	} {
		if got := agesOf(s.get(owner, "/api/v2/reports/aging"+query, after)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	books := s.staff(user.RoleAccountant)
	all := agesOf(s.get(books, "/api/v2/reports/aging", after))
	if got := all[len(all)-1]; got != "total 7 [{2306 EUR} {204 USD}]" {
		t.Errorf("of all tenants: %q", all)
	}
	if got := agesOf(s.get(books, "/api/v2/reports/aging?tenantId="+tenant, after)); len(got) != 5 {
		t.Errorf("narrowed: %q", got)
	}
	var stats struct {
		Stats map[string]struct {
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	_ = json.Unmarshal(s.get(books, "/api/portals/accountant/stats?tenantId="+tenant, after).Body.Bytes(), &stats)
	if got := string(stats.Stats["receivables"].Value); got != `[{"amount":304,"currency":"EUR"},{"amount":204,"currency":"USD"}]` {
		t.Errorf("the figure: %s", got)
	}
	lines := s.get(owner, "/api/v2/reports/aging?on="+day(1), after, "Accept", "text/csv")
	if got, want := lines.Body.String(), fmt.Sprintf("on,bucket,amount,currency\n%[1]s,1-30,100,EUR\n%[1]s,1-30,101,USD\n%[1]s,31-60,100,EUR\n%[1]s,31-60,103,USD\n%[1]s,90+,104,EUR\n%[1]s,total,304,EUR\n%[1]s,total,204,USD\n", day(1)); got != want {
		t.Errorf("as CSV: %s", got)
	}
	for query, status := range map[string]int{"?on=soon": 422, "?from=2026-01-01": 422, "?at=2199-01-01T00:00:00Z": 422, "?tenantId=" + tenant: 404} {
		if w := s.do("GET", "/api/v2/reports/aging"+query, call{cookie: other}); w.Code != status {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	s.want(s.do("GET", "/api/v2/reports/aging", call{cookie: s.provider}), http.StatusForbidden, "forbidden")
}

// TestAnInvoiceIsDisputedAndItsHistoryTold: what the payer says is kept, the list finds it, and staff sees whose it is.
func TestAnInvoiceIsDisputedAndItsHistoryTold(t *testing.T) {
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	other, _ := s.tenant("rival")
	at := s.draft(owner, "globex")
	for range 2 { // the second changes nothing
		s.want(s.do("POST", at+"/dispute", call{cookie: owner, key: "", body: `{"reason":"never ordered"}`}), http.StatusOK, "")
	}
	disputed := s.do("POST", at+"/issue", call{cookie: owner})
	s.want(disputed, http.StatusOK, "")
	after := disputed.Header().Get("StreamFlow-Cursor")
	books := s.staff(user.RoleAccountant)
	list := s.get(books, "/api/v2/invoices?disputed=true", after)
	if got := [3]any{column(list, "disputeReason")[0], column(list, "tenantName")[0], column(list, "tenantId")[0]}; got != [3]any{"never ordered", "acme", tenant} {
		t.Errorf("staff see %v", got)
	}
	if got := column(s.get(owner, "/api/v2/invoices", after), "tenantName"); got[0] != "<nil>" {
		t.Errorf("a tenant is told its own name: %v", got)
	}
	done := s.do("POST", at+"/resolve-dispute", call{cookie: books, header: map[string]string{"StreamFlow-Tenant": tenant}, body: `{"resolution":"it was"}`})
	s.want(done, http.StatusOK, "")
	if m := members(done); m["disputed"] != false {
		t.Errorf("resolved as %v", m)
	}
	for _, of := range []string{at + "/history", at + "/history?tenantId=" + tenant} {
		if got := column(s.get(owner, of, ""), "type"); !slices.Equal(got, []string{"invoice.dispute_resolved", "invoice.issued", "invoice.disputed", "invoice.created"}) {
			t.Errorf("%s: %v", of, got)
		}
	}
	s.want(s.do("GET", at+"/history", call{cookie: other}), http.StatusNotFound, "not_found")
	s.want(s.do("POST", at+"/dispute", call{cookie: other, body: `{}`}), http.StatusNotFound, "not_found")
	s.want(s.do("POST", at+"/void", call{cookie: owner, body: `{"reason":"x"}`}), http.StatusOK, "")
	s.want(s.do("POST", at+"/dispute", call{cookie: owner, body: `{}`}), http.StatusConflict, "invalid_transition")
}

func TestOrganizationsByTheirIDs(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	other, _ := s.tenant("rival")
	var ids []string
	var after string
	for _, name := range []string{"A", "B", "C"} {
		var id string
		after, id = s.made(owner, "/api/v2/organizations", `{"name":"`+name+`"}`)
		ids = append(ids, id)
	}
	_, theirs := s.made(other, "/api/v2/organizations", `{"name":"D"}`)
	if got := column(s.get(owner, "/api/v2/organizations?sort=name&ids="+ids[2]+","+theirs+","+ids[0], after), "name"); !slices.Equal(got, []string{"A", "C"}) {
		t.Errorf("got %v", got)
	}
	for _, wrong := range []string{"", "x", ids[0] + ",", ids[0] + "%3B" + ids[1]} {
		s.want(s.do("GET", "/api/v2/organizations?ids="+wrong, call{cookie: owner}), http.StatusUnprocessableEntity, "validation_failed")
	}
}
