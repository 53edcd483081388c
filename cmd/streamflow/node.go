package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/eventstore/seal"
	"github.com/streamflow/streamflow/internal/natsserver"
	"github.com/streamflow/streamflow/internal/pgserver"
	"github.com/streamflow/streamflow/migrations"
	"github.com/streamflow/streamflow/projections"
)

// node is this process's share of an installation: its servers, where they are embedded, and everything opened on them.
type node struct {
	config   config
	postgres *pgserver.Server   // nil unless this process runs it
	bus      *natsserver.Server // likewise
	nc       *nats.Conn         // nil for a verb that needs no bus, and where there is none for a node that can do without
	url      string             // of the database
	source   string             // names the installation on the bus
	told     bool               // in the connection file, how to reach what this process runs

	engine, app, staff *pgxpool.Pool
	projecting         *pgxpool.Pool // in the engine role too, for the projector alone
	log                *eventstore.Log
	seals              *seal.Store
	projector          *projection.Engine
	reader             *projection.Reader
	intake             *intake.Desk // nil for a verb that takes no files in
}

// connection is how other verbs, and the stock psql and nats programs, reach the servers of a running node.
type connection struct {
	DatabaseURL string `json:"databaseUrl"`
	NATSURL     string `json:"natsUrl"`
	NATSToken   string `json:"natsToken"`
}

func (c config) connectionFile() string { return filepath.Join(c.data, "connection.json") }

// running is what a node on the data folder said of itself, if there is one; one that was killed says it still.
func (c config) running() (found connection) {
	if raw, err := os.ReadFile(c.connectionFile()); err != nil || json.Unmarshal(raw, &found) != nil {
		return connection{}
	}
	return found
}

// openNode joins what runs already, or starts what is embedded. withBus also does so for NATS. migrateUp applies pending
// migrations on an external database; an embedded one is always brought up. Close it when done.
func openNode(ctx context.Context, c config, withBus, migrateUp bool) (n *node, err error) {
	n = &node{config: c, url: c.databaseURL}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if err := n.openDatabase(ctx, !withBus); err != nil {
		return n, err
	}
	if withBus {
		if c.roles.useBus() {
			if err := n.openBus(); err != nil {
				return n, err
			}
		} else {
			n.tryBus(ctx)
		}
		if err := n.writeConnection(); err != nil {
			return n, err
		}
	}
	if err := n.bringUp(ctx, c.databaseURL == "" || migrateUp); err != nil {
		return n, err
	}
	return n, n.openLog(ctx)
}

// openDatabase finds the database. join looks for a running node's first.
func (n *node) openDatabase(ctx context.Context, join bool) error {
	if n.url != "" {
		return nil
	}
	if found := n.config.running(); join && found.DatabaseURL != "" {
		if conn, err := pgx.Connect(ctx, found.DatabaseURL); err == nil {
			_ = conn.Close(ctx)
			n.url = found.DatabaseURL
			return nil
		}
	}
	dir := filepath.Join(n.config.data, "postgres")
	if err := os.MkdirAll(n.config.data, 0o755); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	bin, err := pgserver.FindFor(n.config.postgresBin, dir)
	if err != nil {
		return err
	}
	n.postgres, err = pgserver.Start(ctx, pgserver.Config{Dir: dir, Bin: bin, Logger: n.config.logger.With("server", "postgres")})
	if errors.Is(err, pgserver.ErrInUse) {
		return fmt.Errorf("%s is in use: another streamflow runs on it", n.config.data)
	}
	if err != nil {
		return err
	}
	if err := n.postgres.EnsureDatabase(ctx, "streamflow", pgserver.Role); err != nil {
		return err
	}
	n.url = n.postgres.URL("streamflow")
	return nil
}

func (n *node) openBus() (err error) {
	if n.config.natsURL != "" {
		n.nc, err = nats.Connect(n.config.natsURL, nats.MaxReconnects(-1), nats.Name("streamflow"))
		return err
	}
	token, err := secretFile(filepath.Join(n.config.data, "nats.token"))
	if err != nil {
		return err
	}
	n.bus, err = natsserver.Start(natsserver.Config{Dir: filepath.Join(n.config.data, "nats"), Token: token, Listen: true, Logger: n.config.logger.With("server", "nats")})
	if err != nil {
		return err
	}
	n.nc, err = n.bus.Connect(nats.MaxReconnects(-1), nats.Name("streamflow"))
	return err
}

// tryBus connects to the bus of the other nodes, where one is known, and goes on without: it may come up later, or never.
func (n *node) tryBus(ctx context.Context) {
	url, options := n.config.natsURL, []nats.Option{nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.Name("streamflow")}
	if found := n.config.running(); url == "" && n.postgres == nil { // else no other node can be running on this folder
		url, options = found.NATSURL, append(options, nats.Token(found.NATSToken))
	}
	if url == "" {
		return
	}
	nc, err := nats.Connect(url, options...)
	if err != nil {
		n.config.logger.WarnContext(ctx, "other nodes hear of this one's commits up to a second late: it has no bus", "error", err)
		return
	}
	n.nc = nc
}

