package reactor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

type placed struct{}

func (placed) Type() string { return "order.placed" }

type paid struct{}

func (paid) Type() string { return "order.paid" }

type noted struct{}

func (noted) Type() string { return "note.taken" }

// world is a log, a bus and a database.
type world struct {
	t      *testing.T
	log    *eventstore.Log
	engine *pgxpool.Pool
	admin  *pgxpool.Pool
	nc     *nats.Conn
	js     jetstream.JetStream

	mu    sync.Mutex
	calls []Effect // of all handlers, in order
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newInstallation(t, 1)
	w.makeStream(1)
	return w
}

// newInstallation has no streams on the bus yet: the relays make them.
func newInstallation(t *testing.T, lanes int) *world {
	t.Helper()
	url := pgtest.New(t, "reactor", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	w := &world{t: t, nc: natstest.Connect(t, natstest.Start(t))}
	var err error
	if w.js, err = jetstream.New(w.nc); err != nil {
		t.Fatal(err)
	}
	if w.engine, err = migrations.Role(t.Context(), url, "engine", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.engine.Close)
	if w.admin, err = pgxpool.New(t.Context(), pgtest.AdminURL(t, url)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.admin.Close)
	w.openLog(lanes)
	return w
}

func (w *world) openLog(lanes int) {
	w.t.Helper()
	registry, err := eventstore.NewRegistry(placed{}, paid{}, noted{})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := eventstore.Create(w.t.Context(), w.engine, lanes); err != nil {
		w.t.Fatal(err)
	}
	w.log, err = eventstore.Open(w.t.Context(), eventstore.Config{Pool: w.engine, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: discard})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.log.Close)
}

var discard = slog.New(slog.DiscardHandler)

// exec changes what only an administrator may.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.admin.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// makeStream makes the lane's stream with its first sequence at a position, as the relay does.
func (w *world) makeStream(first uint64) {
	w.t.Helper()
	_, err := w.js.CreateStream(w.t.Context(), jetstream.StreamConfig{
		Name: relay.StreamName(1), Subjects: []string{relay.Subjects(1)}, Storage: jetstream.FileStorage, FirstSeq: first,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stream() jetstream.Stream {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), relay.StreamName(1))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

var tenant = uuid.MustParse("018f0000-0000-7000-8000-000000000001")

// add commits events to the log, one by one, and leaves the bus alone.
func (w *world) add(facts ...eventstore.Fact) {
	w.t.Helper()
	for _, fact := range facts {
		if err := w.append(tenant, fact); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) append(tenant uuid.UUID, fact eventstore.Fact) error {
	stream := eventstore.Stream("order-" + uuid.NewString())
	_, err := w.log.Append(context.Background(), eventstore.Append{
		Command: eventstore.Command{
			Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c", Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "v"},
		},
		At: map[eventstore.Stream]int{stream: 0}, Writes: []eventstore.Write{{Stream: stream, Facts: []eventstore.Fact{fact}}},
	})
	return err
}

// publish gives the bus what the log has from a position on.
func (w *world) publish(from int64) {
	w.t.Helper()
	events, err := w.log.ReadLane(w.t.Context(), 1, from-1, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		ack, err := w.js.PublishMsg(w.t.Context(), relay.Message(e, "test", 1))
		if err != nil || ack.Sequence != uint64(e.Position) {
			w.t.Fatalf("position %d was published as %v, %v", e.Position, ack, err)
		}
	}
}

// called notes a call and returns how often that effect has been called now.
func (w *world) called(e Effect) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, e)
	n := 0
	for _, c := range w.calls {
		if c.ID == e.ID {
			n++
		}
	}
	return n
}

func (w *world) positions() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := make([]int64, len(w.calls))
	for i, c := range w.calls {
		at[i] = c.Event.Position
	}
	return at
}

// mail is a reactor that acts on orders; handle may be nil.
func (w *world) mail(handle func(ctx context.Context, e Effect, call int) error) Reactor {
	return Reactor{Name: "mail", Types: []string{"order.*"}, Handle: func(ctx context.Context, e Effect) error {
		call := w.called(e)
		if handle == nil {
			return nil
		}
		return handle(ctx, e, call)
	}}
}

func (w *world) runner(reactors ...Reactor) *Runner {
	w.t.Helper()
	r, err := New(Config{
		Log: w.log, Pool: w.engine, JS: w.js, Tries: 3, WaitFirst: time.Millisecond, WaitMax: 5 * time.Millisecond,
		Poll: 100 * time.Millisecond, Timeout: 5 * time.Second, Logger: discard,
	}, reactors...)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// run runs reactors until the returned function is called, or the test ends.
func (w *world) run(r *Runner) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.t.Errorf("run: %v", err)
			}
		case <-time.After(30 * time.Second):
			w.t.Error("run did not end")
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// start begins a reactor's life at the present head, as a first deployment does.
func (w *world) start(r *Runner) (stop func()) {
	w.t.Helper()
	stop = w.run(r)
	w.until("the reactor has a place", func() bool {
		return w.count(`select count(*) from log.reactor_checkpoint`) == len(r.reactors)*w.log.Lanes()
	})
	return stop
}

func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.engine.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// effectID is the id of mail's effect at a position of the first lane.
func (w *world) effectID(position int64) uuid.UUID {
	w.t.Helper()
	events, err := w.log.ReadLane(context.Background(), 1, position-1, 1)
	if err != nil || len(events) != 1 {
		w.t.Fatalf("event at %d: %d, %v", position, len(events), err)
	}
	return EffectID("mail", events[0].ID, 0)
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s; calls %v", what, w.positions())
		}
	}
}

// done waits for recorded effects at exactly these positions.
func (w *world) done(positions ...int64) {
	w.t.Helper()
	w.until(fmt.Sprintf("effects at %v", positions), func() bool { return w.count(`select count(*) from log.effect`) >= len(positions) })
	n := w.count(`select count(*) from log.effect where position = any($1) and reactor = 'mail' and lane = 1`, positions)
	if all := w.count(`select count(*) from log.effect`); n != len(positions) || all != n {
		w.t.Errorf("%d effects are recorded, %d of them at %v", all, n, positions)
	}
}

func (w *world) wantCalls(positions ...int64) {
	w.t.Helper()
	if got := w.positions(); !slices.Equal(got, positions) {
		w.t.Errorf("calls at %v, want %v", got, positions)
	}
}
