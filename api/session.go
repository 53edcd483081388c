package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

const (
	// portalHeader chooses among several sessions.
	portalHeader = "StreamFlow-Portal"
	// sessionLife is how long somebody stays signed in: a working day.
	sessionLife = 12 * time.Hour
)

// principal is who makes a request.
type principal struct {
	User   uuid.UUID
	Tenant uuid.UUID // uuid.Nil for the provider's staff
	Email  string
	Name   string
	Role   string
	Portal string // of the session
	// Settings are what the tenant decided for all of its users.
	Settings tenant.Settings
}

func (p principal) actor() eventstore.Actor {
	kind := "user"
	if p.Tenant == uuid.Nil {
		kind = "staff"
	}
	return eventstore.Actor{Kind: kind, ID: p.User.String(), Via: p.Portal}
}

// signedInAs is who signed in.
type signedInAs struct {
	User account `json:"user"`
}

type account struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Portal   string `json:"portal"`
	TenantID string `json:"tenantId,omitempty"`
}

// shown is the principal as sign-in tells it.
func (p principal) shown() signedInAs {
	a := account{ID: p.User.String(), Email: p.Email, Name: p.Name, Role: p.Role, Portal: p.Portal}
	if p.Tenant != uuid.Nil {
		a.TenantID = p.Tenant.String()
	}
	return signedInAs{a}
}

// cookieName is that of a portal's session. The prefix, which browsers allow behind https alone, keeps other hosts of the
// same site from setting it.
func cookieName(portal string, https bool) string {
	if https {
		return "__Host-sf_" + portal
	}
	return "sf_" + portal
}

// authenticate finds who a request is from. A portal that is named must be the session's own; otherwise the header
// chooses, and must where there are several sessions.
func (s *server) authenticate(r *http.Request, portal string) (principal, error) {
	if portal == "" {
		portal = r.Header.Get(portalHeader)
	}
	https := guard.CallerOf(r.Context()).HTTPS
	tokens := map[string]string{}
	for _, p := range user.Portals {
		if cookie, err := r.Cookie(cookieName(p, https)); err == nil {
			tokens[p] = cookie.Value
		}
	}
	if portal == "" {
		if len(tokens) > 1 {
			return principal{}, problem.New(problem.MalformedRequest, "Several sessions were sent; the header StreamFlow-Portal must choose one.")
		}
		for only := range tokens {
			portal = only
		}
	}
	if token, ok := tokens[portal]; ok {
		return s.signedIn(r, portal, token)
	}
	for other, token := range tokens {
		if _, err := s.signedIn(r, other, token); err == nil {
			return principal{}, problem.New(problem.Forbidden, "The session belongs to another portal.")
		}
	}
	return principal{}, problem.New(problem.Unauthenticated, "")
}

// signedIn is who a session's token stands for, as the account is now.
func (s *server) signedIn(r *http.Request, portal, token string) (principal, error) {
	session, err := s.Commands.SignedIn(r.Context(), tokenHash(token))
	if errors.Is(err, commands.ErrNotFound) || err == nil && session.Portal != portal {
		return principal{}, problem.New(problem.Unauthenticated, "")
	}
	if err != nil {
		return principal{}, err
	}
	return principalOf(session)
}

// principalOf lets an active account of an active tenant in.
func principalOf(session commands.SignedIn) (principal, error) {
	account, business := session.Account, ""
	if session.Tenant != uuid.Nil {
		business = session.Tenant.String()
	}
	// Without a tenant it would be the staff's, so the account has the last word on whose it is.
	if account.Status != user.StatusActive || account.TenantID != business {
		return principal{}, problem.New(problem.Unauthenticated, "")
	}
	p := principal{User: session.User, Tenant: session.Tenant, Email: account.Email, Name: account.Name, Role: account.Role, Portal: session.Portal, Settings: session.Business.Settings}
	if p.Tenant == uuid.Nil {
		return p, nil
	}
	switch session.Business.Status {
	case tenant.StatusActive:
		return p, nil
	case tenant.StatusSuspended:
		return principal{}, problem.New(problem.TenantSuspended, "")
	}
	return principal{}, problem.New(problem.Unauthenticated, "")
}

