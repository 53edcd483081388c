package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/migrations"
)

const (
	filledEvents = 200_000
	fillRounds   = 3 // each of some seconds
	source       = "urn:streamflow:bench"
	streamBytes  = 2_000_000_000   // more than the events take, less than a small disk has
	untilLimit   = 3 * time.Minute // what takes longer hangs
	// The goals, in events/s.
	relayGoal = 35_000
	liveGoal  = 30_000
)

func (s *suite) fillRounds() int {
	if s.quick {
		return 1
	}
	return fillRounds
}

// relay publishes a filled log to an empty JetStream store.
func (s *suite) relay(ctx context.Context) error {
	h, err := s.filledHouse(ctx, s.events(filledEvents))
	if err != nil {
		return err
	}
	var all []sample
	for range s.fillRounds() {
		if s.bus != nil {
			s.bus.close()
			s.bus = nil
		}
		one, err := s.fillBus(ctx, h)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	s.results.add(goal("relay", all, relayGoal, "Postgres to the broker's acknowledgement, NATS in this process"))
	s.results.add(cost("relay_cpu_us", all))
	return nil
}

// fillBus starts a NATS server and runs the relay until the broker has everything. The server stays.
func (s *suite) fillBus(ctx context.Context, h *house) (one sample, err error) {
	head, err := h.head(ctx)
	if err != nil {
		return one, err
	}
	if s.bus, err = newBus(filepath.Join(s.dir, fmt.Sprint("nats", time.Now().UnixNano()))); err != nil {
		return one, err
	}
	r := s.newRelay(h)
	return until(ctx, h, s.server.PID(), int(head), r.Run, func(context.Context) (bool, error) { return r.Head() >= head, r.Status().Err })
}

func (s *suite) newRelay(h *house) *relay.Relay {
	return relay.New(relay.Config{Log: h.log, Conn: s.bus.conn, Lane: 1, Source: source, MaxBytes: streamBytes,
		Logger: slog.New(slog.DiscardHandler)}) // it says loudly that it makes the stream; what fails, its status tells
}

// until runs something until it is so far, and measures that. It has to be at its start when it is called.
func until(ctx context.Context, h *house, pid, events int, run func(context.Context) error, done func(context.Context) (bool, error)) (sample, error) {
	one := sample{events: events}
	ctx, cancel := context.WithTimeout(ctx, untilLimit)
	defer cancel()
	m, err := h.meter(ctx, pid)
	if err != nil {
		return one, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- run(running) }()
	err = wait(ctx, func() (bool, error) {
		select {
		case err := <-ended:
			ended <- err
			return false, fmt.Errorf("it ended before it was done: %w", err)
		default:
			return done(ctx)
		}
	})
	one.seconds = time.Since(began).Seconds()
	if err == nil {
		err = m.read(ctx, &one)
	}
	stop()
	if stopped := <-ended; err == nil {
		err = stopped
	}
	return one, err
}

// newProjector makes a projector as `serve` does. With a bus it follows that.
func newProjector(ctx context.Context, h *house, b *bus, all ...projection.Projection) (*projection.Engine, error) {
	var err error
	if h.own == nil {
		if h.own, err = migrations.Role(ctx, h.url, "engine", nil); err != nil {
			return nil, err
		}
	}
	e, err := projection.New(h.log, h.own, quiet, all...)
	if err != nil {
		return nil, err
	}
	if b != nil {
		e.Follow(b.conn, source)
	}
	return e, e.Install(ctx)
}

// forgetReadModels makes the next projector begin at nothing.
func (h *house) forgetReadModels(ctx context.Context) error {
	_, err := h.admin.Exec(ctx, `do $$
		declare s text;
		begin
			for s in select nspname from pg_namespace where nspname like 'rm\_%' loop
				execute format('drop schema %I cascade', s);
			end loop;
			delete from log.parked; delete from log.checkpoint; delete from log.projection;
		end $$`)
	return err
}

func rates(all []sample) (rates []float64) {
	for _, one := range all {
		rates = append(rates, one.rate())
	}
	return rates
}

// goal is a rate against a fixed number of events a second.
func goal(name string, all []sample, goal float64, note string) result {
	rates := rates(all)
	return result{Name: name, Value: median(rates), Unit: "events/s", Limit: goal, Ratio: median(rates) / goal, Target: 1,
		Min: minimum(rates), Max: maximum(rates), Note: fmt.Sprintf("%d events; %s", all[0].events, note)}
}

func cost(name string, all []sample) result {
	return perEvent(name, "µs/event", all, sample.cpuMicros)
}

// perEvent is a figure of each event, which the other work on the machine disturbs less than a rate.
func perEvent(name, unit string, all []sample, figure func(sample) float64) result {
	var figures []float64
	for _, one := range all {
		figures = append(figures, figure(one))
	}
	return result{Name: name, Value: median(figures), Unit: unit, Min: minimum(figures), Max: maximum(figures)}
}
