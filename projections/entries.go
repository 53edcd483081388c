package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// entryEvents bounds an entry: with so many events a row stays below the 2 kB from which Postgres compresses it, and moves it elsewhere.
const entryEvents = 64

// account is what entries and balances are kept by. Days count since 1970.
type account struct {
	tenant            uuid.UUID
	measure, currency string
	effective, anchor int32
}

// entry is what some events of a batch changed of an account, in order.
type entry struct {
	account
	delta     int64 // their sum
	positions []int64
	recorded  []time.Time
	deltas    []int64
}

// batchEntries are the entries of a batch, in the order of their first events.
type batchEntries struct {
	all  []*entry
	open map[account]*entry // has room for more
	days daysOf
}

// add enters what an event changes.
func (es *batchEntries) add(r projection.Recorded, c change) error {
	on := r.EffectiveAt
	if on.IsZero() {
		on = r.RecordedAt
	}
	a := account{r.Tenant, c.measure, c.currency, es.days.of(c.on, day(on)), 0}
	a.anchor = es.days.of(c.anchor, a.effective)
	if c.tenant != "" {
		var err error
		if a.tenant, err = uuid.Parse(c.tenant); err != nil {
			return fmt.Errorf("%s at %d: tenant: %w", r.Type, r.Position, err)
		}
	}
	e := es.open[a]
	if e == nil || len(e.positions) == entryEvents {
		e = &entry{account: a}
		es.open[a] = e
		es.all = append(es.all, e)
	}
	e.delta += c.delta
	e.positions, e.recorded, e.deltas = append(e.positions, r.Position), append(e.recorded, r.RecordedAt), append(e.deltas, c.delta)
	return nil
}

func foldFigures(_ context.Context, _ *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
	es := batchEntries{open: map[account]*entry{}, days: daysOf{}}
	for _, r := range batch {
		changes := meanings[r.Type]
		if changes == nil {
			continue
		}
		for _, c := range changes(r.Fact) {
			if c.delta == 0 {
				continue
			}
			if err := es.add(r, c); err != nil {
				return err
			}
		}
	}
	addPresence(writes, batch)
	if len(es.all) > 0 {
		es.enter(writes, batch[0].Lane)
		es.balance(writes)
	}
	return nil
}

// enter sends the arrays of all entries as one, and lets the server cut it: it has no array of arrays of different lengths.
// Dates go as days and ids as they are: to make text of them costs more than all the rest.
func (es *batchEntries) enter(writes *pgx.Batch, lane int) {
	n := len(es.all)
	tenants := make([][16]byte, 0, n) // as uuid.UUID they would travel as text
	measures, currencies := make([]string, 0, n), make([]string, 0, n)
	effective, anchors, froms, untils := make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n)
	sums := make([]int64, 0, n)
	var positions, deltas []int64
	var recorded []time.Time
	for _, e := range es.all {
		tenants, measures, currencies = append(tenants, e.tenant), append(measures, e.measure), append(currencies, e.currency)
		effective, anchors, sums = append(effective, e.effective), append(anchors, e.anchor), append(sums, e.delta)
		froms = append(froms, int32(len(positions)+1))
		positions, recorded, deltas = append(positions, e.positions...), append(recorded, e.recorded...), append(deltas, e.deltas...)
		untils = append(untils, int32(len(positions)))
	}
	writes.Queue(`insert into entry (tenant, measure, currency, effective_on, anchor_on, lane, last, delta, positions, recorded, deltas)
		select t, m, c, date 'epoch' + e, date 'epoch' + a, $9, ($10::bigint[])[u], s, ($10::bigint[])[f:u], ($11::timestamptz[])[f:u], ($12::bigint[])[f:u]
		from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[], $7::integer[], $8::integer[]) _(t, m, c, e, a, s, f, u)`,
		tenants, measures, currencies, effective, anchors, sums, froms, untils, int16(lane), positions, recorded, deltas)
}

// balance adds the entries up by day. Lanes add to the same rows, all in one order, so that none waits for one that waits for it.
func (es *batchEntries) balance(writes *pgx.Batch) {
	sums := make(map[account]int64, len(es.all))
	for _, e := range es.all {
		sums[e.account] += e.delta
	}
	var tenants [][16]byte
	var measures, currencies []string
	var effective, anchors []int32
	var deltas []int64
	for a, delta := range sums {
		tenants, measures, currencies = append(tenants, a.tenant), append(measures, a.measure), append(currencies, a.currency)
		effective, anchors, deltas = append(effective, a.effective), append(anchors, a.anchor), append(deltas, delta)
	}
	writes.Queue(`insert into balance (tenant, measure, currency, effective_on, anchor_on, delta)
		select t, m, c, date 'epoch' + e, date 'epoch' + a, d
		from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[]) _(t, m, c, e, a, d) order by m, t, c, e, a
		on conflict (measure, tenant, currency, effective_on, anchor_on) do update set delta = balance.delta + excluded.delta`,
		tenants, measures, currencies, effective, anchors, deltas)
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

func addPresence(writes *pgx.Batch, batch []projection.Recorded) {
	type presence struct {
		tenant      uuid.UUID
		day         int32
		kind, actor string
	}
	seen := map[presence]bool{}
	var tenants [][16]byte
	var days []int32
	var kinds, actors []string
	var lanes []int16
	var positions []int64
	var recorded []time.Time
	for _, r := range batch {
		p := presence{r.Tenant, day(r.RecordedAt), r.Actor.Kind, r.Actor.ID}
		if seen[p] {
			continue
		}
		seen[p] = true
		tenants, days, kinds, actors = append(tenants, p.tenant), append(days, p.day), append(kinds, p.kind), append(actors, p.actor)
		lanes, positions, recorded = append(lanes, int16(r.Lane)), append(positions, r.Position), append(recorded, r.RecordedAt)
	}
	writes.Queue(`insert into presence (tenant, day, actor_kind, actor, lane, position, recorded_at)
		select t, date 'epoch' + d, k, a, l, p, r
		from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::timestamptz[]) _(t, d, k, a, l, p, r) order by d, t, k, a
		on conflict (day, tenant, actor_kind, actor) do update set position = excluded.position, recorded_at = excluded.recorded_at
			where presence.position > excluded.position`, tenants, days, kinds, actors, lanes, positions, recorded)
}
