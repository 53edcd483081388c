package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

// recordRoutes lists the routes of the records that leads become, and of escalations.
func (s *server) recordRoutes() []route {
	return []route{
		{on: "POST /api/v2/organizations", id: "createOrganization", summary: "Makes a company known", takes: organization.Details{Name: "Acme"},
			gives: replies{201: commands.Record[organization.State]{}}, codes: []problem.Code{problem.DuplicateOrganization}, frame: s.command(sellers, s.createOrganization)},
		{on: "GET /api/v2/organizations/{id}", id: "getOrganization", summary: "Shows an organization", query: ofRecord,
			gives: replies{200: found[organization.State]{}}, frame: record(s, organization.Category, s.Commands.Organization)},
		{on: "GET /api/v2/contacts/{id}", id: "getContact", summary: "Shows a contact", query: ofRecord,
			gives: replies{200: found[contact.State]{}}, frame: record(s, contact.Category, s.Commands.Contact)},
		{on: "GET /api/v2/opportunities/{id}", id: "getOpportunity", summary: "Shows an opportunity", query: ofRecord,
			gives: replies{200: found[opportunity.State]{}}, frame: record(s, opportunity.Category, s.Commands.Opportunity)},
		{on: "GET /api/v2/escalations/{id}", id: "getEscalation", summary: "Shows an escalation", query: ofRecord,
			gives: replies{200: found[escalation.State]{}}, frame: record(s, escalation.Category, s.Commands.Escalation)},
	}
}

// invoiceRoutes lists the routes of a tenant's own invoices.
func (s *server) invoiceRoutes() []route {
	writes := func(run func(request) (answer, error)) frame { return s.command(billers, inOneTenant(run)) }
	shown := commands.Record[invoice.State]{}
	return []route{
		{on: "POST /api/v2/invoices", id: "createInvoice", summary: "Drafts an invoice", gives: replies{201: shown},
			takes: newInvoice{Details: invoice.Details{OrganizationID: "0198c0de-0000-7000-8000-000000000001", Currency: "USD", DueDate: "2026-02-01",
				Lines: []invoice.Line{{Description: "Work", Quantity: money.Int(2), UnitAmount: 10_000, TaxRatePercent: money.Int(19)}}}},
			frame: writes(s.createInvoice)},
		{on: "GET /api/v2/invoices/{id}", id: "getInvoice", summary: "Shows an invoice", query: ofRecord, gives: replies{200: found[invoice.State]{}},
			frame: record(s, invoice.Category, s.Commands.Invoice)},
		s.historyRoute("invoices", "invoice", invoice.Stream),
		{on: "PATCH /api/v2/invoices/{id}", id: "updateInvoice", summary: "Changes the given fields of a draft", takes: domain.Patch[invoice.Details]{},
			gives: replies{200: shown}, codes: transition, frame: writes(s.updateInvoice)},
		{on: "POST /api/v2/invoices/{id}/credit", id: "creditInvoice", summary: "Takes part of an issued invoice back, by lines or by an amount", takes: invoice.Credit{},
			gives: replies{200: shown}, codes: transition, frame: writes(action(s.Commands.CreditInvoice, s.Commands.Invoice))},
		{on: "POST /api/v2/invoices/{id}/dispute", id: "disputeInvoice", summary: "Says that the payer contests the invoice", takes: invoice.Dispute{}, gives: replies{200: shown},
			codes: transition, frame: writes(action(s.Commands.DisputeInvoice, s.Commands.Invoice))},
		{on: "POST /api/v2/invoices/{id}/issue", id: "issueInvoice", summary: "Issues a draft under the next number", takes: invoice.Issue{}, gives: replies{200: shown},
			codes: transition, frame: writes(action(s.Commands.IssueInvoice, s.Commands.Invoice))},
		{on: "POST /api/v2/invoices/{id}/payments", id: "payInvoice", summary: "Records money that was received", takes: invoice.Pay{}, gives: replies{200: shown},
			codes: transition, frame: writes(action(s.Commands.PayInvoice, s.Commands.Invoice))},
		{on: "POST /api/v2/invoices/{id}/resolve-dispute", id: "resolveInvoiceDispute", summary: "Says that the payer no longer contests the invoice", takes: invoice.ResolveDispute{},
			gives: replies{200: shown}, frame: writes(action(s.Commands.ResolveInvoiceDispute, s.Commands.Invoice))},
		{on: "POST /api/v2/invoices/{id}/void", id: "voidInvoice", summary: "Takes an invoice back that nobody paid", takes: invoice.Void{}, gives: replies{200: shown},
			codes: transition, frame: writes(action(s.Commands.VoidInvoice, s.Commands.Invoice))},
	}
}

// newInvoice is a draft.
type newInvoice struct {
	invoice.Details
	Disputed bool `json:"disputed,omitempty"`
}

func (s *server) createOrganization(q request) (answer, error) {
	var body organization.Details
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateOrganization(q.Context(), q.caller, organization.Create{Details: body})
	return created(q, out, err, "/api/v2/organizations/", s.Commands.Organization)
}

func (s *server) createInvoice(q request) (answer, error) {
	var body newInvoice
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateInvoice(q.Context(), q.caller, invoice.Create{Details: body.Details, Disputed: body.Disputed})
	return created(q, out, err, "/api/v2/invoices/", s.Commands.Invoice)
}

// created renders the record that a command made.
func created[S any](q request, out eventstore.Outcome, err error, list string, read func(context.Context, uuid.UUID, string, int64) (commands.Record[S], error)) (answer, error) {
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return answer{}, err
	}
	record, err := read(q.Context(), q.tenant, id, out.Last())
	return answer{outcome: out, status: http.StatusCreated, location: list + id, version: record.Version, record: record}, err
}

// action decodes a command's body, runs it and answers the record as the command left it.
func action[C, S any](run func(context.Context, commands.Caller, string, C) (eventstore.Outcome, error),
	read func(context.Context, uuid.UUID, string, int64) (commands.Record[S], error),
) func(request) (answer, error) {
	return func(q request) (answer, error) {
		var body C
		if err := decode(q.Request, &body); err != nil {
			return answer{}, err
		}
		out, err := run(q.Context(), q.caller, q.id, body)
		return acted(q, out, err, read)
	}
}

// acted renders a record as a command left it.
func acted[S any](q request, out eventstore.Outcome, err error, read func(context.Context, uuid.UUID, string, int64) (commands.Record[S], error)) (answer, error) {
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	record, err := read(q.Context(), q.tenant, q.id, out.Last())
	return answer{outcome: out, status: http.StatusOK, version: record.Version, record: record}, err
}

func (s *server) updateInvoice(q request) (answer, error) {
	var command invoice.Update
	if err := decodePatch(q.Request, &command.Patch); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.UpdateInvoice(q.Context(), q.caller, q.id, command)
	return acted(q, out, err, s.Commands.Invoice)
}
