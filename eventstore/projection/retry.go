package projection

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// Retry folds a projection's parked events again, in order. A stream whose first event still cannot be folded stays parked
// whole; the others are let go.
func (e *Engine) Retry(ctx context.Context, name string) error {
	p, err := e.find(name)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		lp := &liveProjection{Projection: p}
		// The checkpoints are held still, so that nothing of a parked stream is folded or parked meanwhile.
		if err := tx.QueryRow(ctx, `select generation from log.projection where name = $1`, name).Scan(&lp.generation); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `select from log.checkpoint where projection = $1 and generation = $2 for update`, name, lp.generation); err != nil {
			return err
		}
		events, err := e.parked(ctx, tx, lp)
		if err != nil {
			return err
		}
		stuck := map[parkedKey]bool{}
		for i, ev := range events {
			if stuck[keyOf(ev)] {
				continue
			}
			err := pgx.BeginFunc(ctx, tx, func(nested pgx.Tx) error {
				return lp.foldPage(ctx, nested, e.decode(ctx, []*liveProjection{lp}, events[i:i+1]))
			})
			if err != nil {
				if !lp.poisoned(tx, err) {
					return err
				}
				stuck[keyOf(ev)] = true
				continue
			}
			if _, err := tx.Exec(ctx, `delete from log.parked where projection = $1 and generation = $2 and lane = $3 and position = $4`,
				name, lp.generation, ev.Lane, ev.Position); err != nil {
				return err
			}
		}
		return tellMoved(ctx, tx, "")
	})
	if err != nil {
		return fmt.Errorf("retry %s: %w", name, err)
	}
	return nil
}

func (e *Engine) parked(ctx context.Context, tx pgx.Tx, p *liveProjection) ([]eventstore.Event, error) {
	rows, err := tx.Query(ctx, `select ev.id from log.parked k join log.event ev using (lane, position)
		where k.projection = $1 and k.generation = $2 order by lane, position`, p.Name, p.generation)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, err
	}
	events := make([]eventstore.Event, 0, len(ids))
	for _, id := range ids {
		ev, err := e.log.ReadEvent(ctx, id)
		if err != nil {
			return nil, err
		}
		events = append(events, ev)
	}
	return events, nil
}
