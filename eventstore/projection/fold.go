package projection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

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

// fold adds a page to every projection of the group and moves their checkpoints, in one transaction. The checkpoints come
// first: behind their lock a second projector waits, instead of folding what it must throw away, and a retry.
//
// It takes two messages, and one more for each projection that reads: while a machine is busy, the way to the server and back is most of what a
// small page costs.
func (e *Engine) fold(ctx context.Context, group []*liveProjection, pg page) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := e.foldOn(ctx, conn.Conn(), group, pg); err != nil {
		_, _ = conn.Exec(ctx, `rollback`) // a connection where this fails is not used again
		return err
	}
	last := pg.last()
	for _, p := range group {
		p.position = last.Position
	}
	if !group[0].building {
		e.moved(pg.events)
	}
	return nil
}

func (e *Engine) foldOn(ctx context.Context, conn *pgx.Conn, group []*liveProjection, pg page) error {
	var begin, writes pgx.Batch
	begin.Queue(`begin`)
	// What a crash of the server takes of it, checkpoint and all, is folded again: the log waits for the disk, and a page need not.
	begin.Queue(`select set_config('synchronous_commit', 'off', true)`)
	begin.Queue(setHome, homes(group))
	if err := moveCheckpoints(ctx, conn, &begin, group, pg.last()); err != nil {
		return err
	}
	var owners []*liveProjection // of what is queued, one after the other
	for _, p := range group {
		if err := p.foldPage(ctx, conn, pg, &writes); err != nil {
			return p.blamed(conn, err)
		}
		for len(owners) < writes.Len() {
			owners = append(owners, p)
		}
	}
	writes.Queue(`commit`)
	eventstore.Failpoint("checkpoint.commit")
	results := conn.SendBatch(ctx, &writes)
	for _, p := range owners {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // it says the same
			return p.blamed(conn, err)
		}
	}
	return results.Close()
}

// setHome lets statements of projections find their tables.
const setHome = `select set_config('search_path', $1, true)`

// homes is a search_path on which the tables of all of them are; [Engine.Install] has seen that no two have one of the same name.
func homes(group []*liveProjection) string {
	names := make([]string, len(group))
	for i, p := range group {
		names[i] = p.home()
	}
	return strings.Join(names, ", ")
}

// foldPage queues what a page does to the tables, which the search_path finds. The checkpoint must be locked.
func (p *liveProjection) foldPage(ctx context.Context, conn *pgx.Conn, pg page, writes *pgx.Batch) error {
	batch, err := p.batch(pg)
	if err != nil {
		return err
	}
	if len(p.parked) > 0 {
		// A retry may have let a stream go since. It holds the checkpoint while it does, so what is read behind that lock is true.
		if err := p.loadParked(ctx, conn, pg.last().Lane); err != nil {
			return err
		}
		if batch, err = p.parkFollowers(ctx, conn, batch); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return p.safely(ctx, conn, batch, writes)
}

// foldNested folds a page in a savepoint of a transaction that has locked the checkpoint.
func (p *liveProjection) foldNested(ctx context.Context, tx pgx.Tx, pg page) error {
	return pgx.BeginFunc(ctx, tx, func(nested pgx.Tx) error {
		if _, err := nested.Exec(ctx, setHome, p.home()); err != nil {
			return err
		}
		var writes pgx.Batch
		if err := p.foldPage(ctx, nested.Conn(), pg, &writes); err != nil {
			return err
		}
		return nested.SendBatch(ctx, &writes).Close()
	})
}

// panicError is what a fold panicked with. Its stack is for the program's log.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// safely folds; a fold that panics has failed, and is not to end the node, again and again, with everything else that it does.
func (p *liveProjection) safely(ctx context.Context, conn *pgx.Conn, batch []Recorded, writes *pgx.Batch) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = &panicError{failure, debug.Stack()}
		}
	}()
	return p.Fold(ctx, conn, batch, writes)
}

// blamed names the projection where it is why.
func (p *liveProjection) blamed(conn *pgx.Conn, err error) error {
	if poisoned(conn, err) {
		return &foldError{p, err}
	}
	return err
}

// poisoned tells a batch that cannot be folded from a database that cannot answer.
func poisoned(conn *pgx.Conn, err error) bool {
	if errors.Is(err, eventstore.ErrUnavailable) { // to the log, which reads personal data by other connections
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:2] {
		case "08", "40", "53", "57", "58":
			return false
		}
		return true
	}
	return !conn.IsClosed() && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// moveCheckpoints moves the group's checkpoints to an event, from where this projector believes they are. The event has to be the
