package projections

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Figures is the read model behind every dashboard figure: entries that only ever get more, each a measure's change by one
// event, with daily balances of them. A figure as of then and the reasons for a figure are sums over the same rows.
var Figures = projection.Projection{
	Name: "figures", Version: 1,
	Schema: `
		create table entry (
			tenant uuid not null, measure text not null, currency text not null, lane smallint not null, position bigint not null,
			recorded_at timestamptz not null, effective_on date not null, anchor_on date not null, delta bigint not null);
		create table balance (
			tenant uuid not null, measure text not null, currency text not null, effective_on date not null, anchor_on date not null,
			delta bigint not null, primary key (measure, tenant, currency, effective_on, anchor_on));`,
	Indexes: `
		create index on entry (measure, tenant, effective_on);
		create index on entry (lane, position);`,
	Types: []string{
		"tenant.created", "partner.created", "partner.deactivated", "partner.reactivated",
		"lead.created", "lead.updated", "lead.contacted", "lead.qualified", "lead.disqualified", "lead.converted", "lead.archived", "lead.restored",
		"opportunity.created", "opportunity.updated", "opportunity.moved", "opportunity.reopened",
		"invoice.issued", "invoice.payment_received", "invoice.payment_refunded", "invoice.credited", "invoice.voided",
		"escalation.opened", "escalation.acknowledged", "escalation.started", "escalation.resolved", "escalation.closed", "escalation.reopened",
		"escalation.response_breached", "escalation.resolve_breached",
	},
	Fold: foldFigures,
}

// change is what one event adds to one measure. Currency is empty for counts; anchor is the other date a figure asks about:
// the due date of what is owed, the creation date of a lead.
type change struct {
	measure  string
	currency string
	anchor   domain.Date
	delta    int64
}

func count(measure string, delta int) change { return change{measure: measure, delta: int64(delta)} }

func moved(measure string, anchor domain.Date, before, after money.Amount) []change {
	var c []change
	if before.Amount != 0 {
		c = append(c, change{measure, before.Currency, anchor, -before.Amount})
	}
	if after.Amount != 0 {
		c = append(c, change{measure, after.Currency, anchor, after.Amount})
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
	var c []change
	var step escalation.Progress
	switch e := fact.(type) {
	case opportunity.Created:
		n = e.Standing
	case opportunity.Updated:
		n = e.Standing
	case opportunity.Moved:
		n = e.Standing
		if e.Stage == opportunity.Won {
			c = []change{count("wins", 1), {measure: "won", currency: e.ValueAfter.Currency, delta: e.ValueAfter.Amount}}
		}
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
	c = append(c, moved("pipeline", "", before, after)...)
	before, after = n.PipelineWeighted()
	return append(c, moved("weighted", "", before, after)...)
}

type balanceKey struct {
	tenant            uuid.UUID
	measure, currency string
	effective, anchor int32
}

// foldFigures sends dates as days since 1970 and ids as they are: to make text of them, twice a row, cost a third of a fold.
func foldFigures(ctx context.Context, tx pgx.Tx, batch []projection.Recorded) error {
	var tenants [][16]byte // as uuid.UUID they would travel as text
	var measures, currencies []string
	var lanes []int16
	var effective, anchors []int32
	var positions, deltas []int64
	var recorded []time.Time
	days := map[domain.Date]int32{}
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
			k := balanceKey{r.Tenant, c.measure, c.currency, day(on), day(on)}
			if c.anchor != "" {
				var known bool
				if k.anchor, known = days[c.anchor]; !known {
					k.anchor = day(c.anchor.Time())
					days[c.anchor] = k.anchor
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

// day is a date as days since 1970.
func day(t time.Time) int32 {
	const seconds = 24 * 60 * 60
	n := t.Unix()
	if n < 0 {
		n -= seconds - 1 // division rounds towards 1970
	}
	return int32(n / seconds)
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
