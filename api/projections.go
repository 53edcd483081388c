package api

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore/projection"
)

var developers = []string{user.RoleDeveloper}

// projectionRoutes lists the routes by which read models are looked after.
func (s *server) projectionRoutes() []route {
	routes := []route{
		{on: "GET /api/v2/projections", id: "listProjections", summary: "Lists the read models: how far each is, what of it is parked, and how far a rebuild is",
			gives: replies{200: page[projection.Condition]{}}, frame: s.reading(developers, s.listProjections)},
		{on: "GET /api/v2/projections/{name}", id: "getProjection", summary: "Shows a read model",
			gives: replies{200: projection.Condition{}}, frame: s.reading(developers, s.getProjection)},
		{on: "POST /api/v2/projections/{name}/rebuild", id: "rebuildProjection", takes: rebuildOrder{},
			summary: "Begins to build a read model anew from the whole log, beside the live one, which is switched when they are equal",
			gives:   replies{202: job{}}, codes: []problem.Code{problem.InvalidTransition}, frame: s.operating(projection.ActionRebuild)},
	}
	for _, action := range []struct{ name, id, summary string }{
		{projection.ActionPause, "pauseProjection", "Stops a read model on every node; it is read as it is"},
		{projection.ActionResume, "resumeProjection", "Lets a read model go on from where it was paused"},
		{projection.ActionRetry, "retryProjection", "Tries a read model's parked events again, in order"},
		{projection.ActionSwitch, "switchProjection", "Goes back to the tables that were read before the last rebuild"},
	} {
		routes = append(routes, route{on: "POST /api/v2/projections/{name}/" + action.name, id: action.id, summary: action.summary, gives: replies{200: projection.Condition{}},
			codes: []problem.Code{problem.InvalidTransition}, frame: s.operating(action.name)})
	}
	return routes
}

// rebuildOrder says how to rebuild.
type rebuildOrder struct {
	Force bool `json:"force,omitempty" doc:"Switches also to what differs from the live tables"`
}

// operating is the frame of what operators ask of read models. It is no command of the log; its key is kept with the order.
func (s *server) operating(action string) frame {
	return frame{scheme: bySession, limited: true, roles: developers, writes: true, codes: commandCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error { return s.operate(w, r, declared, action) }
	}}
}

func (s *server) operate(w http.ResponseWriter, r *http.Request, declared route, action string) error {
	q, err := s.asked(w, r, declared)
	if err != nil {
		return err
	}
	if q.caller.Version > 0 {
		return commands.ErrVersion // it has none
	}
	var body rebuildOrder
	if action == projection.ActionRebuild {
		err = decode(r, &body)
	} else {
		err = decode(r, &struct{}{})
	}
	if err != nil {
		return err
	}
	if s.Projector == nil {
		return notHere()
	}
	done, err := s.Projector.Do(r.Context(), projection.Order{ID: q.caller.ID, Projection: chi.URLParam(r, "name"), Action: action, By: q.who.User.String(),
		Fingerprint: q.caller.Fingerprint, Correlation: q.caller.Correlation, Force: body.Force})
	switch {
	case errors.Is(err, projection.ErrUnknown):
		return commands.ErrNotFound
	case errors.Is(err, projection.ErrBusy):
		return later(problem.Unavailable, "Another read model is being rebuilt on this node.")
	case err != nil:
		return err
	}
	if done.Replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	switch {
	case done.Refused:
		writeRefusal(w, r, commands.Refusal{Kind: domain.Conflict, Code: string(problem.InvalidTransition), Text: done.Error, Correlation: done.Correlation})
	case action == projection.ActionRebuild:
		w.Header().Set("Location", "/api/v2/jobs/"+done.ID.String())
		s.write(w, r, http.StatusAccepted, job{ID: done.ID, State: projection.JobRunning, Errors: []jobError{}, Action: action, Name: done.Projection, BegunAt: done.BegunAt.UTC()})
	default:
		s.write(w, r, http.StatusOK, done.Result)
	}
	return nil
}

func notHere() error {
	return later(problem.Unavailable, "This node looks after no read models.")
}

func (s *server) listProjections(w http.ResponseWriter, q request, _ moment) error {
	if s.Projector == nil {
		return notHere()
	}
	all, err := s.Projector.Conditions(q.Context())
	if err != nil {
		return err
	}
	s.write(w, q.Request, http.StatusOK, page[projection.Condition]{Items: all})
	return nil
}

func (s *server) getProjection(w http.ResponseWriter, q request, _ moment) error {
	if s.Projector == nil {
		return notHere()
	}
	one, err := s.Projector.Condition(q.Context(), chi.URLParam(q.Request, "name"))
	if errors.Is(err, projection.ErrUnknown) {
		return commands.ErrNotFound
	}
	if err != nil {
		return err
	}
	s.write(w, q.Request, http.StatusOK, one)
	return nil
}
