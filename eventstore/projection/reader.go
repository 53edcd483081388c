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
func (r *Reader) Read(ctx context.Context, q Query, read func(context.Context, *pgx.Conn) error) (eventstore.Cursor, error) {
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

func (r *Reader) once(ctx context.Context, q Query, read func(context.Context, *pgx.Conn) error) (cursor eventstore.Cursor, err error) {
	pool, tenant := r.app, q.Tenant.String()
	if q.Tenant == uuid.Nil {
		pool, tenant = r.staff, ""
	}
	err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		defer func() { _, _ = conn.Exec(ctx, `rollback`) }() // nothing was written, and a connection where this fails is not used again
		if cursor, err = snapshot(ctx, conn.Conn(), q.Projection, tenant); err != nil {
			return err
		}
		for lane, want := range q.After {
			if have := cursor[lane]; have.Epoch == want.Epoch && have.Position < want.Position || have.Epoch < want.Epoch {
				return ErrBehind
			}
		}
		return read(ctx, conn.Conn())
	})
	return cursor, err
}

// snapshot begins a transaction that reads one tenant's rows of a projection, with one message, and says what it reflects.
func snapshot(ctx context.Context, conn *pgx.Conn, projection, tenant string) (eventstore.Cursor, error) {
	cursor := eventstore.Cursor{}
	var begin pgx.Batch
	begin.Queue(`begin read only isolation level repeatable read`)
	begin.Queue(`select c.lane, l.epoch, c.position, set_config('streamflow.tenant', $2, true),
			set_config('search_path', 'rm_' || p.name || '_' || p.generation, true)
		from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane
		where p.name = $1`, projection, tenant).Query(func(rows pgx.Rows) error {
		var lane int
		var m eventstore.Mark
		var ignored string
		_, err := pgx.ForEachRow(rows, []any{&lane, &m.Epoch, &m.Position, &ignored, &ignored}, func() error { cursor[lane] = m; return nil })
		return err
	})
	err := conn.SendBatch(ctx, &begin).Close()
	if err == nil && len(cursor) == 0 {
		err = fmt.Errorf("projection %s is not installed", projection)
	}
	return cursor, err
}
