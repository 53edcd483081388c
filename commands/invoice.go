package commands

import (
	"context"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/series"
	"github.com/streamflow/streamflow/eventstore"
)

var errDuplicateOrganization = domain.Refuse(domain.Conflict, "duplicate_organization", "Another organization has this name.")

// CreateOrganization makes a company known; its name is unique in the tenant, ignoring case.
func (c *Commands) CreateOrganization(ctx context.Context, by Caller, command organization.Create) (eventstore.Outcome, error) {
	command.CreatedOn = command.CreatedOn.Or(c.today())
	return c.update(ctx, by, nil, func(_ context.Context, d *eventstore.Decision) error {
		id := newID()
		d.Answer(Made{id})
		stream := organization.Stream(id)
		if holder, held := d.Take(eventstore.Stream(stream), organizationClaim(command.Name)); held {
			return errDuplicateOrganization.With("existingId", holder.ID())
		}
		return create(d, stream, command)
	})
}

// CreateInvoice writes a draft for an organization that the tenant has.
func (c *Commands) CreateInvoice(ctx context.Context, by Caller, command invoice.Create) (eventstore.Outcome, error) {
	command.Today = c.today()
	return c.update(ctx, by, nil, func(ctx context.Context, d *eventstore.Decision) error {
		id := newID()
		d.Answer(Made{id})
		command := command.Normalize()
		if err := command.Validate(); err != nil {
			return err
		}
		if err := linked(ctx, d, link{"organizationId", command.OrganizationID, organization.Stream}); err != nil {
			return err
		}
		return create(d, invoice.Stream(id), command)
	})
}

// UpdateInvoice edits a draft.
func (c *Commands) UpdateInvoice(ctx context.Context, by Caller, id string, command invoice.Update) (eventstore.Outcome, error) {
	command.Today = c.today()
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(invoice.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[invoice.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		if err := linked(ctx, d, link{"organizationId", command.Values.OrganizationID, organization.Stream}); err != nil {
			return err
		}
		return apply(d, at, state, command)
	})
}

// CreditInvoice takes part of an issued invoice back by a credit note, under the next number of their own series.
func (c *Commands) CreditInvoice(ctx context.Context, by Caller, id string, command invoice.Credit) (eventstore.Outcome, error) {
	at, numbers := eventstore.Stream(invoice.Stream(id)), eventstore.Stream(series.Stream(series.CreditNotes))
	command.CreditID, command.Today = newID(), c.today()
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	return c.update(ctx, by, []eventstore.Stream{at, numbers}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[invoice.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		last, _, err := eventstore.State[series.State](ctx, d, numbers)
		if err != nil {
			return err
		}
		command := command
		command.Number = last.Last + 1
		if err := apply(d, at, state, command); err != nil {
			return err
		}
		return apply(d, numbers, last, series.Take{DocumentID: command.CreditID})
	})
}

// IssueInvoice gives a draft the next number, in the append that issues it. Issuers of one tenant queue for the series.
func (c *Commands) IssueInvoice(ctx context.Context, by Caller, id string, command invoice.Issue) (eventstore.Outcome, error) {
	at, numbers := eventstore.Stream(invoice.Stream(id)), eventstore.Stream(series.Stream(series.Invoices))
	command.Today = c.today()
	return c.update(ctx, by, []eventstore.Stream{at, numbers}, func(ctx context.Context, d *eventstore.Decision) error {
		if err := command.Validate(); err != nil {
			return err
		}
		state, err := existing[invoice.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		// The invoice says first whether there is anything to issue; only then is the series of all numbers read.
		command.Number = 1
		if events, err := command.Decide(state); err != nil || len(events) == 0 {
			return err
		}
		last, _, err := eventstore.State[series.State](ctx, d, numbers)
		if err != nil {
			return err
		}
		command.Number = last.Last + 1
		if err := apply(d, numbers, last, series.Take{DocumentID: id}); err != nil {
			return err
		}
		return apply(d, at, state, command)
	})
}

// PayInvoice books money that came in.
func (c *Commands) PayInvoice(ctx context.Context, by Caller, id string, command invoice.Pay) (eventstore.Outcome, error) {
	command.PaymentID, command.Today = newID(), c.today()
	return act[invoice.Pay, invoice.State, invoice.Event](ctx, c, by, invoice.Stream(id), command)
}

// VoidInvoice takes an issued invoice back; its number stays.
func (c *Commands) VoidInvoice(ctx context.Context, by Caller, id string, command invoice.Void) (eventstore.Outcome, error) {
	command.Today = c.today()
	return act[invoice.Void, invoice.State, invoice.Event](ctx, c, by, invoice.Stream(id), command)
}

// DisputeInvoice marks an invoice as disputed by who owes it.
func (c *Commands) DisputeInvoice(ctx context.Context, by Caller, id string, command invoice.Dispute) (eventstore.Outcome, error) {
	return act[invoice.Dispute, invoice.State, invoice.Event](ctx, c, by, invoice.Stream(id), command)
}

// ResolveInvoiceDispute says that the payer no longer contests an invoice.
func (c *Commands) ResolveInvoiceDispute(ctx context.Context, by Caller, id string, command invoice.ResolveDispute) (eventstore.Outcome, error) {
	return act[invoice.ResolveDispute, invoice.State, invoice.Event](ctx, c, by, invoice.Stream(id), command)
}

// Invoice is an invoice as of a position; 0 means now.
func (c *Commands) Invoice(ctx context.Context, in uuid.UUID, id string, until int64) (Record[invoice.State], error) {
	return read[invoice.State](ctx, c.Log, in, invoice.Stream(id), until)
}
