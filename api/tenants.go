package api

import (
	"net/http"
	"slices"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore"
)

// tenantRoutes lists the routes of the provider's tenants.
func (s *server) tenantRoutes() []route {
	shown := commands.Record[tenant.State]{}
	return []route{
		{on: "POST /api/v2/tenants", id: "createTenant", summary: "Takes a business in, with its owner",
			takes: newTenant{Name: "Acme", Owner: newOwner{Email: "ann@acme.example", Name: "Ann Lee"}}, gives: replies{201: shown}, codes: []problem.Code{problem.Duplicate}, frame: s.command(providers, s.createTenant)},
		{on: "GET /api/v2/tenants", id: "listTenants", summary: "Lists the tenants, the newest first", gives: replies{200: page[tenantItem]{}},
			query: slices.Concat(ofPage, []parameter{textParameter("q", "part of the name"), textParameter("status", "active, suspended or closed"), textParameter("plan", "the plan's name"),
				choiceParameter("sort", "the order; with - before it the largest first", tenantOrders...)}),
			codes: []problem.Code{problem.ReadModelBehind}, frame: s.reading(providers, s.listTenants)},
		{on: "GET /api/v2/tenants/{id}", id: "getTenant", summary: "Shows a tenant",
			query: []parameter{atParameter}, gives: replies{200: shown}, frame: s.reading(providers, s.getTenant)},
		{on: "POST /api/v2/tenants/{id}/suspend", id: "suspendTenant", summary: "Shuts a tenant's users and keys out until it is reactivated",
			takes: tenant.Suspend{}, gives: replies{200: shown}, codes: transition, frame: s.command(providers, s.suspendTenant)},
		{on: "POST /api/v2/tenants/{id}/reactivate", id: "reactivateTenant", summary: "Lets a suspended tenant in again",
			gives: replies{200: shown}, codes: transition, frame: s.command(providers, s.reactivateTenant)},
		{on: "POST /api/v2/tenants/{id}/close", id: "closeTenant", summary: "Ends a tenant for ever; its history stays",
			takes: tenant.Close{}, gives: replies{200: shown}, codes: transition, frame: s.command(providers, s.closeTenant)},
	}
}

// newTenant is a business and the account of its owner.
type newTenant struct {
	Name  string   `json:"name"`
	Plan  string   `json:"plan,omitempty"`
	Owner newOwner `json:"owner"`
}

type newOwner struct {
	Email    string `json:"email"`
	Name     string `json:"name"`
	Password string `json:"password,omitempty" minLength:"8"`
}

func (s *server) createTenant(q request) (answer, error) {
	var body newTenant
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	command := commands.CreateTenant{Name: body.Name, Plan: body.Plan, OwnerEmail: body.Owner.Email, OwnerName: body.Owner.Name}
	var err error
	if command.PasswordHash, err = s.hashed(q, "owner.password", body.Owner.Password); err != nil {
		return answer{}, err
	}
	q.caller.Tenant = eventstore.ProviderSpace
	out, err := s.Commands.CreateTenant(q.Context(), q.caller, command)
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return answer{}, err
	}
	record, err := s.Commands.Tenant(q.Context(), id, out.Last())
	return answer{outcome: out, status: http.StatusCreated, location: "/api/v2/tenants/" + id, version: record.Version, record: record}, err
}

func (s *server) getTenant(w http.ResponseWriter, q request, m moment) error {
	until := m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace))
	if until == 0 {
		return commands.ErrNotFound
	}
	record, err := s.Commands.Tenant(q.Context(), q.id, until)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, q.Request, http.StatusOK, record)
	return nil
}

func (s *server) suspendTenant(q request) (answer, error) {
	var body tenant.Suspend
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.SuspendTenant(q.Context(), q.caller, q.id, body)
	return s.tenantAnswer(q, out, err)
}

func (s *server) reactivateTenant(q request) (answer, error) {
	if err := decode(q.Request, &struct{}{}); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.ReactivateTenant(q.Context(), q.caller, q.id)
	return s.tenantAnswer(q, out, err)
}

func (s *server) closeTenant(q request) (answer, error) {
	var body tenant.Close
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CloseTenant(q.Context(), q.caller, q.id, body)
	return s.tenantAnswer(q, out, err)
}

// tenantAnswer renders a tenant as an action left it.
func (s *server) tenantAnswer(q request, out eventstore.Outcome, err error) (answer, error) {
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	record, err := s.Commands.Tenant(q.Context(), q.id, out.Last())
	return answer{outcome: out, status: http.StatusOK, version: record.Version, record: record}, err
}
