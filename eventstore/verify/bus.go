package verify

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
)

const (
	busLimit  = 2 * time.Second // for one request to JetStream; a stream without a leader does not answer at all
	busSilent = 3 * time.Second // how long the broker may keep a message waiting
	busWindow = 1024            // messages on their way: enough to hide the broker's answer behind the next ones
)

// examination holds what the bus has of a lane against the log: the caller shows it the log's events, in order, and hears of every message
// that is not the event of its sequence. A message that is missing is no fault: retention may have taken it, and the log has it.
// It is not safe for concurrent use. Close it when done.
type examination struct {
	lane     int
	source   string
	report   func(position int64, what string)
	messages jetstream.MessagesContext // nil when there is nothing to read
	next     jetstream.Msg             // nil at the end
	sequence int64                     // of next
	kept     Kept
}

// Kept is what the bus had of a lane when its examination began.
type Kept struct {
	First    int64 `json:"first"`    // sequence, the same as a position
	Last     int64 `json:"last"`     // what a position above it is, is still to be published
	Messages int64 `json:"messages"` // that were compared
}

// examine begins at the oldest message of the lane's stream. The log's head MUST be read afterwards, so that a stream in order is never ahead of
// it. report hears of the positions of wrong messages.
func examine(ctx context.Context, conn *nats.Conn, lane int, source string, report func(position int64, what string)) (*examination, error) {
	x := &examination{lane: lane, source: source, report: report}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(busLimit))
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, relay.StreamName(lane))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	state := stream.CachedInfo().State
	x.kept.First, x.kept.Last = int64(state.FirstSeq), int64(state.LastSeq)
	if state.Msgs == 0 {
		return x, nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err == nil {
		x.messages, err = consumer.Messages(jetstream.PullMaxMessages(busWindow))
	}
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	return x, x.advance()
}

// Close ends the reading.
func (x *examination) Close() {
	if x.messages != nil {
		x.messages.Stop()
	}
}

// Kept is what the bus has.
func (x *examination) Kept() Kept { return x.kept }

// Event compares the next event of the log with the message at its position, if that was kept.
func (x *examination) Event(e eventstore.Event) error {
	for x.next != nil && x.sequence < e.Position {
		x.report(x.sequence, "the bus has a message, and the log has no such event")
		if err := x.advance(); err != nil {
			return err
		}
	}
	if x.next == nil || x.sequence > e.Position {
		return nil
	}
	if what := x.differs(e); what != "" {
		x.report(e.Position, what)
	}
	x.kept.Messages++
	return x.advance()
}

// End is told that the log has no more events.
func (x *examination) End() error {
	for x.next != nil {
		x.report(x.sequence, "the bus has a message above the log's head")
		if err := x.advance(); err != nil {
			return err
		}
	}
	return nil
}

func (x *examination) differs(e eventstore.Event) string {
	got, err := relay.Delivered(x.next)
	source, _ := relay.Origin(x.next.Headers())
	switch {
	case err != nil:
		return err.Error()
	case source != x.source:
		return fmt.Sprintf("the message is of another installation, %s", source)
	case got.Position != e.Position:
		return fmt.Sprintf("the message is event %d", got.Position)
	case got.ID != e.ID:
		return fmt.Sprintf("the message is event %s, the log has %s", got.ID, e.ID)
	case !reflect.DeepEqual(got, e):
		return "the message differs from the event"
	}
	return ""
}

// advance reads the next of the messages that the stream had when the examination began.
func (x *examination) advance() error {
	done := x.sequence
	x.next = nil
	if done >= x.kept.Last {
		return nil
	}
	m, err := x.messages.Next(jetstream.NextMaxWait(busSilent))
	if err != nil {
		return fmt.Errorf("the stream of lane %d stopped after %d: %w", x.lane, done, err)
	}
	delivery, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	if x.sequence = int64(delivery.Sequence.Stream); x.sequence <= x.kept.Last {
		x.next = m
	}
	return nil
}
