// Package natsbus is Watermill's Publisher and Subscriber over NATS JetStream.
//
// # What it promises
//
//   - Delivery is at least once: a message is acknowledged only after its handler did, and is delivered again otherwise.
//     What is published again with the same UUID within the stream's duplicate window is stored once.
//   - A subscription hands out one message at a time, in the order of the stream, and the next one only after the answer to
//     it. With [SubscriberConfig].MaxInFlight at 1, the default, that holds for all subscribers of a durable together and
//     through redeliveries; above 1 a refused message comes back behind those already on their way.
//   - A handler may take as long as it needs: while it runs, the server is told so, and does not deliver again.
//   - Closing waits for the handler that is running, never panics, and leaves the connection alone: its owner closes it.
//   - A subscription outlives its consumer and its stream: it makes the consumer again where it is gone.
package natsbus

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrClosed: the publisher or subscriber was closed.
var ErrClosed = errors.New("natsbus: closed")

// Publisher publishes messages on subjects that a stream stores. It is safe for concurrent use.
type Publisher struct {
	js     jetstream.JetStream
	mu     sync.RWMutex // read-held while publishing, so that Close waits
	closed bool
}

// NewPublisher makes a publisher on a connection that stays the caller's.
func NewPublisher(js jetstream.JetStream) *Publisher { return &Publisher{js: js} }

// Publish stores the messages in order, each within its own context (5 s where that has no deadline), and stops at the
// first one that fails. The topic is the subject; the UUID is the id by which the stream recognises a repetition.
//
// One message is confirmed before the next one is sent: pipelined, a failure in the middle would leave a hole that a
// repetition fills out of order.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return ErrClosed
	}
	for _, msg := range messages {
		encoded, err := encode(topic, msg)
		if err == nil {
			_, err = p.js.PublishMsg(msg.Context(), encoded)
		}
		if err != nil {
			return fmt.Errorf("publish message %s on %s: %w", msg.UUID, topic, err)
		}
	}
	return nil
}

// Close waits for messages that are being published; after it nothing more is. It may be called again.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}
