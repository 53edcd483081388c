package reactor

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
)

// TestWhateverHappensToTheBus appends from many tenants to two lanes, with real relays and two nodes, while streams are
// deleted and purged, consumers removed, and nodes stopped. In the end every effect was called once, and in order.
func TestWhateverHappensToTheBus(t *testing.T) {
	t.Parallel()
	w := newInstallation(t, 2)
	w.relays()
	fail := func(what string, err error) {
		if err != nil {
			t.Logf("%s: %v", what, err) // there was nothing left to break
		}
	}
	node := func() func() { return w.run(w.runner(w.mail(nil))) }
	first, second := node(), node()
	w.until("both lanes have a place", func() bool { return w.count(`select count(*) from log.reactor_checkpoint`) == 2 })

	ctx, cancel := context.WithCancel(t.Context())
	var appending sync.WaitGroup
	for range 4 {
		appending.Go(func() { w.appendUntil(ctx) })
	}
	for i := range 12 {
		time.Sleep(150 * time.Millisecond)
		name := relay.StreamName(1 + rand.IntN(2))
		switch i % 4 {
		case 0:
			fail("delete stream", w.js.DeleteStream(t.Context(), name))
		case 1:
			fail("delete consumer", w.js.DeleteConsumer(t.Context(), name, "reactor_mail"))
		case 2:
			if s, err := w.js.Stream(t.Context(), name); err == nil {
				fail("purge", s.Purge(t.Context()))
			}
		case 3:
			first()
			first, second = second, node()
		}
	}
	cancel()
	appending.Wait()
	w.wantEachOnce()
	first()
	second()
}

func (w *world) relays() {
	ctx, cancel := context.WithCancel(context.Background())
	var relaying sync.WaitGroup
	for lane := 1; lane <= w.log.Lanes(); lane++ {
		relaying.Go(func() {
			if err := relay.New(relay.Config{Log: w.log, Conn: w.nc, Lane: lane, Source: "test", Logger: discard}).Run(ctx); err != nil {
				w.t.Errorf("relay: %v", err)
			}
		})
	}
	w.t.Cleanup(func() { cancel(); relaying.Wait() })
}

func (w *world) appendUntil(ctx context.Context) {
	facts := []eventstore.Fact{placed{}, noted{}, noted{}, paid{}}
	for ctx.Err() == nil {
		if err := w.append(uuid.New(), facts[rand.IntN(len(facts))]); err != nil {
			w.t.Errorf("append: %v", err)
		}
		time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
	}
}

// wantEachOnce compares the calls and their records with the log.
func (w *world) wantEachOnce() {
	w.t.Helper()
	wanted := w.count(`select count(*) from log.event where type like 'order.%'`)
	w.until("every effect is recorded", func() bool { return w.count(`select count(*) from log.effect`) >= wanted })
	if n := w.count(`select count(*) from log.event e join log.effect f using (lane, position) where e.type like 'order.%'`); n != wanted {
		w.t.Errorf("%d of %d effects are recorded", n, wanted)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := map[int]int64{}
	for _, call := range w.calls {
		if call.Event.Position <= at[call.Event.Lane] {
			w.t.Errorf("lane %d: call at %d after %d", call.Event.Lane, call.Event.Position, at[call.Event.Lane])
		}
		at[call.Event.Lane] = call.Event.Position
	}
	if len(w.calls) != wanted || wanted == 0 {
		w.t.Errorf("%d calls for %d events", len(w.calls), wanted)
	}
	w.t.Logf("%d effects", wanted)
}
