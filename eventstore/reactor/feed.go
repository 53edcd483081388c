package reactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/natsbus"
)

const (
	// prefetch is how many messages of a lane may be on their way to a reactor: most are none of its business, and dropped.
	prefetch = 256
	// pageSize is how many events are read from the log at a time.
	pageSize = 500
	// refusedPause is the wait when an event could not be read, or its effect neither recorded nor parked: the database is away.
	refusedPause = time.Second
	// startPause is the wait before a term that failed is begun again.
	startPause = time.Second
	// saveLimit bounds the last word of a term.
	saveLimit = 2 * time.Second
)

// feed is the Subscriber of one reactor and lane: it turns what the bus delivers, late, twice or not at all, into every event
// that the reactor wants, in order, once per checkpoint.
//
// Sequence and position are the same number on the log's streams. So for a message at p and a place c: p ≤ c is dropped, p = c+1
// is next, and anything beyond is a hole, which the log fills.
type feed struct {
	reactor Reactor
	lane    int
	cfg     Config
	ledger  ledger
	lease   *eventstore.Lease
	bus     *natsbus.Subscriber
	log     *slog.Logger

	at    mark         // only its loop writes it
	place atomic.Int64 // of at, for the bus to ask where to begin

	mu     sync.Mutex
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// Subscribe hands out the events' messages until ctx ends or Close. The topic is the bus's subject.
func (f *feed) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		return nil, fmt.Errorf("reactor %s in lane %d is running already", f.reactor.Name, f.lane)
	}
	ctx, f.cancel = context.WithCancel(ctx)
	out := make(chan *message.Message)
	f.ended.Go(func() {
		defer close(out)
		for ctx.Err() == nil {
			err := f.lease.Hold(ctx, func(term context.Context) error { return f.serve(term, topic, out) })
			if err != nil && ctx.Err() == nil {
				f.log.WarnContext(ctx, "reactor starts over", "error", err)
				rest(ctx, startPause)
			}
		}
	})
	return out, nil
}

// Close ends the subscription and waits for it.
func (f *feed) Close() error {
	f.mu.Lock()
	if f.cancel != nil {
		f.cancel()
	}
	f.mu.Unlock()
	f.ended.Wait()
	return f.bus.Close()
}

// serve is one term of the lease: from the checkpoint on, for as long as ctx lasts.
func (f *feed) serve(ctx context.Context, topic string, out chan<- *message.Message) error {
	start, err := f.ledger.start(ctx, f.reactor.Name, f.lane, f.reactor.History)
	if err != nil {
		return err
	}
	f.moveTo(start)
	saved := start
	ticker := time.NewTicker(f.cfg.Poll)
	defer ticker.Stop()
	var messages <-chan *message.Message
	heard, complained := false, false
	for {
		if messages == nil {
			if messages, err = f.bus.Subscribe(ctx, topic); err != nil && ctx.Err() == nil && !complained {
				complained = true // once: the log is enough to go on with
				f.log.WarnContext(ctx, "reactor runs without the bus", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return f.save(context.WithoutCancel(ctx), &saved)
		case msg, ok := <-messages:
			if !ok {
				messages = nil
				continue
			}
			heard, complained = true, false
			if err := f.follow(ctx, out, msg); err != nil {
				msg.Nack()
				f.complain(ctx, err)
				rest(ctx, refusedPause)
				continue
			}
			msg.Ack()
		case <-ticker.C:
			head, err := f.ledger.head(ctx, f.lane, f.at)
			if errors.Is(err, errWentBack) {
				return err
			}
			if err == nil && !heard {
				err = f.catchUp(ctx, out, head)
			}
			if err == nil {
				err = f.save(ctx, &saved)
			}
			heard = false
			f.complain(ctx, err)
		}
	}
}

func (f *feed) complain(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		f.log.WarnContext(ctx, "reactor waits", "position", f.at.position, "error", err)
	}
}

// save writes the place down where it moved over events that the reactor does not want; effects write it themselves.
func (f *feed) save(ctx context.Context, saved *mark) error {
	if *saved == f.at {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	if err := f.ledger.move(ctx, f.reactor.Name, f.lane, f.at); err != nil {
		return err
	}
	*saved = f.at
	return nil
}

// follow goes on to where a message of the bus stands.
func (f *feed) follow(ctx context.Context, out chan<- *message.Message, msg *message.Message) error {
	position, err := strconv.ParseInt(msg.Metadata.Get(natsbus.MetadataSequence), 10, 64)
	if err != nil {
		return fmt.Errorf("sequence of message %s: %w", msg.UUID, err)
	}
	typ := msg.Metadata.Get(typeHeader)
	switch {
	case position <= f.at.position:
		return nil
	case position == f.at.position+1 && typ != "" && !f.reactor.wants(typ):
		f.moveTo(mark{position, f.at.epoch})
		return nil
	default:
		return f.catchUp(ctx, out, position)
	}
}

// catchUp hands out what the log holds up to a position. Also the event of a message just received comes from there: the bus
// carries what others may know of an event, the log all of it.
func (f *feed) catchUp(ctx context.Context, out chan<- *message.Message, to int64) error {
	for f.at.position < to {
		events, err := f.cfg.Log.ReadLane(ctx, f.lane, f.at.position, int(min(pageSize, to-f.at.position)))
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("lane %d ends at %d, before %d", f.lane, f.at.position, to)
		}
		for _, event := range events {
			if event.Position != f.at.position+1 {
				return fmt.Errorf("lane %d has position %d after %d", f.lane, event.Position, f.at.position)
			}
			if f.reactor.wants(event.Type) {
				if err := f.hand(ctx, out, event); err != nil {
					return err
				}
			}
			f.moveTo(mark{event.Position, f.at.epoch})
		}
	}
	return nil
}

// hand gives one event to the router until it is done or parked.
func (f *feed) hand(ctx context.Context, out chan<- *message.Message, event eventstore.Event) error {
	d := &delivery{effect: newEffect(f.reactor.Name, event)}
	for {
		switch natsbus.Hand(withDelivery(ctx, d), out, d.message(), f.cfg.Grace) {
		case natsbus.Acked:
			return nil
		case natsbus.Nacked:
			rest(ctx, refusedPause)
		case natsbus.Untaken, natsbus.Unanswered:
			return ctx.Err()
		}
	}
}

func rest(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (f *feed) moveTo(m mark) {
	f.at = m
	f.place.Store(m.position)
}

// typeHeader is the CloudEvents header that names the event's type on the bus.
const typeHeader = "ce-type"

// message is what Watermill sees of an effect.
func (d *delivery) message() *message.Message {
	event := d.effect.Event
	msg := message.NewMessage(d.effect.ID.String(), slices.Clone(message.Payload(event.Data)))
	msg.Metadata.Set(typeHeader, event.Type)
	middleware.SetCorrelationID(event.CorrelationID, msg)
	return msg
}
