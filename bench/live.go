package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/projections"
)

// liveEvents are filled in while a projector is held up: fewer than take the half minute in which a broker gives it up.
const liveEvents = 100_000

// projectCatchup lets a projector without read models fold a log into all those that `serve` keeps. So far behind, it reads the log.
func (s *suite) projectCatchup(ctx context.Context) error {
	h, err := s.filledHouse(ctx, s.events(filledEvents))
	if err != nil {
		return err
	}
	head, err := h.head(ctx)
	if err != nil {
		return err
	}
	var all []sample
	for range s.fillRounds() {
		if err := h.forgetReadModels(ctx); err != nil {
			return err
		}
		e, err := newProjector(ctx, h, nil, projections.All()...)
		if err != nil {
			return err
		}
		one, err := until(ctx, h, s.server.PID(), int(head), e.Run, h.folded(head))
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	s.results.add(result{Name: "project_catchup", Value: median(rates(all)), Unit: "events/s", Min: minimum(rates(all)), Max: maximum(rates(all)),
		Note: fmt.Sprintf("%d events; from the log into all read models, from nothing", head)})
	s.results.add(cost("project_catchup_cpu_us", all))
	return nil
}

// folded asks whether every read model has come so far.
func (h *house) folded(head int64) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		var at int64
		err := h.pool.QueryRow(ctx, `select min(position) from log.checkpoint`).Scan(&at)
		return at >= head, err
	}
}

// projectLive measures how fast the live projector folds a filled stream into the dashboards' read model. It follows the stream, is
// held up by its checkpoint while that fills, and let go.
func (s *suite) projectLive(ctx context.Context) error {
	h, err := s.filledHouse(ctx, s.events(filledEvents))
	if err != nil {
		return err
	}
	if s.bus == nil {
		if _, err := s.fillBus(ctx, h); err != nil {
			return err
		}
	}
	if err := h.forgetReadModels(ctx); err != nil {
		return err
	}
	read := &eventsRead{}
	node, err := h.node(ctx, read) // it hears of what is filled in by the stream alone
	if err != nil {
		return err
	}
	defer node.close()
	e, err := newProjector(ctx, node, s.bus, projections.Figures)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return s.newRelay(h).Run(running) })
	g.Go(func() error { return e.Run(running) })
	var all []sample
	var shares []float64
	for range s.fillRounds() {
		one, share, err := s.liveRound(ctx, h, read)
		if err != nil {
			stop()
			return err
		}
		all, shares = append(all, one), append(shares, share)
	}
	stop()
	if err := g.Wait(); err != nil {
		return err
	}
	s.results.add(goal("project_live", all, liveGoal, "from a filled stream into projections.Figures"))
	s.results.add(cost("project_live_cpu_us", all))
	s.results.add(perEvent("project_live_wal_bytes", "bytes/event", all, func(one sample) float64 { return one.wal / float64(one.events) }))
	s.results.add(result{Name: "project_live_from_postgres", Value: median(shares), Unit: "share", Note: "of the events, read from the log and not from the stream"})
	return nil
}

// liveRound fills the log and the stream while the projector is held up, and measures it from there to their end.
func (s *suite) liveRound(ctx context.Context, h *house, read *eventsRead) (one sample, share float64, err error) {
	before, err := h.head(ctx)
	if err != nil {
		return one, 0, err
	}
	if err := wait(ctx, func() (bool, error) { return h.folded(before)(ctx) }); err != nil {
		return one, 0, err
	}
	if err := wait(ctx, func() (bool, error) { return s.followed(ctx, 0) }); err != nil {
		return one, 0, err
	}
	hold, err := h.admin.Begin(ctx)
	if err != nil {
		return one, 0, err
	}
	defer func() { _ = hold.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := hold.Exec(ctx, `select from log.checkpoint for update`); err != nil {
		return one, 0, err
	}
	if err := h.fill(ctx, before, before+int64(s.events(liveEvents))); err != nil {
		return one, 0, err
	}
	head, err := h.head(ctx)
	if err != nil {
		return one, 0, err
	}
	if err := wait(ctx, func() (bool, error) { return s.followed(ctx, head) }); err != nil {
		return one, 0, err
	}
	rows := read.rows.Load()
	one, err = until(ctx, h, s.server.PID(), int(head-before), func(ctx context.Context) error {
		if err := hold.Rollback(ctx); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}, h.folded(head))
	return one, float64(read.rows.Load()-rows) / float64(head-before), err
}

// followed says whether the stream has come so far and somebody follows it.
func (s *suite) followed(ctx context.Context, head int64) (bool, error) {
	js, err := jetstream.New(s.bus.conn)
	if err != nil {
		return false, err
	}
	stream, err := js.Stream(ctx, relay.StreamName(1))
	if err != nil {
		return false, err
	}
	state := stream.CachedInfo().State
	if head > 0 && state.Consumers == 0 {
		return false, errors.New("the stream filled too slowly: the broker has given the projector up (after 30 s), which reads the log then")
	}
	return state.Consumers > 0 && state.LastSeq >= uint64(head), nil
}

// eventsRead counts the events that connections read from the log's table in order.
type eventsRead struct{ rows atomic.Int64 }

type readingEvents struct{}

// TraceQueryStart marks the queries that count.
func (r *eventsRead) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "from log.event where lane = $1 and position >") {
		return context.WithValue(ctx, readingEvents{}, true)
	}
	return ctx
}

// TraceQueryEnd counts them.
func (r *eventsRead) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	if ctx.Value(readingEvents{}) != nil {
		r.rows.Add(q.CommandTag.RowsAffected())
	}
}
