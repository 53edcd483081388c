package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
	"github.com/streamflow/streamflow/eventstore/reactor"
)

// historians read events: of all tenants as staff, of its own as an owner.
var historians = []string{user.RoleDeveloper, user.RoleAnalyst, user.RoleOwner}

// eventRoutes lists the routes of the log itself.
func (s *server) eventRoutes() []route {
	types := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
	return []route{
		{on: "GET /api/v2/events", id: "listEvents",
			summary: "Tells history: JSON or a CloudEvents batch by the page, all of it as NDJSON or CSV, or as server-sent events that go on",
			query: []parameter{
				textParameter("after", "begin after this cursor or RFC 3339 time; Last-Event-ID comes first for server-sent events"),
				textParameter("until", "end with what lies at this cursor, or was recorded at this time"),
				{"type", "event type, or a category like lead.*; may be repeated", types},
				textParameter("stream", "the record, as <category>-<id>"), tenantParameter,
				idParameter("commandId", "the command that made them"), textParameter("correlationId", "what the caller called the conversation"),
				idParameter("causationId", "the event that led to them"),
				choiceParameter("sort", "the order of a page: oldest first, and the next one is after its nextCursor; or -position, newest first, and the next one is until its nextCursor", sortOldest, sortNewest),
				limitParameter, atParameter,
			},
			gives: replies{200: forms{page[history.Item]{}, lines{history.Item{}}, media("text/csv"), typed{batchType, []history.CloudEvent{}}, media("text/event-stream")}},
			frame: s.reading(historians, s.listEvents)},
		{on: "GET /api/v2/events/{id}", id: "getEvent", summary: "Shows an event", query: ofRecord,
			gives: replies{200: history.Item{}}, frame: s.reading(historians, s.getEvent)},
		{on: "GET /api/v2/events/{id}/effects", id: "listEventEffects", summary: "Lists what reactors did about an event, and what they could not do", query: ofRecord,
			gives: replies{200: page[reactor.Known]{}}, frame: s.reading(historians, s.listEffects)},
	}
}

// The orders of a page of events.
const (
	sortOldest = "position"
	sortNewest = "-position"
)

// reveals tells whether the caller holds pii:read: an owner, whose records show the same texts.
func (q request) reveals() bool { return q.who.Role == user.RoleOwner }

func (s *server) listEvents(w http.ResponseWriter, q request, m moment) error {
	query, err := s.eventQuery(q, m)
	if err != nil {
		return err
	}
	limit, err := limitOf(q.Request)
	if err != nil {
		return err
	}
	form := historyForm(q.Header)
	read, err := pageReader(q, form)
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Accept")
	switch form {
	case "text/event-stream":
		return s.followEvents(w, q, query)
	case "application/x-ndjson", "text/csv":
		if !q.URL.Query().Has("limit") {
			limit = 0
		}
		return s.streamEvents(w, q, query, form, limit)
	case batchType:
		return s.batchEvents(w, q, query, limit)
	}
	items, next, err := read(q.Context(), s.Commands.Log, query, limit)
	if err != nil {
		return err
	}
	answer := page[history.Item]{Items: items}
	if next != nil {
		token := s.Commands.Log.Token(next)
		answer.NextCursor = &token
	}
	s.write(w, q.Request, http.StatusOK, answer)
	return nil
}

// pageReader reads a page in the order that is asked for. Only a page of JSON has another one than the log's.
func pageReader(q request, form string) (func(context.Context, *eventstore.Log, history.Query, int) ([]history.Item, eventstore.Cursor, error), error) {
	switch q.URL.Query().Get("sort") {
	case "", sortOldest:
		return history.Page, nil
	case sortNewest:
		if form == "application/json" {
			return history.Latest, nil
		}
		return nil, problem.Invalid(problem.FieldError{Field: "sort", Code: problem.FieldUnknown, Message: "is for a page of JSON; this format goes forward alone"})
	}
	return nil, problem.Invalid(problem.FieldError{Field: "sort", Code: problem.FieldUnknown, Message: "must be position or -position"})
}

const batchType = "application/cloudevents-batch+json"

// historyForm is the first form of history that the Accept header names and that there is, else JSON.
func historyForm(h http.Header) string {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		form, parameters, _ := strings.Cut(part, ";")
		form = strings.ToLower(strings.TrimSpace(form))
		if q := strings.ReplaceAll(parameters, " ", ""); q == "q=0" || strings.HasPrefix(q, "q=0.0") {
			continue
		}
		switch form {
		case "application/json", "application/x-ndjson", "text/csv", "text/event-stream", batchType:
			return form
		}
	}
	return "application/json"
}

