package eventstore

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
)

func onStream(stream string) *pending {
	return &pending{append: &encoded{uses: []use{{resource: resource{uuid.Nil, 's', stream}, wrote: true}}}}
}

func signalled(q *queue) bool {
	select {
	case <-q.wake:
		return true
	default:
		return false
	}
}

func put(t *testing.T, q *queue, p *pending, wakes bool) {
	t.Helper()
	if err := q.put(p); err != nil {
		t.Fatal(err)
	}
	if signalled(q) != wakes {
		t.Errorf("the flusher is woken: %v, want %v", !wakes, wakes)
	}
}

func takes(t *testing.T, q *queue, want ...*pending) {
	t.Helper()
	if batch, closed := q.take(); !slices.Equal(batch, want) || closed {
		t.Errorf("took %d appends, closed %v; want %d", len(batch), closed, len(want))
	}
}

// One batch is out at a time, whoever took it, and whoever is left is told of.
func TestOneBatchIsOutAtATime(t *testing.T) {
	q := newQueue()
	first, second, third, again := onStream("a"), onStream("b"), onStream("c"), onStream("b")

	put(t, &q, first, false)
	if q.alone(second) || !q.alone(first) || q.alone(first) {
		t.Error("a lone append is taken by its caller, once")
	}
	put(t, &q, second, true)
	if q.alone(second) {
		t.Error("a second batch is out")
	}
	takes(t, &q)
	q.done(1, []*pending{first}) // it did not succeed
	if !signalled(&q) {
		t.Error("nobody is told of what is left")
	}
	put(t, &q, again, true)
	takes(t, &q, first, second) // not again: it touches what the second writes
	takes(t, &q)
	q.done(2, nil)
	if !signalled(&q) {
		t.Error("nobody is told of what has waited")
	}
	takes(t, &q, again)
	q.done(1, nil)
	if signalled(&q) {
		t.Error("the flusher is woken for nothing")
	}

	put(t, &q, first, false) // whose caller does not come for it
	put(t, &q, third, true)
	takes(t, &q, first, third)
	q.done(2, nil)
	put(t, &q, second, true) // two came together before, so more may come now
	takes(t, &q, second)
	q.done(1, nil)

	put(t, &q, first, false)
	if !q.alone(first) {
		t.Error("a lone append is not its caller's")
	}
	q.close()
	if signalled(&q); q.put(second) == nil {
		t.Error("an append is taken after the end")
	}
	takes(t, &q) // and the flusher stays: its connection is in use
	q.done(1, []*pending{first})
	if !signalled(&q) {
		t.Error("nobody is told of what is left at the end")
	}
	takes(t, &q, first)
	q.done(1, nil)
	if _, closed := q.take(); !signalled(&q) || !closed {
		t.Error("the flusher is not told of the end")
	}
}

// What its caller could not send is the flusher's: after an outage, where the flusher is to find out whether it is over, and after a panic.
func TestWhatALoneCallerCannotSendIsLeft(t *testing.T) {
	for name, down := range map[string]bool{"after an outage": true, "after a panic": false} {
		f := &flusher{lane: &lane{queue: newQueue()}, down: down} // with no log, so that it cannot send
		p := onStream("a")
		p.flusher = f
		put(t, &f.lane.queue, p, false)
		func() {
			defer func() {
				if (recover() == nil) != down {
					t.Errorf("%s: sent: %v", name, down)
				}
			}()
			f.sendAlone(t.Context(), p)
		}()
		if !signalled(&f.lane.queue) {
			t.Errorf("%s: the flusher is not told", name)
		}
		takes(t, &f.lane.queue, p)
	}
}

func TestAnAnswerThatIsThereComesBeforeTheEndOfTheCallersTime(t *testing.T) {
	f := &flusher{lane: &lane{queue: newQueue()}}
	over, end := context.WithCancel(t.Context())
	end()
	for range 100 {
		p := &pending{flusher: f, answer: make(chan answer, 1)}
		p.answer <- answer{outcome: Outcome{First: 7}}
		if out, err := p.wait(over); err != nil || out.First != 7 {
			t.Fatalf("answered %v, %v", out, err)
		}
	}
}
