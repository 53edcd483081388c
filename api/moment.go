package api

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

const (
	behindWait    = 2 * time.Second  // for a read model to pass the cursor that a read carries
	maxBehindWait = 30 * time.Second // where the caller would rather wait longer
	behindTold    = 2 * time.Second  // that an event may take into a read model before answers say that they are behind
)

// moment is the point in the log that a read is about.
type moment struct {
	cursor eventstore.Cursor
	time   time.Time
	past   bool // the reader asked for it by at
}

// position is the moment's in a lane; everything there is recorded by then.
func (m moment) position(lane int) int64 { return m.cursor[lane].Position }

// asOf is the cursor that a read model is asked for: nil is now.
func (m moment) asOf() eventstore.Cursor {
	if m.past {
		return m.cursor
	}
	return nil
}

// momentOf reads the moment that the parameter at names, else now. Records are folded from the log itself, so a cursor
// that a read is to have passed is passed by now.
func (s *server) momentOf(r *http.Request) (moment, error) {
	log := s.Commands.Log
	if token := r.Header.Get(CursorHeader); token != "" {
		if _, err := log.ParseToken(token); err != nil {
			return moment{}, err
		}
	}
	now, err := log.Heads(r.Context())
	if err != nil {
		return moment{}, err
	}
	at := r.URL.Query().Get("at")
	if at == "" {
		return moment{cursor: now, time: s.Commands.Now()}, nil
	}
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		if t.After(s.Commands.Now()) {
			return moment{}, problem.Invalid(problem.FieldError{Field: "at", Code: problem.FieldOutOfRange, Message: "must not be in the future"})
		}
		cursor, err := log.AsOf(r.Context(), t)
		return moment{cursor, t, true}, err
	}
	cursor, err := log.ParseToken(at)
	if err != nil {
		return moment{}, err
	}
	for lane, mark := range cursor {
		if mark.Epoch != now[lane].Epoch || mark.Position > now[lane].Position {
			return moment{}, problem.New(problem.InvalidCursor, "The cursor names events that this log does not hold.")
		}
	}
	return s.momentAt(r, cursor)
}

// momentAt is the moment of a cursor. One that a command answered with names its own lane alone: the others are taken as of the
// time of its last event.
func (s *server) momentAt(r *http.Request, cursor eventstore.Cursor) (moment, error) {
	lanes, positions := cursor.Columns()
	events, err := s.Commands.Log.ReadPositions(r.Context(), lanes, positions)
	if err != nil {
		return moment{}, err
	}
	m := moment{cursor: cursor, past: true}
	for _, e := range events {
		if e.RecordedAt.After(m.time) {
			m.time = e.RecordedAt
		}
	}
	if len(cursor) == s.Commands.Log.Lanes() {
		return m, nil
	}
	all, err := s.Commands.Log.AsOf(r.Context(), m.time)
	if err != nil {
		return moment{}, err
	}
	maps.Copy(all, cursor)
	m.cursor = all
	return m, nil
}

// modelQuery is how a read model is read for a request: not before the cursor that it carries, nor before the moment it asks for.
func (s *server) modelQuery(r *http.Request, tenant uuid.UUID) (projection.Query, moment, error) {
	m, err := s.momentOf(r)
	if err != nil {
		return projection.Query{}, m, err
	}
	q := projection.Query{Tenant: tenant, After: eventstore.Cursor{}, Wait: waitOf(r.Header)}
	if token := r.Header.Get(CursorHeader); token != "" {
		if q.After, err = s.Commands.Log.ParseToken(token); err != nil {
			return q, m, err
		}
	}
	if m.past {
		for lane, mark := range m.cursor {
			if mark.Position > q.After[lane].Position {
				q.After[lane] = mark
			}
		}
	}
	return q, m, nil
}

// waitOf is how long the caller would wait, by RFC 7240; what cannot be read there is ignored, as the RFC asks.
func waitOf(h http.Header) time.Duration {
	for _, line := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if strings.EqualFold(name, "wait") && err == nil && seconds >= 0 {
				return min(time.Duration(min(seconds, 3600))*time.Second, maxBehindWait)
			}
		}
	}
	return behindWait
}

// dayOf is the day that effective time ends on: that of the parameter on, else of the moment.
func dayOf(r *http.Request, m moment) (domain.Date, error) {
	text := r.URL.Query().Get("on")
	if text == "" {
		return domain.DateOf(m.time), nil
	}
	on, err := domain.ParseDate(text)
	if err != nil {
		return "", problem.Invalid(problem.FieldError{Field: "on", Code: "invalid_date", Message: "is not a date like 2026-03-31"})
	}
	return on, nil
}

// lagging is a part of what is answered from a read model.
type lagging struct {
	BehindSince time.Time `json:"behindSince,omitzero" doc:"When the oldest event that this does not reflect was recorded; left out where it is up to date"`
}

// lagOf says whether an answer that reflects the log up to a cursor is older than the moment that was asked for.
func (s *server) lagOf(ctx context.Context, asked moment, reflected eventstore.Cursor) (lagging, error) {
	if asked.past {
		return lagging{}, nil
	}
	var lanes []int16
	var positions []int64
	for lane, head := range asked.cursor {
		if have := reflected[lane]; have.Epoch == head.Epoch && have.Position < head.Position {
			lanes, positions = append(lanes, int16(lane)), append(positions, have.Position+1)
		}
	}
	if lanes == nil {
		return lagging{}, nil
	}
	next, err := s.Commands.Log.ReadPositions(ctx, lanes, positions)
	if err != nil {
		return lagging{}, err
	}
	var lag lagging
	for _, e := range next {
		if asked.time.Sub(e.RecordedAt) >= behindTold && (lag.BehindSince.IsZero() || e.RecordedAt.Before(lag.BehindSince)) {
			lag.BehindSince = e.RecordedAt.UTC()
		}
	}
	return lag, nil
}