// log's: what the bus brought may be of before the database went back. As positions have no gap, all before it is then the log's too.
// It sends what was queued before it.
func moveCheckpoints(ctx context.Context, conn *pgx.Conn, before *pgx.Batch, group []*liveProjection, to eventstore.Event) error {
	names := make([]string, len(group))
	generations := make([]int32, len(group))
	for i, p := range group {
		names[i], generations[i] = p.Name, int32(p.generation)
	}
	var moved int64
	before.Queue(`update log.checkpoint c set position = $5, event = $6, moved_at = clock_timestamp()
		from unnest($1::text[], $2::integer[]) w(name, generation)
			join log.projection p on p.name = w.name and (p.generation = w.generation and not p.paused or $7)
		where c.projection = w.name and c.generation = w.generation and c.lane = $3 and c.position = $4
			and exists (select from log.event e where e.lane = $3 and e.position = $5 and e.id = $6)`,
		names, generations, int16(to.Lane), group[0].position, to.Position, to.ID, group[0].building).
		Exec(func(tag pgconn.CommandTag) error { moved = tag.RowsAffected(); return nil })
	if err := conn.SendBatch(ctx, before).Close(); err != nil || int(moved) == len(group) {
		return err
	}
	var known bool
	if err := conn.QueryRow(ctx, `select exists (select from log.event where lane = $1 and position = $2 and id = $3)`, int16(to.Lane), to.Position, to.ID).Scan(&known); err != nil {
		return err
	}
	if !known {
		return errForeign
	}
	return errFenced
}

// waitsBehind begins the error of an event that is only parked because one before it is.
const waitsBehind = "waits behind position "

// parkFollowers parks events whose stream is parked already, and returns the others.
func (p *liveProjection) parkFollowers(ctx context.Context, conn *pgx.Conn, events []Recorded) ([]Recorded, error) {
	free := make([]Recorded, 0, len(events))
	for _, ev := range events {
		behind, parked := p.parked[keyOf(ev.Event)]
		if !parked {
			free = append(free, ev)
			continue
		}
		if err := p.park(ctx, conn, ev.Event, fmt.Sprintf("%s%d", waitsBehind, behind)); err != nil {
			return nil, err
		}
	}
	return free, nil
}

func keyOf(ev eventstore.Event) parkedKey {
	return parkedKey{ev.Tenant.String(), string(ev.Stream)}
}

func (p *liveProjection) park(ctx context.Context, conn *pgx.Conn, ev eventstore.Event, why string) error {
	_, err := conn.Exec(ctx, `insert into log.parked (projection, generation, lane, position, tenant, stream, error) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict do nothing`, p.Name, p.generation, ev.Lane, ev.Position, ev.Tenant, string(ev.Stream), why)
	return err
}

// foldSingly folds a page one event at a time for one projection: what cannot be folded is parked, visibly and with its key,
// and everything else goes on.
func (e *Engine) foldSingly(ctx context.Context, p *liveProjection, events []eventstore.Event) error {
	trial := *p
	trial.parked = maps.Clone(p.parked)
	last := events[len(events)-1]
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := moveCheckpoints(ctx, tx.Conn(), &pgx.Batch{}, []*liveProjection{&trial}, last); err != nil {
			return err
		}
		return e.foldEach(ctx, tx, &trial, events)
	})
	if err == nil {
		p.position, p.parked = last.Position, trial.parked
		if !p.building {
			e.moved(events)
		}
	}
	return err
}

func (e *Engine) foldEach(ctx context.Context, tx pgx.Tx, p *liveProjection, events []eventstore.Event) error {
	for i, ev := range events {
		if !p.wants[ev.Type] {
			continue
		}
		err := p.foldNested(ctx, tx, e.decode(ctx, []*liveProjection{p}, events[i:i+1]))
		if err == nil {
			continue
		}
		if !poisoned(tx.Conn(), err) {
			return err
		}
		logger := e.logger
		if failure, ok := errors.AsType[*panicError](err); ok {
			logger = logger.With("stack", string(failure.stack))
		}
		logger.ErrorContext(ctx, "event parked", "projection", p.Name, "generation", p.generation, "lane", ev.Lane, "position", ev.Position, "stream", ev.Stream, "error", err)
		if err := p.park(ctx, tx.Conn(), ev, err.Error()); err != nil {
			return err
		}
		p.parked[keyOf(ev)] = ev.Position
	}
	return nil
}

// foldOrPark folds a page, event by event where that is the only way to find the one that cannot be folded.
func (e *Engine) foldOrPark(ctx context.Context, group []*liveProjection, pg page) error {
	err := e.fold(ctx, group, pg)
	if bad, ok := errors.AsType[*foldError](err); ok {
		if err = e.foldSingly(ctx, bad.projection, pg.events); err == nil && len(group) > 1 {
			rest := slices.DeleteFunc(slices.Clone(group), func(p *liveProjection) bool { return p == bad.projection })
			err = e.foldOrPark(ctx, rest, pg)
		}
	}
	return err
}

// foldOrParkIn is the same inside a transaction that has moved the checkpoint.
func (e *Engine) foldOrParkIn(ctx context.Context, tx pgx.Tx, p *liveProjection, events []eventstore.Event) error {
	pg := e.decode(ctx, []*liveProjection{p}, events)
	err := p.foldNested(ctx, tx, pg)
	if err != nil && poisoned(tx.Conn(), err) {
		return e.foldEach(ctx, tx, p, events)
	}
	return err
}
