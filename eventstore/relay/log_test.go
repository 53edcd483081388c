package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

type noted struct {
	Text string `json:"text"`
}

func (noted) Type() string { return "note.taken" }

// testLog is a log with one lane in a database of the test's own.
type testLog struct {
	t testing.TB
	*eventstore.Log
	url string
}

func openLog(t testing.TB) *testLog {
	t.Helper()
	l := &testLog{t: t, url: pgtest.New(t, "relay", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})}
	l.Log = l.node()
	return l
}

// node opens the same log once more, as another node does.
func (l *testLog) node() *eventstore.Log {
	l.t.Helper()
	pool, err := migrations.Role(l.t.Context(), l.url, "engine", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(pool.Close)
	if err := eventstore.Create(l.t.Context(), pool, 1); err != nil {
		l.t.Fatal(err)
	}
	registry, err := eventstore.NewRegistry(noted{})
	if err != nil {
		l.t.Fatal(err)
	}
	opened, err := eventstore.Open(l.t.Context(), eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: quiet})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(opened.Close)
	return opened
}

var quiet = slog.New(slog.DiscardHandler)

// append adds n events in one append and returns the position of the last.
func (l *testLog) append(n int) int64 { return appendTo(l.t, l.Log, n) }

func appendTo(t testing.TB, log *eventstore.Log, n int) int64 {
	var facts []eventstore.Fact
	for i := range n {
		facts = append(facts, noted{fmt.Sprintf("%d of %d: ünïcode", i, n)})
	}
	return appendFacts(t, log, facts)
}

func appendFacts(t testing.TB, log *eventstore.Log, facts []eventstore.Fact) int64 {
	stream := eventstore.Stream("note-" + uuid.NewString())
	a := eventstore.Append{
		Command: eventstore.Command{
			Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "test",
			Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"},
		},
		At: map[eventstore.Stream]int{stream: 0}, Writes: []eventstore.Write{{Stream: stream, Facts: facts}},
	}
	outcome, err := log.Append(context.Background(), a)
	for errors.Is(err, eventstore.ErrUnavailable) { // a killed server may take longer to recover than the log's patience lasts
		outcome, err = log.Append(context.Background(), a)
	}
	if err != nil {
		t.Errorf("append: %v", err)
	}
	return outcome.Last()
}

var tenant = uuid.MustParse("018f0000-0000-7000-8000-000000000001")

