package commands_test

import (
	"errors"
	"testing"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

// made wants a command accepted, and returns the id of what it made.
func made(t *testing.T, out eventstore.Outcome, err error) string {
	t.Helper()
	must(t, err)
	id, err := commands.MadeBy(out)
	must(t, err)
	return id
}

// ended wants a command to have ended in a verdict, refused with a code where it was.
func ended(t *testing.T, out eventstore.Outcome, err error, verdict eventstore.Verdict, code string) {
	t.Helper()
	if err != nil || out.Verdict != verdict || out.Code != code {
		t.Errorf("verdict %d %q, error %v; want %d %q", out.Verdict, out.Code, err, verdict, code)
	}
}

// An invoice's numbers have no gap, whatever was refused or asked twice, and what is open is what was not paid, credited or voided.
func TestAnInvoiceFromDraftToPaid(t *testing.T) {
	c, ctx := open(t), t.Context()
	out, err := c.CreateOrganization(ctx, by("user"), organization.Create{Details: organization.Details{Name: "Buyer Ltd"}})
	buyer := made(t, out, err)
	out, err = c.CreateOrganization(ctx, by("user"), organization.Create{Details: organization.Details{Name: "  buyer LTD "}})
	ended(t, out, err, eventstore.Refused, "duplicate_organization")

	draft := func() string {
		out, err := c.CreateInvoice(ctx, by("user"), invoice.Create{Details: invoice.Details{OrganizationID: buyer, Currency: "EUR",
			Lines: []invoice.Line{{Description: "Work", Quantity: money.Int(2), UnitAmount: 5000}}}})
		return made(t, out, err)
	}
	first, second, third := draft(), draft(), draft()
	out, err = c.UpdateInvoice(ctx, by("user"), second, invoice.Update{Patch: domain.Patch[invoice.Details]{
		Fields: []string{"reference"}, Values: invoice.Details{Reference: "R-2"}}})
	ended(t, out, err, eventstore.Accepted, "")
	out, err = c.PayInvoice(ctx, by("user"), first, invoice.Pay{Amount: money.Of(100, "EUR")})
	if must(t, err); out.Verdict != eventstore.Refused {
		t.Errorf("a draft was paid: %+v", out)
	}
	for _, id := range []string{first, second, first} { // the third time it is issued already
		_, err = c.IssueInvoice(ctx, by("user"), id, invoice.Issue{})
		must(t, err)
	}
	out, err = c.VoidInvoice(ctx, by("user"), second, invoice.Void{Reason: "mistaken"})
	ended(t, out, err, eventstore.Accepted, "")
	_, err = c.IssueInvoice(ctx, by("user"), third, invoice.Issue{})
	must(t, err)
	out, err = c.CreditInvoice(ctx, by("user"), first, invoice.Credit{Amount: money.Of(4000, "EUR"), Reason: "late"})
	ended(t, out, err, eventstore.Accepted, "")
	out, err = c.PayInvoice(ctx, by("user"), first, invoice.Pay{Amount: money.Of(6000, "EUR")})
	ended(t, out, err, eventstore.Accepted, "")
	for id, want := range map[string]struct {
		number int64
		status string
	}{first: {1, invoice.StatusPaid}, second: {2, invoice.StatusVoid}, third: {3, invoice.StatusIssued}} {
		record, err := c.Invoice(ctx, space, id, 0)
		must(t, err)
		if record.State.Number != want.number || record.State.Status != want.status {
			t.Errorf("invoice %d %s, want %+v", record.State.Number, record.State.Status, want)
		}
	}
}

// A lead's keys move with it: who holds one keeps it, and one that was let go can be taken. A version that the caller names holds.
func TestKeysMoveWithALead(t *testing.T) {
	c, ctx := open(t), t.Context()
	out, err := c.CreateLead(ctx, by("user"), lead.Create{Details: lead.Details{Name: "Ann", Email: "ann@example.com"}})
	ann := made(t, out, err)
	out, err = c.CreateLead(ctx, by("user"), lead.Create{Details: lead.Details{Name: "Ben", Email: "ben@example.com"}})
	ben := made(t, out, err)
	email := func(text string) lead.Update {
		return lead.Update{Patch: domain.Patch[lead.Details]{Fields: []string{"email"}, Values: lead.Details{Email: text}}}
	}
	out, err = c.UpdateLead(ctx, by("user"), ben, email("Ann@Example.com"))
	ended(t, out, err, eventstore.Refused, "duplicate_lead")
	if r, _ := commands.RefusalOf(out); r.Params["existingId"] != ann {
		t.Errorf("refused because of %v, want %s", r.Params, ann)
	}
	out, err = c.UpdateLead(ctx, by("user"), ann, email("ann@new.example"))
	ended(t, out, err, eventstore.Accepted, "")
	out, err = c.UpdateLead(ctx, by("user"), ben, email("ann@example.com"))
	ended(t, out, err, eventstore.Accepted, "")

	stale := by("user")
	stale.Version = 1
	if _, err = c.QualifyLead(ctx, stale, ann, lead.Qualify{}); !errors.Is(err, commands.ErrVersion) {
		t.Errorf("a version that passed: %v", err)
	}
	current := by("user")
	current.Version = 2
	for range 2 { // repeated, it is no conflict with itself
		out, err = c.QualifyLead(ctx, current, ann, lead.Qualify{})
		ended(t, out, err, eventstore.Accepted, "")
	}
	out, err = c.ContactLead(ctx, by("user"), ann, lead.Contact{})
	ended(t, out, err, eventstore.Refused, "invalid_transition")
}

// A sale links what the tenant has, and nothing else; a loss has a reason and can be taken back.
func TestASaleLinksWhatIsThere(t *testing.T) {
	c, ctx := open(t), t.Context()
	out, err := c.CreateContact(ctx, by("user"), contact.Create{Details: contact.Details{Name: "Cleo"}})
	cleo := made(t, out, err)
	var invalid domain.Invalid
	if _, err = c.CreateOpportunity(ctx, by("user"), opportunity.Create{Details: opportunity.Details{Title: "T", OrganizationID: cleo}}); !errors.As(err, &invalid) {
		t.Errorf("a contact's id passes for an organization's: %v", err)
	}
	out, err = c.CreateOpportunity(ctx, by("user"), opportunity.Create{Details: opportunity.Details{Title: "T", ContactID: cleo, Value: money.Of(900, "EUR")}})
	sale := made(t, out, err)
	out, err = c.MoveOpportunity(ctx, by("user"), sale, opportunity.Move{Stage: opportunity.Lost})
	ended(t, out, err, eventstore.Refused, "reason_required")
	out, err = c.MoveOpportunity(ctx, by("user"), sale, opportunity.Move{Stage: opportunity.Lost, Reason: "price"})
	ended(t, out, err, eventstore.Accepted, "")
	out, err = c.MoveOpportunity(ctx, by("user"), sale, opportunity.Move{Stage: opportunity.Won})
	if must(t, err); out.Verdict != eventstore.Refused {
		t.Errorf("a lost sale was won: %+v", out)
	}
	out, err = c.ReopenOpportunity(ctx, by("user"), sale, opportunity.Reopen{})
	ended(t, out, err, eventstore.Accepted, "")
}
