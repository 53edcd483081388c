package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

func (s *suite) appendHouse(ctx context.Context, name string) (*house, *supply, error) {
	registry, err := eventstore.NewRegistry(qualified{})
	if err != nil {
		return nil, nil, err
	}
	h, err := s.newHouse(ctx, name, registry)
	return h, newSupply(), err
}

func (s *suite) load(h *house, calls []call) load { return load{h, s.server.PID(), calls} }

// appends is so many events a command, with the exact version of their stream and a fresh command id.
func appends(l *eventstore.Log, events *supply, callers, each int) []call {
	return events.callers(callers, func(ctx context.Context, w *writer) (int, error) {
		_, err := l.Append(ctx, w.append(each))
		return each, err
	})
}

func (w *writer) append(events int) eventstore.Append {
	before := w.next(events)
	return eventstore.Append{Command: w.command(), At: map[eventstore.Stream]int{w.stream: before},
		Writes: []eventstore.Write{{Stream: w.stream, Facts: w.batch(events)}}}
}

func (w *writer) batch(n int) []eventstore.Fact {
	facts := make([]eventstore.Fact, n)
	for i := range facts {
		facts[i] = w.fact()
	}
	return facts
}

// p99At64 is the goal for the slowest hundredth at 64 callers on two cores, in ms.
const p99At64 = 20

func (s *suite) appendPlain(ctx context.Context, callers int, target float64) error {
	name := fmt.Sprintf("append_%d", callers)
	h, events, err := s.appendHouse(ctx, name)
	if err != nil {
		return err
	}
	r, err := newRaw(ctx, h, events)
	if err != nil {
		return err
	}
	sizes := connections
	if callers == 1 {
		sizes = []int{1}
	}
	limit, pool, err := s.best(ctx, r, sizes, func(p *pgxpool.Pool, _ int) []call { return r.inserts(p, callers) })
	if err != nil {
		return err
	}
	defer pool.Close()
	t, err := s.versus(ctx, limit, s.load(h, appends(h.log, events, callers, 1)))
	if err != nil {
		return err
	}
	s.results.add(t.rate(name, target))
	s.results.add(t.latency(name+"_p50", 0.5))
	p99 := t.latency(name+"_p99", 0.99)
	if callers == 64 {
		p99.Note = fmt.Sprintf("raw: %s ms", number(round(p99.Limit)))
		p99.Limit, p99.Ratio, p99.Target = p99At64, p99At64/p99.Value, 1
	}
	s.results.add(p99)
	s.results.add(t.cpu(name + "_cpu_us"))
	s.results.add(t.wal(name + "_wal_bytes"))
	return nil
}

// updates lets all callers decide on one stream, over and over.
func updates(l *eventstore.Log, events *supply, callers int) []call {
	at, tenant := eventstore.Stream("lead-"+uuid.NewString()), events.tenants[0]
	return events.callers(callers, func(ctx context.Context, w *writer) (int, error) {
		w.tenant = tenant
		_, err := l.Update(ctx, w.command(), []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
			if _, _, err := eventstore.State[counted](ctx, d, at); err != nil {
				return err
			}
			d.Append(at, w.fact())
			return nil
		})
		return 1, err
	})
}

// hotP99 is the goal for the slowest hundredth of 32 callers on one stream, in ms.
const hotP99 = 100

// hot lets 32 callers, then one, decide on a single stream.
func (s *suite) hot(ctx context.Context) error {
	h, events, err := s.appendHouse(ctx, "hot")
	if err != nil {
		return err
	}
	t, err := s.versus(ctx, s.load(h, updates(h.log, events, 1)), s.load(h, updates(h.log, events, 32)))
	if err != nil {
		return err
	}
	s.results.add(t.rate("hot_32", 1))
	s.results.add(t.latency("hot_32_p50", 0.5))
	p99 := t.latency("hot_32_p99", 0.99)
	p99.Note = fmt.Sprintf("one caller: %s ms", number(round(p99.Limit)))
	p99.Limit, p99.Ratio, p99.Target = hotP99, hotP99/p99.Value, 1
	s.results.add(p99)
	return nil
}

// guarded compares appends that rest on another stream's version and take two unique values with plain ones.
func (s *suite) guarded(ctx context.Context) error {
	h, events, err := s.appendHouse(ctx, "guarded")
	if err != nil {
		return err
	}
	guard := eventstore.Stream("organization-" + uuid.NewString())
	for _, tenant := range events.tenants {
		w := &writer{supply: events, tenant: tenant}
		if _, err := h.log.Append(ctx, eventstore.Append{Command: w.command(), At: map[eventstore.Stream]int{guard: 0},
			Writes: []eventstore.Write{{Stream: guard, Facts: []eventstore.Fact{events.facts[0]}}}}); err != nil {
			return err
		}
	}
	loads := func(callers int) (plain, guarded load) {
		return s.load(h, appends(h.log, events, callers, 1)), s.load(h, events.callers(callers, func(ctx context.Context, w *writer) (int, error) {
			a := w.append(1)
			email, phone := uuid.New(), uuid.New()
			a.At[guard] = 1
			a.Takes = []eventstore.Holding{{Claim: eventstore.Claim{Scope: "lead.email", Key: email[:]}, Stream: w.stream},
				{Claim: eventstore.Claim{Scope: "lead.phone", Key: phone[:]}, Stream: w.stream}}
			_, err := h.log.Append(ctx, a)
			return 1, err
		}))
	}
	plain, guarded := loads(64)
	t, err := s.versus(ctx, plain, guarded)
	if err != nil {
		return err
	}
	s.results.add(t.rate("append_guarded", 0.85))
	s.results.add(t.latency("append_guarded_p99", 0.99))
	plain, guarded = loads(1)
	if t, err = s.versus(ctx, plain, guarded); err != nil {
		return err
	}
	s.results.add(t.rate("append_guarded_1", 0))
	return nil
}

const (
	bulkEvents  = 1000 // an append, and rows a COPY
	bulkCallers = 4    // so that one encodes while another waits for the commit
)

// bulk compares appends of a thousand events, on a hundred streams, with COPY of as many rows.
func (s *suite) bulk(ctx context.Context) error {
	h, events, err := s.appendHouse(ctx, "bulk")
	if err != nil {
		return err
	}
	r, err := newRaw(ctx, h, events)
	if err != nil {
		return err
	}
	limit, pool, err := s.best(ctx, r, []int{1, bulkCallers}, func(p *pgxpool.Pool, size int) []call { return r.copies(p, size, bulkEvents) })
	if err != nil {
		return err
	}
	defer pool.Close()
	ours := events.callers(bulkCallers, func(ctx context.Context, w *writer) (int, error) {
		a := eventstore.Append{At: map[eventstore.Stream]int{}}
		for range bulkEvents / streamLength {
			a.At[w.begin()] = 0
			a.Writes = append(a.Writes, eventstore.Write{Stream: w.stream, Facts: w.batch(streamLength)})
		}
		a.Command = w.command()
		_, err := h.log.Append(ctx, a)
		return bulkEvents, err
	})
	t, err := s.versus(ctx, limit, s.load(h, ours))
	if err != nil {
		return err
	}
	s.results.add(t.rate("append_bulk", 0.5))
	s.results.add(t.cpu("append_bulk_cpu_us"))
	s.results.add(t.wal("append_bulk_wal_bytes"))
	return nil
}

// begin starts another stream in the writer's first tenant: an append is one tenant's.
func (w *writer) begin() eventstore.Stream {
	w.tenant, w.stream = w.tenants[0], eventstore.Stream("lead-"+uuid.NewString())
	return w.stream
}
