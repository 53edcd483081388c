package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	batchSize = 2000        // more folds no faster and makes readers of the tables wait longer
	idleLook  = time.Second // how long an append of another node may go unheard while the bus is away
	// failedPause is the wait before a lane is tried again after a failure, or after another projector was faster.
	failedPause = 100 * time.Millisecond
)

var (
	// errFenced: another projector moved a checkpoint that this one thought was its own.
	errFenced = errors.New("another projector is at work")
	// errLookAgain: an operator, a switch or a loss may have changed what is live.
	errLookAgain = errors.New("look again what is live")
)

// Engine keeps projections up to date.
type Engine struct {
	log         *eventstore.Log
	pool        *pgxpool.Pool // engine role
	projections []Projection
	logger      *slog.Logger
	bus         bus
	news        *news
	node        string          // names this one to those whom it tells
	near        *watchers       // of this process; nil without any
	rebuilding  atomic.Bool     // a stale one, in the background
	rebuilds    chan rebuilding // that were ordered
	ended       sync.WaitGroup
	idle        time.Duration // idleLook; a test that wants to see who woke the projector makes it longer
}

// New checks the projections. pool has connections in the engine role, and is not the log's: while a rebuild holds the checkpoints it
// reads the log, and would wait for a connection that the lanes have which wait for the checkpoints.
func New(l *eventstore.Log, pool *pgxpool.Pool, logger *slog.Logger, projections ...Projection) (*Engine, error) {
	if l.Uses(pool) {
		return nil, errors.New("projections need connections of their own, beside the log's")
	}
	names := map[string]bool{}
	projections = slices.Clone(projections)
	for i, p := range projections {
		if err := p.check(l.Registry()); err != nil {
			return nil, err
		}
		if names[p.Name] {
			return nil, fmt.Errorf("projection %s is listed twice", p.Name)
		}
		names[p.Name] = true
		projections[i].wants = map[string]bool{}
		for _, t := range slices.Concat(p.Types, p.Bare) {
			projections[i].wants[t] = true
		}
	}
	return &Engine{log: l, pool: pool, projections: projections, logger: logger, news: newNews(), node: uuid.NewString(), rebuilds: make(chan rebuilding), idle: idleLook}, nil
}

// Follow lets [Engine.Run] take what is new from JetStream, where it is without asking the database; without it, and whenever
// the bus is away, the log is read. conn should reconnect for ever; source names the installation, as in [relay.Config].
// Call it before Run.
func (e *Engine) Follow(conn *nats.Conn, source string) { e.bus = bus{conn, source} }

