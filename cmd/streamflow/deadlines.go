package main

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/projections"
)

const (
	deadlineLook  = 2 * time.Second // between two looks; a missed deadline is recorded about that late
	deadlineBatch = 100
)

// watchDeadlines records deadlines that run out while nobody touches the escalation, until its context ends. The lease leaves the work
// to one node; were two at it for a moment, the command's id would make theirs one.
func (n *node) watchDeadlines(use *commands.Commands) func(context.Context) error {
	lease := n.log.Lease("deadlines", uuid.New())
	return func(ctx context.Context) error {
		return lease.Hold(ctx, func(ctx context.Context) error {
			for {
				if err := n.recordMissed(ctx, use); err != nil && ctx.Err() == nil {
					n.config.logger.WarnContext(ctx, "missed deadlines were not looked for", "error", err)
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(deadlineLook):
				}
			}
		})
	}
}

// recordMissed goes once through what the read model believes to be missed. One that cannot be recorded now does not hold up the others,
// and is found again at the next look.
func (n *node) recordMissed(ctx context.Context, use *commands.Commands) error {
	now := use.Now()
	var behind *projections.Missed
	for {
		missed, err := projections.MissedBy(ctx, n.reader, now, behind, deadlineBatch)
		if err != nil {
			return err
		}
		for _, m := range missed {
			_, err := use.CheckDeadlines(ctx, forDeadline(m), m.ID)
			if err != nil && !errors.Is(err, commands.ErrNothingMissed) && ctx.Err() == nil {
				n.config.logger.WarnContext(ctx, "missed deadline was not recorded", "tenant", m.Tenant, "escalation", m.ID, "error", err)
			}
		}
		if len(missed) < deadlineBatch || ctx.Err() != nil {
			return nil
		}
		behind = &missed[len(missed)-1]
	}
}

// forDeadline is this program as the caller of the one command that a deadline has, however often it is found.
func forDeadline(m projections.Missed) commands.Caller {
	key := "deadline " + m.ID + " " + m.Deadline.UTC().Format(time.RFC3339Nano)
	return commands.Caller{
		Tenant: m.Tenant, ID: eventstore.CommandID(m.Tenant, "system", key), Fingerprint: []byte(key), Correlation: "deadlines",
		Actor: eventstore.Actor{Kind: "system", ID: "deadlines", Via: "serve"},
	}
}
