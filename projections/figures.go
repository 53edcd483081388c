package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Figures is the read model behind every dashboard figure: entries that only ever get more, each a measure's change by one
// event, with daily balances of them. A figure as of then and the reasons for a figure are sums over the same rows. Presence
// is the first event of a day by each actor in each tenant: who was active.
var Figures = projection.Projection{
	Name: "figures", Version: 2,
	Schema: `
		create table entry (
			tenant uuid not null, measure text not null, currency text not null, lane smallint not null, position bigint not null,
			recorded_at timestamptz not null, effective_on date not null, anchor_on date not null, delta bigint not null);
		create table balance (
			tenant uuid not null, measure text not null, currency text not null, effective_on date not null, anchor_on date not null,
			delta bigint not null, primary key (measure, tenant, currency, effective_on, anchor_on));
		create table presence (
			tenant uuid not null, day date not null, actor_kind text not null, actor text not null, lane smallint not null, position bigint not null,
			recorded_at timestamptz not null, primary key (day, tenant, actor_kind, actor));`,
	Indexes: `
		create index on entry (measure, tenant, effective_on);
		create index on entry (lane, position);`,
	Types: typesOf(lead.Events, typesOf(organization.Events, typesOf(contact.Events, typesOf(opportunity.Events, typesOf(invoice.Events,
		typesOf(escalation.Events, typesOf(tenant.Events, typesOf(partner.Events, typesOf(user.Events, nil))))))))),
	Fold: foldFigures,
}

// change is what one event adds to one measure. Currency is empty for counts; anchor is the other date a figure asks about:
// the due date of what is owed, the creation date of a lead.
type change struct {
	measure  string
	currency string
	anchor   domain.Date
	delta    int64
	on       domain.Date // where it holds on another day than the event
	tenant   string      // where it is about another tenant than the event's
}

func count(measure string, delta int) change { return change{measure: measure, delta: int64(delta)} }

func member(of string, delta int) []change {
	return []change{{measure: "users", delta: int64(delta), tenant: of}}
}

