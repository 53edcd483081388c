package api

import (
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
)

// dealRoutes lists the routes by which people and sales come to be without a lead, and by which sales go on.
func (s *server) dealRoutes() []route {
	deal := commands.Record[opportunity.State]{}
	return []route{
		{on: "POST /api/v2/contacts", id: "createContact", summary: "Makes a person known", takes: contact.Details{Name: "Ada Lovelace", Email: "ada@example.com"},
			gives: replies{201: commands.Record[contact.State]{}}, frame: s.command(sellers, s.createContact)},
		{on: "POST /api/v2/opportunities", id: "createOpportunity", summary: "Makes a sale possible",
			takes: opportunity.Create{Details: opportunity.Details{Title: "Fleet of 20", Value: money.Of(500_000, "USD")}}, gives: replies{201: deal},
			frame: s.command(sellers, s.createOpportunity)},
		{on: "POST /api/v2/opportunities/{id}/move", id: "moveOpportunity", summary: "Brings an open opportunity to another stage",
			takes: opportunity.Move{Stage: opportunity.Won}, gives: replies{200: deal}, codes: transition,
			frame: s.command(sellers, action(s.Commands.MoveOpportunity, s.Commands.Opportunity))},
		{on: "POST /api/v2/opportunities/{id}/reopen", id: "reopenOpportunity", summary: "Takes a win or a loss back", takes: opportunity.Reopen{},
			gives: replies{200: deal}, codes: transition, frame: s.command(sellers, action(s.Commands.ReopenOpportunity, s.Commands.Opportunity))},
	}
}

func (s *server) createContact(q request) (answer, error) {
	var body contact.Details
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateContact(q.Context(), q.caller, contact.Create{Details: body})
	return created(q, out, err, "/api/v2/contacts/", s.Commands.Contact)
}

func (s *server) createOpportunity(q request) (answer, error) {
	var body opportunity.Create
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateOpportunity(q.Context(), q.caller, body)
	return created(q, out, err, "/api/v2/opportunities/", s.Commands.Opportunity)
}
