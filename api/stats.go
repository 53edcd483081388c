package api

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/projections"
)

// statsRoutes lists the routes of the dashboards' figures.
func (s *server) statsRoutes() []route {
	return []route{
		{on: "GET /api/portals/{portal}/stats", id: "getStats", summary: "Shows a portal's figures",
			query: []parameter{atParameter, {"on", "effective time: the day whose figures they are", &huma.Schema{Type: huma.TypeString, Format: "date"}}, tenantParameter},
			gives: replies{200: Figures{}}, codes: []problem.Code{problem.NotFound, problem.InvalidCursor, problem.ReadModelBehind}, frame: s.figured(s.stats)},
	}
}

// Figures are what a portal shows, by name.
type Figures struct {
	Cursor string                        `json:"cursor"`
	At     time.Time                     `json:"at"`
	Stats  map[string]projections.Figure `json:"stats"`
}

// stats answers a portal's figures to those who are signed in to it.
func (s *server) stats(w http.ResponseWriter, r *http.Request, who principal) error {
	if s.Stats == nil {
		p := problem.New(problem.Unavailable, "")
		p.RetryAfter = retryAfter
		return p
	}
	tenant := who.Tenant
	if named := r.URL.Query().Get("tenantId"); named != "" {
		id, err := uuid.Parse(named)
		if err != nil || tenant != uuid.Nil && tenant != id {
			return commands.ErrNotFound
		}
		tenant = id
	}
	on := r.URL.Query().Get("on")
	if _, err := domain.ParseDate(on); on != "" && err != nil {
		return problem.Invalid(problem.FieldError{Field: "on", Code: "invalid_date", Message: "is not a date like 2026-03-31"})
	}
	at, after, err := s.clocks(r)
	if err != nil {
		return err
	}
	figures, reflected, err := s.Stats(r.Context(), chi.URLParam(r, "portal"), tenant, at, on, after)
	if err != nil {
		return err
	}
	w.Header().Set(CursorHeader, s.Commands.Log.Token(reflected))
	s.write(w, r, http.StatusOK, figures)
	return nil
}

// clocks reads the recorded time that a figure is asked for, zero for now, and the cursor that it is to have passed.
func (s *server) clocks(r *http.Request) (at time.Time, after eventstore.Cursor, err error) {
	if token := r.Header.Get(CursorHeader); token != "" {
		if after, err = s.Commands.Log.ParseToken(token); err != nil {
			return at, nil, err
		}
	}
	text := r.URL.Query().Get("at")
	if text == "" {
		return at, after, nil
	}
	at, err = time.Parse(time.RFC3339, text)
	if err == nil {
		return at, after, s.noLater(at)
	}
	cursor, err := s.Commands.Log.ParseToken(text)
	if err != nil {
		return at, nil, err
	}
	at, err = s.timeOf(r, cursor)
	return at, after, err
}

// timeOf is when the last event of a cursor was recorded. Figures are kept by recorded time, which never falls in a lane.
func (s *server) timeOf(r *http.Request, cursor eventstore.Cursor) (time.Time, error) {
	var latest time.Time
	for lane, mark := range cursor {
		if mark.Position < 1 {
			continue
		}
		events, err := s.Commands.Log.ReadLane(r.Context(), lane, mark.Position-1, 1)
		if err != nil {
			return latest, err
		}
		if len(events) == 0 {
			return latest, problem.New(problem.InvalidCursor, "The cursor names events that this log does not hold.")
		}
		if events[0].RecordedAt.After(latest) {
			latest = events[0].RecordedAt
		}
	}
	return latest, nil
}