func moved(measure string, anchor domain.Date, before, after money.Amount) []change {
	var c []change
	if before.Amount != 0 {
		c = append(c, change{measure: measure, currency: before.Currency, anchor: anchor, delta: -before.Amount})
	}
	if after.Amount != 0 {
		c = append(c, change{measure: measure, currency: after.Currency, anchor: anchor, delta: after.Amount})
	}
	return c
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// changes says what an event means for the measures. One event alone is enough: events are written that way.
func changes(fact any) []change {
	switch e := fact.(type) {
	case tenant.Created:
		return []change{count("tenants", 1)}
	case user.Created:
		return member(e.TenantID, 1)
	case user.Deactivated:
		return member(e.TenantID, -1)
	case user.Reactivated:
		return member(e.TenantID, 1)
	case partner.Created:
		return []change{count("partners", 1)}
	case partner.Deactivated:
		return []change{count("partners", -1)}
	case partner.Reactivated:
		return []change{count("partners", 1)}
	case escalation.Opened:
		return []change{count("escalations", 1)}
	case escalation.ResponseBreached:
		return []change{count("breaches", asInt(e.First))}
	case escalation.ResolveBreached:
		return []change{count("breaches", asInt(e.First))}
	}
	if c := leadChanges(fact); c != nil {
		return c
	}
	if c := invoiceChanges(fact); c != nil {
		return c
	}
	return progressChanges(fact)
}

func leadChanges(fact any) []change {
	var n lead.Standing
	var c []change
	switch e := fact.(type) {
	case lead.Created:
		n, c = e.Standing, []change{{measure: "leads", anchor: e.CreatedOn, delta: 1}}
	case lead.Converted:
		n, c = e.Standing, []change{{measure: "conversions", anchor: e.CreatedOn, delta: 1}}
	case lead.Updated:
		n = e.Standing
	case lead.Contacted:
		n = e.Standing
	case lead.Qualified:
		n = e.Standing
	case lead.Disqualified:
		n = e.Standing
	default:
		return nil
	}
	return append(c, change{measure: "hot", anchor: n.CreatedOn, delta: int64(n.HotDelta())})
}

func invoiceChanges(fact any) []change {
	var p invoice.Posting
	var c []change
	switch e := fact.(type) {
	case invoice.Issued:
		p, c = e.Posting, []change{count("issued", 1)}
	case invoice.PaymentReceived:
		p = e.Posting
		c = []change{{measure: "paid", currency: e.Currency, delta: e.Amount.Amount}, {measure: "tax", currency: e.Currency, delta: e.TaxShare.Amount}}
		if e.FullyPaid {
			c = append(c, count("settled", 1), count("daysToPay", e.DaysToPay))
		}
	case invoice.PaymentRefunded:
		p = e.Posting
		c = []change{{measure: "paid", currency: e.Currency, delta: -e.Amount.Amount}, {measure: "tax", currency: e.Currency, delta: -e.TaxShare.Amount}}
		if e.Reopened {
			c = append(c, count("settled", -1), count("daysToPay", -e.DaysToPay))
		}
	case invoice.Credited:
		p, c = e.Posting, []change{count("credits", 1)}
	case invoice.Voided:
		p = e.Posting
	default:
		return nil
	}
	before, after := p.Receivable()
	open := asInt(invoice.IsOpen(p.Status)) - asInt(invoice.IsOpen(p.StatusBefore))
	c = append(c, change{measure: "open", anchor: p.DueDate, delta: int64(open)})
	return append(c, moved("receivable", p.DueDate, before, after)...)
}

func progressChanges(fact any) []change {
	var n opportunity.Standing
	var step escalation.Progress
	switch e := fact.(type) {
	case opportunity.Created:
		n = e.Standing
	case opportunity.Updated:
		n = e.Standing
	case opportunity.Moved:
		n = e.Standing
	case opportunity.Reopened:
		n = e.Standing
	case escalation.Acknowledged:
		step = e.Progress
	case escalation.Started:
		step = e.Progress
	case escalation.Resolved:
		step = e.Progress
	case escalation.Closed:
		step = e.Progress
	case escalation.Reopened:
		step = e.Progress
	}
	if step.Status != "" {
		return []change{count("escalations", asInt(escalation.IsOpen(step.Status))-asInt(escalation.IsOpen(step.StatusBefore)))}
	}
	before, after := n.Pipeline()
	c := append(won(n), moved("pipeline", "", before, after)...)
	before, after = n.PipelineWeighted()
	return append(c, moved("weighted", "", before, after)...)
}

// won is what a win adds, and what reopening takes back from the day of the win.
func won(n opportunity.Standing) []change {
	var c []change
	if n.StageBefore == opportunity.Won && n.ValueBefore.Currency != "" {
		on, currency := n.ClosedOnBefore.Or(n.On), n.ValueBefore.Currency
		c = append(c, change{measure: "won", currency: currency, delta: -n.ValueBefore.Amount, on: on}, change{measure: "wins", currency: currency, delta: -1, on: on})
	}
	if n.Stage == opportunity.Won && n.ValueAfter.Currency != "" {
		currency := n.ValueAfter.Currency
		c = append(c, change{measure: "won", currency: currency, delta: n.ValueAfter.Amount}, change{measure: "wins", currency: currency, delta: 1})
	}
	return c
}

type balanceKey struct {
	tenant            uuid.UUID
	measure, currency string
	effective, anchor int32
}

// foldFigures sends dates as days since 1970 and ids as they are: to make text of them, twice a row, cost a third of a fold.
func foldFigures(ctx context.Context, tx pgx.Tx, batch []projection.Recorded) error {
	if err := addPresence(ctx, tx, batch); err != nil {
		return err
	}
	var tenants [][16]byte // as uuid.UUID they would travel as text
	var measures, currencies []string
	var lanes []int16
	var effective, anchors []int32
	var positions, deltas []int64
	var recorded []time.Time
	days := daysOf{}
	balances := map[balanceKey]int64{}
	for _, r := range batch {
		on := r.EffectiveAt
		if on.IsZero() {
			on = r.RecordedAt
		}
		for _, c := range changes(r.Fact) {
			if c.delta == 0 {
				continue
			}
			k := balanceKey{r.Tenant, c.measure, c.currency, days.of(c.on, day(on)), 0}
			k.anchor = days.of(c.anchor, k.effective)
			if c.tenant != "" {
				var err error
				if k.tenant, err = uuid.Parse(c.tenant); err != nil {
					return fmt.Errorf("%s at %d: tenant: %w", r.Type, r.Position, err)
				}
			}
			balances[k] += c.delta
			tenants, measures, currencies = append(tenants, k.tenant), append(measures, c.measure), append(currencies, c.currency)
			effective, anchors = append(effective, k.effective), append(anchors, k.anchor)
			lanes, positions = append(lanes, int16(r.Lane)), append(positions, r.Position)
			deltas, recorded = append(deltas, c.delta), append(recorded, r.RecordedAt)
		}
	}
	if len(tenants) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `insert into entry (tenant, measure, currency, lane, position, recorded_at, effective_on, anchor_on, delta)
		select t, m, c, l, p, r, date 'epoch' + e, date 'epoch' + a, d
		from unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::timestamptz[], $7::integer[], $8::integer[], $9::bigint[]) _(t, m, c, l, p, r, e, a, d)`,
		tenants, measures, currencies, lanes, positions, recorded, effective, anchors, deltas); err != nil {
		return err
	}
	return addBalances(ctx, tx, balances)
}

