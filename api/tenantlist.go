package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/projections"
)

// tenantItem is a tenant of the list, with what its own log comes to.
type tenantItem struct {
	Record commands.Record[tenant.State] `json:",embed"`
	projections.TenantFigures
	LastEventAt *time.Time `json:"lastEventAt"`
}

// sortKey is where a tenant stands in an order, as text that compares like it.
func (t tenantItem) sortKey(by string) string {
	switch {
	case by == "name":
		return strings.ToLower(t.Record.State.Name)
	case by == "createdAt":
		return t.Record.CreatedAt.UTC().Format(sortableTime)
	case t.LastEventAt == nil:
		return ""
	}
	return t.LastEventAt.UTC().Format(sortableTime)
}

var tenantOrders = []string{"name", "-name", "createdAt", "-createdAt", "lastEventAt", "-lastEventAt"}

const sortableTime = "2006-01-02T15:04:05.000000"

// listTenants folds provider space: tenants are few beside what is theirs. The newest come first unless asked otherwise.
func (s *server) listTenants(w http.ResponseWriter, q request, m moment) error {
	limit, err := limitOf(q.Request)
	if err != nil {
		return err
	}
	asked := q.URL.Query()
	sort := cmp.Or(asked.Get("sort"), "-createdAt")
	if !slices.Contains(tenantOrders, sort) {
		return problem.Invalid(problem.FieldError{Field: "sort", Code: "not_allowed", Message: "is one of " + strings.Join(tenantOrders, ", ")})
	}
	by, down := strings.CutPrefix(sort, "-")
	place, err := s.pageOf(q.Request, eventstore.ProviderSpace, 2)
	if err != nil {
		return err
	}
	items, cursor, err := s.tenantItems(q.Request, m)
	if err != nil {
		return err
	}
	w.Header().Set(CursorHeader, s.Commands.Log.Token(cursor))
	items = slices.DeleteFunc(items, func(t tenantItem) bool {
		return !matches(t.Record.State, asked.Get("q"), asked.Get("status"), asked.Get("plan"))
	})
	order := func(t tenantItem, key, id string) int {
		c := cmp.Or(cmp.Compare(t.sortKey(by), key), cmp.Compare(t.Record.ID, id))
		if down {
			c = -c
		}
		return c
	}
	slices.SortFunc(items, func(a, b tenantItem) int { return order(a, b.sortKey(by), b.Record.ID) })
	if place != nil {
		items = slices.DeleteFunc(items, func(t tenantItem) bool { return order(t, place[0], place[1]) <= 0 })
	}
	answer := page[tenantItem]{Items: items}
	if len(items) > limit {
		answer.Items = items[:limit]
		last := items[limit-1]
		answer.NextCursor = s.pageToken(q.Request, eventstore.ProviderSpace, last.sortKey(by), last.Record.ID)
	}
	s.write(w, q.Request, http.StatusOK, answer)
	return nil
}

// tenantItems are all tenants as of the moment, or as of what the read model of their figures reflects.
func (s *server) tenantItems(r *http.Request, m moment) ([]tenantItem, eventstore.Cursor, error) {
	query, _, err := s.modelQuery(r, uuid.Nil)
	if err != nil {
		return nil, nil, err
	}
	on, err := dayOf(r, m)
	if err != nil {
		return nil, nil, err
	}
	figures, cursor, err := projections.OfTenants(r.Context(), s.Reader, query, projections.Moment{At: m.asOf(), On: on, Time: m.time})
	if err != nil {
		return nil, nil, err
	}
	tenants, err := s.Commands.Tenants(r.Context(), cursor[s.Commands.Log.LaneOf(eventstore.ProviderSpace)].Position)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]uuid.UUID, len(tenants))
	items := make([]tenantItem, len(tenants))
	for i, t := range tenants {
		if ids[i], err = uuid.Parse(t.ID); err != nil {
			return nil, nil, err
		}
		items[i] = tenantItem{Record: t, TenantFigures: figures[ids[i]]}
	}
	last, err := s.Commands.Log.LastRecorded(r.Context(), ids, cursor)
	for i, id := range ids {
		if at, any := last[id]; any {
			items[i].LastEventAt = &at
		}
	}
	return items, cursor, err
}

func matches(t tenant.State, text, status, plan string) bool {
	return strings.Contains(strings.ToLower(t.Name), strings.ToLower(text)) &&
		(status == "" || t.Status == status) && (plan == "" || t.Plan == plan)
}
