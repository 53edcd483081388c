package projections

import (
	"maps"
	"slices"

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
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Figures is the read model behind every dashboard figure: entries that only ever get more, each what some events changed of a
// measure, with daily balances of them. A figure as of then and the reasons for a figure are sums over the same rows. Presence
// is the first event of a day by each actor in each tenant: who was active.
//
// An entry holds what one batch changed under one key, event by event in its arrays, and their sum: see decision 0012.
var Figures = projection.Projection{
	Name: "figures", Version: 3,
	Schema: `
		create table entry (
			tenant uuid not null, measure text not null, currency text not null, effective_on date not null, anchor_on date not null,
			lane smallint not null, last bigint not null, delta bigint not null,
			positions bigint[] not null, recorded timestamptz[] not null, deltas bigint[] not null);
		-- No plan asks what is in the arrays, and to learn it takes longer than to index the table.
		alter table entry alter positions set statistics 0, alter recorded set statistics 0, alter deltas set statistics 0;
		create table balance (
			tenant uuid not null, measure text not null, currency text not null, effective_on date not null, anchor_on date not null,
			delta bigint not null, primary key (measure, tenant, currency, effective_on, anchor_on));
		create table presence (
			tenant uuid not null, day date not null, actor_kind text not null, actor text not null, lane smallint not null, position bigint not null,
			recorded_at timestamptz not null, primary key (day, tenant, actor_kind, actor));`,
	Indexes: `create index on entry (measure, tenant, effective_on);`,
	Compared: map[string]string{"entry": `select e.tenant, e.measure, e.currency, e.effective_on, e.anchor_on, e.lane, u.position, u.recorded, u.delta
		from %s e cross join lateral unnest(e.positions, e.recorded, e.deltas) u(position, recorded, delta)`},
	Types: meaningful(),
	Bare: others(typesOf(lead.Events, typesOf(organization.Events, typesOf(contact.Events, typesOf(opportunity.Events, typesOf(invoice.Events,
		typesOf(escalation.Events, typesOf(tenant.Events, typesOf(partner.Events, typesOf(user.Events, nil)))))))))),
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

// meanings says what an event means for the measures, for each type that means anything. One event alone is enough: events are
// written that way.
var meanings = func() map[string]func(eventstore.Fact) []change {
	m := map[string]func(eventstore.Fact) []change{}
	mean(m, func(tenant.Created) []change { return []change{count("tenants", 1)} })
	mean(m, func(e user.Created) []change { return member(e.TenantID, 1) })
	mean(m, func(e user.Deactivated) []change { return member(e.TenantID, -1) })
	mean(m, func(e user.Reactivated) []change { return member(e.TenantID, 1) })
	mean(m, func(partner.Created) []change { return []change{count("partners", 1)} })
	mean(m, func(partner.Deactivated) []change { return []change{count("partners", -1)} })
	mean(m, func(partner.Reactivated) []change { return []change{count("partners", 1)} })
	leadMeanings(m)
	invoiceMeanings(m)
	mean(m, func(e opportunity.Created) []change { return pipeline(e.Standing) })
	mean(m, func(e opportunity.Updated) []change { return pipeline(e.Standing) })
	mean(m, func(e opportunity.Moved) []change { return pipeline(e.Standing) })
	mean(m, func(e opportunity.Reopened) []change { return pipeline(e.Standing) })
	mean(m, func(escalation.Opened) []change { return []change{count("escalations", 1)} })
	mean(m, func(e escalation.ResponseBreached) []change { return []change{count("breaches", asInt(e.First))} })
	mean(m, func(e escalation.ResolveBreached) []change { return []change{count("breaches", asInt(e.First))} })
	mean(m, func(e escalation.Acknowledged) []change { return progress(e.Progress) })
	mean(m, func(e escalation.Started) []change { return progress(e.Progress) })
	mean(m, func(e escalation.Resolved) []change { return progress(e.Progress) })
	mean(m, func(e escalation.Closed) []change { return progress(e.Progress) })
	mean(m, func(e escalation.Reopened) []change { return progress(e.Progress) })
	return m
}()

func mean[E eventstore.Fact](m map[string]func(eventstore.Fact) []change, changes func(E) []change) {
	var e E
	m[e.Type()] = func(fact eventstore.Fact) []change { return changes(fact.(E)) }
}

func meaningful() []string { return slices.Sorted(maps.Keys(meanings)) }

// others are the types of which only matters that they are there.
func others(types []string) []string {
	return slices.DeleteFunc(types, func(t string) bool { return meanings[t] != nil })
}

func leadMeanings(m map[string]func(eventstore.Fact) []change) {
	hot := func(n lead.Standing) change {
		return change{measure: "hot", anchor: n.CreatedOn, delta: int64(n.HotDelta())}
	}
	mean(m, func(e lead.Created) []change {
		return []change{{measure: "leads", anchor: e.CreatedOn, delta: 1}, hot(e.Standing)}
	})
	mean(m, func(e lead.Converted) []change {
		return []change{{measure: "conversions", anchor: e.CreatedOn, delta: 1}, hot(e.Standing)}
	})
	mean(m, func(e lead.Updated) []change { return []change{hot(e.Standing)} })
	mean(m, func(e lead.Contacted) []change { return []change{hot(e.Standing)} })
	mean(m, func(e lead.Qualified) []change { return []change{hot(e.Standing)} })
	mean(m, func(e lead.Disqualified) []change { return []change{hot(e.Standing)} })
}

func invoiceMeanings(m map[string]func(eventstore.Fact) []change) {
	mean(m, func(e invoice.Issued) []change { return owed(e.Posting, count("issued", 1)) })
	mean(m, func(e invoice.Credited) []change { return owed(e.Posting, count("credits", 1)) })
	mean(m, func(e invoice.Voided) []change { return owed(e.Posting) })
	mean(m, func(e invoice.PaymentReceived) []change {
		c := []change{{measure: "paid", currency: e.Currency, delta: e.Amount.Amount}, {measure: "tax", currency: e.Currency, delta: e.TaxShare.Amount}}
		if e.FullyPaid {
			c = append(c, count("settled", 1), count("daysToPay", e.DaysToPay))
		}
		return owed(e.Posting, c...)
	})
	mean(m, func(e invoice.PaymentRefunded) []change {
		c := []change{{measure: "paid", currency: e.Currency, delta: -e.Amount.Amount}, {measure: "tax", currency: e.Currency, delta: -e.TaxShare.Amount}}
		if e.Reopened {
			c = append(c, count("settled", -1), count("daysToPay", -e.DaysToPay))
		}
		return owed(e.Posting, c...)
	})
}

// owed adds what a posting changes of what is open.
func owed(p invoice.Posting, c ...change) []change {
	before, after := p.Receivable()
	open := asInt(invoice.IsOpen(p.Status)) - asInt(invoice.IsOpen(p.StatusBefore))
	c = append(c, change{measure: "open", anchor: p.DueDate, delta: int64(open)})
	return append(c, moved("receivable", p.DueDate, before, after)...)
}

func progress(p escalation.Progress) []change {
	return []change{count("escalations", asInt(escalation.IsOpen(p.Status))-asInt(escalation.IsOpen(p.StatusBefore)))}
}

func pipeline(n opportunity.Standing) []change {
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
