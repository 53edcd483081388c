// Package history tells the log to readers outside: in order over all lanes, from a cursor or a time on, in the formats that
// analysts use.
//
// # Order
//
// Inside a lane the order is that of positions. Over lanes it is recorded time, then lane, as far as the lanes were read together: an
// event of another lane that commits later may carry an earlier time, and comes with the next look. Nothing is ever left out or
// repeated, because the cursor of an item names what was told of every lane.
package history

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// Item is an event as history tells it.
type Item struct {
	ID            uuid.UUID         `json:"id"`
	Cursor        string            `json:"cursor"` // history goes on after it
	Lane          int               `json:"lane"`
	Position      int64             `json:"position"`
	TenantID      uuid.UUID         `json:"tenantId"`
	Stream        eventstore.Stream `json:"stream"`
	Version       int               `json:"version"`
	Type          string            `json:"type"`
	SchemaVersion int               `json:"schemaVersion"` // of data: the present form of the type, whatever was stored
	RecordedAt    time.Time         `json:"recordedAt"`
	EffectiveAt   *time.Time        `json:"effectiveAt"`
	Actor         eventstore.Actor  `json:"actor"`
	CommandID     uuid.UUID         `json:"commandId"`
	CorrelationID string            `json:"correlationId"`
	CausationID   *uuid.UUID        `json:"causationId"`
	Data          jsontext.Value    `json:"data"`
}

func itemOf(e eventstore.Event, version int, data jsontext.Value) Item {
	item := Item{
		ID: e.ID, Lane: e.Lane, Position: e.Position, TenantID: e.Tenant, Stream: e.Stream, Version: e.Version, Type: e.Type,
		SchemaVersion: version, RecordedAt: e.RecordedAt, Actor: e.Actor, CommandID: e.CommandID, CorrelationID: e.CorrelationID, Data: data,
	}
	if !e.EffectiveAt.IsZero() {
		item.EffectiveAt = &e.EffectiveAt
	}
	if e.CausationID != uuid.Nil {
		item.CausationID = &e.CausationID
	}
	return item
}
