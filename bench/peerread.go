package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/natsbus"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/eventstore/relay"
)

// totals counts and sums per tenant: the read model of the side-by-side comparison.
var totals = projection.Projection{
	Name: "totals", Version: 1, Types: []string{qualified{}.Type()},
	Schema: `create table total (tenant uuid not null, name text primary key, events bigint not null, amount bigint not null)`,
	Fold: func(_ context.Context, _ *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
		type sum struct{ events, amount int64 }
		sums := map[string]sum{}
		for _, r := range batch {
			q, ok := r.Fact.(qualified)
			if !ok {
				return fmt.Errorf("a %T is no qualified", r.Fact)
			}
			s := sums[q.TenantID]
			sums[q.TenantID] = sum{s.events + 1, s.amount + q.Amount}
		}
		var names []string
		var events, amounts []int64
		for name, s := range sums {
			names, events, amounts = append(names, name), append(events, s.events), append(amounts, s.amount)
		}
		writes.Queue(`insert into total (tenant, name, events, amount) select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[])
			on conflict (name) do update set events = total.events + excluded.events, amount = total.amount + excluded.amount`,
			uuid.Nil, names, events, amounts)
		return nil
	},
}

// project folds the filled log twice: as the live projector catches up, and as a rebuild.
func (p peering) project(ctx context.Context) error {
	h, head, err := p.filled(ctx)
	if h != nil {
		defer h.close()
	}
	if err != nil {
		return err
	}
	if err := h.forgetReadModels(ctx); err != nil {
		return err
	}
	e, err := newProjector(ctx, h, nil, totals)
	if err != nil {
		return err
	}
	one, err := until(ctx, h, 0, int(head), e.Run, func(ctx context.Context) (bool, error) {
		var at int64
		err := h.pool.QueryRow(ctx, `select min(position) from log.checkpoint`).Scan(&at)
		return at >= head, err
	})
	if err != nil {
		return err
	}
	if err := (line{Job: "project", Case: "catch-up", Conc: 1, Rate: one.rate(), N: one.events, Secs: one.seconds}).print(); err != nil {
		return err
	}
	began := time.Now()
	if err := e.Rebuild(ctx, totals.Name, func(int64, int64) {}); err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	return line{Job: "project", Case: "rebuild", Conc: 1, Rate: float64(head) / seconds, N: int(head), Secs: seconds}.print()
}

// latency measures from just before a command is sent to the entry of an event handler: Postgres, relay, JetStream and our
// Watermill subscriber are on the way. Closed loop, then 200 and 1,000 a second.
func (p peering) latency(ctx context.Context) error {
	h, err := p.open(ctx, scratchName, true)
	if h != nil {
		defer h.close()
	}
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "streamflow-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBus(filepath.Join(dir, "nats"))
	if err != nil {
		return err
	}
	defer b.close()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	r := relay.New(relay.Config{Log: h.log, Conn: b.conn, Lane: 1, Source: source, MaxBytes: streamBytes, Logger: slog.New(slog.DiscardHandler)})
	running.Go(func() { _ = r.Run(ctx) }) // what ends it, ends the trips too
	t := &trips{log: h.log, writer: newSupply().writer(0), due: map[string]chan time.Time{}}
	if _, err := h.log.Append(ctx, t.writer.append(1)); err != nil { // so that the stream is there
		return err
	}
	if err := wait(ctx, func() (bool, error) { return r.Head() > 0, r.Status().Err }); err != nil {
		return err
	}
	if err := t.listen(ctx, b, &running); err != nil {
		return err
	}
	for _, rate := range []int{0, 200, 1000} {
		if err := t.run(ctx, rate, p.duration); err != nil {
			return err
		}
	}
	return nil
}

// trips are commands on their way to a handler.
type trips struct {
	log    *eventstore.Log
	writer *writer

	mu  sync.Mutex
	due map[string]chan time.Time // by command id
}

// listen runs the event handler: it only notes when it was entered.
func (t *trips) listen(ctx context.Context, b *bus, running *sync.WaitGroup) error {
	js, err := jetstream.New(b.conn)
	if err != nil {
		return err
	}
	subscriber, err := natsbus.NewSubscriber(js, natsbus.SubscriberConfig{Durable: "bench", Stream: relay.StreamName(1), MaxInFlight: 256, Logger: quiet})
	if err != nil {
		return err
	}
	messages, err := subscriber.Subscribe(ctx, relay.Subjects(1))
	if err != nil {
		return err
	}
	running.Go(func() {
		for m := range messages {
			entered := time.Now()
			t.mu.Lock()
			select {
			case t.due[m.Metadata.Get("sf-command")] <- entered:
			default: // nobody waits for it: a repeat, or what came before
			}
			t.mu.Unlock()
			m.Ack()
		}
	})
	return nil
}

// inFlight bounds the trips of an open loop, as the other stores' drivers do.
const inFlight = 64

func (t *trips) run(ctx context.Context, rate int, d time.Duration) error {
	var mu sync.Mutex
	var all []time.Duration
	slots := make(chan struct{}, inFlight)
	kind := fmt.Sprintf("%d/s", rate)
	if rate == 0 {
		kind, slots = "closed", make(chan struct{}, 1)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	began := time.Now()
	for i := 0; time.Since(began) < d && ctx.Err() == nil; i++ {
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		}
		slots <- struct{}{}
		t.writer.version = 1 << 30 // each on a stream of its own: they overtake each other
		a := t.writer.append(1)
		wg.Go(func() {
			defer func() { <-slots }()
			took, err := t.one(ctx, a)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took)
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	return line{Job: "latency", Case: kind, Conc: 1, Rate: float64(len(all)) / seconds, N: len(all), Secs: seconds, P50: 1000 * percentile(all, 0.5),
		P99: 1000 * percentile(all, 0.99), Note: "Postgres, relay, JetStream, Watermill subscriber"}.print()
}

func (t *trips) one(ctx context.Context, a eventstore.Append) (time.Duration, error) {
	arrived := make(chan time.Time, 1)
	id := a.Command.ID.String()
	t.mu.Lock()
	t.due[id] = arrived
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.due, id)
		t.mu.Unlock()
	}()
	sent := time.Now()
	if _, err := t.log.Append(ctx, a); err != nil {
		return 0, err
	}
	select {
	case entered := <-arrived:
		return entered.Sub(sent), nil
	case <-time.After(10 * time.Second):
		return 0, errors.New("an event did not arrive in 10 s")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
