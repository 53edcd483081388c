package projection

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/streamflow/streamflow/eventstore"
)

// foldError says which projection could not fold a batch, and that the database was not why.
type foldError struct {
	projection *liveProjection
	cause      error
}

func (e *foldError) Error() string {
	return fmt.Sprintf("projection %s: %v", e.projection.Name, e.cause)
}
func (e *foldError) Unwrap() error { return e.cause }

// fold adds events to every projection of the group and moves their checkpoints, in one transaction. The checkpoints come
// first: behind their lock a second projector waits, instead of folding what it must throw away, and a retry.
func (e *Engine) fold(ctx context.Context, lane int, group []*liveProjection, events []eventstore.Event) error {
	last := events[len(events)-1]
	tx, err := e.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	if err := moveCheckpoints(ctx, tx, group, last); err != nil {
		return err
	}
	for _, p := range group {
		if err := p.foldBatch(ctx, tx, e.log, lane, events); err != nil {
			if p.poisoned(tx, err) {
				return &foldError{p, err}
			}
			return err
		}
	}
	eventstore.Failpoint("checkpoint.commit")
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	for _, p := range group {
		p.position = last.Position
	}
	return nil
}

// foldBatch adds events to the tables. The checkpoint must be locked.
func (p *liveProjection) foldBatch(ctx context.Context, tx pgx.Tx, l *eventstore.Log, lane int, events []eventstore.Event) error {
	if len(p.parked) > 0 {
		// A retry may have let a stream go since. It holds the checkpoint while it does, so what is read behind that lock is true.
		if err := p.loadParked(ctx, tx, lane); err != nil {
			return err
		}
		var err error
		if events, err = p.parkFollowers(ctx, tx, events); err != nil {
			return err
		}
	}
	batch, err := p.decode(ctx, l, events)
	if err != nil || len(batch) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, `select set_config('search_path', $1, true)`, schemaName(p.Name, p.generation)); err != nil {
		return err
	}
	return p.Fold(ctx, tx, batch)
}

// poisoned tells a batch that cannot be folded from a database that cannot answer.
func (p *liveProjection) poisoned(tx pgx.Tx, err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:2] {
		case "08", "40", "53", "57", "58":
			return false
		}
		return true
	}
	return !tx.Conn().IsClosed() && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// moveCheckpoints moves the group's checkpoints to an event, from where this projector believes they are. The event has to be the
// log's: what the bus brought may be of before the database went back. As positions have no gap, all before it is then the log's too.
func moveCheckpoints(ctx context.Context, tx pgx.Tx, group []*liveProjection, to eventstore.Event) error {
	names := make([]string, len(group))
	generations := make([]int32, len(group))
	for i, p := range group {
		names[i], generations[i] = p.Name, int32(p.generation)
	}
	tag, err := tx.Exec(ctx, `update log.checkpoint c set position = $5, event = $6, moved_at = clock_timestamp()
		from unnest($1::text[], $2::integer[]) w(name, generation) join log.projection p on p.name = w.name and p.generation = w.generation and not p.paused
		where c.projection = w.name and c.generation = w.generation and c.lane = $3 and c.position = $4
			and exists (select from log.event e where e.lane = $3 and e.position = $5 and e.id = $6)`,
		names, generations, int16(to.Lane), group[0].position, to.Position, to.ID)
	if err != nil || int(tag.RowsAffected()) == len(group) {
		return err
	}
	var known bool
	if err := tx.QueryRow(ctx, `select exists (select from log.event where lane = $1 and position = $2 and id = $3)`, int16(to.Lane), to.Position, to.ID).Scan(&known); err != nil {
		return err
	}
	if !known {
		return errForeign
	}
	return errFenced
}

// parkFollowers parks events whose stream is parked already, and returns the others.
func (p *liveProjection) parkFollowers(ctx context.Context, tx pgx.Tx, events []eventstore.Event) ([]eventstore.Event, error) {
	free := make([]eventstore.Event, 0, len(events))
	for _, ev := range events {
		behind, parked := p.parked[keyOf(ev)]
		if !parked {
			free = append(free, ev)
			continue
		}
		if err := p.park(ctx, tx, ev, fmt.Sprintf("waits behind position %d", behind)); err != nil {
			return nil, err
		}
	}
	return free, nil
}

func keyOf(ev eventstore.Event) parkedKey {
	return parkedKey{ev.Tenant.String(), string(ev.Stream)}
}

func (p *liveProjection) park(ctx context.Context, tx pgx.Tx, ev eventstore.Event, why string) error {
	_, err := tx.Exec(ctx, `insert into log.parked (projection, generation, lane, position, tenant, stream, error) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict do nothing`, p.Name, p.generation, ev.Lane, ev.Position, ev.Tenant, string(ev.Stream), why)
	return err
}

// foldSingly folds a batch one event at a time for one projection: what cannot be folded is parked, visibly and with its key,
// and everything else goes on.
func (e *Engine) foldSingly(ctx context.Context, lane int, p *liveProjection, events []eventstore.Event) error {
	trial := &liveProjection{Projection: p.Projection, generation: p.generation, position: p.position, parked: maps.Clone(p.parked)}
	last := events[len(events)-1]
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := moveCheckpoints(ctx, tx, []*liveProjection{trial}, last); err != nil {
			return err
		}
		for i := range events {
			err := pgx.BeginFunc(ctx, tx, func(nested pgx.Tx) error {
				return trial.foldBatch(ctx, nested, e.log, lane, events[i:i+1])
			})
			if err == nil {
				continue
			}
			if !trial.poisoned(tx, err) {
				return err
			}
			e.logger.ErrorContext(ctx, "event parked", "projection", p.Name, "lane", lane, "position", events[i].Position, "stream", events[i].Stream, "error", err)
			if err := trial.park(ctx, tx, events[i], err.Error()); err != nil {
				return err
			}
			trial.parked[keyOf(events[i])] = events[i].Position
		}
		return nil
	})
	if err == nil {
		p.position, p.parked = last.Position, trial.parked
	}
	return err
}
