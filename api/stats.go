package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

// portalRoutes lists what every portal can read about itself.
func (s *server) portalRoutes() []route {
	behind := []problem.Code{problem.NotFound, problem.InvalidCursor, problem.ReadModelBehind}
	return []route{
		{on: "GET /api/portals/{portal}/stats", id: "getStats", summary: "Shows a portal's figures, or as server-sent events shows them anew whenever one changes",
			query: []parameter{atParameter, onParameter, tenantParameter}, gives: replies{200: forms{Figures{}, media("text/event-stream")}}, codes: behind, frame: s.figured(s.stats)},
		{on: "GET /api/portals/{portal}/stats/{name}/events", id: "listStatEvents", summary: "Lists the events that a figure is the sum of, the newest first",
			query: slices.Concat(ofPage, []parameter{onParameter, tenantParameter, choiceParameter("part", "the side of a ratio or a mean; the numerator where it is not given", projections.Numerator, projections.Denominator)}),
			gives: replies{200: whyAnswer{}}, codes: append([]problem.Code{problem.FigureNotFromEvents}, behind...), frame: s.figured(s.why)},
		{on: "GET /api/portals/{portal}/activity", id: "listActivity", summary: "Lists what happened lately, the newest first, or tells what happens as server-sent events",
			query: slices.Concat(ofPage, []parameter{tenantParameter, textParameter("after", "for server-sent events: begin after this cursor or RFC 3339 time, and not now; Last-Event-ID comes first")}),
			gives: replies{200: forms{page[activityItem]{}, media("text/event-stream")}},
			codes: []problem.Code{problem.NotFound, problem.InvalidCursor}, frame: s.figured(s.activity)},
	}
}

// portalRequest is one to a portal's own routes, from somebody who is signed in to it.
type portalRequest struct {
	request
	portal string
}

// inPortal finds out for which tenant somebody asks: staff may name one, and else asks for all.
func inPortal(r *http.Request, who principal) (portalRequest, error) {
	q := portalRequest{request{Request: r, who: who, tenant: who.Tenant}, chi.URLParam(r, "portal")}
	if named := r.URL.Query().Get("tenantId"); named != "" {
		id, err := uuid.Parse(named)
		if err != nil || q.tenant != uuid.Nil && q.tenant != id {
			return q, commands.ErrNotFound
		}
		q.tenant = id
	}
	return q, nil
}

// Figures are what a portal shows, by name. Cursor is the part of the log that they reflect.
type Figures struct {
	Cursor string                        `json:"cursor"`
	At     time.Time                     `json:"at"`
	Stats  map[string]projections.Figure `json:"stats"`

	lagging `json:",embed"`
}

// figuresRequest is one about figures: whose, as of when.
type figuresRequest struct {
	portalRequest
	query  projection.Query
	moment projections.Moment
	asked  moment
}

func (s *server) askedFigures(r *http.Request, who principal) (q figuresRequest, err error) {
	if q.portalRequest, err = inPortal(r, who); err != nil {
		return q, err
	}
	if q.query, q.asked, err = s.modelQuery(r, q.tenant); err != nil {
		return q, err
	}
	q.moment = projections.Moment{At: q.asked.asOf(), Time: q.asked.time}
	q.moment.On, err = dayOf(r, q.asked)
	return q, err
}

// stats answers a portal's figures to those who are signed in to it, once or whenever they change.
func (s *server) stats(w http.ResponseWriter, r *http.Request, who principal) error {
	w.Header().Add("Vary", "Accept")
	if historyForm(r.Header) == "text/event-stream" {
		return s.followStats(w, r, who)
	}
	q, err := s.askedFigures(r, who)
	if err != nil {
		return err
	}
	figures, _, err := s.figures(q)
	if err != nil {
		return err
	}
	w.Header().Set(CursorHeader, figures.Cursor)
	s.write(w, r, http.StatusOK, figures)
	return nil
}

func (s *server) figures(q figuresRequest) (Figures, eventstore.Cursor, error) {
	figures, cursor, err := projections.Stats(q.Context(), s.Reader, q.portal, q.query, q.moment)
	if err != nil {
		return Figures{}, nil, err
	}
	lag, err := s.lagOf(q.Context(), q.asked, cursor)
	return Figures{s.Commands.Log.Token(cursor), q.moment.Time.UTC(), figures, lag}, cursor, err
}
