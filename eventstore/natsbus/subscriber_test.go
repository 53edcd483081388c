package natsbus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

func TestCancelWhileMessagesFlow(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	sub := b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d", MaxInFlight: 50})
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = b.js.PublishAsync("s.a", []byte("x"))
				if i%100 == 0 {
					<-b.js.PublishAsyncComplete()
				}
			}
		}
	})
	before := runtime.NumGoroutine()
	taken := 0
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		messages, err := sub.Subscribe(ctx, "s.>")
		if err != nil {
			t.Fatal(err)
		}
		for range i % 7 {
			next(t, messages).Ack()
			taken++
		}
		if i%2 == 0 {
			time.Sleep(time.Millisecond) // the next one is on offer, and nobody takes it
		}
		cancel()
		if i%3 == 0 {
			time.Sleep(time.Millisecond)
		}
		for msg := range messages { // until it closes
			msg.Ack()
			taken++
		}
	}
	close(stop)
	publishing.Wait()
	<-b.js.PublishAsyncComplete()
	// Nothing was lost on the way: what the cancelled ones had fetched comes now, long before AckWait.
	stream, err := b.js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	for messages := subscribe(t, sub, "s.>"); taken < int(stream.CachedInfo().State.Msgs); taken++ {
		next(t, messages).Ack()
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
	t.Logf("%d messages", taken)
}

func TestSlowHandlerIsNotRepeated(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	// Prefetched messages wait behind the slow one, so they need to be kept alive too.
	messages := subscribe(t, b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d", AckWait: time.Second, MaxInFlight: 3}), "s.>")
	publish(t, b, "s.a", "1", "2", "3")
	for i, wait := range []time.Duration{3 * time.Second, 0, 0} {
		msg := next(t, messages)
		if msg.UUID != fmt.Sprint(i+1) || msg.Metadata.Get(MetadataDeliveries) != "1" {
			t.Errorf("message %d is %s, delivery %s", i+1, msg.UUID, msg.Metadata.Get(MetadataDeliveries))
		}
		time.Sleep(wait) // the handler
		msg.Ack()
	}
	quiet(t, messages, 1500*time.Millisecond)
}

func TestRefusalsKeepTheOrder(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	messages := subscribe(t, b.subscriber(t, SubscriberConfig{
		Stream: "S", Durable: "d", MaxDeliver: 3, Backoff: []time.Duration{50 * time.Millisecond, 300 * time.Millisecond},
	}), "s.>")
	publish(t, b, "s.a", "1", "2")
	var refused time.Time
	for i, wait := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond} {
		msg := next(t, messages)
		if took := time.Since(refused); i > 0 && (took < wait || took > wait+2*time.Second) {
			t.Errorf("delivery %d came after %s, want %s", i+1, took, wait)
		}
		if msg.UUID != "1" || msg.Metadata.Get(MetadataDeliveries) != fmt.Sprint(i+1) {
			t.Fatalf("delivery %d is of %s, its %s.", i+1, msg.UUID, msg.Metadata.Get(MetadataDeliveries))
		}
		refused = time.Now()
		msg.Nack()
	}
	if msg := next(t, messages); msg.UUID != "2" { // the third refusal ended message 1
		t.Errorf("got %s", msg.UUID)
	} else {
		msg.Ack()
	}
	quiet(t, messages, 500*time.Millisecond)
}

func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	for i := range 100 {
		publish(t, b, "s.a", fmt.Sprint(i))
	}
	for _, limit := range []int{1, 7} {
		durable := fmt.Sprintf("d%d", limit)
		sub := b.subscriber(t, SubscriberConfig{Stream: "S", Durable: durable, MaxInFlight: limit})
		held := []*message.Message{next(t, subscribe(t, sub, "s.>"))}
		second := subscribe(t, sub, "s.>")
		time.Sleep(100 * time.Millisecond) // time enough to fetch too much
		if unanswered, left := pending(t, b, "S", durable); unanswered != limit || left != uint64(100-limit) {
			t.Errorf("%d in flight, %d left, want %d and %d", unanswered, left, limit, 100-limit)
		}
		if limit == 1 {
			quiet(t, second, 50*time.Millisecond) // order holds over the group's subscribers
		}
		held[0].Ack()
	}
}

