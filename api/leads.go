package api

import (
	"context"
	"net/http"
	"time"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
)

// leadRoutes lists the routes of leads.
func (s *server) leadRoutes() []route {
	shown := commands.Record[lead.State]{}
	return []route{
		{on: "POST /api/v2/leads", id: "createLead", summary: "Takes a lead in", gives: replies{201: shown},
			takes: lead.Details{Name: "Ann Lee", Company: "Acme", Email: "ann@acme.example", Source: "web", Value: money.Of(250_000, "USD")},
			codes: []problem.Code{problem.DuplicateLead}, frame: s.command(sellers, s.createLead)},
		{on: "GET /api/v2/leads/{id}", id: "getLead", summary: "Shows a lead", query: ofRecord, gives: replies{200: found[lead.State]{}},
			frame: record(s, lead.Category, s.Commands.Lead)},
		{on: "PATCH /api/v2/leads/{id}", id: "updateLead", summary: "Changes the given fields of a lead", takes: domain.Patch[lead.Details]{}, gives: replies{200: shown},
			codes: []problem.Code{problem.DuplicateLead, problem.InvalidTransition, problem.RuleViolated}, frame: s.command(sellers, s.updateLead)},
		s.historyRoute("leads", "lead", lead.Stream),
		{on: "POST /api/v2/leads/{id}/contact", id: "contactLead", summary: "Says that somebody spoke to the lead",
			takes: occurrence{}, gives: replies{200: shown}, codes: transition, frame: s.command(sellers, s.contactLead)},
		{on: "POST /api/v2/leads/{id}/qualify", id: "qualifyLead", summary: "Says that the lead may become a customer",
			takes: occurrence{}, gives: replies{200: shown}, codes: transition, frame: s.command(sellers, s.qualifyLead)},
		{on: "POST /api/v2/leads/{id}/disqualify", id: "disqualifyLead", summary: "Says that nothing will come of the lead",
			takes: disqualification{}, gives: replies{200: shown}, codes: transition, frame: s.command(sellers, s.disqualifyLead)},
		{on: "POST /api/v2/leads/{id}/convert", id: "convertLead", summary: "Makes an opportunity of the lead, with its organization and contact; again, answers with the first",
			takes: occurrence{}, gives: replies{201: shown, 200: shown}, codes: transition, frame: s.command(sellers, s.convertLead)},
		{on: "POST /api/v2/leads/{id}/archive", id: "archiveLead", summary: "Puts the lead away: it leaves the list, and another lead may have its e-mail address, phone number and external id",
			takes: struct{}{}, gives: replies{200: shown}, frame: s.command(sellers, s.shelveLead(s.Commands.ArchiveLead))},
		{on: "POST /api/v2/leads/{id}/restore", id: "restoreLead", summary: "Brings an archived lead back, unless another one has its e-mail address, phone number or external id by now",
			takes: struct{}{}, gives: replies{200: shown}, codes: []problem.Code{problem.DuplicateLead}, frame: s.command(sellers, s.shelveLead(s.Commands.RestoreLead))},
	}
}

// transition is the refusal of an action that the record's state does not allow.
var transition = []problem.Code{problem.InvalidTransition}

// occurrence is the body of an action that may have happened before now.
type occurrence struct {
	OccurredAt time.Time `json:"occurredAt,omitzero"`
}

// disqualification says why nothing will come of a lead.
type disqualification struct {
	Reason     string    `json:"reason"`
	OccurredAt time.Time `json:"occurredAt,omitzero"`
}

func (s *server) createLead(q request) (answer, error) {
	var body lead.Details
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateLead(q.Context(), q.caller, lead.Create{Details: body})
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return answer{}, err
	}
	return s.leadAnswer(q, out, nil, id, http.StatusCreated, "/api/v2/leads/"+id)
}

// leadAnswer renders a lead as the command left it.
func (s *server) leadAnswer(q request, out eventstore.Outcome, err error, id string, code int, location string) (answer, error) {
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	record, err := commands.After[lead.State](q.Context(), s.Commands, q.tenant, lead.Stream(id), out)
	return answer{outcome: out, status: code, location: location, version: record.Version, record: record}, err
}

func (s *server) updateLead(q request) (answer, error) {
	var command lead.Update
	if err := decodePatch(q.Request, &command.Patch); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.UpdateLead(q.Context(), q.caller, q.id, command)
	return s.leadAnswer(q, out, err, q.id, http.StatusOK, "")
}

// day reads the business day of an action from a body that holds at most a time; "" where it names none.
func (s *server) day(occurredAt time.Time) (domain.Date, error) {
	if occurredAt.IsZero() {
		return "", nil
	}
	var check domain.Check
	check.Moment("occurredAt", occurredAt, s.Commands.Now())
	return domain.DateOf(occurredAt), check.Err()
}

func (s *server) actionDay(q request) (domain.Date, error) {
	var body occurrence
	if err := decode(q.Request, &body); err != nil {
		return "", err
	}
	return s.day(body.OccurredAt)
}

func (s *server) contactLead(q request) (answer, error) {
	on, err := s.actionDay(q)
	if err != nil {
		return answer{}, err
	}
	out, err := s.Commands.ContactLead(q.Context(), q.caller, q.id, lead.Contact{On: on})
	return s.leadAnswer(q, out, err, q.id, http.StatusOK, "")
}

func (s *server) qualifyLead(q request) (answer, error) {
	on, err := s.actionDay(q)
	if err != nil {
		return answer{}, err
	}
	out, err := s.Commands.QualifyLead(q.Context(), q.caller, q.id, lead.Qualify{On: on})
	return s.leadAnswer(q, out, err, q.id, http.StatusOK, "")
}

func (s *server) disqualifyLead(q request) (answer, error) {
	var body disqualification
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	on, err := s.day(body.OccurredAt)
	if err != nil {
		return answer{}, err
	}
	out, err := s.Commands.DisqualifyLead(q.Context(), q.caller, q.id, lead.Disqualify{Reason: body.Reason, On: on})
	return s.leadAnswer(q, out, err, q.id, http.StatusOK, "")
}

// convertLead answers with the lead, whose convertedTo names what was made; asked again, with the same as before.
func (s *server) convertLead(q request) (answer, error) {
	on, err := s.actionDay(q)
	if err != nil {
		return answer{}, err
	}
	out, err := s.Commands.ConvertLead(q.Context(), q.caller, q.id, on)
	a, err := s.leadAnswer(q, out, err, q.id, http.StatusCreated, "")
	if record, ok := a.record.(commands.Record[lead.State]); ok && record.State.ConvertedTo != nil {
		a.location = "/api/v2/opportunities/" + record.State.ConvertedTo.OpportunityID
	}
	return a, err
}

// shelveLead serves an action that asks for nothing but the lead.
func (s *server) shelveLead(use func(context.Context, commands.Caller, string) (eventstore.Outcome, error)) func(request) (answer, error) {
	return func(q request) (answer, error) {
		if err := decode(q.Request, &struct{}{}); err != nil {
			return answer{}, err
		}
		out, err := use(q.Context(), q.caller, q.id)
		return s.leadAnswer(q, out, err, q.id, http.StatusOK, "")
	}
}
