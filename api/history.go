package api

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

// page is one page of a list.
type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"nextCursor"`
}

const (
	defaultLimit = 25
	maxLimit     = 100
	pageMAC      = 12 // bytes, as many as a cursor carries
)

// limitOf reads how many items a page has.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, problem.Invalid(problem.FieldError{Field: "limit", Code: problem.FieldOutOfRange, Message: "must be 1 to 100"})
	}
	return limit, nil
}

// pageToken names where the next page of one list begins, in a way that nobody can make up or carry to another list.
func (s *server) pageToken(space uuid.UUID, list string, at uint64) string {
	b := binary.AppendUvarint(nil, at)
	return base64.RawURLEncoding.EncodeToString(append(b, s.pageSum(space, list, b)...))
}

func (s *server) pageSum(space uuid.UUID, list string, b []byte) []byte {
	return s.Commands.Log.ClaimKey(space, "page "+list+" "+string(b))[:pageMAC]
}

// pageOf reads the token that the request carries; 0 where it carries none.
func (s *server) pageOf(r *http.Request, space uuid.UUID, list string) (uint64, error) {
	text := r.URL.Query().Get("cursor")
	if text == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) <= pageMAC {
		return 0, eventstore.ErrCursor
	}
	b, sum := b[:len(b)-pageMAC], b[len(b)-pageMAC:]
	at, n := binary.Uvarint(b)
	if n != len(b) || !hmac.Equal(sum, s.pageSum(space, list, b)) {
		return 0, eventstore.ErrCursor
	}
	return at, nil
}

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
	below, err := s.pageOf(q.Request, q.tenant, stream)
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
		events = events[:min(len(events), int(below)-1)]
	}
	answer := page[eventItem]{Items: []eventItem{}}
	if more := len(events) - limit; more > 0 {
		events = events[more:]
		token := s.pageToken(q.tenant, stream, uint64(events[0].Version))
		answer.NextCursor = &token
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
