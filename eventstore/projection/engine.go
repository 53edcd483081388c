package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	batchSize = 2000        // more folds no faster and makes readers of the tables wait longer
	idleLook  = time.Second // how long an append of another node may go unheard
)

// errFenced: another projector moved a checkpoint that this one thought was its own.
var errFenced = errors.New("another projector is at work")

// Engine keeps projections up to date.
type Engine struct {
	log         *eventstore.Log
	pool        *pgxpool.Pool // engine role
	projections []Projection
	logger      *slog.Logger
}

// New checks the projections. pool has connections in the engine role.
func New(l *eventstore.Log, pool *pgxpool.Pool, logger *slog.Logger, projections ...Projection) (*Engine, error) {
	names := map[string]bool{}
	for _, p := range projections {
		if err := p.check(l.Registry()); err != nil {
			return nil, err
		}
		if names[p.Name] {
			return nil, fmt.Errorf("projection %s is listed twice", p.Name)
		}
		names[p.Name] = true
	}
	return &Engine{log: l, pool: pool, projections: projections, logger: logger}, nil
}

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
				return install(ctx, tx, p, 1)
			})
		case err == nil && version != p.Version:
			e.logger.InfoContext(ctx, "projection has a new version, building it anew", "projection", p.Name, "from", version, "to", p.Version)
			err = e.Rebuild(ctx, p.Name, func(int64, int64) {})
		}
		if err != nil {
			return fmt.Errorf("install projection %s: %w", p.Name, err)
		}
	}
	return nil
}

// Run folds every lane until the context ends. [Engine.Install] must have run.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for lane := 1; lane <= e.log.Lanes(); lane++ {
		g.Go(func() error { return e.follow(ctx, lane) })
	}
	return g.Wait()
}

// follow folds one lane for all live projections: they share a reader and a transaction per batch.
func (e *Engine) follow(ctx context.Context, lane int) error {
	for ctx.Err() == nil {
		live, err := e.live(ctx, lane)
		for err == nil && ctx.Err() == nil {
			err = e.step(ctx, lane, live)
		}
		if ctx.Err() != nil {
			break
		}
		if !errors.Is(err, errFenced) {
			e.logger.ErrorContext(ctx, "projecting failed, trying again", "lane", lane, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// liveProjection is a projection as this lane's loop knows it.
type liveProjection struct {
	Projection
	generation int
	position   int64
	parked     map[parkedKey]int64 // stream → the position it waits behind
}

type parkedKey struct{ tenant, stream string }

func (e *Engine) live(ctx context.Context, lane int) ([]*liveProjection, error) {
	var live []*liveProjection
	for _, p := range e.projections {
		lp := &liveProjection{Projection: p}
		var paused bool
		err := e.pool.QueryRow(ctx, `select p.generation, p.paused, c.position from log.projection p join log.checkpoint c
			on c.projection = p.name and c.generation = p.generation where p.name = $1 and c.lane = $2`, p.Name, lane).Scan(&lp.generation, &paused, &lp.position)
		if err != nil {
			return nil, fmt.Errorf("read checkpoint of %s: %w", p.Name, err)
		}
		if paused {
			continue
		}
		if err := lp.loadParked(ctx, e.pool, lane); err != nil {
			return nil, err
		}
		live = append(live, lp)
	}
	return live, nil
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

// step folds one batch for the projections that are furthest behind, up to where the next one is, so that all come together.
func (e *Engine) step(ctx context.Context, lane int, live []*liveProjection) error {
	if len(live) == 0 { // all are paused: look again
		return errFencedAfter(ctx, idleLook)
	}
	from, until := live[0].position, int64(1<<62)
	for _, p := range live {
		from = min(from, p.position)
	}
	var group []*liveProjection
	for _, p := range live {
		if p.position == from {
			group = append(group, p)
		} else {
			until = min(until, p.position)
		}
	}
	events, err := e.log.ReadLane(ctx, lane, from, int(min(batchSize, until-from)))
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return e.rest(ctx, lane, from)
	}
	err = e.fold(ctx, lane, group, events)
	if bad, ok := errors.AsType[*foldError](err); ok {
		return e.foldSingly(ctx, lane, bad.projection, events)
	}
	return err
}

// rest waits for something to fold. It ends in errFenced now and then, because an operator or a switch may have changed what is live.
func (e *Engine) rest(ctx context.Context, lane int, position int64) error {
	select {
	case <-e.log.Committed(lane, position):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleLook):
		return errFenced
	}
}

func errFencedAfter(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return errFenced
}
