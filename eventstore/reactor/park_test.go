package reactor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
)

func TestFailingEffectIsParkedAndTheNextGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := true
	r := w.runner(w.mail(func(ctx context.Context, e Effect, _ int) error {
		switch {
		case !broken:
			return nil
		case e.Event.Position == 2:
			return errors.New("the other side \x00 said \xff no" + strings.Repeat("ü", reasonLimit))
		case e.Event.Position == 3:
			panic("broken")
		case e.Event.Position == 4:
			<-ctx.Done() // too slow
			return ctx.Err()
		}
		return nil
	}))
	r.cfg.Timeout = 20 * time.Millisecond
	stop := w.start(r)
	w.add(placed{}, placed{}, placed{}, placed{}, placed{})
	w.publish(1)
	w.done(1, 5)
	w.wantCalls(1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5)
	stop()
	for position, reason := range map[int]string{2: "the other side \uFFFD said \uFFFD no", 3: "broken", 4: "deadline exceeded"} {
		if n := w.count(`select count(*) from log.parked_effect where reactor = 'mail' and effect = $1 and lane = 1 and position = $2
			and tries = 3 and parked_at > now() - interval '1 minute' and position($3 in error) > 0 and octet_length(error) <= 4000`,
			w.effectID(int64(position)), position, reason); n != 1 {
			t.Errorf("the effect at %d is not parked", position)
		}
	}

	// Parked is settled: it does not come back by itself.
	w.exec(`update log.reactor_checkpoint set position = 0`)
	stop = w.run(r)
	w.until("the checkpoint is back", func() bool { return w.count(`select position from log.reactor_checkpoint`) == 5 })
	stop()
	w.wantCalls(1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5)

	id := w.effectID(2)
	if err := r.Redeliver(t.Context(), "mail", id); err == nil || !strings.Contains(err.Error(), "said") {
		t.Errorf("redeliver: %v", err)
	}
	if err := r.Redeliver(t.Context(), "mail", w.effectID(3)); err == nil {
		t.Error("redelivered a panic")
	}
	if n := w.count(`select count(*) from log.parked_effect where tries = 4`); n != 2 {
		t.Errorf("%d effects have four tries", n)
	}
	broken = false
	if err := r.Redeliver(t.Context(), "mail", id); err != nil {
		t.Error(err)
	}
	w.done(1, 2, 5)
	if n := w.count(`select count(*) from log.parked_effect`); n != 2 {
		t.Errorf("%d effects are parked", n)
	}
	for _, unknown := range []struct {
		reactor string
		effect  uuid.UUID
	}{{"mail", id}, {"mail", uuid.New()}, {"none", w.effectID(3)}} {
		if err := r.Redeliver(t.Context(), unknown.reactor, unknown.effect); !errors.Is(err, ErrNotParked) {
			t.Errorf("redeliver %v: %v", unknown, err)
		}
	}
}

func TestEffectsOfAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runner(w.mail(func(_ context.Context, e Effect, _ int) error {
		if e.Event.Position == 2 {
			return errors.New("the other side said no")
		}
		return nil
	}))
	stop := w.start(r)
	w.add(placed{}, placed{}, noted{})
	w.publish(1)
	w.until("the place is behind all events", func() bool { return w.count(`select position from log.reactor_checkpoint`) == 3 })
	stop()
	events, err := w.log.ReadLane(t.Context(), 1, 0, 3)
	if err != nil || len(events) != 3 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, want := range []string{"done 0 ", "parked 3 the other side said no", ""} {
		effects, err := EffectsOf(t.Context(), w.engine, events[i])
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, e := range effects {
			got += fmt.Sprint(e.State, " ", e.Tries, " ", e.Error)
			if e.Reactor != "mail" || e.ID != w.effectID(int64(i+1)) || time.Since(e.At) > time.Minute {
				t.Errorf("event %d has the effect %+v", i+1, e)
			}
		}
		if got != want {
			t.Errorf("event %d has the effects %q, want %q", i+1, got, want)
		}
	}
	closed, cancel := context.WithCancel(t.Context())
	cancel()
	if effects, err := EffectsOf(closed, w.engine, events[0]); err == nil {
		t.Errorf("a read that failed gave %v", effects)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	ok := func(context.Context, Effect) error { return nil }
	good := Reactor{Name: "a", Types: []string{"*"}, Handle: ok}
	parts := Config{Pool: new(pgxpool.Pool), JS: struct{ jetstream.JetStream }{}, Log: new(eventstore.Log)}
	for name, bad := range map[string][]Reactor{
		"twice":      {good, good},
		"no name":    {{Types: []string{"*"}, Handle: ok}},
		"wild name":  {{Name: "a.b", Types: []string{"*"}, Handle: ok}},
		"no types":   {{Name: "a", Handle: ok}},
		"bad type":   {{Name: "a", Types: []string{"order"}, Handle: ok}},
		"no handler": {{Name: "a", Types: []string{"*"}}},
	} {
		if _, err := New(parts, bad...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(parts, good); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{}, good); err == nil {
		t.Error("made without anything to run on")
	}
	for pattern, want := range map[string]bool{"*": true, "order.*": true, "order.placed": true, "order.place": false, "orde.*": false, "orders.*": false} {
		if got := (Reactor{Types: []string{pattern}}).wants("order.placed"); got != want {
			t.Errorf("%s wants order.placed: %v", pattern, got)
		}
	}
}

// TestEffectID: the ids are for ever, so their value is too.
func TestEffectID(t *testing.T) {
	t.Parallel()
	event := uuid.MustParse("018f0000-0000-7000-8000-00000000002a")
	id := EffectID("mail", event, 0)
	if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		t.Errorf("%s has version %d, variant %s", id, id.Version(), id.Variant())
	}
	if want := "9c093e68-bd54-8084-83da-7597a7885e53"; id.String() != want {
		t.Errorf("id %s, want %s", id, want)
	}
	seen := map[uuid.UUID]bool{id: true}
	for _, other := range []uuid.UUID{EffectID("mai", event, 0), EffectID("mail", uuid.UUID{1}, 0), EffectID("mail", event, 1)} {
		if seen[other] {
			t.Errorf("%s twice", other)
		}
		seen[other] = true
	}
	e := newEffect("mail", eventstore.Event{ID: event, Lane: 1, Position: 42})
	if e.Part(0) != e.ID || e.ID != id || e.Part(1) != EffectID("mail", event, 1) {
		t.Errorf("parts %s and %s of %s", e.Part(0), e.Part(1), e.ID)
	}
}
