package natsbus

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

func TestMetadataAndHeaders(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	sub := b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d"})
	messages := subscribe(t, sub, "s.>")

	sent := message.NewMessage("id-1", []byte("payload"))
	sent.Metadata = message.Metadata{
		"ce-type": "lead.created", "correlation_id": "c", "Nats-Expected-Last-Sequence": "41", MetadataSequence: "99", "empty": "",
	}
	if err := NewPublisher(b.js).Publish("s.lead.created", sent); err != nil {
		t.Fatal(err)
	}
	got := next(t, messages)
	want := message.Metadata{
		"ce-type": "lead.created", "correlation_id": "c", "empty": "",
		MetadataStream: "S", MetadataSequence: "1", MetadataSubject: "s.lead.created", MetadataDeliveries: "1",
	}
	if got.UUID != "id-1" || string(got.Payload) != "payload" || len(got.Metadata) != len(want) {
		t.Errorf("got %s %q %v", got.UUID, got.Payload, got.Metadata)
	}
	for name, value := range want {
		if got.Metadata[name] != value {
			t.Errorf("metadata %s is %q, want %q", name, got.Metadata[name], value)
		}
	}
	got.Ack()
}

func TestForeignMessage(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	messages := subscribe(t, b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d"}), "s.>")

	foreign := nats.NewMsg("s.a")
	foreign.Header["accept"] = []string{"one", "two"}
	foreign.Header["none"] = []string{}
	foreign.Header["ce-id"] = []string{"7"}
	for range 2 { // the second one shows that the first did no harm
		if _, err := b.js.PublishMsg(t.Context(), foreign); err != nil {
			t.Fatal(err)
		}
	}
	got := next(t, messages)
	if got.UUID != "S-1" || got.Metadata.Get("accept") != "one, two" || got.Metadata.Get("ce-id") != "7" {
		t.Errorf("got %s %v", got.UUID, got.Metadata)
	}
	got.Ack()
	next(t, messages).Ack()
}

func TestPublishRefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	for _, name := range []string{"", "a b", "a:b", "a\nb", "ä", "Status"} {
		msg := message.NewMessage("id", nil)
		msg.Metadata.Set(name, "x")
		if err := NewPublisher(b.js).Publish("s.a", msg); err == nil {
			t.Errorf("metadata name %q was published", name)
		}
	}
}

func TestPublishOnceByID(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	stream := b.stream(t, "S", "s.>")
	publish(t, b, "s.a", "1", "2", "1", "")
	publish(t, b, "s.a", "")
	info, err := stream.Info(t.Context())
	if err != nil || info.State.Msgs != 4 { // without an id every message is a new one
		t.Errorf("stream holds %d messages, %v", info.State.Msgs, err)
	}
}

func TestPublishHonoursTheMessageContext(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	stream := b.stream(t, "S", "s.>")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	first, second := message.NewMessage("1", nil), message.NewMessage("2", nil)
	first.SetContext(cancelled)
	if err := NewPublisher(b.js).Publish("s.a", first, second); !errors.Is(err, context.Canceled) {
		t.Errorf("publish with a cancelled context: %v", err)
	}
	if info, _ := stream.Info(t.Context()); info.State.Msgs != 0 {
		t.Errorf("%d messages were published after the first one failed", info.State.Msgs)
	}

	b.stop()
	late, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	msg := message.NewMessage("3", nil)
	msg.SetContext(late)
	start := time.Now()
	if err := NewPublisher(b.js).Publish("s.a", msg); err == nil || time.Since(start) > 2*time.Second {
		t.Errorf("publish without a server: %v after %s", err, time.Since(start))
	}
	b.start()
}

func TestPublisherClose(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	p := NewPublisher(b.js)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Publish("s.a", message.NewMessage("1", nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("publish after close: %v", err)
	}
	publish(t, b, "s.a", "2") // the connection is not the publisher's to close
}