// Install makes the tables of projections that have none, and builds those anew whose version rose.
func (e *Engine) Install(ctx context.Context) error {
	for _, p := range e.projections {
		var version int
		err := e.pool.QueryRow(ctx, `select version from log.projection where name = $1`, p.Name).Scan(&version)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
				// Nodes that start together install one after the other; the later ones find it done.
				if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('streamflow projection ' || $1))`, p.Name); err != nil {
					return err
				}
				tag, err := tx.Exec(ctx, `insert into log.projection (name, version, generation) values ($1, $2, 1) on conflict do nothing`, p.Name, p.Version)
				if err != nil || tag.RowsAffected() == 0 {
					return err
				}
				if err := install(ctx, tx, p, 1); err != nil {
					return err
				}
				return index(ctx, tx, p, 1)
			})
		case err == nil && version != p.Version:
			e.logger.InfoContext(ctx, "projection has a new version, building it anew", "projection", p.Name, "from", version, "to", p.Version)
			err = e.Rebuild(ctx, p.Name, func(int64, int64) {})
		}
		if errors.Is(err, ErrRebuilding) {
			err = nil // another node of the new version is at it; until then this one leaves the projection alone
		}
		if err != nil {
			return fmt.Errorf("install projection %s: %w", p.Name, err)
		}
	}
	return e.tellApart(ctx)
}

// Run folds every lane until the context ends. [Engine.Install] must have run.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for lane := 1; lane <= e.log.Lanes(); lane++ {
		g.Go(func() error { return e.follow(ctx, lane) })
	}
	g.Go(func() error { e.announce(ctx); return nil })
	err := g.Wait()
	e.ended.Wait()
	return err
}

// follow folds one lane for all live projections: they share a reader and a transaction per batch.
func (e *Engine) follow(ctx context.Context, lane int) error {
	f := newFeed(ctx, e, lane)
	defer f.end()
	for ctx.Err() == nil {
		f.restart()
		l, err := e.live(ctx, lane)
		if err == nil {
			err = e.keepUp(ctx, f, l)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errLookAgain):
			continue
		case errors.Is(err, errForeign):
			e.logger.WarnContext(ctx, "projector goes on without the bus", "lane", lane, "error", err)
			f.distrust()
		case !errors.Is(err, errFenced):
			e.logger.ErrorContext(ctx, "projecting failed, trying again", "lane", lane, "error", err)
		}
		pause(ctx, failedPause)
	}
	return nil
}

// liveLane is what of a lane is folded: what no operator paused, no other version of the program folds, and no loss made stale.
type liveLane struct {
	lane, epoch int
	projections []*liveProjection
	read        []int64 // up to where it was read for each of them; what is folded follows
}

// liveProjection is a projection as this lane's loop knows it.
type liveProjection struct {
	Projection
	generation int
	building   bool // nobody reads it yet
	position   int64
	parked     map[parkedKey]int64 // stream → the position it waits behind
}

// home is the schema of its tables.
func (p *liveProjection) home() string { return schemaName(p.Name, p.generation) }

type parkedKey struct{ tenant, stream string }

func (e *Engine) live(ctx context.Context, lane int) (liveLane, error) {
	l := liveLane{lane: lane}
	for _, p := range e.projections {
		lp := &liveProjection{Projection: p}
		var idle, sound bool
		err := e.pool.QueryRow(ctx, `select p.generation, p.paused or p.version <> $3, c.position, l.epoch,
				c.position = 0 or exists (select from log.event e where e.lane = c.lane and e.position = c.position and e.id = c.event)
			from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane
			where p.name = $1 and c.lane = $2`, p.Name, lane, p.Version).Scan(&lp.generation, &idle, &lp.position, &l.epoch, &sound)
		switch {
		case err != nil:
			return l, fmt.Errorf("read checkpoint of %s: %w", p.Name, err)
		case idle:
			continue
		case !sound:
			e.rebuildStale(ctx, p, lane, lp.position)
			continue
		}
		if err := lp.loadParked(ctx, e.pool, lane); err != nil {
			return l, err
		}
		l.projections, l.read = append(l.projections, lp), append(l.read, lp.position)
	}
	return l, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (p *liveProjection) loadParked(ctx context.Context, q querier, lane int) error {
	rows, err := q.Query(ctx, `select tenant::text, stream, min(position) from log.parked
		where projection = $1 and generation = $2 and lane = $3 group by 1, 2`, p.Name, p.generation, lane)
	if err != nil {
		return err
	}
	p.parked = map[parkedKey]int64{}
	var key parkedKey
	var position int64
	_, err = pgx.ForEachRow(rows, []any{&key.tenant, &key.stream, &position}, func() error { p.parked[key] = position; return nil })
	return err
}

// keepUp folds one page after another, until it has to look again what is live. Behind a full page the next one is read and decoded while
// it is folded. Behind one that took all there was, reading waits: what comes in meanwhile is then one page, and not split into what was
// read too early and what waits for two.
func (e *Engine) keepUp(ctx context.Context, f *feed, l liveLane) error {
	if len(l.projections) == 0 {
		pause(ctx, min(e.idle, idleLook))
		return errLookAgain
	}
	type work struct {
		group  []*liveProjection
		page   page
		folded chan struct{}
	}
	works := make(chan work)
	steps, ctx := errgroup.WithContext(ctx)
	steps.Go(func() error {
		defer close(works)
		for {
			limit := f.limit
			group, events, err := e.ahead(ctx, f, &l)
			if err != nil || len(events) == 0 {
				return err
			}
			w := work{group, e.decode(ctx, group, events), make(chan struct{})}
			select {
			case works <- w:
			case <-ctx.Done():
				return ctx.Err()
			}
			if len(events) == limit {
				continue
			}
			select {
			case <-w.folded:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	steps.Go(func() error {
		for w := range works {
			if err := e.foldOrPark(ctx, w.group, w.page); err != nil {
				return err
			}
			close(w.folded)
		}
		return nil
	})
	if err := steps.Wait(); err != nil {
		return err
	}
	return errLookAgain
}

// ahead reads the next events for the projections that are furthest behind, up to where the next one is, so that all come together.
func (e *Engine) ahead(ctx context.Context, f *feed, l *liveLane) (group []*liveProjection, events []eventstore.Event, err error) {
	from, until := slices.Min(l.read), int64(math.MaxInt64)
	for i, p := range l.projections {
		if l.read[i] == from {
			group = append(group, p)
		} else {
			until = min(until, l.read[i])
		}
	}
	if len(group) == len(l.projections) {
		events, err = f.next(ctx, from, l.epoch)
	} else {
		events, err = e.log.ReadLane(ctx, l.lane, from, int(min(int64(f.limit), until-from)))
	}
	if err != nil || len(events) == 0 {
		return nil, nil, err
	}
	for i := range l.read {
		if l.read[i] == from {
			l.read[i] = events[len(events)-1].Position
		}
	}
	f.limit = sized(f.limit, batchSize, events)
	return group, events, nil
}
