package commands

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// Record is one aggregate as its events left it, with what the envelopes tell about it.
type Record[S any] struct {
	ID         string     `json:"id"`
	State      S          `json:",embed"`
	Version    int        `json:"version"`
	CreatedAt  time.Time  `json:"createdAt"`
	UpdatedAt  time.Time  `json:"updatedAt"`
	CreatedBy  string     `json:"createdBy"`
	ArchivedAt *time.Time `json:"archivedAt"`
}

// read folds a stream up to and including a position of its lane; 0 means all of it.
func read[S any](ctx context.Context, l *eventstore.Log, space uuid.UUID, stream string, until int64) (Record[S], error) {
	events, err := l.ReadStream(ctx, space, eventstore.Stream(stream), until)
	if err != nil {
		return Record[S]{}, err
	}
	if len(events) == 0 {
		return Record[S]{}, ErrNotFound
	}
	return fold[S](ctx, l, events)
}

// After is a record as a command's outcome left it; without a read where the command made it.
func After[S any](ctx context.Context, c *Commands, in uuid.UUID, stream string, out eventstore.Outcome) (Record[S], error) {
	if made := out.Began(eventstore.Stream(stream)); made != nil {
		return fold[S](ctx, c.Log, made)
	}
	return read[S](ctx, c.Log, in, stream, out.Last())
}

// Records folds many records as of a cursor, in the order named. Who has no event by then is left out.
func Records[S any](ctx context.Context, c *Commands, refs []eventstore.Ref, at eventstore.Cursor) ([]Record[S], error) {
	events, err := c.Log.ReadStreams(ctx, refs, at)
	if err != nil {
		return nil, err
	}
	facts, err := c.Log.Decode(ctx, events) // all at once, because it looks the persons' keys up
	if err != nil {
		return nil, err
	}
	records := make([]Record[S], 0, len(refs))
	for first := 0; first < len(events); {
		next := first + 1
		for next < len(events) && events[next].Tenant == events[first].Tenant && events[next].Stream == events[first].Stream {
			next++
		}
		r, err := recordOf[S](events[first:next], facts[first:next])
		if err != nil {
			return nil, err
		}
		records = append(records, r)
		first = next
	}
	return records, nil
}

// fold makes the record of one stream's events, of which there is at least one.
func fold[S any](ctx context.Context, l *eventstore.Log, events []eventstore.Event) (Record[S], error) {
	facts, err := l.Decode(ctx, events)
	if err != nil {
		return Record[S]{}, err
	}
	return recordOf[S](events, facts)
}

func recordOf[S any](events []eventstore.Event, facts []eventstore.Fact) (Record[S], error) {
	state, err := eventstore.Evolve[S](events, facts)
	first, last := events[0], events[len(events)-1]
	r := Record[S]{
		ID: first.Stream.ID(), State: state, Version: last.Version,
		CreatedAt: first.RecordedAt, UpdatedAt: last.RecordedAt, CreatedBy: first.Actor.ID,
	}
	for _, e := range events {
		switch _, fact, _ := strings.Cut(e.Type, "."); fact {
		case "archived", "merged_into":
			r.ArchivedAt = &e.RecordedAt
		case "restored", "unmerged":
			r.ArchivedAt = nil
		}
	}
	return r, err
}

// Lead is a lead as of a position of its tenant's lane, or ErrNotFound; until 0 means now, here and below.
func (c *Commands) Lead(ctx context.Context, in uuid.UUID, id string, until int64) (Record[lead.State], error) {
	return read[lead.State](ctx, c.Log, in, lead.Stream(id), until)
}

// Contact is a contact as of a position.
func (c *Commands) Contact(ctx context.Context, in uuid.UUID, id string, until int64) (Record[contact.State], error) {
	return read[contact.State](ctx, c.Log, in, contact.Stream(id), until)
}

// Organization is an organization as of a position.
func (c *Commands) Organization(ctx context.Context, in uuid.UUID, id string, until int64) (Record[organization.State], error) {
	return read[organization.State](ctx, c.Log, in, organization.Stream(id), until)
}

// Opportunity is an opportunity as of a position.
func (c *Commands) Opportunity(ctx context.Context, in uuid.UUID, id string, until int64) (Record[opportunity.State], error) {
	return read[opportunity.State](ctx, c.Log, in, opportunity.Stream(id), until)
}

// Escalation is an escalation as of a position.
func (c *Commands) Escalation(ctx context.Context, in uuid.UUID, id string, until int64) (Record[escalation.State], error) {
	return read[escalation.State](ctx, c.Log, in, escalation.Stream(id), until)
}

// Tenant is a tenant as of a position of provider space's lane.
func (c *Commands) Tenant(ctx context.Context, id string, until int64) (Record[tenant.State], error) {
	return read[tenant.State](ctx, c.Log, eventstore.ProviderSpace, tenant.Stream(id), until)
}

// User is a user as of a position of provider space's lane.
func (c *Commands) User(ctx context.Context, id string, until int64) (Record[user.State], error) {
	return read[user.State](ctx, c.Log, eventstore.ProviderSpace, user.Stream(id), until)
}
