package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// rebuildPage is how many events a rebuild folds at a time: nobody waits for the tables meanwhile.
	rebuildPage = 20_000
	// rebuildLanes is how many lanes are filled at a time; each takes two connections and a few pages of memory.
	rebuildLanes = 2
)

var (
	// ErrUnknown: no projection has that name.
	ErrUnknown = errors.New("no such projection")
	// ErrRebuilding: somebody is rebuilding or verifying that projection already.
	ErrRebuilding = errors.New("is being rebuilt already")
)

func (e *Engine) find(name string) (Projection, error) {
	for _, p := range e.projections {
		if p.Name == name {
			return p, nil
		}
	}
	return Projection{}, fmt.Errorf("%w: %s", ErrUnknown, name)
}

// Rebuild fills the next generation from the whole log while the present one stays live, compares the two where both are of
// one version, and then switches to it in one transaction. If they differ it fails with a [DifferenceError] and nothing has
// changed. progress hears how many of how many events are folded; [Engine.Conditions] tells everybody.
func (e *Engine) Rebuild(ctx context.Context, name string, progress func(done, total int64)) error {
	return e.rebuildAlone(ctx, name, false, progress)
}

// ForceRebuild is [Engine.Rebuild] that switches also to what differs from the present generation, and logs how.
func (e *Engine) ForceRebuild(ctx context.Context, name string, progress func(done, total int64)) error {
	return e.rebuildAlone(ctx, name, true, progress)
}

func (e *Engine) rebuildAlone(ctx context.Context, name string, force bool, progress func(done, total int64)) error {
	return e.alone(ctx, name, func(conn *pgxpool.Conn, p Projection) error {
		o := Order{ID: uuid.New(), Projection: name, Action: ActionRebuild, By: "streamflow", Force: force, Fingerprint: []byte{}}
		if _, err := beginOn(ctx, conn, o); err != nil {
			return fmt.Errorf("rebuild %s: %w", name, err)
		}
		return e.runJob(ctx, rebuilding{Order: o, projection: p, conn: conn}, progress)
	})
}

// Verify folds the log anew, up to where a projection stands, and returns how its tables differ from that: nil when they are
// the same. Parked events are parked there too. What is live goes on meanwhile.
func (e *Engine) Verify(ctx context.Context, name string, progress func(done, total int64)) (differences []Difference, err error) {
	err = e.alone(ctx, name, func(_ *pgxpool.Conn, p Projection) error {
		g, err := e.newGeneration(ctx, p, progress)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.drop(ctx, p, g.number)) }()
		differences, err = g.fillAndCompare(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", name, err)
	}
	return differences, nil
}

