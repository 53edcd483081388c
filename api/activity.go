package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/series"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// activityItem is one thing that somebody did.
type activityItem struct {
	ID         uuid.UUID     `json:"id"`
	At         time.Time     `json:"at"`
	TenantID   uuid.UUID     `json:"tenantId"`
	Actor      activityActor `json:"actor"`
	Verb       string        `json:"verb"`
	RecordType string        `json:"recordType"`
	RecordID   string        `json:"recordId"`
	Title      string        `json:"title"` // the record's, as it is now; empty where it has none or the portal may not know it
}

type activityActor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

const (
	activityLook = 200    // events read at a time, to find a page of those that the portal shows
	activityScan = 10_000 // events looked at for one page at most; a page may then be short, and says where to go on
)

// activity answers what happened lately, the newest first, or tells what happens. The log itself is the list, from the moment asked downwards.
func (s *server) activity(w http.ResponseWriter, r *http.Request, who principal) error {
	q, err := inPortal(r, who)
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Accept")
	if historyForm(r.Header) == "text/event-stream" {
		return s.followActivity(w, q)
	}
	if err := notForLists(r, "after"); err != nil {
		return err
	}
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	m, err := s.momentOf(r)
	if err != nil {
		return err
	}
	w.Header().Set(CursorHeader, s.Commands.Log.Token(m.cursor))
	from := m.cursor
	place, err := s.pageOf(r, q.tenant, 1)
	if err != nil {
		return err
	}
	if place != nil {
		if from, err = s.Commands.Log.ParseToken(place[0]); err != nil {
			return err
		}
	}
	answer := page[activityItem]{}
	events, next, err := s.latest(r.Context(), q, from, limit)
	if err != nil {
		return err
	}
	if next != nil {
		answer.NextCursor = s.pageToken(r, q.tenant, s.Commands.Log.Token(next))
	}
	if answer.Items, err = s.activityItems(r.Context(), q.portal, events, m.cursor); err != nil {
		return err
	}
	s.write(w, r, http.StatusOK, answer)
	return nil
}

// latest reads events at or below a cursor, the newest first, and where the next page begins; nil where there is none. Over lanes
// they are in order of their recorded times.
func (s *server) latest(ctx context.Context, q portalRequest, from eventstore.Cursor, limit int) ([]eventstore.Event, eventstore.Cursor, error) {
	at := eventstore.Cursor{}
	for lane, mark := range from {
		if mark.Position > 0 && (q.tenant == uuid.Nil || lane == s.Commands.Log.LaneOf(q.tenant)) {
			at[lane] = mark
		}
	}
	var found []eventstore.Event
	for scanned := 0; len(at) > 0 && scanned < activityScan; {
		events, err := s.latestOf(ctx, q.tenant, at)
		if err != nil {
			return nil, nil, err
		}
		if len(events) == 0 {
			return found, nil, nil
		}
		for _, e := range events {
			scanned++
			if shown(q.portal, e.Stream.Category()) {
				if len(found) == limit {
					return found, at, nil
				}
				found = append(found, e)
			}
			if at[e.Lane] = (eventstore.Mark{Epoch: at[e.Lane].Epoch, Position: e.Position - 1}); e.Position == 1 {
				delete(at, e.Lane)
			}
		}
	}
	if len(at) == 0 {
		at = nil
	}
	return found, at, nil
}

