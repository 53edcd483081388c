package projections

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Figure is one number of a dashboard. An unknown one has no value and a reason; it is never 0.
type Figure struct {
	Value  any    `json:"value"`
	Unit   string `json:"unit"`   // count, money, ratio, days
	Source string `json:"source"` // log or gauge
	Of     *Ratio `json:"of,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Ratio names both sides of a ratio.
type Ratio struct {
	Numerator   int64 `json:"numerator"`
	Denominator int64 `json:"denominator"`
}

// Moment is what a figure is asked for: what the log knew at At (nil: now), of what held on the day On.
type Moment struct {
	At eventstore.Cursor
	On domain.Date
}

// sum is a range of entries: a measure, in a window of days that ends on the day asked, and of which anchors.
type sum struct {
	measure string
	days    int  // the window's length by effective date; 0 is unbounded
	month   bool // the window is the calendar month
	cohort  int  // only anchors of the last so many days; 0 is all
	overdue bool // only anchors before the day asked
	own     bool // only the provider space: the platform's own invoices
}

// spec is how a figure is made of sums.
type spec struct {
	name, unit string
	sum        sum
	per        *sum // the denominator of a ratio or a mean
	reason     string
}

const later = "not measured yet"

func unknown(name, unit string) spec { return spec{name: name, unit: unit, reason: later} }

// dashboards are the figures of each portal, by their public names.
var dashboards = map[string][]spec{
	"provider": {
		{name: "tenantsTotal", unit: "count", sum: sum{measure: "tenants"}}, unknown("tenantsActive30d", "count"), unknown("usersActive30d", "count"),
		{name: "leadsTotal", unit: "count", sum: sum{measure: "leads"}}, {name: "leadsConverted", unit: "count", sum: sum{measure: "conversions"}},
		{name: "conversionRate", unit: "ratio", sum: sum{measure: "conversions"}, per: &sum{measure: "leads"}},
		{name: "revenuePaid", unit: "money", sum: sum{measure: "paid", own: true}}, {name: "revenueOutstanding", unit: "money", sum: sum{measure: "receivable", own: true}},
		{name: "revenueOverdue", unit: "money", sum: sum{measure: "receivable", overdue: true, own: true}}, unknown("mrr", "money"),
		{name: "escalationsOpen", unit: "count", sum: sum{measure: "escalations"}}, {name: "escalationsBreached", unit: "count", sum: sum{measure: "breaches"}},
		{name: "partnersActive", unit: "count", sum: sum{measure: "partners"}}, {name: "eventsTotal", unit: "count"},
	},
	"developer": {
		unknown("requests24h", "count"), unknown("errorRate24h", "ratio"), unknown("latencyP50Ms", "ms"), unknown("latencyP95Ms", "ms"),
		unknown("eventsPerSecond", "perSecond"), unknown("projectionLagMax", "count"), unknown("rateLimited24h", "count"),
		unknown("parkedEvents", "count"), unknown("deadLetters", "count"), unknown("signaturesRefused24h", "count"),
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
		{name: "wonThisMonth", unit: "money", sum: sum{measure: "won", month: true}}, unknown("averageDealSize", "money"),
		{name: "invoicesOutstanding", unit: "money", sum: sum{measure: "receivable"}},
		unknown("vehiclesActive", "count"), unknown("vehiclesOutOfService", "count"), unknown("ticketsOpen", "count"), unknown("tasksDue", "count"),
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
	cursor, err := r.Read(ctx, q, func(ctx context.Context, tx pgx.Tx) error {
		for _, s := range specs {
			f := Figure{Unit: s.unit, Source: "log", Reason: s.reason}
			if s.reason == "" && s.sum.measure != "" {
				var err error
				if f, err = s.value(ctx, tx, q.Tenant, m); err != nil {
					return fmt.Errorf("figure %s: %w", s.name, err)
				}
			}
			figures[s.name] = f
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if m.At != nil {
		cursor = m.At
	}
	if f, ok := figures["eventsTotal"]; ok {
		var total int64
		for _, mark := range cursor {
			total += mark.Position
		}
		f.Value = total
		figures["eventsTotal"] = f
	}
	return figures, cursor, nil
}

func (s spec) value(ctx context.Context, tx pgx.Tx, tenant uuid.UUID, m Moment) (Figure, error) {
	f := Figure{Unit: s.unit, Source: "log"}
	amounts, err := s.sum.read(ctx, tx, tenant, m)
	if err != nil {
		return f, err
	}
	var total int64
	for _, a := range amounts {
		total += a.Amount
	}
	switch {
	case s.unit == "money":
		f.Value = amounts
	case s.per == nil:
		f.Value = total
	default:
		per, err := s.per.read(ctx, tx, tenant, m)
		if err != nil {
			return f, err
		}
		of := Ratio{Numerator: total}
		for _, a := range per {
			of.Denominator += a.Amount
		}
		if of.Denominator == 0 {
			f.Reason = "nothing to divide by in this window"
			return f, nil
		}
		f.Of = &of
		f.Value = math.Round(float64(of.Numerator)/float64(of.Denominator)*1e4) / 1e4
	}
	return f, nil
}

// read adds up the range per currency. Now is read from the daily balances, any other time from the entries; both hold the same rows.
func (s sum) read(ctx context.Context, tx pgx.Tx, tenant uuid.UUID, m Moment) ([]money.Amount, error) {
	on := m.On.Time()
	from, anchorFrom, anchorUntil := time.Time{}, time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case s.month:
		from = time.Date(on.Year(), on.Month(), 1, 0, 0, 0, 0, time.UTC)
	case s.days > 0:
		from = on.AddDate(0, 0, 1-s.days)
	}
	if s.cohort > 0 {
		anchorFrom = on.AddDate(0, 0, 1-s.cohort)
	}
	if s.overdue {
		anchorUntil = on
	}
	if s.own {
		tenant = eventstore.ProviderSpace
	}
	args := []any{s.measure, from, on, anchorFrom, anchorUntil, tenant, tenant == uuid.Nil}
	where := ` where measure = $1 and effective_on between $2 and $3 and anchor_on >= $4 and anchor_on < $5 and (tenant = $6 or $7)`
	sql := `select currency, sum(delta)::bigint from balance` + where
	if m.At != nil {
		var lanes []int16
		var positions []int64
		for lane, mark := range m.At {
			lanes, positions = append(lanes, int16(lane)), append(positions, mark.Position)
		}
		sql = `select currency, sum(delta)::bigint from entry join unnest($8::smallint[], $9::bigint[]) at(lane, until) using (lane)` + where + ` and position <= until`
		args = append(args, lanes, positions)
	}
	rows, err := tx.Query(ctx, sql+` group by currency having sum(delta) <> 0 order by currency`, args...)
	if err != nil {
		return nil, err
	}
	amounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a money.Amount, err error) {
		return a, row.Scan(&a.Currency, &a.Amount)
	})
	if amounts == nil {
		amounts = []money.Amount{}
	}
	return amounts, err
}
