package reactor

import (
	"testing"

	"github.com/streamflow/streamflow/eventstore/relay"
)

func TestPurgedBusLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.start(w.runner(w.mail(nil)))
	w.add(placed{}, placed{})
	w.publish(1)
	w.done(1, 2)
	stop()
	w.add(placed{}, noted{}, placed{})
	w.publish(3)
	if err := w.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := w.runner(w.mail(nil))
	r.cfg.Poll = 1 << 40 // the hole is seen at the next message, not by looking into the log
	stop = w.run(r)
	w.add(placed{})
	w.publish(6)
	w.done(1, 2, 3, 5, 6)
	w.wantCalls(1, 2, 3, 5, 6)
	stop()

	// Nothing comes after the purge, so nothing on the bus tells of it.
	w.add(placed{})
	w.publish(7)
	if err := w.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(w.runner(w.mail(nil)))
	w.done(1, 2, 3, 5, 6, 7)
	w.wantCalls(1, 2, 3, 5, 6, 7)
}

func TestLostMessageInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.runner(w.mail(nil)))()
	w.add(placed{}, placed{}, placed{})
	w.publish(1)
	if err := w.stream().DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.run(w.runner(w.mail(nil)))
	w.done(1, 2, 3)
	w.wantCalls(1, 2, 3)
}

func TestStreamIsMadeAfreshUnderARunningReactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.runner(w.mail(nil)))
	w.add(placed{}, placed{})
	w.publish(1)
	w.done(1, 2)
	if err := w.js.DeleteStream(t.Context(), relay.StreamName(1)); err != nil {
		t.Fatal(err)
	}
	w.add(placed{}, placed{})
	w.makeStream(4) // retention asks for no more
	w.publish(4)
	w.done(1, 2, 3, 4)
	w.wantCalls(1, 2, 3, 4)
}

func TestWithoutABus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.js.DeleteStream(t.Context(), relay.StreamName(1)); err != nil {
		t.Fatal(err)
	}
	w.start(w.runner(w.mail(nil)))
	w.add(placed{}, placed{})
	w.done(1, 2)
	w.makeStream(1) // late, and repeats what was read from the log
	w.publish(1)
	w.add(placed{})
	w.publish(3)
	w.done(1, 2, 3)
	w.wantCalls(1, 2, 3)
}

// TestLogWentBack: Postgres is restored from an older copy while the reactor runs, and the lost positions are taken again.
func TestLogWentBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.runner(w.mail(nil)))
	w.add(placed{}, placed{}, placed{})
	w.publish(1)
	w.done(1, 2, 3)
	w.exec(`with a as (update log.lane set head = 1, epoch = 2), b as (update log.reactor_checkpoint set position = 1),
		c as (delete from log.event where position > 1) delete from log.effect where position > 1`)
	w.add(paid{}, paid{})
	w.done(1, 2, 3)
	w.wantCalls(1, 2, 3, 2, 3)
	if w.calls[3].Event.Type != "order.paid" {
		t.Errorf("called for %s", w.calls[3].Event.Type)
	}
	if w.calls[3].ID == w.calls[1].ID {
		t.Error("another event at a position taken again has the effect id of the lost one: the other side would ignore it")
	}
}
