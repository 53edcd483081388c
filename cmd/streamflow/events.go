package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// printedEvent is an event as `events` prints it.
type printedEvent struct {
	ID            uuid.UUID        `json:"id"`
	Cursor        string           `json:"cursor"`
	Lane          int              `json:"lane"`
	Position      int64            `json:"position"`
	TenantID      uuid.UUID        `json:"tenantId"`
	Stream        string           `json:"stream"`
	Version       int              `json:"version"`
	Type          string           `json:"type"`
	SchemaVersion int              `json:"schemaVersion"`
	RecordedAt    time.Time        `json:"recordedAt"`
	EffectiveAt   time.Time        `json:"effectiveAt,omitzero"`
	Actor         eventstore.Actor `json:"actor"`
	CommandID     uuid.UUID        `json:"commandId"`
	CorrelationID string           `json:"correlationId"`
	Data          json.RawMessage  `json:"data"`
}

// events prints history, lane by lane, in the order of positions.
func events(ctx context.Context, c call) error {
	flags := flag.NewFlagSet("events", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	after := flags.String("after", "", "")
	typ := flags.String("type", "*", "")
	tenant := flags.String("tenant", "", "")
	follow := flags.Bool("follow", false, "")
	if err := flags.Parse(c.args); err != nil {
		return usageError{err.Error()}
	}
	if _, err := path.Match(*typ, ""); err != nil {
		return usageError{"--type is a type such as lead.created, or lead.*"}
	}
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	from := eventstore.Cursor{}
	if *after != "" {
		if from, err = n.cursor(ctx, *after); err != nil {
			return err
		}
	}
	wanted := func(e eventstore.Event) bool {
		matched, _ := path.Match(*typ, e.Type)
		return matched && (*tenant == "" || e.Tenant.String() == *tenant)
	}
	encoder := json.NewEncoder(c.out)
	for {
		heads, err := n.log.Heads(ctx)
		if err != nil {
			return err
		}
		for lane := 1; lane <= n.log.Lanes(); lane++ {
			for page, err := range n.log.Scan(ctx, lane, from[lane].Position, heads[lane].Position) {
				if err != nil {
					return err
				}
				for _, e := range page {
					if wanted(e) {
						if err := encoder.Encode(n.printed(e)); err != nil {
							return err
						}
					}
				}
			}
		}
		from = heads
		if !*follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// cursor reads what --after takes: a time, or a cursor of this installation.
func (n *node) cursor(ctx context.Context, text string) (eventstore.Cursor, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return n.log.AsOf(ctx, at)
	}
	cursor, err := n.log.ParseToken(text)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a time (RFC 3339) nor a cursor of this installation", text)
	}
	return cursor, nil
}

func (n *node) printed(e eventstore.Event) printedEvent {
	return printedEvent{
		ID: e.ID, Cursor: n.log.Token(eventstore.Cursor{e.Lane: {Epoch: n.log.Epoch(e.Lane), Position: e.Position}}),
		Lane: e.Lane, Position: e.Position, TenantID: e.Tenant, Stream: string(e.Stream), Version: e.Version, Type: e.Type,
		SchemaVersion: e.SchemaVersion, RecordedAt: e.RecordedAt, EffectiveAt: e.EffectiveAt, Actor: e.Actor,
		CommandID: e.CommandID, CorrelationID: e.CorrelationID, Data: e.Data,
	}
}