func TestExistingStreamFromASequence(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "LOG", "log.>")
	publish(t, b, "log.1.lead.created", "1", "2", "3")
	publish(t, b, "log.2.lead.created", "4")
	publish(t, b, "log.1.lead.won", "5", "6")
	asked := 0
	cfg := SubscriberConfig{Stream: "LOG", Durable: "d", Start: func(context.Context) (uint64, error) { asked++; return 3, nil }}
	first := b.subscriber(t, cfg)
	messages := subscribe(t, first, "log.1.>")
	for _, want := range []string{"3", "5"} {
		msg := next(t, messages)
		if msg.UUID != want || msg.Metadata.Get(MetadataSequence) != want {
			t.Errorf("got %s at %s, want %s", msg.UUID, msg.Metadata.Get(MetadataSequence), want)
		}
		msg.Ack()
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	// The durable goes on where it was; another subject is refused, and takes nothing away.
	second := b.subscriber(t, cfg)
	if _, err := second.Subscribe(t.Context(), "log.2.>"); err == nil {
		t.Error("a durable was taken over for another subject")
	}
	if msg := next(t, subscribe(t, second, "log.1.>")); msg.UUID != "6" {
		t.Errorf("got %s after reopening", msg.UUID)
	} else {
		msg.Ack()
	}
	if asked != 1 {
		t.Errorf("the first sequence was asked for %d times", asked)
	}
	if _, err := b.subscriber(t, SubscriberConfig{Stream: "NONE", Durable: "d"}).Subscribe(t.Context(), "log.1.>"); err == nil {
		t.Error("subscribed to a stream that does not exist")
	}
}

func TestLostConsumerIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	stream := b.stream(t, "S", "s.>")
	at := uint64(1)
	messages := subscribe(t, b.subscriber(t, SubscriberConfig{
		Stream: "S", Durable: "d", Start: func(context.Context) (uint64, error) { return at, nil },
	}), "s.>")
	publish(t, b, "s.a", "1", "2")
	next(t, messages).Ack()
	next(t, messages).Ack()
	at = 3
	if err := stream.DeleteConsumer(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "s.a", "3")
	if msg := next(t, messages); msg.UUID != "3" {
		t.Errorf("got %s after the consumer was lost", msg.UUID)
	} else {
		msg.Ack()
	}
	// The same with the whole stream, which comes back later.
	if err := b.js.DeleteStream(t.Context(), "S"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	at = 1
	b.stream(t, "S", "s.>")
	publish(t, b, "s.a", "4")
	if msg := next(t, messages); msg.UUID != "4" {
		t.Errorf("got %s after the stream was lost", msg.UUID)
	} else {
		msg.Ack()
	}
}

