package eventstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Ref names one stream of one tenant.
type Ref struct {
	Tenant uuid.UUID
	Stream Stream
}

// ReadStreams returns the events of many streams that a cursor covers, in the order of refs and of versions. What a list shows is
// read with one statement this way, instead of one for each of its records.
func (l *Log) ReadStreams(ctx context.Context, refs []Ref, at Cursor) ([]Event, error) {
	tenants, streams, until := make([]uuid.UUID, len(refs)), make([]string, len(refs)), make([]int64, len(refs))
	for i, r := range refs {
		tenants[i], streams[i], until[i] = r.Tenant, string(r.Stream), at[l.LaneOf(r.Tenant)].Position
	}
	// A sub-select with a limit is never turned into a join, and the sum hides the position: so it is one lookup in the index of streams for
	// each, whatever the statistics say.
	return l.query(ctx, `select `+eventColumns+` from unnest($1::uuid[], $2::text[], $3::bigint[]) with ordinality w(of, name, until, ord)
		cross join lateral (select e.* from log.event e where e.tenant = w.of and e.stream = w.name and e.position + 0 <= w.until
			order by e.version limit 2147483647) e order by w.ord, e.version`, tenants, streams, until)
}

// LatestOfLane returns up to limit events of a lane, the newest first, from a position downwards.
func (l *Log) LatestOfLane(ctx context.Context, lane int, from int64, limit int) ([]Event, error) {
	return l.query(ctx, `select `+eventColumns+` from log.event where lane = $1 and position <= $2 order by position desc limit $3`, int16(lane), from, limit)
}

// LatestOfTenant returns up to limit events of a tenant, the newest first, from a position downwards.
func (l *Log) LatestOfTenant(ctx context.Context, tenant uuid.UUID, from int64, limit int) ([]Event, error) {
	return l.query(ctx, `select `+eventColumns+` from log.event where tenant = $1 and position <= $2 order by position desc limit $3`, tenant, from, limit)
}

// ReadPositions returns the events at the places named, in their order; a place that holds none is left out.
func (l *Log) ReadPositions(ctx context.Context, lanes []int16, positions []int64) ([]Event, error) {
	return l.query(ctx, `select `+eventColumns+` from unnest($1::smallint[], $2::bigint[]) with ordinality w(l, p, ord)
		cross join lateral (select e.* from log.event e where e.lane = w.l and e.position = w.p limit 1) e order by w.ord`, lanes, positions)
}

// LastRecorded is when the newest event of each tenant was recorded, as of a cursor. A tenant without one is left out.
func (l *Log) LastRecorded(ctx context.Context, tenants []uuid.UUID, at Cursor) (map[uuid.UUID]time.Time, error) {
	until := make([]int64, len(tenants))
	for i, t := range tenants {
		until[i] = at[l.LaneOf(t)].Position
	}
	events, err := l.query(ctx, `select `+eventColumns+` from unnest($1::uuid[], $2::bigint[]) w(of, until)
		cross join lateral (select e.* from log.event e where e.tenant = w.of and e.position <= w.until order by e.position desc limit 1) e`, tenants, until)
	last := make(map[uuid.UUID]time.Time, len(events))
	for _, e := range events {
		last[e.Tenant] = e.RecordedAt
	}
	return last, err
}
