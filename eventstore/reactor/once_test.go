package reactor

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

func TestEffectsInOrderOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.start(w.runner(w.mail(nil)))
	w.add(placed{}, noted{}, paid{}, placed{})
	w.publish(1)
	w.done(1, 3, 4)
	stop()
	w.add(placed{}, noted{})
	w.publish(5)
	stop = w.run(w.runner(w.mail(nil)))
	w.done(1, 3, 4, 5)
	w.until("the checkpoint passes what is not wanted", func() bool { return w.count(`select position from log.reactor_checkpoint`) == 6 })
	stop()

	// Whatever makes everything come once more, recorded effects are not executed again.
	w.exec(`update log.reactor_checkpoint set position = 0`)
	if err := w.stream().DeleteConsumer(t.Context(), "reactor_mail"); err != nil {
		t.Fatal(err)
	}
	w.run(w.runner(w.mail(nil)))
	w.until("the checkpoint is back", func() bool { return w.count(`select position from log.reactor_checkpoint`) == 6 })
	w.done(1, 3, 4, 5)
	w.wantCalls(1, 3, 4, 5)
}

func TestCrashBeforeTheRecordRepeatsWithTheSameID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, crash := context.WithCancel(t.Context())
	r := w.runner(w.mail(func(ctx context.Context, e Effect, call int) error {
		if call == 1 && e.Event.Position == 2 {
			crash()
			<-ctx.Done() // the outside call was made; its answer was never seen
			return ctx.Err()
		}
		return nil
	}))
	r.cfg.Grace = 10 * time.Millisecond
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	w.until("the reactor has a place", func() bool { return w.count(`select count(*) from log.reactor_checkpoint`) == 1 })
	w.add(placed{}, placed{}, placed{})
	w.publish(1)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := w.count(`select count(*) from log.parked_effect`); n != 0 {
		t.Errorf("%d effects were parked because we stopped", n)
	}
	w.run(r)
	w.done(1, 2, 3)
	w.wantCalls(1, 2, 2, 3)
	if w.calls[1].ID != w.calls[2].ID || w.calls[1].ID != w.effectID(2) || w.calls[0].ID == w.calls[1].ID {
		t.Errorf("ids %s and %s", w.calls[1].ID, w.calls[2].ID)
	}
}

func TestRunningEffectIsNotCutShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began := make(chan struct{})
	stop := w.start(w.runner(w.mail(func(ctx context.Context, _ Effect, _ int) error {
		close(began)
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
		return ctx.Err()
	})))
	w.add(placed{})
	w.publish(1)
	<-began
	stop()
	w.done(1)
}

func TestOurOwnFailuresParkNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.runner(w.mail(func(_ context.Context, e Effect, call int) error {
		if call == 1 && e.Event.Position == 2 { // the database fails between the call and its record
			w.exec(`revoke insert on log.effect from streamflow_engine`)
			time.AfterFunc(500*time.Millisecond, func() { w.exec(`grant insert on log.effect to streamflow_engine`) })
		}
		return nil
	})))
	w.add(placed{}, placed{}, placed{})
	w.publish(1)
	w.until("all are called", func() bool { return len(w.positions()) >= 3 })
	w.done(1, 2, 3)
	w.wantCalls(1, 2, 3)
	if n := w.count(`select count(*) from log.parked_effect`); n != 0 {
		t.Errorf("%d effects were parked because our database was away", n)
	}
}

// TestCheckpointMovesOnWithItsLog: whatever a node that was left behind writes, a checkpoint neither goes back nor runs ahead
// of the log.
func TestCheckpointMovesOnWithItsLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(placed{}, placed{}, placed{})
	l := ledger{w.engine}
	if m, err := l.start(t.Context(), "mail", 1, true); err != nil || m != (mark{0, 1}) {
		t.Fatalf("started at %v, %v", m, err)
	}
	for _, step := range []struct {
		to   mark
		want int
	}{{mark{2, 1}, 2}, {mark{1, 1}, 2}, {mark{4, 1}, 2}, {mark{3, 2}, 2}, {mark{3, 1}, 3}} {
		if err := l.move(t.Context(), "mail", 1, step.to); err != nil {
			t.Fatal(err)
		}
		if at := w.count(`select position from log.reactor_checkpoint`); at != step.want {
			t.Errorf("moved to %v: at %d, want %d", step.to, at, step.want)
		}
	}
	if m, err := l.start(t.Context(), "mail", 1, true); err != nil || m != (mark{3, 1}) {
		t.Errorf("started again at %v, %v", m, err)
	}
	w.exec(`update log.reactor_checkpoint set position = 0`)
	if err := l.record(t.Context(), newEffect("mail", eventstore.Event{ID: uuid.UUID{4}, Lane: 1, Position: 4})); err != nil {
		t.Fatal(err)
	}
	if err := l.park(t.Context(), newEffect("mail", eventstore.Event{ID: uuid.UUID{5}, Lane: 1, Position: 5}), "why", 1); err != nil {
		t.Fatal(err)
	}
	if at := w.count(`select position from log.reactor_checkpoint`); at != 0 {
		t.Errorf("an effect beyond the log moved the checkpoint to %d", at)
	}
	if err := l.park(t.Context(), newEffect("mail", eventstore.Event{ID: uuid.UUID{4}, Lane: 1, Position: 4}), "late", 1); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`select count(*) from log.parked_effect`); n != 1 {
		t.Errorf("an effect that is done was parked")
	}
}

func TestOneNodeAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var running, most atomic.Int32
	slow := func(context.Context, Effect, int) error {
		most.Store(max(most.Load(), running.Add(1)))
		time.Sleep(10 * time.Millisecond)
		running.Add(-1)
		return nil
	}
	stopFirst := w.start(w.runner(w.mail(slow)))
	w.run(w.runner(w.mail(slow)))
	var all []int64
	for i := range 40 {
		w.add(placed{})
		w.publish(int64(i + 1))
		all = append(all, int64(i+1))
		if i == 20 {
			stopFirst() // the other one takes over
		}
	}
	w.done(all...)
	w.wantCalls(all...)
	if most.Load() != 1 {
		t.Errorf("%d effects ran at the same time", most.Load())
	}
}

func TestDeadNodeIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.runner(w.mail(nil)))()
	w.exec(`update log.lease set holder = gen_random_uuid(), until = clock_timestamp() + interval '1500 ms' where name = 'reactor-mail-1'`)
	w.add(placed{})
	w.publish(1)
	w.run(w.runner(w.mail(nil)))
	time.Sleep(300 * time.Millisecond)
	w.wantCalls()
	w.done(1)
}

func TestNewReactorsBeginAtTheHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(placed{}, placed{})
	w.publish(1)
	history := Reactor{Name: "follow", Types: []string{"order.placed"}, History: true, Handle: func(_ context.Context, e Effect) error { w.called(e); return nil }}
	stop := w.start(w.runner(w.mail(nil)))
	w.until("a place", func() bool { return w.count(`select position from log.reactor_checkpoint`) == 2 })
	stop()
	w.add(placed{}) // while it is down: not the past any more
	w.publish(3)
	w.run(w.runner(w.mail(nil), history))
	w.until("both", func() bool { return w.count(`select count(*) from log.effect`) == 4 })
	got := w.positions()
	slices.Sort(got)
	if !slices.Equal(got, []int64{1, 2, 3, 3}) {
		t.Errorf("calls at %v", got)
	}
}
