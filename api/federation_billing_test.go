package api_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

const bothInvoices = `"invoices:write","invoices:read"`

// bill is the body of an invoice with one line for a lead, at 19 % tax.
func bill(tenant, reference, quantity, lead string) string {
	return `{"tenantId":"` + tenant + `","reference":"` + reference + `","currency":"EUR","period":{"start":"2026-01-01","end":"2026-01-31"},` +
		`"lines":[{"description":"Leads","quantity":` + quantity + `,"unitAmount":1001,"taxRatePercent":19,"leadId":"` + lead + `"},` +
		`{"description":"Seat","quantity":1,"unitAmount":500,"taxRatePercent":0}]}`
}

func TestFederatedInvoice(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("ours")
	_, foreign := s.tenant("theirs")
	_, key := s.partner(in, bothInvoices)
	made := s.do("POST", "/api/v2/leads", call{cookie: owner, body: `{"name":"Ann","email":"ann@example.com"}`})
	s.want(made, 201, "")
	sold := text(made, "id")
	const post = "/api/federation/billing/invoice"

	first := s.sign(key, "POST", post, call{key: "one", body: bill(in, "R-1", "2.50", sold)})
	s.want(first, 201, "")
	id := text(first, "invoiceId")
	// 2.5 × 10.01 is 25.03, half up; 19 % of it 4.76.
	want := `{"invoiceId":"` + id + `","number":1,"status":"issued","total":{"amount":3479,"currency":"EUR"},"taxTotal":{"amount":476,"currency":"EUR"},"currency":"EUR"}`
	if got := strings.TrimSpace(first.Body.String()); got != want || first.Header().Get("Location") != "/api/federation/invoices/"+id {
		t.Errorf("billed: %s %s, want %s", first.Header(), got, want)
	}
	again := s.sign(key, "POST", post, call{key: "one", body: bill(in, "R-1", "2.50", sold)})
	if again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeated: %d %s", again.Code, again.Body)
	}
	same := s.sign(key, "POST", post, call{body: bill(in, "R-1", "2.5", sold)})
	if same.Code != 200 || same.Body.String() != first.Body.String() {
		t.Errorf("the same reference and content: %d %s", same.Code, same.Body)
	}
	for name, c := range map[string]struct {
		body, code string
		status     int
		existing   string
	}{
		"other content":    {bill(in, "R-1", "3", sold), "duplicate_reference", 409, id},
		"billed lead":      {bill(in, "R-2", "1", sold), "lead_already_billed", 409, id},
		"unknown lead":     {bill(in, "R-3", "1", uuid.NewString()), "validation_failed", 422, ""},
		"foreign tenant":   {bill(foreign, "R-4", "1", sold), "tenant_not_allowed", 403, ""},
		"no reference":     {bill(in, "", "1", sold), "validation_failed", 422, ""},
		"an organization":  {strings.Replace(bill(in, "R-5", "1", sold), `{`, `{"organizationId":"`+in+`",`, 1), "validation_failed", 422, ""},
		"half a period":    {strings.Replace(bill(in, "R-6", "1", sold), `"start":"2026-01-01",`, "", 1), "validation_failed", 422, ""},
		"too many decimal": {bill(in, "R-7", "1.1234567", sold), "validation_failed", 422, ""},
	} {
		w := s.sign(key, "POST", post, call{body: c.body})
		if s.want(w, c.status, c.code); text(w, "existingId") != c.existing {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
	s.readsInvoice(t, in, id)
}

// readsInvoice looks at an invoice as the partner that reported it, through a key of its own, and as a stranger.
func (s *site) readsInvoice(t *testing.T, in, id string) {
	t.Helper()
	_, key := s.partner(in, bothInvoices)
	w := s.sign(key, "POST", "/api/federation/billing/invoice", call{body: billWithoutLead(in, "R-1")})
	s.want(w, 201, "")
	if text(w, "invoiceId") == id || !strings.Contains(w.Body.String(), `"number":2,`) {
		t.Errorf("another partner's reference: %s", w.Body)
	}
	own := text(w, "invoiceId")
	shown := s.sign(key, "GET", "/api/federation/invoices/"+own, call{})
	s.want(shown, 200, "")
	if text(shown, "invoiceId") != own || text(shown, "reference") != "R-1" || text(shown, "tenantId") != in || text(shown, "status") != "issued" {
		t.Errorf("shown: %s", shown.Body)
	}
	s.want(s.sign(key, "GET", "/api/federation/invoices/"+id, call{}), 404, "not_found")
	s.want(s.sign(key, "GET", "/api/federation/invoices/1", call{}), 404, "not_found")
	found := s.sign(key, "GET", "/api/federation/invoices?reference=R-1", call{})
	if found.Code != 200 || !strings.Contains(found.Body.String(), own) || strings.Contains(found.Body.String(), id) {
		t.Errorf("by reference: %d %s", found.Code, found.Body)
	}
	if none := s.sign(key, "GET", "/api/federation/invoices?reference=R-9", call{}); none.Code != 200 || !strings.Contains(none.Body.String(), `"items":[]`) {
		t.Errorf("by a reference of nothing: %d %s", none.Code, none.Body)
	}
	s.want(s.sign(key, "GET", "/api/federation/invoices", call{}), 422, "validation_failed")
	_, writer := s.partner(in, `"invoices:write"`)
	s.want(s.sign(writer, "GET", "/api/federation/invoices/"+own, call{}), 403, "scope_missing")
	bulk := s.sign(key, "POST", "/api/federation/commands", call{
		body:   `{"command":"invoice","key":"k","body":` + billWithoutLead(in, "R-1") + `}`,
		header: map[string]string{"Content-Type": "application/x-ndjson"},
	})
	if got := strings.TrimSpace(bulk.Body.String()); got != `{"line":1,"status":200,"id":"`+own+`"}` {
		t.Errorf("as a line: %s", got)
	}
}
