package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

func (s *server) createOrganization(q request) (answer, error) {
	var body organization.Details
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateOrganization(q.Context(), q.caller, organization.Create{Details: body})
	return created(q, out, err, "/api/v2/organizations/", s.Commands.Organization)
}

func (s *server) createInvoice(q request) (answer, error) {
	var body struct {
		invoice.Details
		Disputed bool `json:"disputed"`
	}
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateInvoice(q.Context(), q.caller, invoice.Create{Details: body.Details, Disputed: body.Disputed})
	return created(q, out, err, "/api/v2/invoices/", s.Commands.Invoice)
}

// record answers one record as of the moment asked.
func record[S any](s *server, read func(context.Context, uuid.UUID, string, int64) (commands.Record[S], error)) func(http.ResponseWriter, request, moment) error {
	return func(w http.ResponseWriter, q request, m moment) error {
		if err := parameters(q.Request, "at", "tenantId"); err != nil {
			return err
		}
		if err := inTenant(q); err != nil {
			return err
		}
		until := m.position(s.Commands.Log.LaneOf(q.tenant))
		if until == 0 {
			return commands.ErrNotFound // before the first event there was nothing
		}
		record, err := read(q.Context(), q.tenant, q.id, until)
		if err != nil {
			return err
		}
		w.Header().Set("ETag", etag(record.Version))
		s.write(w, q.Request, http.StatusOK, record)
		return nil
	}
}

// created renders the record that a command made.
func created[S any](q request, out eventstore.Outcome, err error, list string, read func(context.Context, uuid.UUID, string, int64) (commands.Record[S], error)) (answer, error) {
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return answer{}, err
	}
	record, err := read(q.Context(), q.tenant, id, out.Last())
	return answer{outcome: out, status: http.StatusCreated, location: list + id, version: record.Version, record: record}, err
}

// invoiceAction decodes a command's body, runs it and answers the invoice as the command left it.
func invoiceAction[C any](s *server, run func(context.Context, commands.Caller, string, C) (eventstore.Outcome, error)) func(request) (answer, error) {
	return func(q request) (answer, error) {
		var body C
		if err := decode(q.Request, &body); err != nil {
			return answer{}, err
		}
		out, err := run(q.Context(), q.caller, q.id, body)
		if err != nil || out.Verdict == eventstore.Refused {
			return answer{outcome: out}, err
		}
		record, err := s.Commands.Invoice(q.Context(), q.tenant, q.id, out.Last())
		return answer{outcome: out, status: http.StatusOK, version: record.Version, record: record}, err
	}
}
