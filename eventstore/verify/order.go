package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

// order checks I3 and I4.
type order struct {
	pool  *pgxpool.Pool
	lane  int
	found *findings

	head     int64
	at       int64     // position of the last event
	recorded time.Time // of it
}

func (c Config) openOrder(ctx context.Context, lane int, found *findings) (o *order, epoch int, err error) {
	o = &order{pool: c.Pool, lane: lane, found: found}
	var above *int64
	// One statement sees one moment: head and events of it belong together.
	err = c.Pool.QueryRow(ctx, `select l.head, l.epoch, (select min(e.position) from log.event e where e.lane = l.lane and e.position > l.head)
		from log.lane l where l.lane = $1`, lane).Scan(&o.head, &epoch, &above)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, errors.New("there is no such lane")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read head: %w", err)
	}
	if above != nil {
		found.add(Head, *above, fmt.Sprintf("an event stands above the lane's head, %d", o.head))
	}
	return o, epoch, nil
}

func (o *order) event(e eventstore.Event) {
	if e.Position != o.at+1 {
		o.found.add(Gap, o.at+1, fmt.Sprintf("there is no event; the next is at %d", e.Position))
	}
	if e.RecordedAt.Before(o.recorded) {
		o.found.add(Time, e.Position, fmt.Sprintf("recorded at %s, after one of %s", e.RecordedAt.Format(time.RFC3339Nano), o.recorded.Format(time.RFC3339Nano)))
	}
	o.at, o.recorded = e.Position, e.RecordedAt
}

func (o *order) end() {
	if o.at < o.head {
		o.found.add(Gap, o.at+1, fmt.Sprintf("there is no event, and the lane's head is %d", o.head))
	}
}

// byPostgres checks what goes across positions.
func (o *order) byPostgres(ctx context.Context) error {
	var position, below int64
	var version, before int
	var stream string
	err := o.pool.QueryRow(ctx, `select position, stream, version, before, below from (
			select position, stream, version, coalesce(lag(version) over w, 0) as before, coalesce(lag(position) over w, 0) as below
			from log.event where lane = $1 and position <= $2 window w as (partition by tenant, stream order by version, position)) e
		where version <> before + 1 or position <= below order by position limit 1`, o.lane, o.head).Scan(&position, &stream, &version, &before, &below)
	switch {
	case err == nil:
		o.found.add(Version, position, fmt.Sprintf("version %d of stream %s follows version %d, which is at position %d", version, stream, before, below))
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("check versions: %w", err)
	}
	var id uuid.UUID
	err = o.pool.QueryRow(ctx, `select position, id from log.event where lane = $1 and id in (
			select id from (select id, lag(id) over (order by id) as before from log.event) e where id = before)
		order by position limit 1`, o.lane).Scan(&position, &id)
	switch {
	case err == nil:
		o.found.add(ID, position, fmt.Sprintf("another event has the same id, %s", id))
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("check ids: %w", err)
	}
	return nil
}