// load appends, some thousands of events a second for each writer, until stop is called.
func (l *testLog) load(writers int) (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for ctx.Err() == nil {
				l.append(1 + rand.IntN(20))
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

func (l *testLog) head() eventstore.Mark {
	l.t.Helper()
	heads, err := l.Heads(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return heads[1]
}

// tamper does as the administrator what nobody else can.
func (l *testLog) tamper(sql string, args ...any) {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), pgtest.AdminURL(l.t, l.url))
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close(l.t.Context())
	if _, err := conn.Exec(l.t.Context(), sql, args...); err != nil {
		l.t.Fatal(err)
	}
}

// goBack is what restoring an older copy of the database does.
func (l *testLog) goBack(head int64) {
	l.t.Helper()
	l.tamper(`delete from log.event where position > $1`, head)
	l.tamper(`update log.lane set head = $1`, head)
}

// run runs f until the test ends, or stop is called.
func run(t testing.TB, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// caughtUp waits until the stream ends where the log does.
func (l *testLog) caughtUp(js jetstream.JetStream) {
	l.t.Helper()
	var state jetstream.StreamState
	var err error
	defer func() {
		if l.t.Failed() {
			l.t.Logf("stream %+v, %v; log %+v", state, err, l.head())
		}
	}()
	waitFor(l.t, "the stream to end where the log does", func() bool {
		var stream jetstream.Stream
		if stream, err = js.Stream(l.t.Context(), StreamName(1)); err != nil {
			return false
		}
		state = stream.CachedInfo().State
		return state.LastSeq == uint64(l.head().Position)
	})
}

// verify reads the whole stream and holds every message against the log: sequence = position, the same event to the last byte, in
// order, none twice. It returns the sequences.
func (l *testLog) verify(js jetstream.JetStream) []int64 {
	l.t.Helper()
	stream, err := js.Stream(l.t.Context(), StreamName(1))
	if err != nil {
		l.t.Fatal(err)
	}
	consumer, err := stream.OrderedConsumer(l.t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		l.t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		l.t.Fatal(err)
	}
	defer messages.Stop()
	events := map[int64]eventstore.Event{}
	for page, err := range l.Scan(l.t.Context(), 1, 0, l.head().Position) {
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range page {
			events[e.Position] = e
		}
	}
	var sequences []int64
	for count := stream.CachedInfo().State.Msgs; count > 0; count-- {
		m, err := messages.Next(jetstream.NextMaxWait(patience))
		if err != nil {
			l.t.Fatalf("after %d messages: %v", len(sequences), err)
		}
		delivery, err := m.Metadata()
		if err != nil {
			l.t.Fatal(err)
		}
		sequence := int64(delivery.Sequence.Stream)
		got, err := Delivered(m)
		if err != nil {
			l.t.Fatal(err)
		}
		if got.Position != sequence {
			l.t.Fatalf("event %d is at sequence %d", got.Position, sequence)
		}
		if !reflect.DeepEqual(got, events[sequence]) {
			l.t.Fatalf("sequence %d\nstream %+v\nlog    %+v", sequence, got, events[sequence])
		}
		if n := len(sequences); n > 0 && sequences[n-1] >= sequence {
			l.t.Fatalf("sequence %d after %d", sequence, sequences[n-1])
		}
		sequences = append(sequences, sequence)
	}
	return sequences
}

// verifyAll wants no hole either.
func (l *testLog) verifyAll(js jetstream.JetStream, first int64) {
	l.t.Helper()
	sequences := l.verify(js)
	if want := l.head().Position - first + 1; int64(len(sequences)) != want || want > 0 && sequences[0] != first {
		l.t.Fatalf("%d messages from %v, want %d from %d", len(sequences), sequences[:min(1, len(sequences))], want, first)
	}
}

// watch reads the stream as it grows, because what is wrong for a moment may be mended by the time verify comes.
func (l *testLog) watch(js jetstream.JetStream) (stop func()) {
	l.t.Helper()
	consumer, err := js.OrderedConsumer(l.t.Context(), StreamName(1), jetstream.OrderedConsumerConfig{})
	if err != nil {
		l.t.Fatal(err)
	}
	seen, err := consumer.Consume(func(m jetstream.Msg) {
		delivery, err := m.Metadata()
		if err != nil {
			l.t.Error(err)
			return
		}
		if e, err := Delivered(m); err != nil || uint64(e.Position) != delivery.Sequence.Stream {
			l.t.Errorf("sequence %d has event %d, %v", delivery.Sequence.Stream, e.Position, err)
		}
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return func() { seen.Stop(); <-seen.Closed() }
}

// undisturbed wants that the stream was never made afresh, and that nobody thinks that the log went back.
func undisturbed(t testing.TB, r *Relay) {
	t.Helper()
	if s := r.Status(); s.Remade != 1 || s.Epoch != 1 {
		t.Errorf("there was no reason for %+v", s)
	}
}

// relayOf is a relay of the log's lane 1 in the tests' settings.
func relayOf(l *testLog, c Config) *Relay {
	c.Lane, c.MaxBytes, c.Logger = 1, 256<<20, slog.New(slog.NewTextHandler(l.t.Output(), nil))
	if c.Log == nil {
		c.Log = l.Log
	}
	if c.Source == "" {
		c.Source = "here"
	}
	r := New(c)
	r.inspectEvery = 200 * time.Millisecond
	return r
}
