package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// eventPage is how many events a scan reads at once: it bounds the memory, not the answer.
const eventPage = 5000

// scan runs visit over a tenant's events, in order.
func (c *Commands) scan(ctx context.Context, in uuid.UUID, visit func(eventstore.Event) error) error {
	for after := int64(0); ; {
		events, err := c.Log.ReadTenant(ctx, in, after, eventPage)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := visit(e); err != nil {
				return fmt.Errorf("%s at %d/%d: %w", e.Type, e.Lane, e.Position, err)
			}
		}
		if len(events) < eventPage {
			return nil
		}
		after = events[len(events)-1].Position
	}
}

// UserCounts is how many accounts each tenant has that are not deactivated, by the tenant's id. It needs nothing personal, so
// nothing is decrypted for it.
func (c *Commands) UserCounts(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	return counts, c.scan(ctx, eventstore.ProviderSpace, func(e eventstore.Event) error {
		if e.Stream.Category() != user.Category {
			return nil
		}
		var told user.Standing
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return err
		}
		switch e.Type {
		case user.Created{}.Type(), user.Reactivated{}.Type():
			counts[told.TenantID]++
		case user.Deactivated{}.Type():
			counts[told.TenantID]--
		}
		return nil
	})
}

// Overview is what a tenant has, in numbers.
type Overview struct {
	Leads, Opportunities, Invoices, EscalationsOpen int
	LastEventAt                                     time.Time // zero before its first event
}

// Overview counts what is in a tenant's part of the log now.
func (c *Commands) Overview(ctx context.Context, in uuid.UUID) (Overview, error) {
	var o Overview
	err := c.scan(ctx, in, func(e eventstore.Event) error {
		o.LastEventAt = e.RecordedAt
		if e.Version == 1 {
			switch e.Stream.Category() {
			case lead.Category:
				o.Leads++
			case opportunity.Category:
				o.Opportunities++
			case invoice.Category:
				o.Invoices++
			}
		}
		if e.Stream.Category() != escalation.Category {
			return nil
		}
		var step escalation.Progress
		if err := json.Unmarshal(e.Data, &step); err != nil || step.Status == "" || e.Type == (escalation.ResponseBreached{}).Type() ||
			e.Type == (escalation.ResolveBreached{}).Type() {
			return err
		}
		if escalation.IsOpen(step.Status) {
			o.EscalationsOpen++
		}
		if escalation.IsOpen(step.StatusBefore) {
			o.EscalationsOpen--
		}
		return nil
	})
	return o, err
}