// daysOf remembers dates as days since 1970: few dates recur in many events, and reading one costs more than finding it.
type daysOf map[domain.Date]int32

// of is the date's day, or otherwise where there is none.
func (d daysOf) of(date domain.Date, otherwise int32) int32 {
	if date == "" {
		return otherwise
	}
	n, known := d[date]
	if !known {
		n = day(date.Time())
		d[date] = n
	}
	return n
}

// day is a date as days since 1970.
func day(t time.Time) int32 {
	const seconds = 24 * 60 * 60
	n := t.Unix()
	if n < 0 {
		n -= seconds - 1 // division rounds towards 1970
	}
	return int32(n / seconds)
}

func addPresence(ctx context.Context, tx pgx.Tx, batch []projection.Recorded) error {
	type presence struct {
		tenant      uuid.UUID
		day         domain.Date
		kind, actor string
	}
	seen := map[presence]bool{}
	var tenants []uuid.UUID
	var days, kinds, actors []string
	var lanes []int16
	var positions []int64
	var recorded []time.Time
	for _, r := range batch {
		p := presence{r.Tenant, domain.DateOf(r.RecordedAt), r.Actor.Kind, r.Actor.ID}
		if seen[p] {
			continue
		}
		seen[p] = true
		tenants, days, kinds, actors = append(tenants, p.tenant), append(days, string(p.day)), append(kinds, p.kind), append(actors, p.actor)
		lanes, positions, recorded = append(lanes, int16(r.Lane)), append(positions, r.Position), append(recorded, r.RecordedAt)
	}
	_, err := tx.Exec(ctx, `insert into presence (tenant, day, actor_kind, actor, lane, position, recorded_at)
		select * from unnest($1::uuid[], $2::text[]::date[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::timestamptz[])
		on conflict (day, tenant, actor_kind, actor) do update set position = excluded.position, recorded_at = excluded.recorded_at
			where presence.position > excluded.position`, tenants, days, kinds, actors, lanes, positions, recorded)
	return err
}

func addBalances(ctx context.Context, tx pgx.Tx, balances map[balanceKey]int64) error {
	var tenants [][16]byte
	var measures, currencies []string
	var effective, anchors []int32
	var deltas []int64
	for k, delta := range balances {
		tenants, measures, currencies = append(tenants, k.tenant), append(measures, k.measure), append(currencies, k.currency)
		effective, anchors, deltas = append(effective, k.effective), append(anchors, k.anchor), append(deltas, delta)
	}
	_, err := tx.Exec(ctx, `insert into balance (tenant, measure, currency, effective_on, anchor_on, delta)
		select t, m, c, date 'epoch' + e, date 'epoch' + a, d
		from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[]) _(t, m, c, e, a, d)
		on conflict (measure, tenant, currency, effective_on, anchor_on) do update set delta = balance.delta + excluded.delta`,
		tenants, measures, currencies, effective, anchors, deltas)
	return err
}
