package api_test

import (
	"strings"
	"testing"

	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// Staff that does not say in whose books it writes is told to; nor is it in the platform's own then.
func TestStaffNamesTheBooksThatItWritesIn(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("acme")
	books := s.staff(user.RoleAccountant)
	draft := s.draft(owner, "globex")
	_, key := s.partner(in, `"invoices:write"`)
	billed := s.sign(key, "POST", "/api/federation/billing/invoice", call{body: billWithoutLead(in, "R-1")})
	s.want(billed, 201, "")
	ours := "/api/v2/invoices/" + text(billed, "invoiceId")
	org := text(s.do("GET", draft, call{cookie: owner}), "organizationId")
	order := `{"organizationId":"` + org + `","currency":"USD","lines":[{"description":"x","quantity":1,"unitAmount":1,"taxRatePercent":0}]}`
	pay, credit := `{"amount":{"amount":1,"currency":"EUR"}}`, `{"amount":{"amount":1,"currency":"EUR"},"reason":"x"}`
	head := s.head()
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/api/v2/invoices", order}, {"PATCH", draft, `{"reference":"mine"}`}, {"POST", draft + "/issue", `{}`},
		{"POST", ours + "/payments", pay}, {"POST", ours + "/credit", credit}, {"POST", ours + "/dispute", `{}`}, {"POST", ours + "/resolve-dispute", `{}`}, {"POST", ours + "/void", `{"reason":"x"}`},
	} {
		w := s.do(c.method, c.path, call{cookie: books, body: c.body})
		if s.want(w, 422, "validation_failed"); !strings.Contains(w.Body.String(), `"field":"StreamFlow-Tenant"`) {
			t.Errorf("%s %s: %s", c.method, c.path, w.Body)
		}
	}
	if s.head() != head {
		t.Errorf("%d events were written", s.head()-head)
	}
	s.want(s.do("POST", "/api/v2/invoices", call{cookie: books, body: order, header: map[string]string{"StreamFlow-Tenant": in}}), 201, "")
	paid := s.do("POST", ours+"/payments", call{cookie: books, body: pay, header: map[string]string{"StreamFlow-Tenant": eventstore.ProviderSpace.String()}})
	if s.want(paid, 200, ""); text(paid, "status") != "partly_paid" {
		t.Errorf("the platform's own, named: %s", paid.Body)
	}
}
