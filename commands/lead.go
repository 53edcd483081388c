package commands

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

// errDuplicateLead: another lead of the tenant holds the same e-mail address, phone number or external id.
var errDuplicateLead = domain.Refuse(domain.Conflict, "duplicate_lead", "Another lead has the same e-mail address, phone number or external id.")

// CreateLead takes a lead in, unless another one of the tenant has a key of it. CreatedOn is today when empty.
func (c *Commands) CreateLead(ctx context.Context, by Caller, command lead.Create) (eventstore.Outcome, error) {
	command.CreatedOn = command.CreatedOn.Or(c.today())
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	return c.update(ctx, by, nil, func(_ context.Context, d *eventstore.Decision) error {
		id := newID()
		at := eventstore.Stream(lead.Stream(id))
		for _, key := range command.Keys() {
			if holder, held := d.Take(at, c.leadClaim(by, key)); held {
				return DuplicateLead(holder.ID())
			}
		}
		made := command
		made.Subject = d.NewSubject().String()
		d.Answer(Made{ID: id})
		return create(d, string(at), made)
	})
}

// LeadsLike names, for each of some leads, one that has a key of it, because of which [Commands.CreateLead] would refuse it now; "" for
// one that is like no other.
func (c *Commands) LeadsLike(ctx context.Context, in uuid.UUID, details []lead.Details) ([]string, error) {
	var claims []eventstore.Claim
	var of []int
	for i, d := range details {
		for _, key := range d.Keys() {
			claims, of = append(claims, c.leadClaim(Caller{Tenant: in}, key)), append(of, i)
		}
	}
	holders, err := c.Log.Holders(ctx, in, claims)
	if err != nil {
		return nil, err
	}
	like := make([]string, len(details))
	for i, holder := range holders {
		if holder != "" && like[of[i]] == "" {
			like[of[i]] = holder.ID()
		}
	}
	return like, nil
}

// DuplicateLead is what a lead is refused with that is like another.
func DuplicateLead(existing string) *domain.Refusal {
	return errDuplicateLead.With("existingId", existing)
}

func (c *Commands) leadClaim(by Caller, key lead.Key) eventstore.Claim {
	claim := eventstore.Claim{Scope: "lead." + key.Kind, Key: []byte(key.Value)}
	if key.Personal {
		claim.Key = c.Log.ClaimKey(by.Tenant, claim.Scope+" "+key.Value)
	}
	return claim
}

// ContactLead says that somebody spoke to the lead. The day is today when empty, here and below.
func (c *Commands) ContactLead(ctx context.Context, by Caller, id string, command lead.Contact) (eventstore.Outcome, error) {
	command.On = command.On.Or(c.today())
	return act(ctx, c, by, lead.Stream(id), command)
}

// QualifyLead says that the lead is worth an offer.
func (c *Commands) QualifyLead(ctx context.Context, by Caller, id string, command lead.Qualify) (eventstore.Outcome, error) {
	command.On = command.On.Or(c.today())
	return act(ctx, c, by, lead.Stream(id), command)
}

// DisqualifyLead gives the lead up.
func (c *Commands) DisqualifyLead(ctx context.Context, by Caller, id string, command lead.Disqualify) (eventstore.Outcome, error) {
	command.On = command.On.Or(c.today())
	return act(ctx, c, by, lead.Stream(id), command)
}

// UpdateLead edits fields of the lead; its keys move with it.
func (c *Commands) UpdateLead(ctx context.Context, by Caller, id string, command lead.Update) (eventstore.Outcome, error) {
	command.On = command.On.Or(c.today())
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(lead.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[lead.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		after, _ := command.Apply(state.Details)
		if err := apply(d, at, state, command); err != nil {
			return err
		}
		return c.moveLeadKeys(d, by, at, state.Held(), after.Keys())
	})
}

// moveLeadKeys drops the claims on keys that a lead had and takes those on the keys it has now.
func (c *Commands) moveLeadKeys(d *eventstore.Decision, by Caller, at eventstore.Stream, before, after []lead.Key) error {
	had, has := map[lead.Key]bool{}, map[lead.Key]bool{}
	for _, key := range before {
		had[key] = true
	}
	for _, key := range after {
		has[key] = true
		if had[key] {
			continue
		}
		if holder, held := d.Take(at, c.leadClaim(by, key)); held {
			return DuplicateLead(holder.ID())
		}
	}
	for _, key := range before {
		if !has[key] {
			d.Drop(at, c.leadClaim(by, key))
		}
	}
	return nil
}

