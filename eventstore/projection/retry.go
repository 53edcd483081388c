package projection

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// retry is [Engine.Retry] in a transaction.
func (e *Engine) retry(ctx context.Context, tx pgx.Tx, p Projection) error {
	lp := &liveProjection{Projection: p}
	// The checkpoints are held still, so that nothing of a parked stream is folded or parked meanwhile.
	if err := tx.QueryRow(ctx, `select generation from log.projection where name = $1`, p.Name).Scan(&lp.generation); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select from log.checkpoint where projection = $1 and generation = $2 for update`, p.Name, lp.generation); err != nil {
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
		err := lp.foldNested(ctx, tx, e.decode(ctx, []*liveProjection{lp}, events[i:i+1]))
		if err != nil {
			if !poisoned(tx.Conn(), err) {
				return err
			}
			stuck[keyOf(ev)] = true
			// It may have waited behind one that is folded now, or fail for another reason than before.
			if _, err := tx.Exec(ctx, `update log.parked set error = $5 where projection = $1 and generation = $2 and lane = $3 and position = $4`,
				p.Name, lp.generation, ev.Lane, ev.Position, err.Error()); err != nil {
				return err
			}
			continue
		}
		if _, err := tx.Exec(ctx, `delete from log.parked where projection = $1 and generation = $2 and lane = $3 and position = $4`,
			p.Name, lp.generation, ev.Lane, ev.Position); err != nil {
			return err
		}
	}
	return tellMoved(ctx, tx, "")
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
