// Package api is the HTTP interface: routes, who may use them, and how an outcome of the log becomes an answer.
//
// An answer is never stored. It is rendered from the outcome and the streams as of the outcome's position, and so a
// repeated request gets the same bytes for ever.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/api/guard/rate"
	"github.com/streamflow/streamflow/api/guard/signature"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// CursorHeader carries the position that an answer reflects, or that a read is to have passed.
const CursorHeader = "StreamFlow-Cursor"

// Config says what the interface works with. Commands and Reader are required.
type Config struct {
	Commands  *commands.Commands
	Passwords *password.Hasher // nil: one of its own
	Logger    *slog.Logger     // nil: the default one
	// PublicURL is where browsers reach the server; empty where it is what they send as Host.
	PublicURL string
	// Listen is host:port that the server listens on; on loopback a request may be signed for that too.
	Listen string
	// TrustedProxies may tell where a request came from.
	TrustedProxies []netip.Prefix
	// Limits says how often callers may ask. Zero: as often as they like.
	Limits Limits
	// AnswerLimit is how long a request waits for what it needs before it is told that it is not available; 0 is half a minute.
	AnswerLimit time.Duration
	// NoFederation leaves the signed routes out: they answer 404.
	NoFederation bool
	// Diagnose measures how the installation is. Nil: the route answers 503.
	Diagnose func(context.Context) (Diagnostics, error)
	// Reader reads the read models behind lists and figures.
	Reader *projection.Reader
	// Projector looks after the read models. Nil: its routes answer 503.
	Projector *projection.Engine
	// Intake takes files in and brings their rows in. Nil: its routes answer 503.
	Intake *intake.Desk
	// Source names the installation in CloudEvents, as the bus does.
	Source string
	// Themes are the looks of the portals that somebody may choose, the default first.
	Themes []Theme
	// Ready says why the server should get no requests. Nil: it is always ready.
	Ready func(context.Context) error
}

// Probes is the handler of a node that answers nobody but those who watch over it.
func Probes(c Config) (http.Handler, error) {
	c.AnswerLimit = answerLimit
	s := &server{Config: c, router: chi.NewRouter()}
	s.router.Use(guard.WithCaller(c.TrustedProxies), guard.WithCorrelation, guard.SecurityHeaders, guard.Recover(c.Logger), guard.ReadBody, middleware.GetHead)
	s.router.NotFound(func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, problem.New(problem.NotFound, "")) })
	s.router.MethodNotAllowed(s.wrongMethod)
	return s.router, s.register(s.router, s.openRoutes())
}

type server struct {
	Config
	router    chi.Router
	followers atomic.Int64 // streams that are open
	origins   []string     // that a request may be signed for
}

// New makes the handler of all routes.
func New(c Config) (http.Handler, error) {
	if c.Commands == nil || c.Reader == nil {
		return nil, errors.New("api: no commands or no reader")
	}
	for _, p := range []rate.Policy{c.Limits.Auth, c.Limits.API, c.Limits.Federation} {
		if !p.Off() && c.Limits.Limiter == nil {
			return nil, errors.New("api: a limit without a limiter")
		}
	}
	if c.AnswerLimit == 0 {
		c.AnswerLimit = answerLimit
	}
	if c.Passwords == nil {
		c.Passwords = password.New()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	sameOrigin, err := guard.RefuseCrossOrigin(c.PublicURL)
	if err != nil {
		return nil, err
	}
	origins, err := signature.Origins(c.PublicURL, c.Listen)
	if err != nil {
		return nil, err
	}
	s := &server{Config: c, router: chi.NewRouter(), origins: origins}
	s.router.Use(guard.WithCaller(c.TrustedProxies), guard.WithCorrelation, guard.SecurityHeaders, guard.Recover(c.Logger), sameOrigin, guard.ReadBodyBut(isUpload), middleware.GetHead)
	s.router.NotFound(func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, problem.New(problem.NotFound, "")) })
	s.router.MethodNotAllowed(s.wrongMethod)
	return s.router, s.register(s.router, s.table())
}

// Those who may do what with a tenant's records.
var (
	sellers   = []string{user.RoleOwner, user.RoleManager, user.RoleStaff}
	billers   = []string{user.RoleOwner, user.RoleManager, user.RoleStaff, user.RoleAccountant}
	readers   = []string{user.RoleOwner, user.RoleManager, user.RoleStaff, user.RoleAccountant, user.RoleProvider}
	providers = []string{user.RoleProvider}
)

// openRoutes lists the routes that tell about the server itself.
func (s *server) openRoutes() []route {
	return []route{
		{on: "GET /healthz", id: "getHealth", summary: "Says that the process lives", gives: replies{200: status{}},
			frame: s.open(func(w http.ResponseWriter, r *http.Request) { s.write(w, r, http.StatusOK, status{"ok"}) })},
		{on: "GET /readyz", id: "getReadiness", summary: "Says whether the server should get requests", gives: replies{200: status{}}, frame: s.open(s.ready)},
		{on: "GET /problems/{code}", id: "getProblemPage", summary: "Explains a problem's cause and remedy",
			gives: replies{200: media("text/html")}, codes: []problem.Code{problem.NotFound}, frame: s.open(s.problemPage)},
		{on: "GET /openapi.json", id: "getOpenAPI", summary: "Describes these routes", gives: replies{200: map[string]any{}}, frame: s.open(s.document(OpenAPI))},
		{on: "GET /asyncapi.json", id: "getAsyncAPI", summary: "Describes the events on the bus", gives: replies{200: map[string]any{}}, frame: s.open(s.document(AsyncAPI))},
	}
}

type status struct {
	Status string `json:"status"`
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if s.Ready != nil {
		if err := s.Ready(r.Context()); err != nil {
			s.Logger.WarnContext(r.Context(), "not ready", "error", err)
			problem.Write(w, r, later(problem.Unavailable, ""))
			return
		}
	}
	s.write(w, r, http.StatusOK, status{"ready"})
}

// wrongMethod names the methods that the address has, as RFC 9110 asks of a 405.
func (s *server) wrongMethod(w http.ResponseWriter, r *http.Request) {
	p := problem.New(problem.MethodNotAllowed, "")
	p.Header = http.Header{}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		answeredAs := method
		if method == http.MethodHead {
			answeredAs = http.MethodGet
		}
		if s.router.Match(chi.NewRouteContext(), answeredAs, r.URL.Path) {
			p.Header.Add("Allow", method)
		}
	}
	problem.Write(w, r, p)
}
