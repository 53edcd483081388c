package projection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// ErrUnknown: no projection has that name.
var ErrUnknown = fmt.Errorf("no such projection")

func (e *Engine) find(name string) (Projection, error) {
	for _, p := range e.projections {
		if p.Name == name {
			return p, nil
		}
	}
	return Projection{}, fmt.Errorf("%w: %s", ErrUnknown, name)
}

// Rebuild fills the next generation from the whole log while the present one stays live, then switches to it in one
// transaction. progress hears how many of how many events are folded.
func (e *Engine) Rebuild(ctx context.Context, name string, progress func(done, total int64)) error {
	p, err := e.find(name)
	if err != nil {
		return err
	}
	return e.alone(ctx, name, func() error { return e.rebuild(ctx, p, progress) })
}

// ErrRebuilding: somebody is rebuilding that projection already.
var ErrRebuilding = errors.New("is being rebuilt already")

// alone runs what only one node may do to a projection at a time.
func (e *Engine) alone(ctx context.Context, name string, do func() error) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var first bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('streamflow rebuild'), hashtext($1))`, name).Scan(&first); err != nil {
		return err
	}
	if !first {
		return fmt.Errorf("projection %s %w", name, ErrRebuilding)
	}
	defer func() {
		// Closed instead of unlocked: then the lock is gone whatever state the connection is in.
		_ = conn.Hijack().Close(context.WithoutCancel(ctx))
	}()
	return do()
}

// rebuildStale builds a projection anew that holds what the log has no longer. Meanwhile it stays as it is.
func (e *Engine) rebuildStale(ctx context.Context, p Projection, lane int, position int64) {
	if !e.rebuilding.CompareAndSwap(false, true) {
		return
	}
	e.logger.ErrorContext(ctx, "the database went back behind what a projection holds, it is built anew", "projection", p.Name, "lane", lane, "position", position)
	e.ended.Go(func() {
		defer e.rebuilding.Store(false)
		if err := e.Rebuild(ctx, p.Name, func(int64, int64) {}); err != nil && !errors.Is(err, ErrRebuilding) && ctx.Err() == nil {
			e.logger.ErrorContext(ctx, "projection is stale", "projection", p.Name, "error", err)
		}
	})
}

func (e *Engine) rebuild(ctx context.Context, p Projection, progress func(done, total int64)) error {
	generation, err := e.nextGeneration(ctx, p)
	if err != nil {
		return err
	}
	heads, err := e.log.Heads(ctx)
	if err != nil {
		return err
	}
	var done, total int64
	for _, m := range heads {
		total += m.Position
	}
	green := map[int]*liveProjection{}
	for lane, m := range heads {
		lp := &liveProjection{Projection: p, generation: generation, parked: map[parkedKey]int64{}}
		green[lane] = lp
		for page, err := range e.log.Scan(ctx, lane, 0, m.Position) {
			if err == nil {
				err = e.build(ctx, lane, lp, page)
			}
			if err != nil {
				return fmt.Errorf("rebuild %s: %w", p.Name, err)
			}
			done += int64(len(page))
			progress(done, total)
		}
	}
	return e.switchTo(ctx, p, generation, green)
}

func (e *Engine) nextGeneration(ctx context.Context, p Projection) (generation int, err error) {
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select greatest(generation, coalesce((select max(c.generation) from log.checkpoint c where c.projection = p.name), 0)) + 1
			from log.projection p where name = $1 for update`, p.Name).Scan(&generation)
		if err != nil {
			return err
		}
		return install(ctx, tx, p, generation)
	})
	if err != nil {
		return 0, fmt.Errorf("rebuild %s: %w", p.Name, err)
	}
	return generation, nil
}

// build folds a page into a generation that nobody reads yet.
func (e *Engine) build(ctx context.Context, lane int, p *liveProjection, page []eventstore.Event) error {
	last := page[len(page)-1]
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := p.foldBatch(ctx, tx, e.log, lane, page); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update log.checkpoint set position = $5, event = $6, moved_at = clock_timestamp()
			where projection = $1 and generation = $2 and lane = $3 and position = $4`, p.Name, p.generation, lane, p.position, last.Position, last.ID)
		if err == nil && tag.RowsAffected() != 1 {
			err = errFenced
		}
		return err
	})
	if err == nil {
		p.position = last.Position
	}
	return err
}

// switchTo holds the live checkpoints still, folds what is left up to them, and makes the new generation the one that is read.
func (e *Engine) switchTo(ctx context.Context, p Projection, generation int, green map[int]*liveProjection) error {
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select c.lane, least(c.position, l.head) from log.checkpoint c
				join log.projection p on p.name = c.projection and p.generation = c.generation join log.lane l on l.lane = c.lane
			where p.name = $1 order by c.lane for update of c`, p.Name)
		if err != nil {
			return err
		}
		blue := map[int]int64{}
		var lane int
		var position int64
		if _, err := pgx.ForEachRow(rows, []any{&lane, &position}, func() error { blue[lane] = position; return nil }); err != nil {
			return err
		}
		for lane, until := range blue {
			lp := green[lane]
			for page, err := range e.log.Scan(ctx, lane, lp.position, max(until, lp.position)) {
				if err == nil {
					err = lp.foldBatch(ctx, tx, e.log, lane, page)
				}
				if err != nil {
					return err
				}
				last := page[len(page)-1]
				if _, err := tx.Exec(ctx, `update log.checkpoint set position = $4, event = $5, moved_at = clock_timestamp()
					where projection = $1 and generation = $2 and lane = $3`, p.Name, generation, lane, last.Position, last.ID); err != nil {
					return err
				}
				lp.position = last.Position
			}
		}
		eventstore.Failpoint("switch.commit")
		_, err = tx.Exec(ctx, `update log.projection set previous = generation, generation = $2, version = $3 where name = $1`, p.Name, generation, p.Version)
		return err
	})
	if err != nil {
		return fmt.Errorf("switch %s: %w", p.Name, err)
	}
	return nil
}

// SwitchBack makes the previous generation the one that is read; it goes on from where it was left.
func (e *Engine) SwitchBack(ctx context.Context, name string) error {
	if _, err := e.find(name); err != nil {
		return err
	}
	tag, err := e.pool.Exec(ctx, `update log.projection set generation = previous, previous = generation where name = $1 and previous is not null`, name)
	if err != nil {
		return fmt.Errorf("switch %s back: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("projection %s has no previous generation", name)
	}
	return nil
}

// Pause stops or resumes a projection on every node.
func (e *Engine) Pause(ctx context.Context, name string, paused bool) error {
	if _, err := e.find(name); err != nil {
		return err
	}
	_, err := e.pool.Exec(ctx, `update log.projection set paused = $2 where name = $1`, name, paused)
	return err
}
