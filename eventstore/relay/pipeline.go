package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// window is how many messages may be on their way: enough to hide the broker's answer behind the next ones, and little to
	// publish again. windowBytes does the same for large ones, below what a server queues for a stream.
	window      = 1024
	windowBytes = 16 << 20
	// ackPatience is how long the broker may be silent about what was published.
	ackPatience = 3 * time.Second
	// drainLimit is how long the end of a session waits for what is on its way; a stream that was deleted never answers.
	drainLimit = 500 * time.Millisecond
	// apiLimit bounds one request to JetStream; a stream without a leader does not answer at all.
	apiLimit = 2 * time.Second
)

// noRetry: the client would send refused messages again by itself, out of order.
var noRetry = jetstream.WithRetryAttempts(0)

// pipeline publishes a session's messages, many at a time, each of which says which sequence it follows. So what the broker has
// acknowledged at a sequence it has entirely up to there, and the first message that it refuses makes it refuse all later ones.
type pipeline struct {
	js      jetstream.JetStream
	source  string
	epoch   int
	onAck   func(position int64)
	changed chan struct{} // has room for one: something below changed

	mu     sync.Mutex
	sent   int64
	acked  int64
	moved  time.Time     // when acked rose, or something was sent while nothing was on its way
	volume int64         // bytes sent
	upTo   [window]int64 // volume when the message at position % window had been sent
	failed error
}

func newPipeline(conn *nats.Conn, source string, onAck func(position int64)) (*pipeline, error) {
	p := &pipeline{source: source, onAck: onAck, changed: make(chan struct{}, 1)}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(apiLimit), jetstream.WithPublishAsyncMaxPending(2*window),
		jetstream.WithPublishAsyncAckHandler(p.ack), jetstream.WithPublishAsyncErrHandler(p.refuse))
	if err != nil {
		return nil, err
	}
	p.js = js
	return p, nil
}

// start says where the stream ends.
func (p *pipeline) start(position int64, epoch int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.acked, p.epoch = position, position, epoch
}

// publish sends the next event, after waiting for room.
func (p *pipeline) publish(ctx context.Context, e eventstore.Event) error {
	for !p.room() {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	m := Message(e, p.source, p.epoch)
	m.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatInt(e.Position-1, 10)}
	p.mu.Lock()
	if p.sent == p.acked {
		p.moved = time.Now()
	}
	p.sent = e.Position
	p.volume += int64(len(e.Data))
	p.upTo[e.Position%window] = p.volume
	err := p.failed
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := p.js.PublishMsgAsync(m, noRetry); err != nil {
		return fmt.Errorf("publish %d: %w", e.Position, err)
	}
	eventstore.Failpoint("publish.sent")
	return nil
}

func (p *pipeline) room() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.sent - p.acked
	if p.failed != nil || waiting == 0 {
		return true
	}
	return waiting < window && p.volume-p.upTo[p.acked%window] < windowBytes
}

// wait returns when something changed, or with an error when the broker refused a message or has been silent for too long.
func (p *pipeline) wait(ctx context.Context) error {
	select {
	case <-p.changed:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(ackPatience):
	}
	return p.err()
}

// drain waits until the broker has answered for everything.
func (p *pipeline) drain(ctx context.Context) error {
	for !p.empty() {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	return p.err()
}

func (p *pipeline) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent == p.acked
}

func (p *pipeline) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil && p.sent > p.acked && time.Since(p.moved) >= ackPatience {
		return fmt.Errorf("no answer from the broker for %s about %d..%d", ackPatience, p.acked+1, p.sent)
	}
	return p.failed
}

// close lets what is on its way arrive, so that the stream's state can be believed afterwards, and frees the rest.
func (p *pipeline) close() {
	select {
	case <-p.js.PublishAsyncComplete():
	case <-time.After(drainLimit):
	}
	p.js.CleanupPublisher()
}

func (p *pipeline) ack(_ jetstream.JetStream, m *nats.Msg, ack *jetstream.PubAck) {
	position := int64(ack.Sequence)
	eventstore.Failpoint("publish.acked")
	p.mu.Lock()
	switch {
	case m.Header.Get(headerPosition) != strconv.FormatInt(position, 10):
		p.fail(fmt.Errorf("event %s is at sequence %d of the stream", m.Header.Get(headerPosition), position))
	case position > p.acked:
		p.acked, p.moved = position, time.Now()
		p.onAck(position)
	}
	p.mu.Unlock()
	p.signal()
}

func (p *pipeline) refuse(_ jetstream.JetStream, m *nats.Msg, err error) {
	if errors.Is(err, jetstream.ErrJetStreamPublisherClosed) {
		return
	}
	p.mu.Lock()
	p.fail(fmt.Errorf("publish %s: %w", m.Header.Get(headerPosition), err))
	p.mu.Unlock()
	p.signal()
}

// fail keeps the first error: the later ones follow from it. The lock must be held.
func (p *pipeline) fail(err error) {
	if p.failed == nil {
		p.failed = err
	}
}

func (p *pipeline) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
