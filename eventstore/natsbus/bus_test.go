package natsbus

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// testBus is a JetStream server that can be restarted under a connection that stays.
type testBus struct {
	t      *testing.T
	dir    string
	server atomic.Pointer[server.Server]
	nc     *nats.Conn
	js     jetstream.JetStream
}

func newBus(t *testing.T) *testBus {
	t.Helper()
	b := &testBus{t: t, dir: t.TempDir()}
	b.start()
	t.Cleanup(b.stop)
	var err error
	b.nc, err = nats.Connect("", nats.InProcessServer(b), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.nc.Close)
	if b.js, err = jetstream.New(b.nc); err != nil {
		t.Fatal(err)
	}
	return b
}

// InProcessConn lets the client reconnect to whichever server runs now.
func (b *testBus) InProcessConn() (net.Conn, error) { return b.server.Load().InProcessConn() }

func (b *testBus) start() {
	s, err := server.NewServer(&server.Options{ServerName: "test", DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: b.dir})
	if err != nil {
		b.t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		b.t.Fatal("nats server did not start")
	}
	b.server.Store(s)
}

func (b *testBus) stop() {
	b.server.Load().Shutdown()
	b.server.Load().WaitForShutdown()
}

func (b *testBus) stream(t *testing.T, name, subject string) jetstream.Stream {
	t.Helper()
	s, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *testBus) subscriber(t *testing.T, cfg SubscriberConfig) *Subscriber {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := NewSubscriber(b.js, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func subscribe(t *testing.T, s *Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func publish(t *testing.T, b *testBus, topic string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := NewPublisher(b.js).Publish(topic, message.NewMessage(id, []byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
}

// next waits for a message; nil means the channel was closed.
func next(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg := <-messages:
		return msg
	case <-time.After(15 * time.Second):
		t.Fatal("no message")
		return nil
	}
}

// quiet checks that nothing arrives for a while.
func quiet(t *testing.T, messages <-chan *message.Message, d time.Duration) {
	t.Helper()
	select {
	case msg, ok := <-messages:
		t.Fatalf("unexpected message %v, channel open: %v", msg, ok)
	case <-time.After(d):
	}
}

func pending(t *testing.T, b *testBus, stream, durable string) (unanswered int, left uint64) {
	t.Helper()
	consumer, err := b.js.Consumer(context.Background(), stream, durable)
	if err != nil {
		t.Fatal(err)
	}
	info := consumer.CachedInfo()
	return info.NumAckPending, info.NumPending
}
