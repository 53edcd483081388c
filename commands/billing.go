package commands

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/series"
	"github.com/streamflow/streamflow/eventstore"
)

// The refusals that cross invoices.
var (
	// errDuplicateReference: the partner billed something else under the same reference.
	errDuplicateReference = domain.Refuse(domain.Conflict, "duplicate_reference", "The reference was used before for an invoice with other content.")
	// errLeadBilled: a lead is billed once, ever, whoever bills it.
	errLeadBilled = domain.Refuse(domain.Conflict, "lead_already_billed", "The lead was billed before.")
)

// BillTenant issues one of the platform's own invoices, to the tenant that the command names, at once and under the next
// number. It lives in provider space, while the tenant's leads may be in another lane: that they exist is read before the
// decision, and holds for ever; that they were never billed is a claim in provider space, and so a condition of the append.
//
// The reference belongs to the partner: the same content again is the same invoice and changes nothing, other content is
// refused. The outcome names the invoice either way.
func (c *Commands) BillTenant(ctx context.Context, by Caller, command invoice.Create) (eventstore.Outcome, error) {
	by.Tenant, command.Today = eventstore.ProviderSpace, c.today()
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	owing, err := uuid.Parse(command.TenantID)
	if err != nil {
		return eventstore.Outcome{}, domain.Invalid{{Field: "tenantId", Code: "required", Message: "must name the tenant that owes"}}
	}
	numbers := eventstore.Stream(series.Stream(series.Invoices))
	return c.update(ctx, by, []eventstore.Stream{numbers}, func(ctx context.Context, d *eventstore.Decision) error {
		id := newID()
		at := eventstore.Stream(invoice.Stream(id))
		if holder, held := d.Take(at, referenceClaim(command.PartnerID, command.Reference)); held {
			return sameInvoice(ctx, d, holder, command)
		}
		if err := c.takeLeads(ctx, d, at, owing, command.Lines); err != nil {
			return err
		}
		d.Answer(Made{id})
		d.New(at)
		var draft invoice.State
		created, err := command.Decide(draft)
		if err != nil {
			return err
		}
		for _, e := range created {
			draft = e.Evolve(draft)
			d.Append(at, e)
		}
		last, _, err := eventstore.State[series.State](ctx, d, numbers)
		if err != nil {
			return err
		}
		if err := apply(d, numbers, last, series.Take{DocumentID: id}); err != nil {
			return err
		}
		return apply(d, at, draft, invoice.Issue{Number: last.Last + 1, Today: command.Today})
	})
}

// sameInvoice answers a reference that was used: with its invoice, if that is what the command would have made.
func sameInvoice(ctx context.Context, d *eventstore.Decision, holder eventstore.Stream, command invoice.Create) error {
	held, _, err := eventstore.State[invoice.State](ctx, d, holder)
	if err != nil {
		return err
	}
	if !command.Matches(held) {
		return errDuplicateReference.With("existingId", holder.ID())
	}
	d.Answer(Made{holder.ID()})
	return nil
}

// takeLeads claims each lead that the lines bill, for ever.
func (c *Commands) takeLeads(ctx context.Context, d *eventstore.Decision, at eventstore.Stream, owing uuid.UUID, lines []invoice.Line) error {
	var check domain.Check
	billed := map[string]bool{}
	for i, line := range lines {
		if line.LeadID == "" {
			continue
		}
		version, err := c.Log.StreamVersion(ctx, owing, eventstore.Stream(lead.Stream(line.LeadID)))
		if err != nil {
			return err
		}
		if version == 0 {
			check.Add(fmt.Sprintf("lines[%d].leadId", i), "unknown", "is no lead of this tenant")
		}
	}
	if err := check.Err(); err != nil {
		return err
	}
	for _, line := range lines {
		if line.LeadID == "" {
			continue
		}
		if billed[line.LeadID] {
			return errLeadBilled
		}
		billed[line.LeadID] = true
		claim := eventstore.Claim{Scope: "invoice.lead", Key: []byte(owing.String() + "\n" + line.LeadID)}
		if holder, held := d.Take(at, claim); held {
			return errLeadBilled.With("existingId", holder.ID())
		}
	}
	return nil
}

// referenceClaim makes a reference unique among what a partner bills.
func referenceClaim(partnerID, reference string) eventstore.Claim {
	return eventstore.Claim{Scope: "invoice.reference", Key: []byte(partnerID + "\n" + reference)}
}

// PlatformInvoice is one of the platform's invoices that a partner reported, or ErrNotFound. An invoice of another partner is
// not found either. until is a position of provider space's lane; 0 means now.
func (c *Commands) PlatformInvoice(ctx context.Context, id, partnerID string, until int64) (Record[invoice.State], error) {
	record, err := c.Invoice(ctx, eventstore.ProviderSpace, id, until)
	if err == nil && record.State.PartnerID != partnerID {
		return Record[invoice.State]{}, ErrNotFound
	}
	return record, err
}

// PlatformInvoiceOf is the invoice of a partner's reference, or ErrNotFound.
func (c *Commands) PlatformInvoiceOf(ctx context.Context, reference, partnerID string) (Record[invoice.State], error) {
	holder, err := c.Log.Holder(ctx, eventstore.ProviderSpace, referenceClaim(partnerID, domain.Line(reference)))
	if err != nil {
		return Record[invoice.State]{}, err
	}
	if holder == "" {
		return Record[invoice.State]{}, ErrNotFound
	}
	return c.PlatformInvoice(ctx, holder.ID(), partnerID, 0)
}
