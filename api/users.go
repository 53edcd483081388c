package api

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// administrators are who look after accounts: an owner after the tenant's, the provider after its own and, where it names one, a
// tenant's.
var administrators = []string{user.RoleOwner, user.RoleProvider}

// userRoutes lists the routes of accounts.
func (s *server) userRoutes() []route {
	shown := commands.Record[user.State]{}
	return []route{
		{on: "POST /api/v2/users", id: "createUser", summary: "Makes an account, of no use before it has a password",
			takes: newUser{Create: user.Create{Email: "ann@example.com", Name: "Ann", Role: user.RoleStaff}}, gives: replies{201: shown},
			codes: []problem.Code{problem.Duplicate}, frame: s.command(administrators, s.createUser)},
		{on: "GET /api/v2/users", id: "listUsers", summary: "Lists accounts, the newest first", query: append([]parameter{tenantParameter}, ofPage...),
			gives: replies{200: page[commands.Record[user.State]]{}}, frame: s.reading(administrators, s.listUsers)},
		{on: "GET /api/v2/users/{id}", id: "getUser", summary: "Shows an account", query: ofRecord, gives: replies{200: shown},
			frame: s.reading(administrators, s.getUser)},
	}
}

// newUser is an account to be made.
type newUser struct {
	user.Create
	Password string `json:"password,omitempty"`
}

// tenantOf is the tenant whose accounts a request is about; "" is the provider itself.
func tenantOf(q request) string {
	if q.tenant == uuid.Nil {
		return ""
	}
	return q.tenant.String()
}

func (s *server) createUser(q request) (answer, error) {
	var body newUser
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	command := commands.CreateUser{Create: body.Create}
	command.TenantID, command.Invited = tenantOf(q), body.Password == ""
	var err error
	if command.PasswordHash, err = s.hashed(q, "password", body.Password); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.CreateUser(q.Context(), q.caller, command)
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return answer{}, err
	}
	record, err := s.Commands.User(q.Context(), id, out.Last())
	return answer{outcome: out, status: http.StatusCreated, location: "/api/v2/users/" + id, version: record.Version, record: record}, err
}

// hashed is the hash of a password in a field, "" where there is none.
func (s *server) hashed(q request, field, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	hash, err := s.Passwords.Hash(q.Context(), text)
	if errors.Is(err, password.ErrLength) {
		return "", problem.Invalid(problem.FieldError{Field: field, Code: problem.FieldOutOfRange, Message: "must have at least 8 characters"})
	}
	return hash, err
}

func (s *server) listUsers(w http.ResponseWriter, q request, m moment) error {
	users, err := s.Commands.Users(q.Context(), tenantOf(q), m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace)))
	if err != nil {
		return err
	}
	return newestFirst(s, w, q.Request, users)
}

func (s *server) getUser(w http.ResponseWriter, q request, m moment) error {
	until := m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace))
	if until == 0 {
		return commands.ErrNotFound
	}
	record, err := s.Commands.User(q.Context(), q.id, until)
	if err != nil {
		return err
	}
	if record.State.TenantID != tenantOf(q) {
		return commands.ErrNotFound
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, q.Request, http.StatusOK, record)
	return nil
}
