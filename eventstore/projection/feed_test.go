package projection

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

type noted struct {
	Text string `json:"text"`
}

func (noted) Type() string { return "note.taken" }

// twoLogs opens a log twice: the second one hears of what the first one appends only from the bus.
func twoLogs(t *testing.T) (writes *eventstore.Log, e *Engine) {
	t.Helper()
	ctx := t.Context()
	url := pgtest.New(t, "migrated", func(ctx context.Context, url string) error { _, err := migrations.Up(ctx, url, 0); return err })
	pool, err := migrations.Role(ctx, url, "engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := eventstore.Create(ctx, pool, 1); err != nil {
		t.Fatal(err)
	}
	registry, err := eventstore.NewRegistry(noted{})
	if err != nil {
		t.Fatal(err)
	}
	var logs [2]*eventstore.Log
	for i := range logs {
		if logs[i], err = eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(logs[i].Close)
	}
	return logs[0], &Engine{log: logs[1], pool: pool, logger: slog.New(slog.DiscardHandler), idle: Never}
}

func note(t *testing.T, log *eventstore.Log, n int) {
	t.Helper()
	stream := eventstore.Stream("note-" + uuid.NewString())
	facts := make([]eventstore.Fact, n)
	for i := range facts {
		facts[i] = noted{}
	}
	if _, err := log.Append(t.Context(), eventstore.Append{
		Command: eventstore.Command{Tenant: uuid.New(), ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c"},
		At:      map[eventstore.Stream]int{stream: 0}, Writes: []eventstore.Write{{Stream: stream, Facts: facts}},
	}); err != nil {
		t.Fatal(err)
	}
}

// What a feed listens to outlives the call that opened it: it is called anew whenever something may have changed.
func TestFeedGoesOnListening(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for a feed that waits where it should not
	defer cancel()
	log, e := twoLogs(t)
	conn := natstest.Connect(t, natstest.Start(t))
	e.Follow(conn, "urn:test")
	var relaying sync.WaitGroup
	relayed, stop := context.WithCancel(ctx)
	r := relay.New(relay.Config{Log: log, Conn: conn, Lane: 1, Source: "urn:test", Logger: e.logger})
	relaying.Go(func() { _ = r.Run(relayed) })
	defer relaying.Wait()
	defer stop()
	f := newFeed(ctx, e, 1)
	defer f.end()
	for after := range int64(3) {
		call, end := context.WithCancel(ctx)
		note(t, log, 1)
		if events, err := f.next(call, after, 1); err != nil || len(events) != 1 || events[0].Position != after+1 {
			t.Fatalf("after %d: %v, error %v", after, events, err)
		}
		end()
	}
}

// Whatever a bus makes of the log's events, lost, twice, late, in any order, a feed hands out every event once and in order. What
// it hands out of the bus is marked by the test, to see that the bus is not just ignored.
func TestFeedMakesOrderOfAnything(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for a feed that waits where it should not
	defer cancel()
	log, e := twoLogs(t)
	const head = 60
	note(t, log, head)
	written, err := log.ReadLane(ctx, 1, 0, head)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]eventstore.Event) []eventstore.Event{
		"as it should be": func(e []eventstore.Event) []eventstore.Event { return e },
		"some lost": func(e []eventstore.Event) []eventstore.Event {
			return slices.DeleteFunc(e, func(ev eventstore.Event) bool { return ev.Position%7 < 3 && ev.Position < head })
		},
		"the first lost":    func(e []eventstore.Event) []eventstore.Event { return e[head/2:] },
		"each twice":        func(e []eventstore.Event) []eventstore.Event { return slices.Insert(e, 20, e[:20]...) },
		"the last first":    func(e []eventstore.Event) []eventstore.Event { return append([]eventstore.Event{e[head-1]}, e...) },
		"from an old place": func(e []eventstore.Event) []eventstore.Event { return append(slices.Clone(e[:10]), e...) },
		"in any order": func(e []eventstore.Event) []eventstore.Event {
			rand.New(rand.NewPCG(1, 2)).Shuffle(head, func(i, j int) { e[i], e[j] = e[j], e[i] })
			return e
		},
	} {
		for _, limit := range []int{1, 7, head} {
			t.Run(name, func(t *testing.T) {
				f := newFeed(ctx, e, 1)
				f.limit = limit
				f.sub = newSubscription(f, 0, 1)
				f.sub.cancel = func() {}
				marked := slices.Clone(written)
				for i := range marked {
					marked[i].CorrelationID = "by bus"
				}
				for _, ev := range spoil(marked) {
					f.sub.put(ev)
				}
				var got []eventstore.Event
				for len(got) < head {
					events, err := f.next(ctx, int64(len(got)), 1)
					if err != nil || len(events) == 0 || len(events) > limit {
						t.Fatalf("after %d: %d events, error %v", len(got), len(events), err)
					}
					got = append(got, events...)
				}
				for i, ev := range got {
					if ev.Position != int64(i+1) || ev.ID != written[i].ID {
						t.Fatalf("event %d is %d", i+1, ev.Position)
					}
				}
				if name == "as it should be" && got[head-1].CorrelationID != "by bus" {
					t.Fatal("the log was read for what the bus had brought")
				}
			})
		}
	}
}

// An inbox is full at some point: the bus has to wait, not the memory.
func TestInboxIsBounded(t *testing.T) {
	f := &feed{logger: slog.New(slog.DiscardHandler)}
	s := newSubscription(f, 0, 1)
	put := 0
	for s.put(eventstore.Event{Position: int64(put + 1)}) {
		put++
	}
	if put != inboxEvents {
		t.Fatalf("%d events were taken, want %d", put, inboxEvents)
	}
	if events, _, _ := s.take(0, 10); len(events) != 10 || !s.put(eventstore.Event{Position: int64(put + 1)}) {
		t.Fatal("there is no room after something was taken")
	}
	s = newSubscription(f, 0, 1)
	large := make([]byte, 1<<20)
	put = 0
	for s.put(eventstore.Event{Position: int64(put + 1), Data: large}) {
		put++
	}
	if put != inboxBytes>>20 {
		t.Fatalf("%d MiB were taken, want %d", put, inboxBytes>>20)
	}
}