// joinBus connects to the bus of a node that runs, or starts the embedded one for as long as this verb runs.
func (n *node) joinBus() (err error) {
	if found := n.config.running(); n.config.natsURL == "" && found.NATSURL != "" {
		if n.nc, err = nats.Connect(found.NATSURL, nats.Token(found.NATSToken), nats.Name("streamflow")); err == nil {
			return nil
		}
	}
	return n.openBus()
}

// writeConnection tells other verbs of the servers that this node runs.
func (n *node) writeConnection() error {
	if n.postgres == nil && n.bus == nil {
		return nil
	}
	var c connection
	if n.postgres != nil {
		c.DatabaseURL = n.url
	}
	if n.bus != nil {
		token, err := secretFile(filepath.Join(n.config.data, "nats.token"))
		if err != nil {
			return err
		}
		c.NATSURL, c.NATSToken = n.bus.ClientURL(), token
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // people copy the addresses from it
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(c); err != nil {
		return err
	}
	n.told = true
	return keepFile(n.config.connectionFile(), text.Bytes())
}

func (n *node) bringUp(ctx context.Context, apply bool) error {
	steps, err := migrations.Status(ctx, n.url)
	if err != nil {
		return err
	}
	pending := 0
	for _, s := range steps {
		if !s.Applied {
			pending++
		}
	}
	if pending == 0 {
		return nil
	}
	if !apply {
		return fmt.Errorf("%w: %d; run `streamflow migrate up`, or serve with --migrate", migrations.ErrPending, pending)
	}
	_, err = migrations.Up(ctx, n.url, 0)
	return err
}

func (n *node) openLog(ctx context.Context) (err error) {
	if n.engine, err = migrations.Role(ctx, n.url, "engine", nil); err != nil {
		return err
	}
	if n.projecting, err = migrations.Role(ctx, n.url, "engine", nil); err != nil {
		return err
	}
	if n.app, err = migrations.Role(ctx, n.url, "app", nil); err != nil {
		return err
	}
	if n.staff, err = migrations.Role(ctx, n.url, "staff", nil); err != nil {
		return err
	}
	if err := eventstore.Create(ctx, n.engine, n.config.lanes); err != nil {
		return err
	}
	key, err := n.masterKey()
	if err != nil {
		return err
	}
	// From the master key, because nothing else is as old, as lasting and as much this installation's own.
	id := key.Derive("installation")
	n.source = fmt.Sprintf("urn:streamflow:%x", id[:8])
	registry, err := commands.Registry()
	if err != nil {
		return err
	}
	n.log, err = eventstore.Open(ctx, eventstore.Config{Pool: n.engine, Registry: registry, MasterKey: key, Logger: n.config.logger})
	if err != nil {
		return err
	}
	sealing, err := seal.NewKey(key, n.source)
	if err != nil {
		return err
	}
	n.seals = seal.NewStore(n.engine, sealing)
	n.projector, err = projection.New(n.log, n.projecting, n.config.logger, projections.All()...)
	if err != nil {
		return err
	}
	if n.nc != nil {
		n.projector.Follow(n.nc, n.source)
	}
	n.reader = projection.NewReader(n.app, n.staff)
	n.projector.Tell(n.reader)
	return n.projector.Install(ctx)
}

// masterKey is the configured one or, with the embedded database, one that is made once.
func (n *node) masterKey() (key eventstore.MasterKey, err error) {
	text := n.config.masterKey
	if text == "" {
		if n.config.databaseURL != "" {
			return key, errors.New("STREAMFLOW_MASTER_KEY is needed with an external database: everything personal is encrypted under it")
		}
		if text, err = secretFile(filepath.Join(n.config.data, "master.key")); err != nil {
			return key, err
		}
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != len(key) {
		return key, errors.New("master key is not 32 bytes in base64")
	}
	copy(key[:], raw)
	return key, nil
}

// close ends everything in the opposite order, so that nothing loses what it stands on.
func (n *node) close() {
	if n.log != nil {
		n.log.Close()
	}
	for _, pool := range []*pgxpool.Pool{n.staff, n.app, n.projecting, n.engine} {
		if pool != nil {
			pool.Close()
		}
	}
	if n.nc != nil {
		n.nc.Close()
	}
	if n.told {
		_ = os.Remove(n.config.connectionFile()) // what it names is going away
	}
	if n.bus != nil {
		n.bus.Stop()
	}
	if n.postgres != nil {
		if err := n.postgres.Stop(); err != nil {
			n.config.logger.Error("postgres did not stop cleanly", "error", err)
		}
	}
}
