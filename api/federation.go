package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/signature"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore"
)

// What a key must be allowed to do on the signed routes.
const (
	scopeLeads            = "leads:write"
	scopeWriteEscalations = "escalations:write"
	scopeReadEscalations  = "escalations:read"
	scopeWriteInvoices    = "invoices:write"
	scopeReadInvoices     = "invoices:read"
)

// federationRoutes lists the routes of partners: all of them are signed.
func (s *server) federationRoutes() []route {
	if s.NoFederation {
		return nil
	}
	return append(s.federatedBillingRoutes(), []route{
		{on: "POST /api/federation/escalation", id: "federateEscalation", summary: "Hands an incident over",
			takes: newEscalation{TenantID: "0198c0de-0000-7000-8000-000000000001", Details: escalation.Details{IncidentID: "INC-1", Severity: "high",
				Summary: "Checkout is down", Description: "Payments fail since 03:04.", SourceSystem: "monitor", OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
			gives: replies{201: opened{}, 200: opened{}}, codes: []problem.Code{problem.DuplicateIncident},
			frame: s.ordered(scopeWriteEscalations, s.federateEscalation)},
		{on: "GET /api/federation/escalations", id: "findFederatedEscalations", summary: "Lists what was made of an incident: at most one escalation in each tenant",
			query: []parameter{textParameter("incidentId", "the incident's id at the partner's")}, gives: replies{200: page[escalationShown]{}},
			frame: s.signed(scopeReadEscalations, s.findIncident)},
		{on: "GET /api/federation/escalations/{id}", id: "getFederatedEscalation", summary: "Shows an escalation that the partner handed over",
			gives: replies{200: escalationShown{}}, codes: []problem.Code{problem.NotFound}, frame: s.signed(scopeReadEscalations, s.federatedEscalation)},
		{on: "POST /api/federation/escalations/{id}/updates", id: "updateFederatedEscalation", summary: "Says how the work on an escalation goes",
			takes: escalation.Update{}, gives: replies{200: escalationShown{}}, codes: []problem.Code{problem.NotFound, problem.InvalidTransition},
			frame: s.ordered(scopeWriteEscalations, s.federateUpdate)},
		{on: "POST /api/federation/leads", id: "federateLead", summary: "Takes a lead in for a tenant",
			takes: newFederatedLead{}, gives: replies{201: commands.Record[lead.State]{}}, codes: []problem.Code{problem.DuplicateLead},
			frame: s.ordered(scopeLeads, s.federateLead)},
		{on: "POST /api/federation/commands", id: "federateCommands", summary: "Carries out many commands, each for itself and in their order",
			takes: lines{commandLine{}}, gives: replies{200: lines{verdict{}}}, codes: []problem.Code{problem.IdempotencyKeyRequired},
			frame: s.signed("", s.bulk).writing()},
		{on: "GET /api/federation/status", id: "getFederationStatus", summary: "Says what the key is good for",
			gives: replies{200: keyStatus{}}, frame: s.signed("", s.federationStatus)},
	}...)
}

// signedRequest is one whose signature proved right.
type signedRequest struct {
	*http.Request
	key commands.SigningKey
}

func (q signedRequest) allows(scope string) bool {
	return scope == "" || slices.Contains(q.key.Partner.State.Scopes, scope)
}

// signed is the frame of every signed route: who it is, and whether the key was given the scope; "" is any key.
func (s *server) signed(scope string, run func(http.ResponseWriter, signedRequest) error) frame {
	return frame{scheme: bySignature, limited: true, scope: scope, codes: signedCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			key, err := s.verify(w, r)
			if err == nil {
				err = s.chargeKey(w, r, key)
			}
			if err != nil {
				return err
			}
			q := signedRequest{r, key}
			if !q.allows(scope) {
				return problem.New(problem.ScopeMissing, "")
			}
			if err := parameters(r, declared.query); err != nil {
				return err
			}
			return run(w, q)
		}
	}}
}

