package projections

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Figure is one number of a dashboard. An unknown one has no value and a reason; it is never 0. A value with a reason is all that
// can be known.
type Figure struct {
	Value  any    `json:"value"`
	Unit   string `json:"unit"`   // count, money, ratio, days, ms, perSecond
	Source string `json:"source"` // log or gauge
	Of     *Ratio `json:"of,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Ratio names both sides of a ratio.
type Ratio struct {
	Numerator   int64 `json:"numerator"`
	Denominator int64 `json:"denominator"`
}

// Moment is what a figure is asked for: what the log knew at At (nil: now), which is the time Time, of what held on the day On.
type Moment struct {
	At   eventstore.Cursor
	On   domain.Date
	Time time.Time

	upTo eventstore.Cursor // At, or what the snapshot reflects
}

// pin says which part of the log a snapshot reflects, where the moment does not.
func (m *Moment) pin(ctx context.Context, db *pgx.Conn) error {
	if m.upTo = m.At; m.At != nil {
		return nil
	}
	rows, err := db.Query(ctx, `select c.lane, c.position from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation
		where p.name = $1`, Figures.Name)
	if err != nil {
		return err
	}
	m.upTo = eventstore.Cursor{}
	var lane int
	var mark eventstore.Mark
	_, err = pgx.ForEachRow(rows, []any{&lane, &mark.Position}, func() error { m.upTo[lane] = mark; return nil })
	return err
}

// spec is how a figure is made: of sums of what events changed, or of a gauge.
type spec struct {
	name, unit string
	sum        sum
	per        *sum // the denominator of a ratio or a mean
	gauge      gauge
	reason     string
}

func unknown(name, unit, reason string) spec { return spec{name: name, unit: unit, reason: reason} }

// unmeasured is a gauge that nobody reads yet.
func unmeasured(name, unit, reason string) spec {
	return spec{name: name, unit: unit, gauge: func(context.Context, *pgx.Conn, uuid.UUID, Moment) (any, string, error) { return nil, reason, nil }}
}

const (
	noRequests = "requests are not measured yet"
	noVehicles = "vehicles are not kept yet"
	noSignIns  = "counts accepted commands; a sign-in alone is not kept yet"
)

// dashboards are the figures of each portal, by their public names.
var dashboards = map[string][]spec{
	"provider": {
		{name: "tenantsTotal", unit: "count", sum: sum{measure: "tenants"}},
		{name: "tenantsActive30d", unit: "count", sum: sum{source: activeTenants, days: 30}, reason: noSignIns},
		{name: "usersActive30d", unit: "count", sum: sum{source: activeUsers, days: 30}, reason: noSignIns},
		{name: "leadsTotal", unit: "count", sum: sum{measure: "leads"}}, {name: "leadsConverted", unit: "count", sum: sum{measure: "conversions"}},
		{name: "conversionRate", unit: "ratio", sum: sum{measure: "conversions"}, per: &sum{measure: "leads"}},
		{name: "revenuePaid", unit: "money", sum: sum{measure: "paid", own: true}}, {name: "revenueOutstanding", unit: "money", sum: sum{measure: "receivable", own: true}},
		{name: "revenueOverdue", unit: "money", sum: sum{measure: "receivable", overdue: true, own: true}}, unknown("mrr", "money", "plans have no price yet"),
		{name: "escalationsOpen", unit: "count", sum: sum{measure: "escalations"}}, {name: "escalationsBreached", unit: "count", sum: sum{measure: "breaches"}},
		{name: "partnersActive", unit: "count", sum: sum{measure: "partners"}}, {name: "eventsTotal", unit: "count", sum: sum{source: everyEvent}},
	},
	"developer": {
		unmeasured("requests24h", "count", noRequests), unmeasured("errorRate24h", "ratio", noRequests),
		unmeasured("latencyP50Ms", "ms", noRequests), unmeasured("latencyP95Ms", "ms", noRequests),
		{name: "eventsPerSecond", unit: "perSecond", gauge: eventsPerSecond}, {name: "projectionLagMax", unit: "count", gauge: projectionLag},
		unmeasured("rateLimited24h", "count", "refusals over a rate are not counted yet"),
		{name: "parkedEvents", unit: "count", gauge: parkedEvents}, {name: "deadLetters", unit: "count", gauge: deadLetters},
		unmeasured("signaturesRefused24h", "count", "refused signatures are not kept yet"),
	},
	"accountant": {
		{name: "revenuePaid", unit: "money", sum: sum{measure: "paid"}}, {name: "revenueThisMonth", unit: "money", sum: sum{measure: "paid", month: true}},
		{name: "invoicesIssued", unit: "count", sum: sum{measure: "issued"}}, {name: "invoicesOverdue", unit: "count", sum: sum{measure: "open", overdue: true}},
		{name: "receivables", unit: "money", sum: sum{measure: "receivable"}}, {name: "overdueAmount", unit: "money", sum: sum{measure: "receivable", overdue: true}},
		{name: "creditNotes", unit: "count", sum: sum{measure: "credits"}}, {name: "taxCollected", unit: "money", sum: sum{measure: "tax"}},
		{name: "averageDaysToPay", unit: "days", sum: sum{measure: "daysToPay"}, per: &sum{measure: "settled"}},
	},
	"client": {
		{name: "leadsNew90d", unit: "count", sum: sum{measure: "leads", days: 90}}, {name: "leadsConverted90d", unit: "count", sum: sum{measure: "conversions", cohort: 90}},
		{name: "leadsHot", unit: "count", sum: sum{measure: "hot"}},
		{name: "conversionRate90d", unit: "ratio", sum: sum{measure: "conversions", cohort: 90}, per: &sum{measure: "leads", days: 90}},
		{name: "pipelineValue", unit: "money", sum: sum{measure: "pipeline"}}, {name: "pipelineWeighted", unit: "money", sum: sum{measure: "weighted"}},
		{name: "wonThisMonth", unit: "money", sum: sum{measure: "won", month: true}},
		{name: "averageDealSize", unit: "money", sum: sum{measure: "won", days: 90}, per: &sum{measure: "wins", days: 90}},
		{name: "invoicesOutstanding", unit: "money", sum: sum{measure: "receivable"}},
		unknown("vehiclesActive", "count", noVehicles), unknown("vehiclesOutOfService", "count", noVehicles),
		unknown("ticketsOpen", "count", "tickets are not kept yet"), unknown("tasksDue", "count", "tasks are not kept yet"),
	},
}

// Stats answers a portal's figures for one tenant, or with uuid.Nil for all, in one snapshot.
func Stats(ctx context.Context, r *projection.Reader, portal string, q projection.Query, m Moment) (map[string]Figure, eventstore.Cursor, error) {
	specs, ok := dashboards[portal]
	if !ok {
		return nil, nil, fmt.Errorf("no portal %q", portal)
	}
	q.Projection = Figures.Name
	figures := make(map[string]Figure, len(specs))
	cursor, err := r.Read(ctx, q, func(ctx context.Context, db *pgx.Conn) error {
		if m.At != nil || slices.ContainsFunc(specs, spec.placed) {
			if err := m.pin(ctx, db); err != nil {
				return err
			}
		}
		// All sums go to the database together: one way there and back, not one for each figure.
		var sums pgx.Batch
		tell := make([]func() Figure, len(specs))
		for i, s := range specs {
			var err error
			if tell[i], err = s.ask(ctx, db, &sums, q.Tenant, m); err != nil {
				return fmt.Errorf("figure %s: %w", s.name, err)
			}
		}
		if err := db.SendBatch(ctx, &sums).Close(); err != nil {
			return fmt.Errorf("figures of %s: %w", portal, err)
		}
		for i, s := range specs {
			figures[s.name] = tell[i]()
		}
		return nil
	})
	if err == nil && m.At != nil {
		cursor = m.At
	}
	return figures, cursor, err
}

// ask puts the figure's sums into a batch; tell makes the figure of them, when the batch was read.
func (s spec) ask(ctx context.Context, db *pgx.Conn, sums *pgx.Batch, tenant uuid.UUID, m Moment) (tell func() Figure, err error) {
	f := Figure{Unit: s.unit, Source: "log", Reason: s.reason}
	tell = func() Figure { return f }
	if s.gauge != nil {
		f.Source = "gauge"
		f.Value, f.Reason, err = s.gauge(ctx, db, tenant, m)
		return tell, err
	}
	if !s.known() {
		return tell, nil
	}
	if s.sum.own && tenant != uuid.Nil {
		f.Reason = notPerTenant
		return tell, nil
	}
	amounts := s.sum.ask(sums, tenant, m)
	if s.per == nil {
		return func() Figure { f.Value = s.shown(*amounts); return f }, nil
	}
	per := s.per.ask(sums, tenant, m)
	return func() Figure { return s.divided(f, *amounts, *per) }, nil
}

// divided is a ratio or a mean.
func (s spec) divided(f Figure, amounts, per []money.Amount) Figure {
	if s.unit == "money" {
		f.Value = quotients(amounts, per)
		return f
	}
	of := Ratio{Numerator: total(amounts), Denominator: total(per)}
	if of.Denominator == 0 {
		f.Reason = "nothing to divide by in this window"
		return f
	}
	f.Of, f.Value = &of, math.Round(float64(of.Numerator)/float64(of.Denominator)*1e4)/1e4
	return f
}

const notPerTenant = "the platform's own revenue is not told apart by tenant yet"

// known says whether the figure is made of events.
func (s spec) known() bool { return s.gauge == nil && s.sum != sum{} }

// placed says whether the figure, as of now, asks for a part of the log and not just for balances.
func (s spec) placed() bool { return s.gauge != nil || s.sum.source != entries }

// shown is what a sum adds up to in the figure's unit.
func (s spec) shown(amounts []money.Amount) any {
	if s.unit == "money" {
		return amounts
	}
	return total(amounts)
}

func total(amounts []money.Amount) (sum int64) {
	for _, a := range amounts {
		sum += a.Amount
	}
	return sum
}

// quotients divides amounts by counts, currency by currency, half up.
func quotients(amounts, counts []money.Amount) []money.Amount {
	means := []money.Amount{}
	for _, n := range counts {
		i := slices.IndexFunc(amounts, func(a money.Amount) bool { return a.Currency == n.Currency })
		if n.Amount <= 0 {
			continue
		}
		var sum int64
		if i >= 0 {
			sum = amounts[i].Amount
		}
		means = append(means, money.Of(int64(math.Floor(float64(sum)/float64(n.Amount)+0.5)), n.Currency))
	}
	return means
}