// alone runs what only one node may do to a projection at a time.
func (e *Engine) alone(ctx context.Context, name string, do func(*pgxpool.Conn, Projection) error) error {
	p, err := e.find(name)
	if err != nil {
		return err
	}
	conn, release, err := e.claim(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	return do(conn, p)
}

// claim makes the caller alone with a projection until it lets go, or fails with [ErrRebuilding]. The connection holds the lock, and is
// the caller's: who waited for a second one while others do the same could wait for ever.
func (e *Engine) claim(ctx context.Context, name string) (conn *pgxpool.Conn, release func(), err error) {
	conn, err = e.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	var first bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('streamflow rebuild'), hashtext($1))`, name).Scan(&first); err != nil || !first {
		conn.Release()
		if err == nil {
			err = fmt.Errorf("projection %s %w", name, ErrRebuilding)
		}
		return nil, nil, err
	}
	return conn, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
		defer cancel()
		if _, err := conn.Exec(end, `select pg_advisory_unlock_all()`); err != nil {
			_ = conn.Conn().Close(end) // the locks go with it
		}
		conn.Release()
	}, nil
}

// rebuildStale builds a projection anew that holds what the log has no longer. Meanwhile it stays as it is.
func (e *Engine) rebuildStale(ctx context.Context, p Projection, lane int, position int64) {
	if !e.rebuilding.CompareAndSwap(false, true) {
		return
	}
	e.logger.ErrorContext(ctx, "the database went back behind what a projection holds, it is built anew", "projection", p.Name, "lane", lane, "position", position)
	e.ended.Go(func() {
		defer e.rebuilding.Store(false)
		if err := e.ForceRebuild(ctx, p.Name, func(int64, int64) {}); err != nil && !errors.Is(err, ErrRebuilding) && ctx.Err() == nil {
			e.logger.ErrorContext(ctx, "projection is stale", "projection", p.Name, "error", err)
		}
	})
}

func (e *Engine) rebuild(ctx context.Context, p Projection, force bool, progress func(done, total int64)) (err error) {
	g, err := e.newGeneration(ctx, p, progress)
	if err != nil {
		return fmt.Errorf("rebuild %s: %w", p.Name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("rebuild %s: %w", p.Name, err), e.drop(ctx, p, g.number))
		}
	}()
	differences, err := g.fillAndCompare(ctx)
	switch {
	case errors.Is(err, errIncomparable):
	case err != nil:
		return err
	case len(differences) > 0 && !force:
		return &DifferenceError{Projection: p.Name, Differences: differences}
	}
	for _, d := range differences {
		e.logger.WarnContext(ctx, "switching to a projection that differs", "projection", p.Name, "table", d.Table, "missing", d.Missing, "extra", d.Extra, "first", d.First)
	}
	if err := g.fillToHead(ctx); err != nil {
		return err
	}
	if err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error { return index(ctx, tx, p, g.number) }); err != nil {
		return err
	}
	if err := g.fillToHead(ctx); err != nil { // what came meanwhile: it is not to be done while readers wait
		return err
	}
	return g.switchTo(ctx)
}

// generation is one that is being filled.
type generation struct {
	*Engine
	Projection
	number int
	lanes  map[int]*liveProjection

	mu          sync.Mutex
	done, total int64
	progress    func(done, total int64)
}

func (e *Engine) newGeneration(ctx context.Context, p Projection, progress func(done, total int64)) (*generation, error) {
	number, err := e.nextGeneration(ctx, p)
	if err != nil {
		return nil, err
	}
	g := &generation{Engine: e, Projection: p, number: number, lanes: map[int]*liveProjection{}, progress: progress}
	heads, err := e.log.Heads(ctx)
	if err != nil {
		return nil, err
	}
	for lane, m := range heads {
		g.lanes[lane] = &liveProjection{Projection: p, generation: number, building: true, parked: map[parkedKey]int64{}}
		g.total += m.Position
	}
	return g, nil
}

func (g *generation) fillToHead(ctx context.Context) error {
	heads, err := g.log.Heads(ctx)
	if err != nil {
		return err
	}
	until := map[int]int64{}
	for lane, m := range heads {
		until[lane] = m.Position
	}
	return g.fill(ctx, until)
}

// fill folds every lane up to a position, lanes side by side.
func (g *generation) fill(ctx context.Context, until map[int]int64) error {
	lanes, ctx := errgroup.WithContext(ctx)
	lanes.SetLimit(rebuildLanes)
	for lane, p := range g.lanes {
		lanes.Go(func() error { return g.fillLane(ctx, lane, p, until[lane]) })
	}
	return lanes.Wait()
}

// fillLane reads, decodes and folds at the same time, each a page ahead of the next.
func (g *generation) fillLane(ctx context.Context, lane int, p *liveProjection, until int64) error {
	read, decoded := make(chan []eventstore.Event), make(chan page)
	steps, ctx := errgroup.WithContext(ctx)
	from := p.position
	steps.Go(func() error {
		defer close(read)
		return g.readLane(ctx, lane, from, until, read)
	})
	steps.Go(func() error {
		defer close(decoded)
		for events := range read {
			select {
			case decoded <- g.decode(ctx, []*liveProjection{p}, events):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	steps.Go(func() error {
		for pg := range decoded {
			before := p.position
			if err := g.foldOrPark(ctx, []*liveProjection{p}, pg); err != nil {
				return err
			}
			g.report(p.position - before)
		}
		return nil
	})
	return steps.Wait()
}

func (g *generation) readLane(ctx context.Context, lane int, after, until int64, out chan<- []eventstore.Event) error {
	for limit := batchSize; after < until; {
		to := min(after+int64(limit), until)
		events, err := g.log.ReadRange(ctx, lane, after, to, g.Types, g.Bare)
		if err != nil {
			return err
		}
		if len(events) == 0 || events[len(events)-1].Position != to {
			return fmt.Errorf("lane %d ends before %d", lane, to)
		}
		select {
		case out <- events:
		case <-ctx.Done():
			return ctx.Err()
		}
		after, limit = to, sized(limit, rebuildPage, events)
	}
	return nil
}

// report tells of progress: it only ever rises, and not past what there was to do at the beginning.
func (g *generation) report(folded int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done += folded
	g.progress(min(g.done, g.total), g.total)
}
