package projection

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

// ErrBehind: the read model did not reach the asked cursor in time.
var ErrBehind = errors.New("read model is behind")

// Reader reads projections: one snapshot, the right generation, one tenant or, for staff, all.
type Reader struct {
	app, staff *pgxpool.Pool
	watchers   watchers
}

// NewReader takes pools in the app role and in the staff role.
func NewReader(app, staff *pgxpool.Pool) *Reader {
	return &Reader{app: app, staff: staff, watchers: watchers{pool: staff, all: map[*watcher]struct{}{}, lanes: map[int]int64{}}}
}

// Query says what to read and how fresh it has to be.
type Query struct {
	Projection string
	Tenant     uuid.UUID         // uuid.Nil reads across tenants, as staff
	After      eventstore.Cursor // wait until the projection has passed it
	Wait       time.Duration     // for at most this long, then [ErrBehind]
}

// waitLook is how long a reader that waits goes on without looking when it hears of no move.
const waitLook = 20 * time.Millisecond

// Read runs read in a read-only transaction whose search_path is the projection's tables, and returns the cursor that the
// snapshot reflects.
func (r *Reader) Read(ctx context.Context, q Query, read func(context.Context, pgx.Tx) error) (eventstore.Cursor, error) {
	if q.Wait <= 0 || r.watchers.passed(q.After) {
		cursor, err := r.once(ctx, q, read)
		if q.Wait <= 0 || !errors.Is(err, ErrBehind) {
			return cursor, err
		}
	}
	deadline := time.NewTimer(q.Wait)
	defer deadline.Stop()
	moved, stop := r.Moved(q.Tenant)
	defer stop()
	for look := r.watchers.passed(q.After); ; { // it may have moved before somebody listened
		if look {
			if cursor, err := r.once(ctx, q, read); !errors.Is(err, ErrBehind) {
				return cursor, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			return r.once(ctx, q, read)
		case <-moved:
			look = r.watchers.passed(q.After)
		case <-time.After(waitLook):
			look = true
		}
	}
}

func (r *Reader) once(ctx context.Context, q Query, read func(context.Context, pgx.Tx) error) (eventstore.Cursor, error) {
	pool, tenant := r.app, q.Tenant.String()
	if q.Tenant == uuid.Nil {
		pool, tenant = r.staff, ""
	}
	cursor := eventstore.Cursor{}
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select c.lane, l.epoch, c.position, set_config('streamflow.tenant', $2, true),
				set_config('search_path', 'rm_' || p.name || '_' || p.generation, true)
			from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane
			where p.name = $1`, q.Projection, tenant)
		if err != nil {
			return err
		}
		var lane int
		var m eventstore.Mark
		var ignored string
		if _, err := pgx.ForEachRow(rows, []any{&lane, &m.Epoch, &m.Position, &ignored, &ignored}, func() error { cursor[lane] = m; return nil }); err != nil {
			return err
		}
		if len(cursor) == 0 {
			return fmt.Errorf("projection %s is not installed", q.Projection)
		}
		for lane, want := range q.After {
			if have := cursor[lane]; have.Epoch == want.Epoch && have.Position < want.Position || have.Epoch < want.Epoch {
				return ErrBehind
			}
		}
		return read(ctx, tx)
	})
	return cursor, err
}
