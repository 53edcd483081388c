package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// source is what a sum is over. Each is a set of rows with lane, position, recorded_at, currency and delta.
type source int

const (
	entries       source = iota // what events changed of a measure
	activeTenants               // 1 for each tenant, by its newest presence in the window
	activeUsers                 // 1 for each user, likewise
	everyEvent                  // 1 for each event of the log
)

// sum is a range of a source: in a window of days that ends on the day asked, and for entries of which anchors.
type sum struct {
	source  source
	measure string
	days    int  // the window's length by effective date; 0 is unbounded
	month   bool // the window is the calendar month
	cohort  int  // only anchors of the last so many days; 0 is all
	overdue bool // only anchors before the day asked
	own     bool // only the provider space: the platform's own invoices
}

// arguments collects the values of a statement's parameters.
type arguments []any

func (a *arguments) add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// rows is the sum's rows as of the moment, as a sub-select.
func (s sum) rows(tenant uuid.UUID, m Moment) (string, *arguments) {
	args := &arguments{}
	if s.source == entries {
		return `select r.lane, u.position, u.recorded_at, r.currency, u.delta from entry r join ` + entriesUntil(m.upTo, args) + `
			cross join lateral unnest(r.positions, r.recorded, r.deltas) u(position, recorded_at, delta)
			where u.position <= at.until and ` + s.window(args, m) + s.whose(args, tenant), args
	}
	lanes, positions := m.upTo.Columns()
	at := fmt.Sprintf(`join unnest(%s::smallint[], %s::bigint[]) at(lane, until) on at.lane = r.lane and r.position <= at.until`, args.add(lanes), args.add(positions))
	whose := s.whose(args, tenant)
	on := m.On.Time()
	if s.source == everyEvent {
		return `select r.lane, r.position, r.recorded_at, '' as currency, 1::bigint as delta from log.event r ` + at + ` where true` + whose, args
	}
	key, who := "actor", "r.actor_kind = 'user'"
	if s.source == activeTenants {
		key, who = "tenant", "r.tenant <> "+args.add(eventstore.ProviderSpace)
	}
	return fmt.Sprintf(`select distinct on (r.%s) r.lane, r.position, r.recorded_at, '' as currency, 1::bigint as delta from presence r %s
		where %s%s and r.day between %s and %s order by r.%s, r.recorded_at desc, r.lane desc, r.position desc`,
		key, at, who, whose, args.add(on.AddDate(0, 0, 1-s.days)), args.add(on), key), args
}

// entriesUntil joins entries r with the position at.until up to which each lane counts. Of an entry around it, deltaUntil is the part before.
func entriesUntil(c eventstore.Cursor, args *arguments) string {
	lanes, positions := c.Columns()
	return fmt.Sprintf(`unnest(%s::smallint[], %s::bigint[]) at(lane, until) on at.lane = r.lane and r.positions[1] <= at.until`, args.add(lanes), args.add(positions))
}

const deltaUntil = `case when r.last <= at.until then r.delta
	else (select sum(d)::bigint from unnest(r.positions, r.deltas) u(position, d) where u.position <= at.until) end`

// window is the condition on entries, or on their daily balances.
func (s sum) window(args *arguments, m Moment) string {
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
	return fmt.Sprintf(`measure = %s and effective_on between %s and %s and anchor_on >= %s and anchor_on < %s`,
		args.add(s.measure), args.add(from), args.add(on), args.add(anchorFrom), args.add(anchorUntil))
}

// summed is what adds up to the sum: of entries now their daily balances, as of then the entries themselves. Both hold the same.
func (s sum) summed(tenant uuid.UUID, m Moment) (string, *arguments) {
	if s.source != entries {
		rows, args := s.rows(tenant, m)
		return "(" + rows + ") r", args
	}
	args := &arguments{}
	if m.At == nil {
		return "balance where " + s.window(args, m) + s.whose(args, tenant), args
	}
	return `(select tenant, currency, measure, effective_on, anchor_on, ` + deltaUntil + ` as delta from entry r join ` + entriesUntil(m.upTo, args) + `) r
		where ` + s.window(args, m) + s.whose(args, tenant), args
}

func (s sum) whose(args *arguments, tenant uuid.UUID) string {
	if s.own {
		tenant = eventstore.ProviderSpace
	}
	if tenant == uuid.Nil {
		return ""
	}
	return " and tenant = " + args.add(tenant)
}

// ask puts the sum into a batch; it is there, per currency, when the batch was read.
func (s sum) ask(b *pgx.Batch, tenant uuid.UUID, m Moment) *[]money.Amount {
	amounts := &[]money.Amount{}
	if s.source == everyEvent && tenant == uuid.Nil {
		var all int64 // positions are dense
		for _, mark := range m.upTo {
			all += mark.Position
		}
		*amounts = append(*amounts, money.Amount{Amount: all})
		return amounts
	}
	from, args := s.summed(tenant, m)
	b.Queue(`select currency, sum(delta)::bigint from `+from+` group by currency having sum(delta) <> 0 order by currency`, *args...).Query(func(rows pgx.Rows) error {
		var a money.Amount
		_, err := pgx.ForEachRow(rows, []any{&a.Currency, &a.Amount}, func() error { *amounts = append(*amounts, a); return nil })
		return err
	})
	return amounts
}