// latestOf reads the next events below a cursor in the feed's order.
func (s *server) latestOf(ctx context.Context, tenant uuid.UUID, at eventstore.Cursor) ([]eventstore.Event, error) {
	if tenant != uuid.Nil {
		return s.Commands.Log.LatestOfTenant(ctx, tenant, at[s.Commands.Log.LaneOf(tenant)].Position, activityLook)
	}
	var all []eventstore.Event
	for lane, mark := range at {
		events, err := s.Commands.Log.LatestOfLane(ctx, lane, mark.Position, activityLook)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	slices.SortFunc(all, func(a, b eventstore.Event) int {
		return cmp.Or(b.RecordedAt.Compare(a.RecordedAt), cmp.Compare(b.Lane, a.Lane), cmp.Compare(b.Position, a.Position))
	})
	return all[:min(len(all), activityLook)], nil // beyond that another lane may have newer ones that were not read
}

// shown says whether a portal shows what happens to records of a category. A series only counts numbers, and the books are all
// that an accountant's portal is about.
func shown(portal, category string) bool {
	if portal == user.PortalAccountant {
		return category == invoice.Category || category == organization.Category
	}
	return category != series.Category
}

func (s *server) activityItems(ctx context.Context, portal string, events []eventstore.Event, at eventstore.Cursor) ([]activityItem, error) {
	titles := titles{s.Commands, at, portal == user.PortalDeveloper, map[eventstore.Ref]string{}}
	var refs []eventstore.Ref
	for _, e := range events {
		refs = append(refs, eventstore.Ref{Tenant: e.Tenant, Stream: e.Stream})
		if actor, ok := actorRef(e.Actor); ok {
			refs = append(refs, actor)
		}
	}
	if err := titles.read(ctx, refs); err != nil {
		return nil, err
	}
	items := make([]activityItem, len(events))
	for i, e := range events {
		verb := strings.TrimPrefix(e.Type, e.Stream.Category()+".")
		items[i] = activityItem{ID: e.ID, At: e.RecordedAt, TenantID: e.Tenant, Actor: activityActor{e.Actor.ID, e.Actor.ID, e.Actor.Kind}, Verb: verb,
			RecordType: e.Stream.Category(), RecordID: e.Stream.ID(), Title: titles.of[eventstore.Ref{Tenant: e.Tenant, Stream: e.Stream}]}
		if ref, ok := actorRef(e.Actor); ok {
			items[i].Actor.Name = titles.of[ref]
		}
	}
	return items, nil
}

// actorRef is the stream of an actor that has one.
func actorRef(a eventstore.Actor) (eventstore.Ref, bool) {
	stream := ""
	switch a.Kind {
	case "user", "staff":
		stream = user.Stream(a.ID)
	case "partner":
		stream = partner.Stream(a.ID)
	}
	return eventstore.Ref{Tenant: eventstore.ProviderSpace, Stream: eventstore.Stream(stream)}, stream != ""
}

// titles are what people call records.
type titles struct {
	use       *commands.Commands
	at        eventstore.Cursor
	anonymous bool // nobody's name
	of        map[eventstore.Ref]string
}

func (t titles) read(ctx context.Context, refs []eventstore.Ref) error {
	by := map[string][]eventstore.Ref{}
	for _, ref := range refs {
		if _, known := t.of[ref]; !known {
			t.of[ref] = ""
			by[ref.Stream.Category()] = append(by[ref.Stream.Category()], ref)
		}
	}
	person := func(name string) string {
		if t.anonymous {
			return ""
		}
		return name
	}
	return cmp.Or(
		titled(ctx, t, by[lead.Category], func(s lead.State) string { return cmp.Or(s.Company, person(s.Name)) }),
		titled(ctx, t, by[contact.Category], func(s contact.State) string { return person(s.Name) }),
		titled(ctx, t, by[user.Category], func(s user.State) string { return person(s.Name) }),
		titled(ctx, t, by[organization.Category], func(s organization.State) string { return s.Name }),
		titled(ctx, t, by[opportunity.Category], func(s opportunity.State) string { return s.Title }),
		titled(ctx, t, by[invoice.Category], invoiceTitle),
		titled(ctx, t, by[escalation.Category], func(s escalation.State) string { return s.Summary }),
		titled(ctx, t, by[tenant.Category], func(s tenant.State) string { return s.Name }),
		titled(ctx, t, by[partner.Category], func(s partner.State) string { return s.Name }),
	)
}

func invoiceTitle(s invoice.State) string {
	if s.Number == 0 {
		return s.Reference
	}
	return strconv.FormatInt(s.Number, 10)
}

func titled[S any](ctx context.Context, t titles, refs []eventstore.Ref, title func(S) string) error {
	if len(refs) == 0 {
		return nil
	}
	records, err := commands.Records[S](ctx, t.use, refs, t.at)
	if err != nil {
		return err
	}
	byID := map[string]string{}
	for _, r := range records {
		byID[r.ID] = title(r.State)
	}
	for _, ref := range refs {
		t.of[ref] = byID[ref.Stream.ID()]
	}
	return nil
}
