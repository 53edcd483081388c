package projections

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// gauge reads a figure that no event adds up to: how the engine itself is doing. Without a value it says why.
type gauge func(ctx context.Context, db *pgx.Conn, tenant uuid.UUID, m Moment) (value any, reason string, err error)

const (
	onlyNow = "it is known for now only"
	onlyAll = "it is known for all tenants together only"
	// rateWindow is what a rate is a mean over: short enough to follow the load, long enough not to jump.
	rateWindow = time.Minute
)

// eventsPerSecond is the mean of the minute that ends at the moment. Recorded times keep it for any moment.
func eventsPerSecond(ctx context.Context, db *pgx.Conn, tenant uuid.UUID, m Moment) (any, string, error) {
	if tenant != uuid.Nil {
		return nil, onlyAll, nil // the search for a time needs every event of a lane
	}
	lanes, positions := m.upTo.Columns()
	var events int64
	err := db.QueryRow(ctx, `select coalesce(sum(greatest(at.position - log.position_at(at.lane, $3), 0)), 0)::bigint
		from unnest($1::smallint[], $2::bigint[]) at(lane, position)`, lanes, positions, m.Time.Add(-rateWindow)).Scan(&events)
	return math.Round(float64(events)/rateWindow.Seconds()*1e4) / 1e4, "", err
}

// projectionLag is how many events the read model furthest behind has yet to fold.
func projectionLag(ctx context.Context, db *pgx.Conn, _ uuid.UUID, m Moment) (any, string, error) {
	return nowCount(ctx, db, m, `select coalesce(max(l.head - c.position), 0) from log.projection p
		join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane`)
}

// parkedEvents is how many events some read model could not fold, those that only wait behind one included.
func parkedEvents(ctx context.Context, db *pgx.Conn, _ uuid.UUID, m Moment) (any, string, error) {
	return nowCount(ctx, db, m, `select count(*) from log.parked k join log.projection p on p.name = k.projection and p.generation = k.generation`)
}

// deadLetters is how many effects of reactors could not be delivered.
func deadLetters(ctx context.Context, db *pgx.Conn, tenant uuid.UUID, m Moment) (any, string, error) {
	if tenant != uuid.Nil {
		return nil, onlyAll, nil
	}
	return nowCount(ctx, db, m, `select count(*) from log.parked_effect`)
}

func nowCount(ctx context.Context, db *pgx.Conn, m Moment, sql string) (any, string, error) {
	if m.At != nil {
		return nil, onlyNow, nil
	}
	var n int64
	err := db.QueryRow(ctx, sql).Scan(&n)
	return n, "", err
}