// sessionRoutes lists the routes by which somebody signs in and out.
func (s *server) sessionRoutes() []route {
	return []route{
		{on: "POST /api/auth/login", id: "login", summary: "Opens a session of a portal", takes: credentials{Email: "ann@acme.example", Password: "correct horse battery"}, gives: replies{200: signedInAs{}},
			codes: []problem.Code{problem.BadCredentials}, frame: s.signIn(s.Limits.Auth, s.login)},
		{on: "POST /api/auth/logout", id: "logout", summary: "Ends the session that the request carries", gives: replies{204: nil}, frame: s.signIn(s.Limits.API, s.logout)},
		{on: "GET /api/auth/me", id: "getMe", summary: "Says who is signed in", gives: replies{200: signedInAs{}}, frame: s.session(s.me)},
	}
}

// credentials open a session.
type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Portal   string `json:"portal,omitempty" doc:"The account's own without"`
}

func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	var body credentials
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.Portal != "" && !slices.Contains(user.Portals, body.Portal) {
		return problem.Invalid(problem.FieldError{Field: "portal", Code: "not_allowed", Message: "is not a portal"})
	}
	account, err := s.Commands.UserByEmail(r.Context(), body.Email)
	stored := ""
	if err == nil {
		id, parseErr := uuid.Parse(account.ID)
		if parseErr != nil {
			return parseErr
		}
		stored, err = s.Commands.PasswordHash(r.Context(), id)
	}
	if err != nil && !errors.Is(err, commands.ErrNotFound) {
		return err
	}
	ok, _, err := s.Passwords.Verify(r.Context(), stored, body.Password)
	if err != nil {
		return err
	}
	if !ok || account.State.Status != user.StatusActive {
		return problem.New(problem.BadCredentials, "")
	}
	if body.Portal != "" && body.Portal != account.State.Portal {
		return problem.New(problem.Forbidden, "The account does not belong to this portal.")
	}
	who, err := s.openSession(w, r, account)
	if err != nil {
		return err
	}
	s.write(w, r, http.StatusOK, who.shown())
	return nil
}

// openSession signs an account in to its portal, if it and its business may.
func (s *server) openSession(w http.ResponseWriter, r *http.Request, account commands.Record[user.State]) (principal, error) {
	opened := commands.SignedIn{Account: account.State,
		Session: commands.Session{Portal: account.State.Portal, Expires: s.Commands.Now().Add(sessionLife)}}
	var err error
	if opened.User, err = uuid.Parse(account.ID); err != nil {
		return principal{}, err
	}
	if id := account.State.TenantID; id != "" {
		if opened.Tenant, err = uuid.Parse(id); err != nil {
			return principal{}, err
		}
		business, err := s.Commands.Tenant(r.Context(), id, 0)
		if err != nil {
			return principal{}, err
		}
		opened.Business = business.State
	}
	who, err := principalOf(opened)
	if err != nil {
		return who, err
	}
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: crypto/rand aborts the program instead
	token := base64.RawURLEncoding.EncodeToString(raw)
	if err := s.Commands.OpenSession(r.Context(), tokenHash(token), opened.Session); err != nil {
		return who, err
	}
	s.setCookie(w, r, who.Portal, token, int(sessionLife.Seconds()))
	return who, nil
}

func (s *server) setCookie(w http.ResponseWriter, r *http.Request, portal, token string, maxAge int) {
	https := guard.CallerOf(r.Context()).HTTPS
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure would keep the cookie from being sent on loopback, where there is no https
		Name: cookieName(portal, https), Value: token, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: https, SameSite: http.SameSiteLaxMode,
	})
}

// logout ends the session that the request carries; where it carries none there is nothing to end.
func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	chosen, https := r.Header.Get(portalHeader), guard.CallerOf(r.Context()).HTTPS
	for _, portal := range user.Portals {
		cookie, err := r.Cookie(cookieName(portal, https))
		if err != nil || chosen != "" && chosen != portal {
			continue
		}
		if err := s.Commands.CloseSession(r.Context(), tokenHash(cookie.Value)); err != nil {
			return err
		}
		s.setCookie(w, r, portal, "", -1)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) me(w http.ResponseWriter, r *http.Request, who principal) error {
	s.write(w, r, http.StatusOK, who.shown())
	return nil
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