// ArchiveLead puts the lead away. Its keys are free from then on: another lead may have them.
func (c *Commands) ArchiveLead(ctx context.Context, by Caller, id string) (eventstore.Outcome, error) {
	return c.shelveLead(ctx, by, id, lead.Archive{}, true)
}

// RestoreLead brings an archived lead back, unless another one has a key of it by now.
func (c *Commands) RestoreLead(ctx context.Context, by Caller, id string) (eventstore.Outcome, error) {
	return c.shelveLead(ctx, by, id, lead.Restore{}, false)
}

// shelveLead archives or restores. A lead has its keys exactly while it is not archived.
func (c *Commands) shelveLead(ctx context.Context, by Caller, id string, command interface {
	Decide(s lead.State) ([]lead.Event, error)
}, archived bool) (eventstore.Outcome, error) {
	at := eventstore.Stream(lead.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[lead.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		if err := apply(d, at, state, command); err != nil {
			return err
		}
		after := state
		after.Archived = archived
		return c.moveLeadKeys(d, by, at, state.Held(), after.Held())
	})
}

// ConvertLead makes a customer of a lead: an organization if it has a company, reused by name, a contact if it has a
// person, and an opportunity, all in one append. Asked again it changes nothing; the lead holds the first result.
func (c *Commands) ConvertLead(ctx context.Context, by Caller, id string, on domain.Date) (eventstore.Outcome, error) {
	on = on.Or(c.today())
	at := eventstore.Stream(lead.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[lead.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		to := lead.Targets{OpportunityID: newID()}
		if state.Name != "" {
			to.ContactID = newID()
		}
		convert := lead.Convert{Targets: to, On: on}
		if err := convert.Validate(); err != nil {
			return err
		}
		// The lead says first whether there is anything to convert; only then are names claimed for it.
		if events, err := convert.Decide(state); err != nil || len(events) == 0 {
			return err
		}
		if state.Company != "" {
			if convert.OrganizationID, err = c.organizationFor(d, state, on); err != nil {
				return err
			}
		}
		if err := apply(d, at, state, convert); err != nil {
			return err
		}
		return followUp(d, id, state, convert.Targets, on)
	})
}

// organizationFor is the organization of that name, or a new one.
func (c *Commands) organizationFor(d *eventstore.Decision, from lead.State, on domain.Date) (string, error) {
	id := newID()
	stream := organization.Stream(id)
	if holder, held := d.Take(eventstore.Stream(stream), organizationClaim(from.Company)); held {
		return holder.ID(), nil
	}
	return id, create(d, stream, organization.Create{
		Details: organization.Details{Name: from.Company, OwnerID: from.OwnerID}, CreatedOn: on,
	})
}

// organizationClaim makes an organization's name unique in its tenant, ignoring case.
func organizationClaim(name string) eventstore.Claim {
	return eventstore.Claim{Scope: "organization.name", Key: []byte(strings.ToLower(domain.Line(name)))}
}

// followUp makes the contact and the opportunity of a conversion.
func followUp(d *eventstore.Decision, id string, from lead.State, to lead.Targets, on domain.Date) error {
	if to.ContactID != "" {
		err := create(d, contact.Stream(to.ContactID), contact.Create{
			Details: contact.Details{
				Name: from.Name, Email: from.Email, Phone: from.Phone, OrganizationID: to.OrganizationID, OwnerID: from.OwnerID,
			},
			Subject: from.Subject, LeadID: id, CreatedOn: on,
		})
		if err != nil {
			return err
		}
	}
	// The title is not encrypted, so it must not name the person.
	title := from.Company
	if title == "" {
		title = "Opportunity of " + string(on)
	}
	return create(d, opportunity.Stream(to.OpportunityID), opportunity.Create{
		Details: opportunity.Details{
			Title: title, OrganizationID: to.OrganizationID, ContactID: to.ContactID, LeadID: id, Value: from.Value, OwnerID: from.OwnerID,
		},
		CreatedOn: on,
	})
}
