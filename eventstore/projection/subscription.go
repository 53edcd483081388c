package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
)

const (
	// An inbox takes two batches, or inboxBytes of the largest events: the next batch arrives while one is folded.
	inboxEvents = 2 * batchSize
	inboxBytes  = 32 << 20
	// prefetch and prefetchBytes are what the broker may send ahead of what was taken.
	prefetch      = 1000
	prefetchBytes = 8 << 20
	// heartbeat: a consumer that is gone is noticed after two of them. pullLimit is how long one request for messages stands.
	heartbeat = time.Second
	pullLimit = 10 * time.Second
	// apiLimit bounds one request to JetStream; a stream without a leader does not answer at all.
	apiLimit = 2 * time.Second
	// consumerLife is how long the broker keeps a consumer whose node is gone.
	consumerLife = 30 * time.Second
	// subscribePause is the wait before a consumer is asked for again: the log is enough to go on with.
	subscribePause = 250 * time.Millisecond
	// waryPause is the same for a stream that held what is not the log's: its relay has to make it afresh first.
	waryPause = time.Second
)

// errForeign: a message is not an event of this log, at its place and of its epoch.
var errForeign = errors.New("a message is not the log's")

// subscription is what a feed hears of a lane's stream. A nil one hears nothing.
type subscription struct {
	bus    bus
	lane   int
	epoch  int
	place  atomic.Int64 // what stands at it or before is of no interest
	logger *slog.Logger
	wary   bool // the one before it heard what is not the log's
	cancel context.CancelFunc

	signal chan struct{} // has room for one: something arrived
	room   chan struct{} // has room for one: something was taken

	mu     sync.Mutex
	events []eventstore.Event
	bytes  int
	spoilt bool
}

func newSubscription(f *feed, after int64, epoch int) *subscription {
	s := &subscription{bus: f.bus, lane: f.lane, epoch: epoch, logger: f.logger, wary: f.wary,
		signal: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	s.place.Store(after)
	return s
}

// run listens again and again until ctx ends or the stream holds what is not the log's. Of a row of failures the second is worth a
// word: the first one is every start before the lane's relay.
func (s *subscription) run(ctx context.Context) {
	if s.wary {
		pause(ctx, waryPause)
	}
	for failures := 0; ctx.Err() == nil; {
		heard, err := s.receive(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			failures = 0
		}
		failures++
		foreign := errors.Is(err, errForeign)
		if !s.wary && (failures == 2 || foreign) {
			s.logger.WarnContext(ctx, "projector goes on without the bus", "error", err)
		}
		if foreign {
			s.spoil()
			return
		}
		pause(ctx, subscribePause)
	}
}

// receive makes a consumer that begins behind the place, and takes what it brings until something is wrong. What the broker
// may lose of it is a hole, so nothing has to be acknowledged or kept.
func (s *subscription) receive(ctx context.Context) (heard bool, err error) {
	if !s.bus.conn.IsConnected() {
		return false, errors.New("not connected")
	}
	js, err := jetstream.New(s.bus.conn, jetstream.WithDefaultTimeout(apiLimit))
	if err != nil {
		return false, err
	}
	consumer, err := js.CreateConsumer(ctx, relay.StreamName(s.lane), jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(s.place.Load()) + 1,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: consumerLife,
	})
	if err != nil {
		return false, fmt.Errorf("create consumer: %w", err)
	}
	defer func() {
		if !s.bus.conn.IsConnected() {
			return
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiLimit)
		defer cancel()
		_ = js.DeleteConsumer(end, relay.StreamName(s.lane), consumer.CachedInfo().Name) // or the broker does, in consumerLife
	}()
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(prefetch, prefetchBytes),
		jetstream.PullHeartbeat(heartbeat), jetstream.PullExpiry(pullLimit))
	if err != nil {
		return false, fmt.Errorf("consume: %w", err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return heard, err
		}
		if err := s.hear(ctx, m); err != nil {
			return heard, err
		}
		heard = true
	}
}

// hear judges a message and puts its event into the inbox, when there is room.
func (s *subscription) hear(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	sequence := meta.Sequence.Stream
	if sequence <= uint64(s.place.Load()) {
		return nil
	}
	e, err := relay.Delivered(m)
	if err != nil {
		return fmt.Errorf("%w: sequence %d: %w", errForeign, sequence, err)
	}
	if source, epoch := relay.Origin(m.Headers()); source != s.bus.source || epoch != s.epoch || e.Lane != s.lane || uint64(e.Position) != sequence {
		return fmt.Errorf("%w: sequence %d is position %d of lane %d in epoch %d of %s", errForeign, sequence, e.Position, e.Lane, epoch, source)
	}
	for !s.put(e) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.room:
		}
	}
	return nil
}

func (s *subscription) put(e eventstore.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) >= inboxEvents || s.bytes >= inboxBytes {
		return false
	}
	s.events = append(s.events, e)
	s.bytes += len(e.Data)
	notify(s.signal)
	return true
}

func (s *subscription) spoil() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoilt = true
	notify(s.signal)
}

// take returns the events that follow a position without a gap, at most limit. With none but a later one, it says how many are
// missing before that. It is not sound when the stream held what is not the log's.
func (s *subscription) take(after int64, limit int) (events []eventstore.Event, hole int64, sound bool) {
	if s == nil {
		return nil, 0, true
	}
	s.passed(after)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := 0
	for old < len(s.events) && s.events[old].Position <= after {
		old++
	}
	end := old
	for end < len(s.events) && end-old < limit && s.events[end].Position == after+int64(end-old)+1 {
		end++
	}
	events = s.events[old:end:end]
	s.events = s.events[end:]
	if len(s.events) == 0 {
		s.events = nil // what was taken is not kept by what comes
	}
	s.bytes = 0
	for _, e := range s.events {
		s.bytes += len(e.Data)
	}
	notify(s.room)
	if len(events) == 0 && len(s.events) > 0 {
		hole = s.events[0].Position - after - 1
	}
	return events, hole, !s.spoilt || len(events) > 0
}

// passed says up to where messages are of no interest.
func (s *subscription) passed(position int64) {
	if s != nil {
		s.place.Store(position)
	}
}

func (s *subscription) arrived() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.signal
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
