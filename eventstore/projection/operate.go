package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// settle is how long a node whose rebuild was told to be at its end may take until it can begin another one.
const settle = 2 * time.Second

// ErrBusy: the node rebuilds another projection, and one at a time is what it spares.
var ErrBusy = errors.New("another projection is being rebuilt on this node")

// rebuilding is an order whose projection nobody else may touch until release.
type rebuilding struct {
	Order
	projection Projection
	conn       *pgxpool.Conn // holds the locks
	release    func()
}

// Operate rebuilds what is ordered, one after the other, until the context ends: that ends the rebuild at work, too, and leaves
// the projection as it was. Without it [Engine.Do] cannot begin a rebuild.
func (e *Engine) Operate(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-e.rebuilds:
			err := e.runJob(ctx, r, func(int64, int64) {})
			r.release()
			if err != nil && ctx.Err() == nil {
				e.logger.ErrorContext(ctx, "rebuild failed", "projection", r.Projection, "error", err)
			}
		}
	}
}

// Do carries an order out: a rebuild is only begun, and [Engine.Job] tells how it goes. An order that was given before is not carried
// out again; its job is returned. It fails with [ErrUnknown], [ErrBusy], or [eventstore.ErrCommandReused] where its id was another order's.
func (e *Engine) Do(ctx context.Context, order Order) (Job, error) {
	p, err := e.find(order.Projection)
	if err != nil {
		return Job{}, err
	}
	if order.Action == ActionRebuild {
		return e.beginRebuild(ctx, p, order)
	}
	var before *Job
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if before, err = begin(ctx, tx, order); before != nil || err != nil {
			return err
		}
		err := e.act(ctx, tx, p, order.Action)
		if refused := errors.Is(err, ErrNoPrevious); err == nil || refused {
			return e.end(ctx, tx, order, refused, err)
		}
		return err
	})
	return e.outcome(ctx, order, before, err)
}

func (e *Engine) outcome(ctx context.Context, order Order, before *Job, err error) (Job, error) {
	if err != nil {
		return Job{}, fmt.Errorf("%s %s: %w", order.Action, order.Projection, err)
	}
	if before != nil {
		return *before, nil
	}
	return e.Job(ctx, order.ID)
}

func (e *Engine) act(ctx context.Context, tx pgx.Tx, p Projection, action string) error {
	switch action {
	case ActionPause, ActionResume:
		return setPaused(ctx, tx, p.Name, action == ActionPause)
	case ActionRetry:
		return e.retry(ctx, tx, p)
	case ActionSwitch:
		return switchBack(ctx, tx, p.Name)
	}
	return fmt.Errorf("%q is nothing that can be asked of a projection", action)
}

// beginRebuild hands a rebuild to Operate, which has nothing else to do, or refuses it.
func (e *Engine) beginRebuild(ctx context.Context, p Projection, order Order) (Job, error) {
	conn, release, err := e.claim(ctx, p.Name)
	if errors.Is(err, ErrRebuilding) { // by somebody else or, where it is a repeat, for this very order
		var before *Job
		refusal := err
		err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
			if before, err = begin(ctx, tx, order); before != nil || err != nil {
				return err
			}
			return e.end(ctx, tx, order, true, refusal)
		})
		return e.outcome(ctx, order, before, err)
	}
	if err != nil {
		return Job{}, err
	}
	before, err := beginOn(ctx, conn, order)
	if before != nil || err != nil {
		release()
		return e.outcome(ctx, order, before, err)
	}
	job, err := readJob(ctx, conn, order.ID) // as it is before it is at work: a repeat is told the same
	if err == nil {
		select {
		case e.rebuilds <- rebuilding{order, p, conn, release}:
			return job, nil
		case <-time.After(settle):
			err = ErrBusy
		}
	}
	_, undo := conn.Exec(context.WithoutCancel(ctx), `delete from log.job where id = $1`, order.ID)
	release()
	return Job{}, errors.Join(err, undo)
}
