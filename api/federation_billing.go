package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
)

// newBill is what a partner reports for the platform to bill.
type newBill struct {
	TenantID  string         `json:"tenantId"`
	Reference string         `json:"reference"`
	Currency  string         `json:"currency"`
	DueDate   domain.Date    `json:"dueDate,omitzero"`
	Period    invoice.Period `json:"period,omitzero"`
	Lines     []invoice.Line `json:"lines"`
}

// federatedBillingRoutes lists the routes by which partners bill tenants for the platform.
func (s *server) federatedBillingRoutes() []route {
	return []route{
		{on: "POST /api/federation/billing/invoice", id: "federateInvoice", summary: "Bills a tenant for the platform",
			takes: newBill{TenantID: "0198c0de-0000-7000-8000-000000000001", Reference: "2026-01", Currency: "EUR",
				Lines: []invoice.Line{{Description: "Lead", Quantity: money.Int(1), UnitAmount: 500, TaxRatePercent: money.Int(19)}}},
			gives: replies{201: billed{}, 200: billed{}}, codes: []problem.Code{problem.DuplicateReference, problem.LeadAlreadyBilled},
			frame: s.ordered(scopeWriteInvoices, s.federateInvoice)},
		{on: "GET /api/federation/invoices", id: "findFederatedInvoices", summary: "Lists what was made of a reference: at most one invoice",
			query: []parameter{textParameter("reference", "the reference that the partner gave")}, gives: replies{200: page[invoiceShown]{}},
			frame: s.signed(scopeReadInvoices, s.findInvoice)},
		{on: "GET /api/federation/invoices/{id}", id: "getFederatedInvoice", summary: "Shows an invoice that the partner reported",
			gives: replies{200: invoiceShown{}}, codes: []problem.Code{problem.NotFound}, frame: s.signed(scopeReadInvoices, s.federatedInvoice)},
	}
}

// billed is what a partner is told about an invoice that it reported.
type billed struct {
	InvoiceID string       `json:"invoiceId"`
	Number    int64        `json:"number"`
	Status    string       `json:"status"`
	Total     money.Amount `json:"total"`
	TaxTotal  money.Amount `json:"taxTotal"`
	Currency  string       `json:"currency"`
}

// invoiceShown is one of the platform's invoices as the partner that reported it reads it.
type invoiceShown struct {
	InvoiceID string                         `json:"invoiceId"`
	TaxTotal  money.Amount                   `json:"taxTotal"`
	Record    commands.Record[invoice.State] `json:",embed"`
}

func showInvoice(record commands.Record[invoice.State]) invoiceShown {
	return invoiceShown{record.ID, record.State.Tax, record}
}

// federateInvoice bills a tenant for the platform.
func (s *server) federateInvoice(o order) (fulfilled, error) {
	var body newBill
	if p := guard.DecodeJSON(o.body, &body); p != nil {
		return fulfilled{}, p
	}
	in, err := s.allowedTenant(o.signedRequest, body.TenantID)
	if err != nil {
		return fulfilled{}, err
	}
	partner := o.signedRequest.key.Partner.ID
	out, err := s.Commands.BillTenant(o.Context(), o.caller(in), invoice.Create{
		Details:  invoice.Details{Currency: body.Currency, Reference: body.Reference, DueDate: body.DueDate, Lines: body.Lines},
		Platform: invoice.Platform{TenantID: in.String(), PartnerID: partner, Period: body.Period},
	})
	if err != nil || out.Verdict == eventstore.Refused {
		return fulfilled{answer: answer{outcome: out}}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return fulfilled{}, err
	}
	record, err := s.Commands.PlatformInvoice(o.Context(), id, partner, out.Last())
	state := record.State
	return fulfilled{answer{outcome: out, status: http.StatusCreated, location: "/api/federation/invoices/" + id, version: record.Version,
		record: billed{id, state.Number, state.Status, state.Total, state.Tax, state.Currency}}, id}, err
}

func (s *server) federatedInvoice(w http.ResponseWriter, q signedRequest) error {
	id := chi.URLParam(q.Request, "id")
	if !isID(id) {
		return commands.ErrNotFound // no record has an id of another form
	}
	record, err := s.Commands.PlatformInvoice(q.Context(), id, q.key.Partner.ID, 0)
	if err != nil {
		return err
	}
	if !q.actsFor(record.State.TenantID) {
		return commands.ErrNotFound
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, q.Request, http.StatusOK, showInvoice(record))
	return nil
}

// findInvoice lists what was made of a reference: at most one invoice.
func (s *server) findInvoice(w http.ResponseWriter, q signedRequest) error {
	reference := q.URL.Query().Get("reference")
	if reference == "" {
		return problem.Invalid(problem.FieldError{Field: "reference", Code: problem.FieldRequired, Message: "must be given"})
	}
	list := page[invoiceShown]{Items: []invoiceShown{}}
	record, err := s.Commands.PlatformInvoiceOf(q.Context(), reference, q.key.Partner.ID)
	switch {
	case err != nil && !errors.Is(err, commands.ErrNotFound):
		return err
	case err == nil && q.actsFor(record.State.TenantID):
		list.Items = append(list.Items, showInvoice(record))
	}
	s.write(w, q.Request, http.StatusOK, list)
	return nil
}

// actsFor says whether the partner is allowed for a tenant.
func (q signedRequest) actsFor(tenant string) bool {
	return slices.Contains(q.key.Partner.State.TenantIDs, tenant)
}