// TestServerRestarts: whatever was confirmed arrives, while the server is restarted twice under one connection. (Watermill's
// own test of this reads the list of what it published while another goroutine may still be adding to it.)
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	messages := subscribe(t, b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d", MaxInFlight: 20, AckWait: time.Second}), "s.>")
	const publishers, each = 10, 200
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for i := range each {
				msg := message.NewMessage(fmt.Sprintf("%d-%d", p, i), []byte("x"))
				for err := errors.New("not yet"); err != nil; time.Sleep(time.Millisecond) { // again with the same id: stored once
					ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
					msg.SetContext(ctx)
					err = NewPublisher(b.js).Publish("s.a", msg)
					cancel()
				}
			}
		})
	}
	got := map[string]bool{}
	for len(got) < publishers*each {
		msg := next(t, messages)
		got[msg.UUID] = true
		msg.Ack()
		if msg.Metadata.Get(MetadataDeliveries) == "1" && (len(got) == publishers*each/3 || len(got) == publishers*each/2) {
			b.stop()
			b.start()
		}
	}
	publishing.Wait()
	stream, err := b.js.Stream(t.Context(), "S")
	if err != nil || stream.CachedInfo().State.Msgs != publishers*each {
		t.Errorf("stream holds %d messages, %v", stream.CachedInfo().State.Msgs, err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	publish(t, b, "s.a", "1", "2", "3")
	cfg := SubscriberConfig{Stream: "S", Durable: "d", MaxInFlight: 3, Grace: 5 * time.Second}
	first := b.subscriber(t, cfg)
	messages := subscribe(t, first, "s.>")
	running := next(t, messages)
	time.AfterFunc(300*time.Millisecond, func() { running.Ack() }) // its handler takes a little longer
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() {
			if err := first.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	if running.Context().Err() != nil {
		t.Error("a running handler was cut short")
	}
	closing.Wait()
	if _, open := <-messages; open {
		t.Error("channel is open after close")
	}
	if _, err := first.Subscribe(t.Context(), "s.>"); !errors.Is(err, ErrClosed) {
		t.Errorf("subscribe after close: %v", err)
	}
	if err := first.SubscribeInitialize("s.>"); !errors.Is(err, ErrClosed) {
		t.Errorf("initialize after close: %v", err)
	}
	// What it had fetched is at another subscriber at once, not after AckWait; what it finished is not.
	start := time.Now()
	rest := subscribe(t, b.subscriber(t, cfg), "s.>")
	got := map[string]bool{}
	for range 2 {
		msg := next(t, rest)
		got[msg.UUID] = true
		msg.Ack()
	}
	if !got["2"] || !got["3"] || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %s", got, time.Since(start))
	}
	quiet(t, rest, 100*time.Millisecond)
}

func TestCloseEndsAHandlerThatDoesNot(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	publish(t, b, "s.a", "1")
	cfg := SubscriberConfig{Stream: "S", Durable: "d", Grace: 100 * time.Millisecond, AckWait: time.Second}
	first := b.subscriber(t, cfg)
	stuck := next(t, subscribe(t, first, "s.>"))
	start := time.Now()
	if err := first.Close(); err != nil || time.Since(start) > 5*time.Second {
		t.Errorf("close: %v after %s", err, time.Since(start))
	}
	<-stuck.Context().Done()
	again := next(t, subscribe(t, b.subscriber(t, cfg), "s.>"))
	if again.UUID != "1" || again.Metadata.Get(MetadataDeliveries) != "2" {
		t.Errorf("got %s, delivery %s", again.UUID, again.Metadata.Get(MetadataDeliveries))
	}
	again.Ack()
}

func TestCloseWithoutAServer(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	publish(t, b, "s.a", "1")
	sub := b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d"})
	messages := subscribe(t, sub, "s.>")
	msg := next(t, messages)
	b.stop()
	msg.Ack()
	start := time.Now()
	if err := sub.Close(); err != nil || time.Since(start) > 2*drainTimeout {
		t.Errorf("close: %v after %s", err, time.Since(start))
	}
	b.start()
}

func TestConnectionClosed(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.stream(t, "S", "s.>")
	sub := b.subscriber(t, SubscriberConfig{Stream: "S", Durable: "d"})
	messages := subscribe(t, sub, "s.>")
	b.nc.Close()
	if msg := next(t, messages); msg != nil {
		t.Errorf("got %v", msg)
	}
}

func TestTopicsHaveStreamsOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, topic := range []string{"a.b", "a_b", "a=2Eb", "a b", "a/b", `a\b`, "a.>", "a.*"} {
		name := TopicStream(topic).Name
		if other, ok := seen[name]; ok {
			t.Errorf("topics %q and %q share %s", topic, other, name)
		}
		seen[name] = topic
	}
	if _, err := NewSubscriber(nil, SubscriberConfig{}); err == nil {
		t.Error("a subscriber without a durable")
	}
}
