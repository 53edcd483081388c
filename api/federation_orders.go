package api

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/eventstore"
)

// opened is what a partner is told about an escalation that it handed over.
type opened struct {
	EscalationID string    `json:"escalationId"`
	Status       string    `json:"status"`
	CreatedAt    time.Time `json:"createdAt"`
}

// escalationShown is an escalation as its partner reads it.
type escalationShown struct {
	EscalationID string                            `json:"escalationId"`
	TenantID     string                            `json:"tenantId"`
	Record       commands.Record[escalation.State] `json:",embed"`
}

// newEscalation is an incident that a partner hands over.
type newEscalation struct {
	TenantID string `json:"tenantId"`
	escalation.Details
}

// federateEscalation hands an incident over.
func (s *server) federateEscalation(o order) (fulfilled, error) {
	var body newEscalation
	if p := guard.DecodeJSON(o.body, &body); p != nil {
		return fulfilled{}, p
	}
	in, err := s.allowedTenant(o.signedRequest, body.TenantID)
	if err != nil {
		return fulfilled{}, err
	}
	out, err := s.Commands.OpenEscalation(o.Context(), o.caller(in),
		escalation.Open{Details: body.Details, PartnerID: o.signedRequest.key.Partner.ID})
	if err != nil || out.Verdict == eventstore.Refused {
		return fulfilled{answer: answer{outcome: out}}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return fulfilled{}, err
	}
	record, err := commands.After[escalation.State](o.Context(), s.Commands, in, escalation.Stream(id), out)
	return fulfilled{answer{outcome: out, status: http.StatusCreated, location: "/api/federation/escalations/" + id,
		version: record.Version, record: opened{id, record.State.Status, record.CreatedAt}}, id}, err
}

// federateUpdate says how the work on an escalation goes. A line of many names it in its body, by its own id or the incident's.
func (s *server) federateUpdate(o order) (fulfilled, error) {
	var command escalation.Update
	id := o.id
	var in uuid.UUID
	if id != "" {
		if p := guard.DecodeJSON(o.body, &command); p != nil {
			return fulfilled{}, p
		}
	} else {
		var body struct {
			escalation.Update
			EscalationID string `json:"escalationId"`
			IncidentID   string `json:"incidentId"`
			TenantID     string `json:"tenantId"`
		}
		p := guard.DecodeJSON(o.body, &body)
		if p != nil {
			return fulfilled{}, p
		}
		command, id = body.Update, body.EscalationID
		if id == "" {
			incident, err := s.incident(o.signedRequest, body.IncidentID, body.TenantID)
			if err != nil {
				return fulfilled{}, err
			}
			id = incident.ID
		}
	}
	in, _, err := s.escalationOf(o.signedRequest, id)
	if err != nil {
		return fulfilled{}, err
	}
	if in, err = s.allowedTenant(o.signedRequest, in.String()); err != nil {
		return fulfilled{}, err
	}
	out, err := s.Commands.UpdateEscalation(o.Context(), o.caller(in), id, o.signedRequest.key.Partner.ID, command)
	if err != nil || out.Verdict == eventstore.Refused {
		return fulfilled{answer{outcome: out}, id}, err
	}
	record, err := commands.After[escalation.State](o.Context(), s.Commands, in, escalation.Stream(id), out)
	return fulfilled{answer{outcome: out, status: http.StatusOK, version: record.Version,
		record: escalationShown{id, in.String(), record}}, id}, err
}

// newFederatedLead is a lead that a partner brings to a tenant.
type newFederatedLead struct {
	TenantID string `json:"tenantId"`
	lead.Details
}

// federateLead takes a lead in for a tenant.
func (s *server) federateLead(o order) (fulfilled, error) {
	var body newFederatedLead
	if p := guard.DecodeJSON(o.body, &body); p != nil {
		return fulfilled{}, p
	}
	in, err := s.allowedTenant(o.signedRequest, body.TenantID)
	if err != nil {
		return fulfilled{}, err
	}
	out, err := s.Commands.CreateLead(o.Context(), o.caller(in), lead.Create{Details: body.Details})
	if err != nil || out.Verdict == eventstore.Refused {
		return fulfilled{answer: answer{outcome: out}}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return fulfilled{}, err
	}
	record, err := commands.After[lead.State](o.Context(), s.Commands, in, lead.Stream(id), out)
	return fulfilled{answer{outcome: out, status: http.StatusCreated, location: "/api/v2/leads/" + id,
		version: record.Version, record: record}, id}, err
}

// escalationOf finds a partner's escalation by its id alone. It lives in its tenant's own space, so each tenant that the
// partner is allowed for is asked; there is no directory that could disagree with the log.
func (s *server) escalationOf(q signedRequest, id string) (uuid.UUID, commands.Record[escalation.State], error) {
	if !isID(id) {
		return uuid.Nil, commands.Record[escalation.State]{}, commands.ErrNotFound // no record has an id of another form
	}
	return s.Commands.FindEscalation(q.Context(), q.key.Partner.State.TenantIDs, id, q.key.Partner.ID)
}

// incident finds the one escalation of an incident; in is the tenant that is meant, or "".
func (s *server) incident(q signedRequest, incident, in string) (commands.Incident, error) {
	if incident == "" {
		return commands.Incident{}, problem.Invalid(problem.FieldError{Field: "escalationId", Code: problem.FieldRequired,
			Message: "must be given, or incidentId"})
	}
	tenants := q.key.Partner.State.TenantIDs
	if in != "" {
		id, err := s.allowedTenant(q, in)
		if err != nil {
			return commands.Incident{}, err
		}
		tenants = []string{id.String()}
	}
	found, err := s.Commands.FindIncident(q.Context(), tenants, incident, q.key.Partner.ID)
	switch {
	case err != nil:
		return commands.Incident{}, err
	case len(found) == 0:
		return commands.Incident{}, commands.ErrNotFound
	case len(found) > 1:
		return commands.Incident{}, problem.Invalid(problem.FieldError{Field: "tenantId", Code: problem.FieldRequired,
			Message: "must be given: several tenants have an incident of this id"})
	}
	return found[0], nil
}

func (s *server) federatedEscalation(w http.ResponseWriter, q signedRequest) error {
	in, record, err := s.escalationOf(q, chi.URLParam(q.Request, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, q.Request, http.StatusOK, escalationShown{record.ID, in.String(), record})
	return nil
}

// findIncident lists what was made of an incident: at most one escalation in each tenant.
func (s *server) findIncident(w http.ResponseWriter, q signedRequest) error {
	incident := q.URL.Query().Get("incidentId")
	if incident == "" {
		return problem.Invalid(problem.FieldError{Field: "incidentId", Code: problem.FieldRequired, Message: "must be given"})
	}
	found, err := s.Commands.FindIncident(q.Context(), q.key.Partner.State.TenantIDs, incident, q.key.Partner.ID)
	if err != nil {
		return err
	}
	list := page[escalationShown]{Items: []escalationShown{}}
	for _, f := range found {
		record, err := s.Commands.Escalation(q.Context(), f.Tenant, f.ID, 0)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, escalationShown{f.ID, f.Tenant.String(), record})
	}
	s.write(w, q.Request, http.StatusOK, list)
	return nil
}
