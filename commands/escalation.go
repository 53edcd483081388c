package commands

import (
	"context"
	"errors"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore"
)

// errDuplicateIncident: the partner told something else under the same incident id.
var errDuplicateIncident = domain.Refuse(domain.Conflict, "duplicate_incident", "The incident was reported before with other content.")

// OpenEscalation hands an incident over for the caller's tenant. The incident id belongs to the partner and the tenant: the
// same content again is the same escalation and changes nothing, other content is refused. The outcome names the
// escalation either way.
func (c *Commands) OpenEscalation(ctx context.Context, by Caller, command escalation.Open) (eventstore.Outcome, error) {
	command.ReceivedAt = c.Now().UTC()
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	claim := incidentClaim(command.PartnerID, command.IncidentID)
	return c.update(ctx, by, nil, func(ctx context.Context, d *eventstore.Decision) error {
		id := newID()
		at := eventstore.Stream(escalation.Stream(id))
		holder, held := d.Take(at, claim)
		if !held {
			d.Answer(Made{id})
			return create(d, string(at), command)
		}
		state, _, err := eventstore.State[escalation.State](ctx, d, holder)
		if err != nil {
			return err
		}
		if !command.Matches(state) {
			return errDuplicateIncident.With("existingId", holder.ID())
		}
		d.Answer(Made{holder.ID()})
		return nil
	})
}

// incidentClaim makes an incident of a partner unique in its tenant.
func incidentClaim(partnerID, incident string) eventstore.Claim {
	return eventstore.Claim{Scope: "escalation.incident", Key: []byte(partnerID + "\n" + incident)}
}

// UpdateEscalation says how the work goes. What the partner says counts only for its own escalations: by a partner's
// id, another partner's is ErrNotFound; the provider passes "".
func (c *Commands) UpdateEscalation(ctx context.Context, by Caller, id, partner string, command escalation.Update) (eventstore.Outcome, error) {
	command.ReceivedAt, command.ByPartner = c.Now().UTC(), partner != ""
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(escalation.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[escalation.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		if partner != "" && state.PartnerID != partner {
			return ErrNotFound
		}
		return apply(d, at, state, command)
	})
}

// AssignEscalation gives an escalation to one of the provider's staff; an empty id takes it from everybody. Accounts are in
// provider space and the escalation in its tenant's, so who it goes to is read before the decision: staff it was is staff for ever.
func (c *Commands) AssignEscalation(ctx context.Context, by Caller, id string, command escalation.Assign) (eventstore.Outcome, error) {
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(escalation.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		if command.AssigneeID != "" {
			account, err := c.User(ctx, command.AssigneeID, 0)
			if errors.Is(err, ErrNotFound) || err == nil && account.State.TenantID != "" {
				return domain.Invalid{{Field: "assigneeId", Code: "unknown", Message: "is nobody of the provider"}}
			}
			if err != nil {
				return err
			}
		}
		state, err := existing[escalation.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		return apply(d, at, state, command)
	})
}

// ErrNothingMissed: no deadline of the escalation has passed unrecorded. It is no outcome, and so the same command records one that
// passes later.
var ErrNothingMissed = errors.New("no deadline was missed")

// CheckDeadlines records which deadlines of an escalation ran out by now.
func (c *Commands) CheckDeadlines(ctx context.Context, by Caller, id string) (eventstore.Outcome, error) {
	command := escalation.CheckDeadlines{Now: c.Now().UTC()}
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(escalation.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[escalation.State](ctx, d, by, at)
		if err != nil {
			return err
		}
		if due := state.NextBreach(); due.IsZero() || !command.Now.After(due) {
			return ErrNothingMissed
		}
		return apply(d, at, state, command)
	})
}
