package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
)

// tenantHeader names the tenant that staff writes for.
const tenantHeader = "StreamFlow-Tenant"

// decode reads the body into v, strictly. An empty body is an empty object: most actions need none.
func decode(r *http.Request, v any) error {
	body := guard.Body(r.Context())
	if p := guard.CheckMediaType(r.Header, body); p != nil {
		return p
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	if p := guard.DecodeJSON(body, v); p != nil {
		return p
	}
	return nil
}

// decodePatch reads a merge patch.
func decodePatch[T any](r *http.Request, patch *domain.Patch[T]) error {
	body := guard.Body(r.Context())
	if p := guard.CheckMediaType(r.Header, body); p != nil {
		return p
	}
	if p := guard.CheckJSON(body); p != nil {
		return p
	}
	if err := json.Unmarshal(body, patch); err != nil {
		if _, ok := errors.AsType[domain.Invalid](err); ok {
			return err
		}
		return problem.Invalid(problem.FieldError{Code: problem.FieldWrongType, Message: "must be an object"})
	}
	return nil
}

// parameters refuses what the address asks beyond the declared names, and a name that is there twice unless it is a list.
func parameters(r *http.Request, declared []parameter) error {
	var found []problem.FieldError
	for name, values := range r.URL.Query() {
		i := slices.IndexFunc(declared, func(p parameter) bool { return p.name == name })
		switch {
		case i < 0:
			found = append(found, problem.FieldError{Field: name, Code: problem.FieldUnknown, Message: "is not a parameter here"})
		case len(values) > 1 && declared[i].form.Type != huma.TypeArray:
			found = append(found, problem.FieldError{Field: name, Code: problem.FieldOutOfRange, Message: "is there more than once"})
		case slices.ContainsFunc(values, unprintable):
			found = append(found, problem.FieldError{Field: name, Code: problem.FieldControlCharacter, Message: "must be UTF-8 and not hold control characters"})
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b problem.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return problem.Invalid(found...)
}

// unprintable says whether a parameter's text is none that the database could hold.
func unprintable(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
}

// request is one that is known to come from somebody who may make it.
type request struct {
	*http.Request
	who principal
	// tenant is whose records it is about: the user's own, or the one that staff names; uuid.Nil for all.
	tenant uuid.UUID
	looked bool            // staff did not name it, and it was looked for
	id     string          // of the record that the address names
	caller commands.Caller // of a command only
}

// isID says whether text has the form of a record's id, the one form that each has.
func isID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text
}

// letIn is permit, at the price of a token.
func (s *server) letIn(w http.ResponseWriter, r *http.Request, f frame) (request, error) {
	q, err := s.permit(r, f.roles)
	return q, s.charge(w, r, s.Limits.API, q.who, err)
}

// permit finds out who asks, and whether they may. The answer tells who it was also where they may not. Staff names a tenant by the parameter on reads, by the header on writes.
func (s *server) permit(r *http.Request, roles []string) (request, error) {
	who, err := s.authenticate(r, "")
	if err != nil {
		return request{}, err
	}
	if !slices.Contains(roles, who.Role) {
		return request{who: who}, problem.New(problem.Forbidden, "")
	}
	q := request{Request: r, who: who, tenant: who.Tenant, id: chi.URLParam(r, "id")}
	if q.id != "" && !isID(q.id) {
		return request{who: who}, commands.ErrNotFound // no record has an id of another form
	}
	named := r.URL.Query().Get("tenantId")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		named = r.Header.Get(tenantHeader)
	}
	if named == "" {
		return q, nil
	}
	id, err := uuid.Parse(named)
	if err != nil || who.Tenant != uuid.Nil && who.Tenant != id {
		return request{who: who}, problem.New(problem.NotFound, "")
	}
	q.tenant = id
	return q, nil
}

// command is the frame of every write: who may, the key, the version, the outcome's answer.
func (s *server) command(roles []string, run func(request) (answer, error)) frame {
	return frame{scheme: bySession, limited: true, roles: roles, writes: true, codes: commandCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error { return s.runCommand(w, r, declared, run) }
	}}
}

func (s *server) runCommand(w http.ResponseWriter, r *http.Request, declared route, run func(request) (answer, error)) error {
	q, err := s.asked(w, r, declared)
	if err != nil {
		return err
	}
	a, err := run(q)
	if err != nil {
		return err
	}
	return s.answer(w, r, a)
}

// asked reads what every write carries, and who sent it.
func (s *server) asked(w http.ResponseWriter, r *http.Request, declared route) (request, error) {
	q, err := s.letIn(w, r, declared.frame)
	if err != nil {
		return q, err
	}
	if err := parameters(r, declared.query); err != nil {
		return q, err
	}
	key, p := guard.IdempotencyKey(r.Header)
	if p != nil {
		return q, p
	}
	if body := guard.Body(r.Context()); len(body) > 0 {
		// What is not JSON has no canonical form, and so no fingerprint that means anything.
		if p := guard.CheckMediaType(r.Header, body); p != nil {
			return q, p
		}
		if p := guard.CheckJSON(body); p != nil {
			return q, p
		}
	}
	version, err := ifMatch(r.Header)
	if err != nil {
		return q, err
	}
	space := q.tenant
	if space == uuid.Nil {
		space = eventstore.ProviderSpace
	}
	q.caller = commands.Caller{
		Tenant: space, Actor: q.who.actor(), ID: eventstore.CommandID(space, q.who.User.String(), key),
		Fingerprint: guard.Fingerprint(r.Method, r.URL.EscapedPath(), guard.Body(r.Context())),
		Correlation: guard.CorrelationID(r.Context()), Version: version,
	}
	return q, nil
}

// reading is the frame of every read of records.
func (s *server) reading(roles []string, run func(http.ResponseWriter, request, moment) error) frame {
	return frame{scheme: bySession, limited: true, roles: roles, reads: true, codes: readingCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			q, err := s.letIn(w, r, declared.frame)
			if err != nil {
				return err
			}
			if err := parameters(r, declared.query); err != nil {
				return err
			}
			m, err := s.momentOf(r)
			if err != nil {
				return err
			}
			w.Header().Set(CursorHeader, s.Commands.Log.Token(m.cursor))
			return run(w, q, m)
		}
	}}
}

// answer is how the outcome of a command is told.
type answer struct {
	outcome  eventstore.Outcome
	status   int // where it was accepted
	location string
	version  int
	record   any
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, a answer) error {
	h := w.Header()
	h.Set(CursorHeader, s.Commands.Log.Token(s.Commands.Log.CursorOf(a.outcome)))
	if a.outcome.Replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	if a.outcome.Verdict == eventstore.Refused {
		refusal, err := commands.RefusalOf(a.outcome)
		if err != nil {
			return err
		}
		writeRefusal(w, r, refusal)
		return nil
	}
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return nil
	}
	if a.outcome.Verdict == eventstore.Unchanged {
		a.status = http.StatusOK
	}
	if a.location != "" && a.status == http.StatusCreated {
		h.Set("Location", a.location)
	}
	h.Set("ETag", etag(a.version))
	s.write(w, r, a.status, a.record)
	return nil
}
