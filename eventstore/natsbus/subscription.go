package natsbus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullExpiry and pullHeartbeat tell within seconds that a consumer vanished while nobody was connected to hear of it.
	pullExpiry    = 10 * time.Second
	pullHeartbeat = 2 * time.Second
	// pullMessages is the least a request asks for: many answers to one request, whatever the bound on what is in flight.
	pullMessages = 64
	// drainTimeout bounds the wait for messages already on their way when a subscription ends; one that misses it is
	// delivered again after AckWait.
	drainTimeout = 2 * time.Second
	// reopenFirst and reopenLongest bound the pause before a lost consumer is made again.
	reopenFirst   = 50 * time.Millisecond
	reopenLongest = 5 * time.Second
)

// subscription is one open channel: a reader fetches, run hands out, and a heartbeat covers everything in between.
type subscription struct {
	subscriber *Subscriber
	topic      string
	log        *slog.Logger
	out        chan *message.Message

	mu   sync.Mutex
	held map[jetstream.Msg]struct{} // fetched, not answered
}

// run follows the consumer, and makes it again for as long as ctx lasts.
func (s *subscription) run(ctx context.Context, consumer jetstream.Consumer) {
	var beating sync.WaitGroup
	stop := make(chan struct{})
	beating.Go(func() { s.beat(stop) })
	defer beating.Wait()
	defer close(stop)

	pause := reopenFirst
	for {
		started := time.Now()
		err := s.follow(ctx, consumer)
		if ctx.Err() != nil {
			return
		}
		if s.subscriber.js.Conn().IsClosed() {
			s.log.ErrorContext(ctx, "subscription ended: the connection was closed")
			return
		}
		if time.Since(started) > reopenLongest {
			pause = reopenFirst
		}
		for again := true; again; again = err != nil {
			s.log.WarnContext(ctx, "subscription interrupted", "error", err, "again_in", pause)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, reopenLongest)
			consumer, err = s.subscriber.consumer(ctx, s.topic)
		}
	}
}

// follow hands out messages until ctx ends, or the consumer fails.
func (s *subscription) follow(ctx context.Context, consumer jetstream.Consumer) error {
	limit := s.subscriber.cfg.MaxInFlight
	fetched, err := consumer.Messages(jetstream.PullMaxMessages(max(limit, pullMessages)),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return err
	}
	reading, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	// Draining, unlike stopping, keeps what has been sent already, so that it can be given back at once.
	drain := func() {
		fetched.Drain()
		time.AfterFunc(drainTimeout, abandon)
	}
	defer context.AfterFunc(ctx, drain)()

	read := make(chan jetstream.Msg, limit)
	go func() {
		defer close(read)
		err = s.read(reading, fetched, read, drain)
	}()
	for raw := range read {
		if ctx.Err() == nil {
			s.deliver(ctx, raw)
		} else {
			s.settle("give back", raw, raw.Nak)
		}
	}
	return err
}

// read moves messages out of the iterator, so that each is held, and kept alive, from the moment it arrives.
func (s *subscription) read(ctx context.Context, fetched jetstream.MessagesContext, read chan<- jetstream.Msg, drain func()) error {
	var failure error
	for {
		raw, err := fetched.Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
			s.mu.Lock()
			s.held[raw] = struct{}{}
			s.mu.Unlock()
			read <- raw
		case errors.Is(err, jetstream.ErrMsgIteratorClosed), ctx.Err() != nil:
			if failure == nil {
				failure = err
			}
			return failure
		default:
			failure = err
			drain()
		}
	}
}

// deliver hands one message out and passes its answer on.
func (s *subscription) deliver(ctx context.Context, raw jetstream.Msg) {
	msg, deliveries, err := decode(raw)
	if err != nil {
		s.log.ErrorContext(ctx, "message cannot be read", "error", err)
		s.settle("end", raw, raw.Term)
		return
	}
	switch Hand(ctx, s.out, msg, s.subscriber.cfg.Grace) {
	case Acked:
		s.settle("acknowledge", raw, raw.Ack)
	case Nacked:
		s.settle("refuse", raw, func() error { return s.refuse(raw, msg.UUID, deliveries) })
	case Untaken:
		s.settle("give back", raw, raw.Nak)
	case Unanswered: // its handler may still be busy: it is delivered again after AckWait, not now
		s.settle("leave", raw, func() error { return nil })
	}
}

func (s *subscription) refuse(raw jetstream.Msg, id string, deliveries uint64) error {
	cfg := s.subscriber.cfg
	if cfg.MaxDeliver > 0 && deliveries >= uint64(cfg.MaxDeliver) {
		s.log.Error("message ended: refused too often", "message", id, "deliveries", deliveries)
		return raw.TermWithReason("refused too often")
	}
	return raw.NakWithDelay(cfg.Backoff[min(int(max(deliveries, 1)), len(cfg.Backoff))-1])
}

// settle ends the holding of a message with a word to the server. A word that does not arrive means another delivery.
func (s *subscription) settle(what string, raw jetstream.Msg, word func() error) {
	s.mu.Lock()
	delete(s.held, raw)
	s.mu.Unlock()
	if err := word(); err != nil {
		s.log.Warn("cannot "+what+" a message; it will be delivered again", "error", err)
	}
}

// beat tells the server that held messages are being worked on, three times per AckWait.
func (s *subscription) beat(stop <-chan struct{}) {
	ticker := time.NewTicker(s.subscriber.cfg.AckWait / 3)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			s.mu.Lock()
			for raw := range s.held {
				_ = raw.InProgress() // a missed one is made up for by the next, or ends in another delivery
			}
			s.mu.Unlock()
		}
	}
}
