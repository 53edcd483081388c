package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore"
)

// progress is what the provider says about its work on an escalation.
type progress struct {
	Text       string    `json:"text,omitempty"`
	OccurredAt time.Time `json:"occurredAt,omitzero"`
}

// escalationRoutes lists what the provider does about incidents. The tenant whose escalation it is, is named by the header.
func (s *server) escalationRoutes() []route {
	shown := replies{200: commands.Record[escalation.State]{}}
	routes := []route{s.historyRoute("escalations", "escalation", escalation.Stream)}
	for _, a := range []struct{ verb, id, kind, summary string }{
		{"acknowledge", "acknowledgeEscalation", escalation.KindAcknowledged, "Says that somebody took notice of the incident"},
		{"start", "startEscalation", escalation.KindInProgress, "Says that somebody works on the incident"},
		{"resolve", "resolveEscalation", escalation.KindResolved, "Says that the incident is solved"},
		{"close", "closeEscalation", escalation.KindClosed, "Ends the escalation"},
		{"reopen", "reopenEscalation", escalation.KindReopened, "Opens an escalation again that was resolved"},
		{"comment", "commentOnEscalation", escalation.KindComment, "Adds a remark to the escalation"},
	} {
		routes = append(routes, route{on: "POST /api/v2/escalations/{id}/" + a.verb, id: a.id, summary: a.summary, takes: progress{}, gives: shown,
			codes: transition, frame: s.command(providers, inOneTenant(action(s.progress(a.kind), s.Commands.Escalation)))})
	}
	return append(routes, route{on: "POST /api/v2/escalations/{id}/assign", id: "assignEscalation", summary: "Gives the escalation to somebody of the provider",
		takes: escalation.Assign{}, gives: shown, codes: transition,
		frame: s.command(providers, inOneTenant(action(s.Commands.AssignEscalation, s.Commands.Escalation)))})
}

func (s *server) progress(kind string) func(context.Context, commands.Caller, string, progress) (eventstore.Outcome, error) {
	return func(ctx context.Context, by commands.Caller, id string, told progress) (eventstore.Outcome, error) {
		return s.Commands.UpdateEscalation(ctx, by, id, "", escalation.Update{Kind: kind, Text: told.Text, OccurredAt: told.OccurredAt})
	}
}

// inOneTenant is for writes of staff to a tenant's record: it has to be said whose.
func inOneTenant(run func(request) (answer, error)) func(request) (answer, error) {
	return func(q request) (answer, error) {
		if q.tenant == uuid.Nil {
			return answer{}, problem.Invalid(problem.FieldError{Field: tenantHeader, Code: problem.FieldRequired, Message: "must name the tenant whose record it is"})
		}
		return run(q)
	}
}
