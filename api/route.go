package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/api/guard/rate"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/user"
)

// route is one route, declared once: what registers it and what describes it in /openapi.json both read this, so that none
// can be served without its description.
type route struct {
	on      string         // method and path, as "POST /api/v2/leads/{id}/contact"
	id      string         // operationId; generated clients are named by it, so it stays
	summary string         // what it does, in the third person, without a full stop
	query   []parameter    // what the address may ask; anything else is refused
	takes   any            // zero value of the body's form; nil where it has none
	gives   replies        // how it succeeds
	codes   []problem.Code // its own refusals; those of its frame are added
	frame   frame          // who may use it, and what serves it
}

func (r route) method() string { method, _, _ := strings.Cut(r.on, " "); return method }
func (r route) path() string   { _, path, _ := strings.Cut(r.on, " "); return path }

// replies are the statuses of a route's successes, each with a zero value of its body's form; nil where it has none.
type replies map[int]any

// media is a body that is not JSON: its type.
type media string

// forms is a body that the Accept header chooses the form of.
type forms []any

// typed is a body in JSON of a type of its own: a zero value of its form.
type typed struct {
	media string
	of    any
}

// lines is a body in NDJSON: a zero value of one line's form.
type lines struct{ of any }

// exported is a list that is answered in pages or, where the caller accepts another form, streamed: zero values of a page and of an item.
type exported struct{ page, item any }

// parameter is what an address may carry after the question mark.
type parameter struct {
	name, meaning string
	form          *huma.Schema
}

// The parameters that many routes have.
var (
	atParameter     = textParameter("at", "recorded time: what the log knew then; an RFC 3339 time or a StreamFlow-Cursor")
	tenantParameter = idParameter("tenantId", "the tenant, named by the provider's staff")
	limitParameter  = parameter{"limit", "how many items a page has", &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(maxLimit)), Default: defaultLimit}}
	cursorParameter = textParameter("cursor", "nextCursor of the page before")

	ofRecord = []parameter{atParameter, tenantParameter}
	ofPage   = []parameter{atParameter, limitParameter, cursorParameter}
)

func textParameter(name, meaning string) parameter {
	return parameter{name, meaning, &huma.Schema{Type: huma.TypeString}}
}

func idParameter(name, meaning string) parameter {
	return parameter{name, meaning, &huma.Schema{Type: huma.TypeString, Format: "uuid"}}
}

// choiceParameter is one that takes one of some values.
func choiceParameter(name, meaning string, values ...string) parameter {
	form := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		form.Enum = append(form.Enum, v)
	}
	return parameter{name, meaning, form}
}

// frame is what routes of one kind have in common.
type frame struct {
	scheme  string   // how a caller shows who it is: bySession, bySignature, or "" for anybody
	roles   []string // of a session; nil for every role
	scope   string   // of a signature; "" for every key
	limited bool     // by a rate: it is told in every answer
	writes  bool     // a command: it takes an Idempotency-Key and If-Match
	reads   bool     // of records: it takes a cursor to have passed, and answers the one that it reflects
	codes   []problem.Code
	serve   func(route) endpoint
}

// The security schemes.
const (
	bySession   = "session"
	bySignature = "signature"
)

// The refusals of the frames. Any of them may find the server, or what it stands on, in trouble.
var (
	openCodes   = []problem.Code{problem.MalformedRequest, problem.PayloadTooLarge, problem.UnsupportedMediaType, problem.Internal, problem.Unavailable}
	signInCodes = slices.Concat(openCodes, []problem.Code{problem.MalformedJSON, problem.ValidationFailed, problem.Forbidden, problem.TenantSuspended,
		problem.Unauthenticated, problem.CrossOriginRefused})
	sessionCodes = slices.Concat(openCodes, []problem.Code{problem.Unauthenticated, problem.Forbidden, problem.TenantSuspended,
		problem.ValidationFailed})
	readingCodes = slices.Concat(sessionCodes, []problem.Code{problem.NotFound, problem.InvalidCursor, problem.RuleViolated})
	repeatCodes  = []problem.Code{problem.MalformedJSON, problem.IdempotencyKeyRequired, problem.IdempotencyKeyReused, problem.RuleViolated}
	commandCodes = slices.Concat(sessionCodes, repeatCodes, []problem.Code{problem.NotFound, problem.VersionConflict, problem.CrossOriginRefused})
	signedCodes  = slices.Concat(openCodes, []problem.Code{problem.SignatureInvalid, problem.ClockSkew, problem.ScopeMissing, problem.ValidationFailed})
	orderedCodes = slices.Concat(signedCodes, repeatCodes, []problem.Code{problem.TenantNotAllowed, problem.TenantSuspended, problem.CrossOriginRefused})
)

// open is the frame of what anybody may ask for.
func (s *server) open(h http.HandlerFunc) frame {
	return frame{codes: openCodes, serve: func(route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error { h(w, r); return nil }
	}}
}

// signIn is the frame of what opens and ends sessions; its limit is per address.
func (s *server) signIn(p rate.Policy, e endpoint) frame {
	return frame{limited: true, codes: signInCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			if err := s.admit(w, r, p, addressKey(r)); err != nil {
				return err
			}
			if err := parameters(r, declared.query); err != nil {
				return err
			}
			return e(w, r)
		}
	}}
}

// session is the frame of what anybody may ask who is signed in: to the portal that the address names, where it names one.
func (s *server) session(run func(http.ResponseWriter, *http.Request, principal) error) frame {
	return frame{scheme: bySession, limited: true, codes: sessionCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			portal := chi.URLParam(r, "portal")
			if portal != "" && !slices.Contains(user.Portals, portal) {
				return s.charge(w, r, s.Limits.API, principal{}, commands.ErrNotFound)
			}
			who, err := s.authenticate(r, portal)
			if err := s.charge(w, r, s.Limits.API, who, err); err != nil {
				return err
			}
			if err := parameters(r, declared.query); err != nil {
				return err
			}
			return run(w, r, who)
		}
	}}
}

// figured is the frame of a portal's figures, which reflect a position.
func (s *server) figured(run func(http.ResponseWriter, *http.Request, principal) error) frame {
	f := s.session(run)
	f.reads = true
	return f
}

// table lists every route.
func (s *server) table() []route {
	return slices.Concat(s.openRoutes(), s.themeRoutes(), s.settingsRoutes(), s.sessionRoutes(), s.tenantRoutes(), s.leadRoutes(), s.recordRoutes(), s.invoiceRoutes(),
		s.partnerRoutes(), s.federationRoutes(), s.fedRoutes(), s.escalationRoutes(), s.userRoutes(), s.dealRoutes(),
		s.listRoutes(), s.reportRoutes(), s.portalRoutes(), s.eventRoutes(), s.projectionRoutes(), s.importRoutes(), s.jobRoutes())
}

// register puts the routes of a table, and nothing else, into the router.
func (s *server) register(r chi.Router, table []route) error {
	known := map[string]string{}
	for _, declared := range table {
		if other, twice := known[declared.id]; twice || declared.id == "" || declared.summary == "" || len(declared.gives) == 0 {
			return fmt.Errorf("api: route %s needs an id of its own, a summary and an answer; its id %q is also that of %q", declared.on, declared.id, other)
		}
		known[declared.id] = declared.on
		r.Method(declared.method(), declared.path(), s.handle(declared.frame.serve(declared)))
	}
	return nil
}
