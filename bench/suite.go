package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/natsserver"
	"github.com/streamflow/streamflow/internal/pgserver"
	"github.com/streamflow/streamflow/migrations"
)

// suite is one run: its own Postgres, a folder for everything, and the figures so far.
type suite struct {
	quick   bool
	dir     string // removed at the end
	server  *pgserver.Server
	admin   *pgxpool.Pool // as superuser, for what no role of the program may do
	houses  []*house
	filled  *house // with a log of the domain's events; made when first needed
	bus     *bus   // with that log on it; likewise
	results results
	lost    int // events that the follower never saw
}

// quiet keeps what the servers log away from the table; their warnings are worth a line.
var quiet = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))

func newSuite(ctx context.Context, quick bool) (s *suite, err error) {
	s = &suite{quick: quick}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "streamflow-bench-"); err != nil {
		return s, err
	}
	if err = os.Chmod(s.dir, 0o711); err != nil { // Postgres may have to run as another account
		return s, err
	}
	dir := filepath.Join(s.dir, "postgres")
	bin, err := pgserver.FindFor(os.Getenv("STREAMFLOW_POSTGRES_BIN"), dir)
	if err != nil {
		return s, err
	}
	if s.server, err = pgserver.Start(ctx, pgserver.Config{Dir: dir, Bin: bin, Logger: quiet}); err != nil {
		return s, err
	}
	s.admin, err = pgxpool.New(ctx, s.server.AdminURL("postgres"))
	return s, err
}

// close ends all servers and removes the folder.
func (s *suite) close() {
	if s.bus != nil {
		s.bus.close()
	}
	for _, h := range s.houses {
		h.close()
	}
	if s.admin != nil {
		s.admin.Close()
	}
	if s.server != nil {
		if err := s.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: postgres:", err)
		}
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // a folder for temporary files, after all
	}
}

// rounds is how often what is compared takes turns, and how long each turn is: five turns of two seconds, in which the noise
// of other work and of checkpoints hits both alike.
func (s *suite) rounds() (int, time.Duration) {
	if s.quick {
		return 1, 300 * time.Millisecond
	}
	return 5, 2 * time.Second
}

// events scales a number of events down in a quick run.
func (s *suite) events(n int) int {
	if s.quick {
		return n / 20
	}
	return n
}

// house is a migrated database of its own with one lane, and a log open on it.
type house struct {
	url   string
	admin *pgxpool.Pool
	pool  *pgxpool.Pool // engine role
	own   *pgxpool.Pool // of its projectors; nil without one
	log   *eventstore.Log

	registry *eventstore.Registry
}

func (s *suite) newHouse(ctx context.Context, name string, registry *eventstore.Registry) (*house, error) {
	if err := s.server.EnsureDatabase(ctx, name, pgserver.Role); err != nil {
		return nil, err
	}
	h, err := openHouse(ctx, s.server.URL(name), s.server.AdminURL(name), registry)
	if h != nil {
		s.houses = append(s.houses, h)
	}
	return h, err
}

// openHouse brings a database up. What it returns has to be closed even when it also returns an error.
func openHouse(ctx context.Context, url, adminURL string, registry *eventstore.Registry) (h *house, err error) {
	h = &house{url: url, registry: registry}
	if _, err = migrations.Up(ctx, url, 0); err != nil {
		return h, err
	}
	if h.admin, err = pgxpool.New(ctx, adminURL); err != nil {
		return h, err
	}
	if h.pool, err = migrations.Role(ctx, url, "engine", func(c *pgxpool.Config) { c.MaxConns = 8 }); err != nil {
		return h, err
	}
	if err = eventstore.Create(ctx, h.pool, 1); err != nil {
		return h, err
	}
	h.log, err = h.openLog(ctx)
	return h, err
}

// node opens the house once more, as another node would: with connections of its own, which tracer watches.
func (h *house) node(ctx context.Context, tracer pgx.QueryTracer) (n *house, err error) {
	n = &house{url: h.url, registry: h.registry}
	if n.pool, err = migrations.Role(ctx, h.url, "engine", func(c *pgxpool.Config) { c.MaxConns, c.ConnConfig.Tracer = 8, tracer }); err == nil {
		n.log, err = n.openLog(ctx)
	}
	if err != nil {
		n.close()
	}
	return n, err
}

// openLog opens the log once more.
func (h *house) openLog(ctx context.Context) (*eventstore.Log, error) {
	// The same key at every start: a database that was filled is used again.
	return eventstore.Open(ctx, eventstore.Config{Pool: h.pool, Registry: h.registry, MasterKey: eventstore.MasterKey{1}, Logger: quiet})
}

func (h *house) close() {
	if h.log != nil {
		h.log.Close()
	}
	for _, p := range []*pgxpool.Pool{h.own, h.pool, h.admin} {
		if p != nil {
			p.Close()
		}
	}
}

func (h *house) head(ctx context.Context) (head int64, err error) {
	err = h.pool.QueryRow(ctx, `select head from log.lane where lane = 1`).Scan(&head)
	return head, err
}

// walBytes is how much the server has written to its log since it was made.
func (h *house) walBytes(ctx context.Context) (n float64, err error) {
	err = h.admin.QueryRow(ctx, `select (pg_current_wal_insert_lsn() - '0/0')::float8`).Scan(&n)
	return n, err
}

// bus is an embedded NATS server, as `serve` runs it.
type bus struct {
	server *natsserver.Server
	conn   *nats.Conn
	dir    string
}

func newBus(dir string) (*bus, error) {
	b := &bus{dir: dir}
	var err error
	if b.server, err = natsserver.Start(natsserver.Config{Dir: dir, Logger: quiet}); err != nil {
		return nil, err
	}
	if b.conn, err = b.server.Connect(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bus) close() {
	if b.conn != nil {
		b.conn.Close()
	}
	b.server.Stop()
	_ = os.RemoveAll(b.dir) // below a folder that goes away anyway
}

// vacuum does once what autovacuum would otherwise do in the middle of a measurement.
func (h *house) vacuum(ctx context.Context) error {
	conn, err := h.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	for _, sql := range []string{`vacuum analyze log.event`, `vacuum analyze log.command`, `vacuum analyze log.subject_key`, `checkpoint`} {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}
