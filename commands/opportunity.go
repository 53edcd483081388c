package commands

import (
	"context"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

// link is a field that names another record of the tenant; an empty id names none.
type link struct {
	field, id string
	stream    func(id string) string
}

// linked refuses links to what the tenant does not have.
func linked(ctx context.Context, d *eventstore.Decision, links ...link) error {
	var check domain.Check
	for _, l := range links {
		if l.id == "" {
			continue
		}
		version, err := d.Version(ctx, eventstore.Stream(l.stream(l.id)))
		if err != nil {
			return err
		}
		if version == 0 {
			check.Add(l.field, "unknown", "is no such record of this tenant")
		}
	}
	return check.Err()
}

// CreateContact makes a person known.
func (c *Commands) CreateContact(ctx context.Context, by Caller, command contact.Create) (eventstore.Outcome, error) {
	command.CreatedOn = command.CreatedOn.Or(c.today())
	return c.update(ctx, by, nil, func(ctx context.Context, d *eventstore.Decision) error {
		id, command := newID(), command.Normalize()
		if err := command.Validate(); err != nil {
			return err
		}
		if err := linked(ctx, d, link{"organizationId", command.OrganizationID, organization.Stream}); err != nil {
			return err
		}
		command.Subject = d.NewSubject().String()
		d.Answer(Made{id})
		return create(d, contact.Stream(id), command)
	})
}

// CreateOpportunity makes a sale possible.
func (c *Commands) CreateOpportunity(ctx context.Context, by Caller, command opportunity.Create) (eventstore.Outcome, error) {
	command.CreatedOn = command.CreatedOn.Or(c.today())
	return c.update(ctx, by, nil, func(ctx context.Context, d *eventstore.Decision) error {
		id, command := newID(), command.Normalize()
		if err := command.Validate(); err != nil {
			return err
		}
		err := linked(ctx, d, link{"organizationId", command.OrganizationID, organization.Stream},
			link{"contactId", command.ContactID, contact.Stream}, link{"leadId", command.LeadID, lead.Stream})
		if err != nil {
			return err
		}
		d.Answer(Made{id})
		return create(d, opportunity.Stream(id), command)
	})
}

// MoveOpportunity brings an open opportunity to another stage.
func (c *Commands) MoveOpportunity(ctx context.Context, by Caller, id string, command opportunity.Move) (eventstore.Outcome, error) {
	command.Today = c.today()
	return act[opportunity.Move, opportunity.State, opportunity.Event](ctx, c, by, opportunity.Stream(id), command)
}

// ReopenOpportunity takes a win or a loss back.
func (c *Commands) ReopenOpportunity(ctx context.Context, by Caller, id string, command opportunity.Reopen) (eventstore.Outcome, error) {
	command.On = c.today()
	return act[opportunity.Reopen, opportunity.State, opportunity.Event](ctx, c, by, opportunity.Stream(id), command)
}
