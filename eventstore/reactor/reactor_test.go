package reactor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// tables are what reactors keep.
const tables = `
create table if not exists log.reactor_checkpoint (
  reactor text not null, lane smallint not null, position bigint not null check (position >= 0), primary key (reactor, lane)
) with (fillfactor = 20);
create table if not exists log.effect (
  reactor text not null, effect uuid not null, lane smallint not null, position bigint not null, done_at timestamptz not null,
  primary key (reactor, effect)
);
create table if not exists log.parked_effect (
  reactor text not null, effect uuid not null, lane smallint not null, position bigint not null, error text not null,
  tries integer not null, parked_at timestamptz not null, primary key (reactor, effect)
);
grant select, insert, update on log.reactor_checkpoint to streamflow_engine;
grant select, insert on log.effect to streamflow_engine;
grant select, insert, update, delete on log.parked_effect to streamflow_engine;`

// world is a log, a bus and a database. The log is a slice: reactors reach it only through a function.
type world struct {
	t      *testing.T
	owner  *pgxpool.Pool
	engine *pgxpool.Pool
	js     jetstream.JetStream

	mu     sync.Mutex
	events []eventstore.Event
	calls  []Effect // of all handlers, in order
}

func newWorld(t *testing.T) *world {
	t.Helper()
	url := pgtest.New(t, "reactor", func(ctx context.Context, url string) error {
		if _, err := migrations.Up(ctx, url, 0); err != nil {
			return err
		}
		pool, err := migrations.Role(ctx, url, "owner", nil)
		if err != nil {
			return err
		}
		defer pool.Close()
		_, err = pool.Exec(ctx, tables, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	w := &world{t: t, owner: pool(t, url, "owner"), engine: pool(t, url, "engine"), js: bus(t)}
	w.exec(`insert into log.lane (lane) values (1)`)
	w.makeStream(1)
	return w
}

func pool(t *testing.T, url, role string) *pgxpool.Pool {
	t.Helper()
	p, err := migrations.Role(t.Context(), url, role, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func bus(t *testing.T) jetstream.JetStream {
	t.Helper()
	s, err := server.NewServer(&server.Options{ServerName: "test", DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats server did not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.owner.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// makeStream makes the lane's stream with its first sequence at a position, as the relay does.
func (w *world) makeStream(first uint64) {
	w.t.Helper()
	_, err := w.js.CreateStream(w.t.Context(), jetstream.StreamConfig{
		Name: "STREAMFLOW_L1", Subjects: []string{"streamflow.log.1.>"}, Storage: jetstream.FileStorage, FirstSeq: first,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stream() jetstream.Stream {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), "STREAMFLOW_L1")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// add commits events to the log, and leaves the bus alone.
func (w *world) add(types ...string) {
	w.t.Helper()
	w.mu.Lock()
	for _, typ := range types {
		at := int64(len(w.events) + 1)
		w.events = append(w.events, eventstore.Event{
			Lane: 1, Position: at, ID: uuid.New(), Type: typ, Data: json.RawMessage(fmt.Sprintf(`{"at":%d}`, at)), CorrelationID: "c",
		})
	}
	head := len(w.events)
	w.mu.Unlock()
	w.exec(`update log.lane set head = $1 where lane = 1`, head)
}

// relay publishes what the log has from a position on.
func (w *world) relay(from int) {
	w.t.Helper()
	w.mu.Lock()
	events := slices.Clone(w.events[from-1:])
	w.mu.Unlock()
	for _, e := range events {
		msg := nats.NewMsg("streamflow.log.1." + e.Type)
		msg.Header.Set(typeHeader, e.Type)
		msg.Header.Set("Nats-Msg-Id", e.ID.String())
		ack, err := w.js.PublishMsg(w.t.Context(), msg)
		if err != nil || ack.Sequence != uint64(e.Position) {
			w.t.Fatalf("position %d was published as %v, %v", e.Position, ack, err)
		}
	}
}

func (w *world) read(_ context.Context, lane int, after int64, limit int) ([]eventstore.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lane != 1 || after > int64(len(w.events)) {
		return nil, errors.New("no such place")
	}
	rest := w.events[after:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
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

// mail is a reactor that acts on leads; handle may be nil.
func (w *world) mail(handle func(ctx context.Context, e Effect, call int) error) Reactor {
	return Reactor{Name: "mail", Types: []string{"lead.*"}, Handle: func(ctx context.Context, e Effect) error {
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
		Pool: w.engine, JS: w.js, Read: w.read, Tries: 3, WaitFirst: time.Millisecond, WaitMax: 5 * time.Millisecond,
		Poll: 100 * time.Millisecond, LeaseTTL: time.Second, Timeout: 5 * time.Second, Logger: slog.New(slog.DiscardHandler),
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
	w.until("the reactor has a place", func() bool { return w.count(`select count(*) from log.reactor_checkpoint`) == len(r.reactors) })
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
