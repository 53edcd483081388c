package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// SubscriberConfig says what to read and how. Only Durable is required.
type SubscriberConfig struct {
	// Durable names the consumer. Subscribers of the same name share the messages, and go on where the last one stopped.
	Durable string
	// Stream is an existing stream to read; the topic is then the subject that filters it, and may hold wildcards.
	// Empty: every topic has a stream of its own, [TopicStream], made when it is first subscribed to.
	Stream string
	// Start gives the first sequence to read, and is asked whenever the consumer has to be made. Nil: from the first one.
	Start func(ctx context.Context) (uint64, error)
	// AckWait is how long after the death of a subscriber its message is delivered again (30 s). It does not limit handlers.
	AckWait time.Duration
	// MaxInFlight bounds the messages that were fetched and not yet answered, over all subscribers of the durable (1).
	MaxInFlight int
	// MaxDeliver ends a message that is refused at this delivery or a later one; 0: never. Only refusals end a message:
	// deliveries that a crash or a shutdown cut short do not.
	MaxDeliver int
	// Backoff is the wait after the first, second, … refusal; the last one repeats (100 ms, 1 s, 10 s).
	Backoff []time.Duration
	// Grace is how long a running handler may go on when the subscription ends, before its context does (10 s).
	Grace time.Duration
	// Logger gets what a caller cannot see otherwise: refusals that end a message, and consumers that had to be made again.
	Logger *slog.Logger
}

// topicStreamAge bounds a topic's stream, as the log's streams on the bus are bounded.
const topicStreamAge = 7 * 24 * time.Hour

// Subscriber reads messages from streams. It is safe for concurrent use.
type Subscriber struct {
	js  jetstream.JetStream
	cfg SubscriberConfig

	mu      sync.Mutex
	closed  bool
	cancels map[int]context.CancelFunc // of the open subscriptions
	opened  int
	running sync.WaitGroup
}

// NewSubscriber makes a subscriber on a connection that stays the caller's.
func NewSubscriber(js jetstream.JetStream, cfg SubscriberConfig) (*Subscriber, error) {
	if cfg.Durable == "" {
		return nil, errors.New("natsbus: a subscriber needs a durable name")
	}
	cfg.AckWait = cmp.Or(cfg.AckWait, 30*time.Second)
	cfg.MaxInFlight = cmp.Or(cfg.MaxInFlight, 1)
	cfg.Grace = cmp.Or(cfg.Grace, 10*time.Second)
	if len(cfg.Backoff) == 0 {
		cfg.Backoff = []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = cfg.Logger.With("durable", cfg.Durable)
	return &Subscriber{js: js, cfg: cfg, cancels: map[int]context.CancelFunc{}}, nil
}

// TopicStream is the stream of one topic: on disk, for seven days.
func TopicStream(topic string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:     "TOPIC_" + streamNames.Replace(topic),
		Subjects: []string{topic},
		Storage:  jetstream.FileStorage,
		MaxAge:   topicStreamAge,
	}
}

// streamNames maps each topic to a name of its own: what a name may not hold is escaped, and so is the escape.
var streamNames = strings.NewReplacer("=", "=3D", ".", "=2E", "*", "=2A", ">", "=3E", "/", "=2F", `\`, "=5C", " ", "=20", "\t", "=09")

// Subscribe hands out the topic's messages until ctx ends or the subscriber is closed; then the channel closes.
// A message's context carries the values of ctx and ends with the message's answer.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	consumer, err := s.consumer(ctx, topic)
	if err != nil {
		done()
		return nil, fmt.Errorf("subscribe %s to %s: %w", s.cfg.Durable, topic, err)
	}
	sub := &subscription{
		subscriber: s,
		topic:      topic,
		log:        s.cfg.Logger.With("topic", topic),
		out:        make(chan *message.Message),
		held:       map[jetstream.Msg]struct{}{},
	}
	go func() {
		defer done()
		defer close(sub.out)
		sub.run(ctx, consumer)
	}()
	return sub.out, nil
}

// SubscribeInitialize makes what a subscription to the topic needs, so that messages published from now on are kept for it.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	ctx, done, err := s.begin(context.Background())
	if err != nil {
		return err
	}
	defer done()
	if _, err = s.consumer(ctx, topic); err != nil {
		return fmt.Errorf("initialize %s on %s: %w", s.cfg.Durable, topic, err)
	}
	return nil
}

// Close ends all subscriptions and waits for them. It may be called again.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, cancel := range s.cancels {
		cancel()
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// begin registers something that Close must end and wait for.
func (s *Subscriber) begin(parent context.Context) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithCancel(parent)
	s.opened++
	id := s.opened
	s.cancels[id] = cancel
	s.running.Add(1)
	return ctx, func() {
		cancel()
		s.mu.Lock()
		delete(s.cancels, id)
		s.mu.Unlock()
		s.running.Done()
	}, nil
}

// consumer finds the durable consumer, or makes it. One that reads another subject is an error: changing it would take the
// messages away from whoever reads it now.
func (s *Subscriber) consumer(ctx context.Context, topic string) (jetstream.Consumer, error) {
	stream := s.cfg.Stream
	if stream == "" {
		stream = TopicStream(topic).Name
		_, err := s.js.CreateStream(ctx, TopicStream(topic))
		if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // in use: someone gave it another limit
			return nil, fmt.Errorf("make stream of topic %s: %w", topic, err)
		}
	}
	found, err := s.js.Consumer(ctx, stream, s.cfg.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		found, err = s.makeConsumer(ctx, stream, topic)
		if errors.Is(err, jetstream.ErrConsumerExists) { // another subscriber was faster
			found, err = s.js.Consumer(ctx, stream, s.cfg.Durable)
		}
	}
	if err != nil {
		return nil, err
	}
	have := found.CachedInfo().Config
	if have.FilterSubject != topic {
		return nil, fmt.Errorf("consumer %s of stream %s reads %s", s.cfg.Durable, stream, have.FilterSubject)
	}
	if have.AckWait != s.cfg.AckWait || have.MaxAckPending != s.cfg.MaxInFlight {
		have.AckWait, have.MaxAckPending = s.cfg.AckWait, s.cfg.MaxInFlight
		return s.js.UpdateConsumer(ctx, stream, have)
	}
	return found, nil
}

func (s *Subscriber) makeConsumer(ctx context.Context, stream, topic string) (jetstream.Consumer, error) {
	cfg := jetstream.ConsumerConfig{
		Durable:       s.cfg.Durable,
		FilterSubject: topic,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       s.cfg.AckWait,
		MaxAckPending: s.cfg.MaxInFlight,
		MaxDeliver:    -1, // the server would count deliveries that no handler has seen; see SubscriberConfig.MaxDeliver
	}
	if s.cfg.Start != nil {
		first, err := s.cfg.Start(ctx)
		if err != nil {
			return nil, fmt.Errorf("find first sequence: %w", err)
		}
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, max(first, 1)
	}
	return s.js.CreateConsumer(ctx, stream, cfg)
}