// Contribution is what one event adds to a figure, in one currency.
type Contribution struct {
	Lane       int16
	Position   int64
	RecordedAt time.Time
	money.Amount
}

// Figure's parts that can be asked for: the two sides of a ratio or a mean.
const (
	Numerator   = "numerator"
	Denominator = "denominator"
)

// Errors of a figure that has no contributions.
var (
	ErrNoFigure  = errors.New("the portal has no such figure")
	ErrNoPart    = errors.New("the figure has no such part")
	ErrNotEvents = errors.New("the figure is not made of events")
)

// Reasons is why a figure is what it is.
type Reasons struct {
	Items  []Contribution // the newest first
	Sum    any            // of all contributions, in the figure's unit: the figure, or the part of it
	Money  bool           // contributions are amounts of money
	Cursor eventstore.Cursor
}

// Part is a figure of a portal, or of a ratio or a mean one side: Numerator, which is what "" means there, or Denominator.
type Part struct{ Portal, Figure, Side string }

// Why answers up to limit contributions to a figure behind one (nil: from the newest), as of a moment; without a cursor that is
// now. They add up to the figure by construction: both are sums over the same rows.
func Why(ctx context.Context, r *projection.Reader, p Part, q projection.Query, m Moment, behind *Contribution, limit int) (Reasons, error) {
	specs, part := dashboards[p.Portal], p.Side
	i := slices.IndexFunc(specs, func(s spec) bool { return s.name == p.Figure })
	if i < 0 {
		return Reasons{}, ErrNoFigure
	}
	s := specs[i]
	if !s.known() || s.sum.own && q.Tenant != uuid.Nil {
		return Reasons{}, ErrNotEvents
	}
	which := s.sum
	switch {
	case s.per == nil && part != "", part != "" && part != Numerator && part != Denominator:
		return Reasons{}, ErrNoPart
	case part == Denominator:
		which = *s.per
	}
	why := Reasons{Money: s.unit == "money" && part != Denominator}
	q.Projection = Figures.Name
	var err error
	why.Cursor, err = r.Read(ctx, q, func(ctx context.Context, db *pgx.Conn) error {
		if err := m.pin(ctx, db); err != nil {
			return err
		}
		var sums pgx.Batch
		amounts := which.ask(&sums, q.Tenant, m)
		if err := db.SendBatch(ctx, &sums).Close(); err != nil {
			return err
		}
		if why.Sum = any(total(*amounts)); why.Money {
			why.Sum = *amounts
		}
		why.Items, err = which.contributions(ctx, db, q.Tenant, m, behind, limit)
		return err
	})
	if m.At != nil {
		why.Cursor = m.At
	}
	return why, err
}

func (s sum) contributions(ctx context.Context, db *pgx.Conn, tenant uuid.UUID, m Moment, behind *Contribution, limit int) ([]Contribution, error) {
	sql, args := s.newest(tenant, m, behind, limit)
	rows, err := db.Query(ctx, sql, *args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Contribution, err error) {
		return c, row.Scan(&c.Lane, &c.Position, &c.RecordedAt, &c.Amount.Amount, &c.Currency)
	})
}

// newest is the statement of the newest contributions behind one.
func (s sum) newest(tenant uuid.UUID, m Moment, behind *Contribution, limit int) (string, *arguments) {
	if s.source == everyEvent {
		return s.newestEvents(tenant, m, behind, limit)
	}
	from, args := s.rows(tenant, m)
	beyond := ""
	if behind != nil {
		beyond = fmt.Sprintf(" where (recorded_at, lane, position, currency) < (%s, %s, %s, %s)",
			args.add(behind.RecordedAt), args.add(behind.Lane), args.add(behind.Position), args.add(behind.Currency))
	}
	return `select lane, position, recorded_at, sum(delta)::bigint, currency from (` + from + `) r` + beyond + `
		group by recorded_at, lane, position, currency having sum(delta) <> 0
		order by recorded_at desc, lane desc, position desc, currency desc limit ` + args.add(limit), args
}

// newestEvents reads every lane from its end: the whole log is too much to sort.
func (s sum) newestEvents(tenant uuid.UUID, m Moment, behind *Contribution, limit int) (string, *arguments) {
	args := &arguments{}
	lanes, positions := m.upTo.Columns()
	beyond := s.whose(args, tenant)
	if behind != nil {
		if i := slices.Index(lanes, behind.Lane); i >= 0 {
			positions[i] = behind.Position - 1
		}
		beyond += fmt.Sprintf(" and (recorded_at, lane, position) < (%s, %s, %s)", args.add(behind.RecordedAt), args.add(behind.Lane), args.add(behind.Position))
	}
	return fmt.Sprintf(`select e.lane, e.position, e.recorded_at, 1::bigint, '' from unnest(%s::smallint[], %s::bigint[]) at(number, until)
		cross join lateral (select lane, position, recorded_at from log.event where lane = at.number and position <= at.until%s order by position desc limit %s) e
		order by e.recorded_at desc, e.lane desc, e.position desc limit %s`, args.add(lanes), args.add(positions), beyond, args.add(limit), args.add(limit)), args
}
