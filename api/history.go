package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

// eventItem is an event as history tells it.
type eventItem struct {
	ID            uuid.UUID         `json:"id"`
	Cursor        string            `json:"cursor"`
	Lane          int               `json:"lane"`
	Position      int64             `json:"position"`
	TenantID      uuid.UUID         `json:"tenantId"`
	Stream        eventstore.Stream `json:"stream"`
	Version       int               `json:"version"`
	Type          string            `json:"type"`
	SchemaVersion int               `json:"schemaVersion"`
	RecordedAt    time.Time         `json:"recordedAt"`
	EffectiveAt   *time.Time        `json:"effectiveAt"`
	Actor         eventstore.Actor  `json:"actor"`
	CommandID     uuid.UUID         `json:"commandId"`
	CorrelationID string            `json:"correlationId"`
	CausationID   *uuid.UUID        `json:"causationId"`
	Data          eventstore.Fact   `json:"data"`
}

func (s *server) eventItem(e eventstore.Event, fact eventstore.Fact) eventItem {
	log := s.Commands.Log
	item := eventItem{
		ID: e.ID, Cursor: log.Token(eventstore.Cursor{e.Lane: {Epoch: log.Epoch(e.Lane), Position: e.Position}}),
		Lane: e.Lane, Position: e.Position, TenantID: e.Tenant, Stream: e.Stream, Version: e.Version, Type: e.Type, SchemaVersion: e.SchemaVersion,
		RecordedAt: e.RecordedAt, Actor: e.Actor, CommandID: e.CommandID, CorrelationID: e.CorrelationID, Data: fact,
	}
	if !e.EffectiveAt.IsZero() {
		item.EffectiveAt = &e.EffectiveAt
	}
	if e.CausationID != uuid.Nil {
		item.CausationID = &e.CausationID
	}
	return item
}

// history answers with a record's own events, newest first. Who may read the record may read what happened to it, the
// personal fields among it.
func (s *server) history(w http.ResponseWriter, q request, m moment, stream string) error {
	limit, err := limitOf(q.Request)
	if err != nil {
		return err
	}
	below, err := s.numberedPage(q.Request, q.tenant)
	if err != nil {
		return err
	}
	until := m.position(s.Commands.Log.LaneOf(q.tenant))
	if until == 0 {
		return commands.ErrNotFound
	}
	events, err := s.Commands.Log.ReadStream(q.Context(), q.tenant, eventstore.Stream(stream), until)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return commands.ErrNotFound
	}
	if below > 0 {
		events = events[:min(len(events), below-1)]
	}
	answer := page[eventItem]{Items: []eventItem{}}
	if more := len(events) - limit; more > 0 {
		events = events[more:]
		answer.NextCursor = s.pageToken(q.Request, q.tenant, strconv.Itoa(events[0].Version))
	}
	facts, err := s.Commands.Log.Decode(q.Context(), events)
	if err != nil {
		return err
	}
	for i, e := range slices.Backward(events) {
		answer.Items = append(answer.Items, s.eventItem(e, facts[i]))
	}
	s.write(w, q.Request, http.StatusOK, answer)
	return nil
}
