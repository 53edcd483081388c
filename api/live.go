package api

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

const (
	// liveGap is the least time between two readings of one stream's figures: what moves meanwhile is told together, as no eye
	// follows faster. What has been quiet for longer is told at once.
	liveGap = 100 * time.Millisecond
	// liveShare is how many times as long as a reading took the next one waits at least: streams share the database with everybody.
	liveShare = 4
	// livePage is how many events of activity are told at a time.
	livePage = 100
)

// inPortalStill is what lets somebody hear more of a portal.
func (s *server) inPortalStill(q portalRequest) func() error {
	return func() error {
		_, err := s.authenticate(q.Request, q.portal)
		return err
	}
}

// followStats tells the figures at once, unless the reader has just these, and again when one changes.
func (s *server) followStats(w http.ResponseWriter, r *http.Request, who principal) error {
	if err := endless(r, "at"); err != nil {
		return err
	}
	q, err := s.askedFigures(r, who)
	if err != nil {
		return err
	}
	last, err := s.lastTold(r)
	if err == nil {
		err = history.Check(r.Context(), s.Commands.Log, last)
	}
	if err != nil {
		return err
	}
	moved, stop := s.Reader.Moved(q.tenant)
	defer stop()
	return s.stream(w, r, s.inPortalStill(q.portalRequest), func(st *stream) error { return s.tellStats(st, q, last, moved) })
}

// tellStats reads when something moved and, as windows end and rates fall by time alone, once a heartbeat; sooner where something does not
// arrive in the read model.
func (s *server) tellStats(st *stream, q figuresRequest, last eventstore.Cursor, moved <-chan struct{}) error {
	var told map[string]projections.Figure
	var lag lagging
	for {
		select {
		case <-moved: // it is read now
		default:
		}
		begun := time.Now()
		q, err := s.askedFigures(q.Request, q.who)
		if err != nil {
			return err
		}
		if last != nil { // nobody is told what was before
			q.query.After, q.query.Wait = last, 0
		}
		figures, cursor, err := s.figures(q)
		resumed := told == nil && last != nil && reflect.DeepEqual(cursor, last)
		switch {
		case errors.Is(err, projection.ErrBehind): // until it moves
		case err != nil:
			return err
		case resumed:
			told = figures.Stats
		case !reflect.DeepEqual(figures.Stats, told) || figures.lagging != lag:
			told, lag, last = figures.Stats, figures.lagging, cursor
			if err := st.send(figures.Cursor, figures); err != nil {
				return err
			}
		}
		took := time.Since(begun)
		long := heartbeat
		if !reflect.DeepEqual(cursor, q.asked.cursor) {
			long = behindTold
		}
		if err := st.wait(moved, long); err != nil {
			return err
		}
		if err := st.pause(max(liveGap, took*liveShare) - time.Since(begun)); err != nil {
			return err
		}
	}
}

// followActivity tells what happens from now on, or from where the reader was.
func (s *server) followActivity(w http.ResponseWriter, q portalRequest) error {
	if err := endless(q.Request, "at", "cursor", "limit"); err != nil {
		return err
	}
	after, err := s.lastTold(q.Request)
	if err == nil && after == nil {
		after, err = s.placeOf(q.request, "after")
	}
	if err == nil && after == nil {
		after, err = s.Commands.Log.Heads(q.Context())
	}
	if err == nil {
		err = history.Check(q.Context(), s.Commands.Log, after)
	}
	if err != nil {
		return err
	}
	moved, stop := s.Reader.Moved(q.tenant)
	defer stop()
	return s.stream(w, q.Request, s.inPortalStill(q), func(st *stream) error {
		for {
			if after, err = s.tellActivity(st, q, after); err != nil {
				return err
			}
			if err := st.wait(moved, heartbeat); err != nil {
				return err
			}
		}
	})
}

// tellActivity tells what there is behind a cursor, and returns where that ends.
func (s *server) tellActivity(st *stream, q portalRequest, after eventstore.Cursor) (eventstore.Cursor, error) {
	until, err := s.Commands.Log.Heads(q.Context())
	if err != nil {
		return nil, err
	}
	query := history.Query{Filter: eventstore.Filter{Tenant: q.tenant, Types: s.shownTypes(q.portal)}, Until: until}
	for query.After = after; query.After != nil; {
		var found []history.Item
		if found, after, err = history.Page(q.Context(), s.Commands.Log, query, livePage); err != nil {
			return nil, err
		}
		query.After = after
		events := make([]eventstore.Event, len(found))
		for i, item := range found {
			events[i] = eventstore.Event{ID: item.ID, RecordedAt: item.RecordedAt, Tenant: item.TenantID, Stream: item.Stream, Type: item.Type, Actor: item.Actor}
		}
		items, err := s.activityItems(q.Context(), q.portal, events, until)
		if err != nil {
			return nil, err
		}
		for i, item := range items {
			if err := st.send(found[i].Cursor, item); err != nil {
				return nil, err
			}
		}
	}
	return until, nil
}

// shownTypes are the event types that a portal shows.
func (s *server) shownTypes(portal string) []string {
	var types []string
	for _, t := range s.Commands.Log.Registry().Types() {
		if category, _, _ := strings.Cut(t, "."); shown(portal, category) {
			types = append(types, t)
		}
	}
	return types
}

// notForLists refuses what only a stream can be asked.
func notForLists(r *http.Request, name string) error {
	if !r.URL.Query().Has(name) {
		return nil
	}
	return problem.Invalid(problem.FieldError{Field: name, Code: problem.FieldUnknown, Message: "is for server-sent events; a list goes on at its cursor"})
}
