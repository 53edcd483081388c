package eventstore_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// store is one installation in a database of the test's own.
type store struct {
	t        *testing.T
	url      string
	key      eventstore.MasterKey
	registry *eventstore.Registry
	pool     *pgxpool.Pool   // engine role
	log      *eventstore.Log // the first node
}

func migrate(ctx context.Context, url string) error {
	_, err := migrations.Up(ctx, url, 0)
	return err
}

// newStore makes an installation on the shared server. When the test ends, no goroutine of it may be left.
func newStore(t *testing.T, lanes int) *store {
	t.Helper()
	url := pgtest.New(t, "log", migrate)
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, running) })
	return storeAt(t, url, lanes)
}

// storeAt makes an installation in an empty, migrated database.
func storeAt(t *testing.T, url string, lanes int) *store {
	t.Helper()
	s := &store{t: t, url: url, key: eventstore.NewMasterKey(), registry: testRegistry(t)}
	s.pool = s.connect("engine", nil)
	if err := eventstore.Create(t.Context(), s.pool, lanes); err != nil {
		t.Fatal(err)
	}
	s.log = s.open(s.pool)
	return s
}

// connect opens a pool in one of the roles.
func (s *store) connect(role string, settings func(*pgxpool.Config)) *pgxpool.Pool {
	s.t.Helper()
	pool, err := migrations.Role(s.t.Context(), s.url, role, settings)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(pool.Close)
	return pool
}

// open starts a node on the pool.
func (s *store) open(pool *pgxpool.Pool) *eventstore.Log {
	s.t.Helper()
	l, err := eventstore.Open(s.t.Context(), eventstore.Config{
		Pool: pool, Registry: s.registry, MasterKey: s.key, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(l.Close)
	return l
}

// node starts one more node, with connections of its own.
func (s *store) node(settings func(*pgxpool.Config)) *eventstore.Log {
	s.t.Helper()
	return s.open(s.connect("engine", settings))
}

// admin connects as who may do everything.
func (s *store) admin() *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), pgtest.AdminURL(s.t, s.url))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) })
	return conn
}

// count is the number that a query in the engine role gives.
func (s *store) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	if err := s.pool.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// must appends and wants it accepted.
func (s *store) must(a eventstore.Append) eventstore.Outcome {
	s.t.Helper()
	out, err := s.log.Append(s.t.Context(), a)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// command is a new command of the tenant.
func command(tenant uuid.UUID) eventstore.Command {
	return eventstore.Command{
		Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("the request"), Correlation: "a conversation",
		Actor: eventstore.Actor{Kind: "user", ID: "u-1", Via: "client"},
	}
}

// notes is an append of one note for each text to a stream at a version.
func notes(tenant uuid.UUID, stream eventstore.Stream, version int, texts ...string) eventstore.Append {
	var facts []eventstore.Fact
	for _, text := range texts {
		facts = append(facts, noted{Text: text})
	}
	return eventstore.Append{
		Command: command(tenant), At: map[eventstore.Stream]int{stream: version},
		Writes: []eventstore.Write{{Stream: stream, Facts: facts}},
	}
}
