package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// raw is the limit: the row of the log, written by plain SQL into a copy of its table, with the same indexes and constraints
// and without row-level security. Nothing checks a version, locks a lane or keeps a command's outcome there.
type raw struct {
	*supply
	house    *house
	position *atomic.Int64
}

const rawTable = "raw_event"

var rawColumns = []string{"lane", "position", "tenant", "stream", "version", "id", "type", "schema_version", "data", "command_id",
	"correlation_id", "actor_kind", "actor_id", "actor_via", "recorded_at"}

func newRaw(ctx context.Context, h *house, events *supply) (raw, error) {
	_, err := h.admin.Exec(ctx, `create table if not exists `+rawTable+` (like log.event including all)`)
	return raw{supply: events, house: h, position: new(atomic.Int64)}, err
}

// row is the next row of a writer. Ids are fresh; the position comes from a counter of this process, which is cheaper than any
// way in which a store could number its events.
func (r raw) row(w *writer) []any {
	before := w.next(1)
	return []any{int16(1), r.position.Add(1), w.tenant, string(w.stream), int32(before + 1), uuid.Must(uuid.NewV7()), "bench.qualified", int16(1),
		w.texts[w.random.IntN(len(w.texts))], uuid.New(), correlation, actor.Kind, actor.ID, actor.Via, time.Now()}
}

const rawInsert = `insert into ` + rawTable + ` (lane, position, tenant, stream, version, id, type, schema_version, data, command_id,
	correlation_id, actor_kind, actor_id, actor_via, recorded_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

// inserts is one INSERT a transaction, prepared, by so many callers over so many connections.
func (r raw) inserts(pool *pgxpool.Pool, callers int) []call {
	return r.callers(callers, func(ctx context.Context, w *writer) (int, error) {
		_, err := pool.Exec(ctx, rawInsert, r.row(w)...)
		return 1, err
	})
}

// copies is one COPY of so many rows a transaction.
func (r raw) copies(pool *pgxpool.Pool, callers, rows int) []call {
	return r.callers(callers, func(ctx context.Context, w *writer) (int, error) {
		n := 0
		_, err := pool.CopyFrom(ctx, pgx.Identifier{rawTable}, rawColumns, pgx.CopyFromFunc(func() ([]any, error) {
			if n++; n > rows {
				return nil, nil
			}
			return r.row(w), nil
		}))
		return rows, err
	})
}

func (s *supply) callers(n int, do func(context.Context, *writer) (int, error)) []call {
	calls := make([]call, n)
	for i := range calls {
		w := s.writer(i)
		calls[i] = func(ctx context.Context) (int, error) { return do(ctx, w) }
	}
	return calls
}

// connections are the pool sizes that are tried for the limit.
var connections = []int{1, 8, 16, 32}

// best tries sizes of a pool and returns a load with the one that did most. Close the pool.
func (s *suite) best(ctx context.Context, r raw, sizes []int, calls func(*pgxpool.Pool, int) []call) (load, *pgxpool.Pool, error) {
	var most float64
	var best int
	for _, size := range sizes {
		pool, err := r.pool(ctx, size)
		if err != nil {
			return load{}, nil, err
		}
		_, d := s.rounds()
		one, err := load{r.house, s.server.PID(), calls(pool, size)}.turn(ctx, d/2)
		pool.Close()
		if err != nil {
			return load{}, nil, err
		}
		if one.rate() > most {
			most, best = one.rate(), size
		}
	}
	pool, err := r.pool(ctx, best)
	if err != nil {
		return load{}, nil, err
	}
	if len(sizes) > 1 {
		fmt.Fprintf(os.Stderr, " (raw: best with %d connections)", best)
	}
	return load{r.house, s.server.PID(), calls(pool, best)}, pool, nil
}

func (r raw) pool(ctx context.Context, size int) (*pgxpool.Pool, error) {
	c := r.house.admin.Config()
	c.MaxConns, c.MinConns = int32(size), int32(size)
	return pgxpool.NewWithConfig(ctx, c)
}
