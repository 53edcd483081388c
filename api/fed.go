package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

const (
	scopeReadTenants     = "tenants:read"
	scopeReadDiagnostics = "diagnostics:read"
)

// fedRoutes lists what the provider's staff and its partners' keys read alike.
func (s *server) fedRoutes() []route {
	return []route{
		{on: "GET /api/fed/providers/tenants", id: "listFederatedTenants", summary: "Lists the tenants that the caller may know, the newest first",
			query: []parameter{limitParameter, cursorParameter}, gives: replies{200: page[fedTenant]{}}, codes: []problem.Code{problem.InvalidCursor},
			frame: s.eitherWay(providers, scopeReadTenants, s.fedTenants)},
		{on: "GET /api/fed/providers/tenants/{id}", id: "getFederatedTenant", summary: "Shows a tenant, and what it has in numbers",
			gives: replies{200: tenantShown{}}, codes: []problem.Code{problem.NotFound}, frame: s.eitherWay(providers, scopeReadTenants, s.fedTenant)},
		{on: "GET /api/fed/developers/diagnostics", id: "getDiagnostics", summary: "Tells how the installation is, as measured now",
			gives: replies{200: Diagnostics{}}, frame: s.eitherWay([]string{user.RoleDeveloper}, scopeReadDiagnostics, s.diagnostics)},
	}
}

// visitor is who reads: staff, or a partner that is allowed for some tenants.
type visitor struct {
	*http.Request
	at      moment
	partner bool
	tenants []string
}

// mayKnow says whether a tenant is any of the visitor's business.
func (v visitor) mayKnow(tenant string) bool { return !v.partner || slices.Contains(v.tenants, tenant) }

// eitherWay is the frame of reads by staff who are signed in and by keys of a scope. A request that carries a signature is judged
// by that alone.
func (s *server) eitherWay(roles []string, scope string, run func(http.ResponseWriter, visitor) error) frame {
	keys := s.signed(scope, func(w http.ResponseWriter, q signedRequest) error {
		m, err := s.momentOf(q.Request)
		if err != nil {
			return err
		}
		w.Header().Set(CursorHeader, s.Commands.Log.Token(m.cursor))
		return run(w, visitor{q.Request, m, true, q.key.Partner.State.TenantIDs})
	})
	staff := s.reading(roles, func(w http.ResponseWriter, q request, m moment) error {
		return run(w, visitor{Request: q.Request, at: m})
	})
	if s.NoFederation {
		return staff
	}
	both := frame{scheme: bySignature, scope: scope, roles: roles, reads: true, limited: true, codes: slices.Concat(keys.codes, staff.codes)}
	both.serve = func(declared route) endpoint {
		bySignature, bySession := keys.serve(declared), staff.serve(declared)
		return func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("Signature") != "" || r.Header.Get("Signature-Input") != "" {
				return bySignature(w, r)
			}
			return bySession(w, r)
		}
	}
	return both
}

// fedTenant is a tenant in a list.
type fedTenant struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	UserCount int       `json:"userCount"`
	CreatedAt time.Time `json:"createdAt"`
}

// tenantShown is one tenant.
type tenantShown struct {
	Item        fedTenant    `json:",embed"`
	Plan        string       `json:"plan"`
	OwnerName   string       `json:"ownerName"`
	Counts      tenantCounts `json:"counts"`
	LastEventAt *time.Time   `json:"lastEventAt"`
}

type tenantCounts struct {
	Leads           int `json:"leads"`
	Opportunities   int `json:"opportunities"`
	Invoices        int `json:"invoices"`
	EscalationsOpen int `json:"escalationsOpen"`
}

func (s *server) fedTenants(w http.ResponseWriter, v visitor) error {
	tenants, err := s.Commands.Tenants(v.Context(), v.at.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace)))
	if err != nil {
		return err
	}
	users, err := s.Commands.UserCounts(v.Context())
	if err != nil {
		return err
	}
	var items []fedTenant
	for _, t := range tenants {
		if v.mayKnow(t.ID) {
			items = append(items, itemOf(t, users))
		}
	}
	return newestFirst(s, w, v.Request, items)
}

func itemOf(t commands.Record[tenant.State], users map[string]int) fedTenant {
	return fedTenant{t.ID, t.State.Name, t.State.Status, users[t.ID], t.CreatedAt}
}

func (s *server) fedTenant(w http.ResponseWriter, v visitor) error {
	id := chi.URLParam(v.Request, "id")
	if !isID(id) || !v.mayKnow(id) {
		return commands.ErrNotFound
	}
	ctx := v.Context()
	record, err := s.Commands.Tenant(ctx, id, 0)
	if err != nil {
		return err
	}
	owner, err := s.Commands.User(ctx, record.State.OwnerID, 0)
	if err != nil {
		return err
	}
	users, err := s.Commands.UserCounts(ctx)
	if err != nil {
		return err
	}
	has, err := s.Commands.Overview(ctx, uuid.MustParse(id))
	if err != nil {
		return err
	}
	shown := tenantShown{Item: itemOf(record, users), Plan: record.State.Plan, OwnerName: owner.State.Name,
		Counts: tenantCounts{has.Leads, has.Opportunities, has.Invoices, has.EscalationsOpen}}
	if !has.LastEventAt.IsZero() {
		shown.LastEventAt = &has.LastEventAt
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, v.Request, http.StatusOK, shown)
	return nil
}

// Diagnostics tells how an installation is, as measured while it was asked.
type Diagnostics struct {
	Time        time.Time         `json:"time"`
	Versions    map[string]string `json:"versions"`
	Components  []Component       `json:"components"`
	Projections []ProjectionLag   `json:"projections"`
	Lanes       []LaneHead        `json:"lanes"`
}

// Component is a part that the installation stands on.
type Component struct {
	Name      string  `json:"name"`
	State     string  `json:"state"` // up or down
	LatencyMS float64 `json:"latencyMs"`
}

// ProjectionLag is how far a read model is behind a lane, in events.
type ProjectionLag struct {
	Name     string `json:"name"`
	Lane     int    `json:"lane"`
	Position int64  `json:"position"`
	Lag      int64  `json:"lag"`
	Parked   int64  `json:"parked"`
	Paused   bool   `json:"paused"`
}

// LaneHead is how far a lane is, and how much of it is sealed; Seal is nil where nothing is yet.
type LaneHead struct {
	Lane  int       `json:"lane"`
	Epoch int       `json:"epoch"`
	Head  int64     `json:"head"`
	Seal  *SealHead `json:"seal"`
}

// SealHead is the newest seal of a lane: it covers the positions from 1 to Size.
type SealHead struct {
	Size     int64     `json:"size"`
	SealedAt time.Time `json:"sealedAt"`
}

// Measured runs a check of a part and says how it went, in what time.
func Measured(ctx context.Context, name string, check func(context.Context) error) Component {
	start := time.Now()
	c := Component{Name: name, State: "up"}
	if check(ctx) != nil {
		c.State = "down"
	}
	c.LatencyMS = float64(time.Since(start).Microseconds()) / 1000
	return c
}

func (s *server) diagnostics(w http.ResponseWriter, v visitor) error {
	if s.Diagnose == nil {
		return later(problem.Unavailable, "")
	}
	told, err := s.Diagnose(v.Context())
	if err != nil {
		return err
	}
	s.write(w, v.Request, http.StatusOK, told)
	return nil
}
