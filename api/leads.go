package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/eventstore"
)

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
	record, err := s.Commands.Lead(q.Context(), q.tenant, id, out.Last())
	return answer{outcome: out, status: code, location: location, version: record.Version, record: record}, err
}

func (s *server) updateLead(q request) (answer, error) {
	body := guard.Body(q.Context())
	if p := guard.CheckMediaType(q.Header, body); p != nil {
		return answer{}, p
	}
	if p := guard.CheckJSON(body); p != nil {
		return answer{}, p
	}
	var command lead.Update
	if err := json.Unmarshal(body, &command.Patch); err != nil {
		if _, ok := errors.AsType[domain.Invalid](err); ok {
			return answer{}, err
		}
		return answer{}, problem.Invalid(problem.FieldError{Code: problem.FieldWrongType, Message: "must be an object"})
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
	var body struct {
		OccurredAt time.Time `json:"occurredAt"`
	}
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
	var body struct {
		Reason     string    `json:"reason"`
		OccurredAt time.Time `json:"occurredAt"`
	}
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

// inTenant is the tenant that a single record is looked for in; staff must name it.
func inTenant(q request) error {
	if q.tenant == uuid.Nil {
		return problem.Invalid(problem.FieldError{Field: "tenantId", Code: problem.FieldRequired, Message: "must name the tenant whose record it is"})
	}
	return nil
}

func (s *server) leadHistory(w http.ResponseWriter, q request, m moment) error {
	if err := inTenant(q); err != nil {
		return err
	}
	return s.history(w, q, m, lead.Stream(q.id))
}