// verify proves who signed. The reason of a refusal is for the operator alone. It costs the address that it came from, and never
// the key that it names; who signs right from there is not held up.
func (s *server) verify(w http.ResponseWriter, r *http.Request) (commands.SigningKey, error) {
	var key commands.SigningKey
	body := guard.Body(r.Context())
	verifier := signature.Verifier{
		Key: func(ctx context.Context, id string) (signature.Key, error) {
			var err error
			key, err = s.Commands.SigningKey(ctx, id)
			switch {
			case errors.Is(err, commands.ErrNotFound):
				err = signature.ErrKeyUnknown
			case errors.Is(err, commands.ErrKeyEnded):
				err = signature.ErrKeyRevoked
			}
			return signature.Key{ID: id, Secret: key.Secret}, err
		},
		SpendNonce: s.Commands.SpendNonce,
		Now:        s.Commands.Now,
		Origins:    s.origins,
	}
	_, err := verifier.Verify(r.Context(), r, body)
	if refused, ok := errors.AsType[*signature.Failure](err); ok {
		s.Logger.InfoContext(r.Context(), "signature refused", "reason", refused.Reason, "cause", refused.Cause, "key", refused.KeyID,
			"from", guard.CallerOf(r.Context()).Address, "correlation", guard.CorrelationID(r.Context()))
		if err := s.admit(w, r, s.Limits.Auth, addressKey(r)); err != nil {
			return key, err
		}
		return key, refused.Problem(r, len(body) > 0)
	}
	return key, err
}

// order is one command of a partner, alone in its request or a line of many.
type order struct {
	signedRequest
	id   string // of the record that the address names
	key  string // decides about repetition
	path string // what the fingerprint takes for the address
	body []byte
}

// caller is the partner as the log knows it: the partner and not the key, so that a rotation does not break repetitions.
func (o order) caller(in uuid.UUID) commands.Caller {
	who := o.signedRequest.key
	return commands.Caller{
		Tenant: in, Actor: eventstore.Actor{Kind: "partner", ID: who.Partner.ID, Via: who.KeyID},
		ID:          eventstore.CommandID(in, who.Partner.ID, o.key),
		Fingerprint: guard.Fingerprint(http.MethodPost, o.path, o.body),
		Correlation: guard.CorrelationID(o.Context()),
	}
}

// fulfilled is how an order ended, and the record that it is about.
type fulfilled struct {
	answer
	id string
}

// writing is a frame whose requests carry an Idempotency-Key.
func (f frame) writing() frame {
	f.writes = true
	return f
}

// ordered is the frame of a signed request that is one order.
func (s *server) ordered(scope string, run func(order) (fulfilled, error)) frame {
	f := s.signed(scope, func(w http.ResponseWriter, q signedRequest) error {
		key, p := guard.IdempotencyKey(q.Header)
		if p != nil {
			return p
		}
		body := guard.Body(q.Context())
		if p := guard.CheckMediaType(q.Header, body); p != nil {
			return p
		}
		done, err := run(order{q, chi.URLParam(q.Request, "id"), key, q.URL.EscapedPath(), body})
		if err != nil {
			return err
		}
		return s.answer(w, q.Request, done.answer)
	})
	f.codes = orderedCodes
	return f.writing()
}

// allowedTenant is the tenant that an order names, if the partner may act for it now.
func (s *server) allowedTenant(q signedRequest, name string) (uuid.UUID, error) {
	if name == "" {
		return uuid.Nil, problem.Invalid(problem.FieldError{Field: "tenantId", Code: problem.FieldRequired, Message: "must be given"})
	}
	id, err := uuid.Parse(name)
	if err != nil || !q.actsFor(name) {
		return uuid.Nil, problem.New(problem.TenantNotAllowed, "")
	}
	business, err := s.Commands.Tenant(q.Context(), name, 0)
	if err != nil {
		return uuid.Nil, err
	}
	switch business.State.Status {
	case tenant.StatusSuspended:
		return uuid.Nil, problem.New(problem.TenantSuspended, "")
	case tenant.StatusClosed:
		return uuid.Nil, problem.New(problem.TenantNotAllowed, "")
	}
	return id, nil
}

// keyStatus is what a key is good for.
type keyStatus struct {
	Time         time.Time  `json:"time"`
	KeyID        string     `json:"keyId"`
	KeyExpiresAt *time.Time `json:"keyExpiresAt"`
	Scopes       []string   `json:"scopes"`
	TenantIDs    []string   `json:"tenantIds"`
	Rate         *string    `json:"rate"`
}

// federationStatus tells a partner what its key is good for.
func (s *server) federationStatus(w http.ResponseWriter, q signedRequest) error {
	state := q.key.Partner.State
	answer := keyStatus{Time: s.Commands.Now().UTC(), KeyID: q.key.KeyID, Scopes: state.Scopes, TenantIDs: state.TenantIDs}
	if !q.key.ValidUntil.IsZero() {
		answer.KeyExpiresAt = &q.key.ValidUntil
	}
	if state.Rate != "" {
		answer.Rate = &state.Rate
	}
	s.write(w, q.Request, http.StatusOK, answer)
	return nil
}
