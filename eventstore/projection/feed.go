package projection

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/eventstore"
)

// feed hands out a lane's events in order, for all its live projections: from the log until it has come to its end, then from
// JetStream, where a reader costs the database nothing. On the log's streams sequence and position are one number, so for a
// message at p and a checkpoint c: p = c+1 is next, p ≤ c is dropped, and beyond is a hole, which the log fills. So it does not
// matter whether the bus repeats, loses, is away or was made afresh: it is only faster.
type feed struct {
	log    *eventstore.Log
	lane   int
	bus    bus // without a connection the log alone is read
	idle   time.Duration
	limit  int // how many events to hand out at a time
	logger *slog.Logger

	behind bool // there may be more in the log than was read
	misled bool // a commit was announced and the log has nothing: this node's idea of the head is of before the log went back
	wary   bool // the bus brought what is not the log's: let it rest before it is heard again
	sub    *subscription
	ended  sync.WaitGroup
	// spawn runs something until the lane is no longer followed, or cancel: a subscription outlives the call that opened it.
	spawn func(run func(context.Context)) (cancel context.CancelFunc)
}

// bus is where events are heard of soonest.
type bus struct {
	conn   *nats.Conn
	source string // of this installation's messages
}

// newFeed makes a feed that lasts as long as ctx. End it when done.
func newFeed(ctx context.Context, e *Engine, lane int) *feed {
	f := &feed{log: e.log, lane: lane, bus: e.bus, idle: e.idle, logger: e.logger.With("lane", lane), limit: batchSize}
	f.spawn = func(run func(context.Context)) context.CancelFunc {
		ctx, cancel := context.WithCancel(ctx)
		f.ended.Go(func() { run(ctx) })
		return cancel
	}
	return f
}

// restart is needed before what was handed out, and not folded, is asked for again.
func (f *feed) restart() { f.behind = true }

// next returns the events that follow a position, as soon as there are any, and none after a while of silence or
// when the bus cannot be trusted. epoch is the lane's.
func (f *feed) next(ctx context.Context, after int64, epoch int) ([]eventstore.Event, error) {
	for {
		if f.behind {
			events, err := f.read(ctx, after)
			if err != nil || len(events) > 0 {
				return events, err
			}
		}
		f.open(after, epoch)
		events, hole, sound := f.sub.take(after, f.limit)
		switch {
		case !sound:
			f.distrust()
			return nil, nil
		case len(events) > 0:
			f.misled = false
			return events, nil
		case hole > 0:
			events, err := f.log.ReadLane(ctx, f.lane, after, int(min(int64(f.limit), hole)))
			if err == nil && len(events) == 0 { // the log has not what the bus says that it had
				f.distrust()
			}
			return events, err
		}
		if spoke, err := f.wait(ctx, after); err != nil || !spoke {
			return nil, err
		}
	}
}

// read takes a page from the log. While it is full, messages of the bus would only be dropped.
func (f *feed) read(ctx context.Context, after int64) ([]eventstore.Event, error) {
	events, err := f.log.ReadLane(ctx, f.lane, after, f.limit)
	if err != nil {
		return nil, err
	}
	f.behind = len(events) == f.limit
	f.misled = f.misled && len(events) == 0
	if f.behind {
		f.close()
	}
	return events, nil
}

// wait returns when there may be something; it did not speak when it was silent for too long. A commit on this node is
// heard of sooner than its message, and then read from the log.
func (f *feed) wait(ctx context.Context, after int64) (spoke bool, err error) {
	var committed <-chan struct{}
	if !f.misled {
		heard, stop := f.log.Committed(f.lane, after)
		defer stop()
		committed = heard
	}
	silence := time.NewTimer(f.idle)
	defer silence.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-f.sub.arrived():
		return true, nil
	case <-committed:
		f.behind, f.misled = true, true // until the log shows it
		return true, nil
	case <-silence.C:
		f.behind = true
		return false, nil
	}
}

// distrust forgets what came from the bus, and goes on from the log.
func (f *feed) distrust() {
	f.close()
	f.behind, f.wary = true, true
}

// open begins to listen behind a position, unless it listens already.
func (f *feed) open(after int64, epoch int) {
	if f.sub != nil && f.sub.epoch != epoch {
		f.close()
	}
	if f.bus.conn == nil || f.sub != nil {
		return
	}
	f.sub = newSubscription(f, after, epoch)
	f.wary = false
	f.sub.cancel = f.spawn(f.sub.run)
}

// close stops listening; it does not wait for the broker.
func (f *feed) close() {
	if f.sub != nil {
		f.sub.cancel()
		f.sub = nil
	}
}

// end waits until everything that was opened is closed.
func (f *feed) end() {
	f.close()
	f.ended.Wait()
}
