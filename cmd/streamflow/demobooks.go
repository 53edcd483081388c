package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// demoAccountant keeps the demo tenant's books.
var demoAccountant = account{Portal: user.PortalAccountant, Email: "accountant@northwind.example", Password: "demo-northwind"}

var demoClients = []string{"Blue Yonder Airlines", "Contoso Pharmaceuticals", "Fabrikam Fibre", "Litware Printing"}

// demoInvoice is an invoice that was issued so many days ago, and what became of it.
type demoInvoice struct {
	client    int
	issued    int // days ago; below 0 it is a draft
	due       int // days after its issue; 0 leaves it open
	currency  string
	line      string
	unit      int64 // minor units of ten of it
	paid      int64 // percent of the total
	credited  int64 // minor units
	disputed  string
	void      string
	reference string
}

var demoInvoices = []demoInvoice{
	{client: 0, issued: 128, due: 30, currency: "USD", line: "Cold storage, third quarter", unit: 120_000, reference: "PO-4711"},
	{client: 1, issued: 104, due: 30, currency: "EUR", line: "Reefer containers", unit: 84_500, paid: 100},
	{client: 2, issued: 96, due: 14, currency: "USD", line: "Pallets", unit: 3_250, paid: 40, reference: "PO-4720"},
	{client: 3, issued: 71, due: 30, currency: "EUR", line: "Freight to Rotterdam", unit: 45_990, disputed: "Two pallets came wet."},
	{client: 0, issued: 58, due: 30, currency: "USD", line: "Spices, assorted", unit: 19_999, paid: 100},
	{client: 1, issued: 44, due: 30, currency: "USD", line: "Insulated boxes", unit: 8_450},
	{client: 2, issued: 39, due: 30, currency: "EUR", line: "Consulting", unit: 110_000, paid: 50},
	{client: 3, issued: 33, due: 14, currency: "USD", line: "Labels", unit: 990, void: "Sent to the wrong address"},
	{client: 0, issued: 21, due: 30, currency: "USD", line: "Customs papers", unit: 15_000, credited: 30_000},
	{client: 1, issued: 12, due: 30, currency: "JPY", line: "Tea, first flush", unit: 4_800},
	{client: 2, issued: 6, due: 30, currency: "USD", line: "Forklift rental", unit: 22_500, paid: 100},
	{client: 3, issued: 1, due: 30, currency: "EUR", line: "Freight to Genoa", unit: 51_250},
	{client: 0, issued: -1, currency: "USD", line: "Cold storage, fourth quarter", unit: 126_000, reference: "PO-4802"},
	{client: 2, issued: -1, currency: "EUR", line: "Shelving", unit: 27_400},
}

// books writes the demo tenant's invoices.
type books struct {
	use    *commands.Commands
	tenant uuid.UUID
	today  domain.Date
}

func (b books) caller(key string) commands.Caller { return asDemo(b.tenant, key) }

// loadBooks loads invoices of every state and age, and who keeps them.
func loadBooks(ctx context.Context, use *commands.Commands, tenant uuid.UUID) error {
	b := books{use, tenant, domain.DateOf(time.Now())}
	if _, err := use.UserByEmail(ctx, demoAccountant.Email); err == nil {
		return nil // its account comes last: all of it is there
	}
	clients := make([]string, len(demoClients))
	for i, name := range demoClients {
		out, err := use.CreateOrganization(ctx, b.caller("client "+name), organization.Create{Details: organization.Details{Name: name}})
		if err := refused(out, err); err != nil {
			return fmt.Errorf("client %s: %w", name, err)
		}
		if clients[i], err = commands.MadeBy(out); err != nil {
			return err
		}
	}
	for i, d := range demoInvoices {
		if err := b.write(ctx, fmt.Sprintf("invoice %d", i), clients[d.client], d); err != nil {
			return fmt.Errorf("invoice over %s: %w", d.line, err)
		}
	}
	hash, err := password.New().Hash(ctx, demoAccountant.Password)
	if err != nil {
		return err
	}
	return refused(use.CreateUser(ctx, asSystem("demo accountant"), commands.CreateUser{PasswordHash: hash,
		Create: user.Create{Email: demoAccountant.Email, Name: "Laura Callahan", Role: user.RoleAccountant, TenantID: tenant.String()}}))
}

func (b books) write(ctx context.Context, key, client string, d demoInvoice) error {
	var due domain.Date
	if d.due != 0 {
		due = b.today.AddDays(d.due - d.issued)
	}
	made, err := b.use.CreateInvoice(ctx, b.caller(key), invoice.Create{Details: invoice.Details{
		OrganizationID: client, Currency: d.currency, Reference: d.reference, DueDate: due,
		Lines: []invoice.Line{{Description: d.line, Quantity: money.Int(10), UnitAmount: d.unit, TaxRatePercent: money.Int(19)},
			{Description: "Handling", Quantity: money.Int(1), UnitAmount: 2_500, TaxRatePercent: money.Int(7)}}}})
	if err := refused(made, err); err != nil {
		return err
	}
	id, err := commands.MadeBy(made)
	if err != nil || d.issued < 0 {
		return err
	}
	on := b.today.AddDays(-d.issued)
	if err := refused(b.use.IssueInvoice(ctx, b.caller(key+" issue"), id, invoice.Issue{IssueDate: on})); err != nil {
		return err
	}
	return b.follow(ctx, key, id, on, d)
}

// follow does what became of an invoice after its issue.
func (b books) follow(ctx context.Context, key, id string, on domain.Date, d demoInvoice) error {
	record, err := b.use.Invoice(ctx, b.tenant, id, 0)
	if err != nil {
		return err
	}
	var out eventstore.Outcome
	switch {
	case d.paid > 0:
		share, err := money.Percent(record.State.Total.Amount, money.Int(int(d.paid)))
		if err != nil {
			return err
		}
		return refused(b.use.PayInvoice(ctx, b.caller(key+" pay"), id, invoice.Pay{Amount: money.Of(share, d.currency), PaidOn: on.AddDays(d.issued / 2), Method: "Bank transfer"}))
	case d.credited > 0:
		out, err = b.use.CreditInvoice(ctx, b.caller(key+" credit"), id, invoice.Credit{Amount: money.Of(d.credited, d.currency), Reason: "Late delivery"})
	case d.disputed != "":
		out, err = b.use.DisputeInvoice(ctx, b.caller(key+" dispute"), id, invoice.Dispute{Reason: d.disputed})
	case d.void != "":
		out, err = b.use.VoidInvoice(ctx, b.caller(key+" void"), id, invoice.Void{Reason: d.void})
	}
	return refused(out, err)
}