// eventQuery reads what the address asks for. The moment bounds it: by now, or by the parameter at.
func (s *server) eventQuery(q request, m moment) (history.Query, error) {
	asked := q.URL.Query()
	query := history.Query{Filter: eventstore.Filter{Tenant: q.tenant, Stream: eventstore.Stream(asked.Get("stream"))}, Until: m.cursor, Reveal: q.reveals()}
	if query.Stream != "" && query.Stream.ID() == "" {
		return query, problem.Invalid(problem.FieldError{Field: "stream", Code: "invalid_stream", Message: "must be a category and an id, with a dash between them"})
	}
	query.Correlation = asked.Get("correlationId")
	var err error
	if query.Command, err = idOf(q, "commandId"); err != nil {
		return query, err
	}
	if query.Cause, err = idOf(q, "causationId"); err != nil {
		return query, err
	}
	if query.Types, err = history.Types(s.Commands.Log.Registry(), asked["type"]); err != nil {
		return query, problem.Invalid(problem.FieldError{Field: "type", Code: "unknown_type", Message: "must be an event type or a category like lead.*"})
	}
	if query.After, err = s.placeOf(q, "after"); err != nil {
		return query, err
	}
	until, err := s.placeOf(q, "until")
	if err != nil || until == nil {
		return query, err
	}
	for lane, mark := range until {
		if now := m.cursor[lane]; m.past && mark.Epoch == now.Epoch && mark.Position > now.Position {
			until[lane] = now
		}
	}
	query.Until = until
	return query, nil
}

// idOf reads a parameter that is an id; uuid.Nil where it is absent.
func idOf(q request, name string) (uuid.UUID, error) {
	text := q.URL.Query().Get(name)
	if text == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, problem.Invalid(problem.FieldError{Field: name, Code: "invalid_id", Message: "must be an id"})
	}
	return id, nil
}

// placeOf reads a parameter that is a cursor or a time; nil where it is absent.
func (s *server) placeOf(q request, name string) (eventstore.Cursor, error) {
	text := q.URL.Query().Get(name)
	if text == "" {
		return nil, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		if at.After(s.Commands.Now()) {
			return nil, problem.Invalid(problem.FieldError{Field: name, Code: problem.FieldOutOfRange, Message: "must not be in the future"})
		}
		return s.Commands.Log.AsOf(q.Context(), at)
	}
	return s.Commands.Log.ParseToken(text)
}

// batchEvents answers a page as a CloudEvents batch, which has no room for a cursor: the next page is linked.
func (s *server) batchEvents(w http.ResponseWriter, q request, query history.Query, limit int) error {
	items, next, err := history.Page(q.Context(), s.Commands.Log, query, limit)
	if err != nil {
		return err
	}
	if next != nil {
		further := url.URL{Path: q.URL.Path}
		values := q.URL.Query()
		values.Set("after", s.Commands.Log.Token(next))
		further.RawQuery = values.Encode()
		w.Header().Set("Link", "<"+further.String()+`>; rel="next"`)
	}
	w.Header().Set("Content-Type", batchType)
	encoder, err := history.NewEncoder("cloudevents-batch", w, s.Source)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := encoder.Write(item); err != nil {
			return nil // a client that has gone is told nothing
		}
	}
	_ = encoder.Close() // likewise
	return nil
}

func (s *server) getEvent(w http.ResponseWriter, q request, m moment) error {
	e, err := s.eventOf(q, m)
	if err != nil {
		return err
	}
	item, err := history.One(q.Context(), s.Commands.Log, e, q.reveals())
	if err != nil {
		return err
	}
	s.write(w, q.Request, http.StatusOK, item)
	return nil
}

// eventOf is the event that the address names, where the caller may know of it and the moment has it.
func (s *server) eventOf(q request, m moment) (eventstore.Event, error) {
	id, err := uuid.Parse(q.id)
	if err != nil {
		return eventstore.Event{}, commands.ErrNotFound
	}
	e, err := s.Commands.Log.ReadEvent(q.Context(), id)
	if errors.Is(err, eventstore.ErrNoSuchEvent) {
		return e, commands.ErrNotFound
	}
	if err == nil && (q.tenant != uuid.Nil && q.tenant != e.Tenant || e.Position > m.position(e.Lane)) {
		err = commands.ErrNotFound
	}
	return e, err
}

// listEffects tells what the ledger of the reactors knows. Why an effect failed may quote what the other side said: that is for
// operators.
func (s *server) listEffects(w http.ResponseWriter, q request, m moment) error {
	e, err := s.eventOf(q, m)
	if err != nil {
		return err
	}
	effects, err := reactor.EffectsOf(q.Context(), s.Commands.Pool, e)
	if err != nil {
		return err
	}
	answer := page[reactor.Known]{Items: []reactor.Known{}}
	for _, known := range effects {
		if q.who.Role != user.RoleDeveloper {
			known.Error = ""
		}
		answer.Items = append(answer.Items, known)
	}
	s.write(w, q.Request, http.StatusOK, answer)
	return nil
}
