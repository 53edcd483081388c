package projection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// ErrNoPrevious: there is nothing to switch back to. The tables of another version are nothing that this one could go on with.
var ErrNoPrevious = errors.New("no previous generation")

// switchTo holds the live checkpoints still, folds what is left up to them, and makes this generation the one that is read.
func (g *generation) switchTo(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, g.pool, func(tx pgx.Tx) error {
		b, err := readBlue(ctx, tx, g.Name, ` for update of c, p`)
		if err != nil {
			return err
		}
		if err := g.intact(ctx, tx); err != nil {
			return err
		}
		if _, err := g.catchUp(ctx, tx, b.positions); err != nil {
			return err
		}
		if b.version != g.Version {
			if err := g.logRows(ctx, tx, b); err != nil {
				return err
			}
		}
		eventstore.Failpoint("switch.commit")
		if _, err = tx.Exec(ctx, `update log.projection set previous = case when version = $3 then generation end, generation = $2, version = $3 where name = $1`, g.Name, g.number, g.Version); err != nil {
			return err
		}
		return tellMoved(ctx, tx, "")
	})
	if err != nil {
		return fmt.Errorf("switch: %w", err)
	}
	return nil
}

// intact fails where another rebuild has removed this generation: it may, once the connection is lost that made this one alone.
func (g *generation) intact(ctx context.Context, tx pgx.Tx) error {
	var lanes int
	err := tx.QueryRow(ctx, `select count(*) from log.checkpoint where projection = $1 and generation = $2`, g.Name, g.number).Scan(&lanes)
	if err == nil && lanes != len(g.lanes) {
		err = errFenced
	}
	return err
}

// catchUp folds in a transaction what is missing up to positions, and says how many events that was. It is little: the rest was folded
// before. Progress is told once the transaction has ended: that takes a connection, and all others may be waiting for this one's locks.
func (g *generation) catchUp(ctx context.Context, tx pgx.Tx, until map[int]int64) (folded int64, err error) {
	for lane, to := range until {
		p := g.lanes[lane]
		for events, err := range g.log.Scan(ctx, lane, p.position, to) {
			if err != nil {
				return folded, err
			}
			last := events[len(events)-1]
			if err := moveCheckpoints(ctx, tx.Conn(), &pgx.Batch{}, []*liveProjection{p}, last); err != nil {
				return folded, err
			}
			if err := g.foldOrParkIn(ctx, tx, p, events); err != nil {
				return folded, err
			}
			folded += last.Position - p.position
			p.position = last.Position
		}
	}
	return folded, nil
}

// logRows says what a new version changes in numbers; what it means is for its author to know.
func (g *generation) logRows(ctx context.Context, tx pgx.Tx, b blue) error {
	before, err := rows(ctx, tx, schemaName(g.Name, b.generation))
	if err != nil {
		return err
	}
	after, err := rows(ctx, tx, schemaName(g.Name, g.number))
	if err != nil {
		return err
	}
	g.logger.InfoContext(ctx, "projection has a new version", "projection", g.Name, "from", b.version, "to", g.Version, "rows", after, "before", before)
	return nil
}

// SwitchBack makes the previous generation the one that is read; it goes on from where it was left.
func (e *Engine) SwitchBack(ctx context.Context, name string) error {
	return e.change(ctx, name, ActionSwitch)
}

// Pause stops or resumes a projection on every node.
func (e *Engine) Pause(ctx context.Context, name string, paused bool) error {
	if paused {
		return e.change(ctx, name, ActionPause)
	}
	return e.change(ctx, name, ActionResume)
}

// Retry folds a projection's parked events again, in order. A stream whose first event still cannot be folded stays parked
// whole; the others are let go.
func (e *Engine) Retry(ctx context.Context, name string) error {
	return e.change(ctx, name, ActionRetry)
}

// change is an action without an account of it.
func (e *Engine) change(ctx context.Context, name, action string) error {
	p, err := e.find(name)
	if err != nil {
		return err
	}
	if err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error { return e.act(ctx, tx, p, action) }); err != nil {
		return fmt.Errorf("%s %s: %w", action, name, err)
	}
	return nil
}

func switchBack(ctx context.Context, tx pgx.Tx, name string) error {
	tag, err := tx.Exec(ctx, `update log.projection set generation = previous, previous = generation where name = $1 and previous is not null`, name)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("%w of %s", ErrNoPrevious, name)
	}
	return tellMoved(ctx, tx, "")
}

func setPaused(ctx context.Context, tx pgx.Tx, name string, paused bool) error {
	_, err := tx.Exec(ctx, `update log.projection set paused = $2 where name = $1`, name, paused)
	return err
}
