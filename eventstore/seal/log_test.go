package seal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

var tenant = uuid.MustParse("018f0000-0000-7000-8000-000000000001")

type noted struct {
	Text string `json:"text"`
}

func (noted) Type() string { return "note.taken" }

// testLog is a log with one lane in a database of the test's own.
type testLog struct {
	t testing.TB
	*eventstore.Log
	url   string
	pool  *pgxpool.Pool
	store *Store
}

func openLog(t testing.TB) *testLog {
	t.Helper()
	return openAt(t, pgtest.New(t, "seal", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	}))
}

// openAt opens the log once more, as another node does.
func openAt(t testing.TB, url string) *testLog {
	t.Helper()
	pool, err := migrations.Role(t.Context(), url, "engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l, err := open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return &testLog{t: t, Log: l, url: url, pool: pool, store: NewStore(pool, testKey(t))}
}

func open(ctx context.Context, pool *pgxpool.Pool) (*eventstore.Log, error) {
	if err := eventstore.Create(ctx, pool, 1); err != nil {
		return nil, err
	}
	registry, err := eventstore.NewRegistry(noted{})
	if err != nil {
		return nil, err
	}
	return eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, Logger: slog.New(slog.DiscardHandler)})
}

func testKey(t testing.TB) Key {
	t.Helper()
	key, err := NewKey(eventstore.MasterKey{1}, "here.example")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// append adds n events in one append and returns the position of the last.
func (l *testLog) append(ctx context.Context, n int) int64 {
	stream := eventstore.Stream("note-" + uuid.NewString())
	var facts []eventstore.Fact
	for i := range n {
		facts = append(facts, noted{fmt.Sprintf("%d of %d: ünïcode", i, n)})
	}
	out, err := l.Append(ctx, eventstore.Append{
		Command: eventstore.Command{
			Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "test",
			Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"},
		},
		At: map[eventstore.Stream]int{stream: 0}, Writes: []eventstore.Write{{Stream: stream, Facts: facts}},
	})
	if err != nil {
		l.t.Errorf("append: %v", err)
	}
	return out.Last()
}

// fill puts events into the log without the cost of appending them.
func (l *testLog) fill(n int) {
	l.t.Helper()
	l.tamper(`insert into log.event (lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id,
			actor_kind, actor_id, actor_via, recorded_at)
		select 1, l.head + i, $2::uuid, 'note-' || gen_random_uuid(), 1, gen_random_uuid(), 'note.taken', 1,
			json_build_object('text', repeat('0123456789', 38)), gen_random_uuid(), 'correlation-' || i, 'user', 'u1', 'client', now() - interval '1 hour'
		from log.lane l, generate_series(1, $1::integer) i`, n, tenant)
	l.tamper(`update log.lane set head = head + $1`, n)
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

func (l *testLog) head() int64 {
	l.t.Helper()
	heads, err := l.Heads(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return heads[1].Position
}

// events are all there are, by position - 1.
func (l *testLog) events() []eventstore.Event {
	l.t.Helper()
	var all []eventstore.Event
	for page, err := range l.Scan(l.t.Context(), 1, 0, l.head()) {
		if err != nil {
			l.t.Fatal(err)
		}
		all = append(all, page...)
	}
	return all
}

func (l *testLog) newest() Seal {
	l.t.Helper()
	s, err := l.store.Newest(l.t.Context(), 1)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// chain wants the stored seals to be sound up to the log's head, each leaf of them the event's, and returns them.
func (l *testLog) chain() []Seal {
	l.t.Helper()
	events := l.events()
	var hasher Hasher
	var seals []Seal
	last := Seal{}
	for s, err := range l.store.Covering(l.t.Context(), 1, int64(len(events))) {
		if err == nil {
			err = s.Check(testKey(l.t))
		}
		if err == nil {
			err = s.Extends(last)
		}
		if err != nil {
			l.t.Fatal(err)
		}
		for position := s.Previous + 1; position <= s.Size; position++ {
			if hash := hasher.Hash(events[position-1]); !slices.Equal(hash[:], s.Leaf(position)) {
				l.t.Fatalf("seal %d has another leaf for event %d", s.Size, position)
			}
		}
		seals, last = append(seals, s), s
	}
	if last.Size != int64(len(events)) {
		l.t.Fatalf("%d of %d events are sealed", last.Size, len(events))
	}
	return seals
}

func (l *testLog) sealer(c Config) *Sealer {
	c.Log, c.Store, c.Lane = l.Log, l.store, 1
	c.Logger = slog.New(slog.NewTextHandler(l.t.Output(), nil))
	return New(c)
}

// sealed waits until all that is in the log by now is sealed.
func (l *testLog) sealed() {
	l.t.Helper()
	waitFor(l.t, "the seal of everything", func() bool { return l.newest().Size == l.head() })
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
	stop = sync.OnceFunc(func() { cancel(); <-done })
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
