// Package migrations holds the durable tables as numbered SQL files and brings a database up to them.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed *.sql
var files embed.FS

// lockTimeout bounds how long a migration waits for a table that somebody else holds: it fails and can be run again, instead
// of making everybody queue behind it.
const lockTimeout = "5s"

// silence bounds how long nothing is heard on a connection, while something is asked for or on its way, before it is given up.
const silence = 25 * time.Second

// endSilence lets both ends of a connection notice when the other vanished: a node waits for no answer that never comes, and the
// server keeps no locks for a node that is gone.
func endSilence(config *pgx.ConnConfig) {
	idle, every, count := 10*time.Second, 5*time.Second, 3 // together silence
	config.RuntimeParams["tcp_keepalives_idle"] = strconv.Itoa(int(idle.Seconds()))
	config.RuntimeParams["tcp_keepalives_interval"] = strconv.Itoa(int(every.Seconds()))
	config.RuntimeParams["tcp_keepalives_count"] = strconv.Itoa(count)
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: idle, Interval: every, Count: count}, Control: limitSilence}
	config.DialFunc = dialer.DialContext
}

// Step is one migration.
type Step struct {
	Version int64
	Name    string
	Applied bool
	SQL     string
}

// Open connects with what the migrations need. Close the returned pool.
func open(ctx context.Context, url string) (*goose.Provider, *pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("database URL: %w", err)
	}
	config.ConnConfig.RuntimeParams["lock_timeout"] = lockTimeout
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	provider, err := goose.NewProvider(database.DialectPostgres, stdlib.OpenDBFromPool(pool), files)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return provider, pool, nil
}

// Status lists every migration and whether the database has it.
func Status(ctx context.Context, url string) ([]Step, error) {
	provider, pool, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	all, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	steps := make([]Step, 0, len(all))
	for _, s := range all {
		sql, err := fs.ReadFile(files, s.Source.Path)
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{Version: s.Source.Version, Name: s.Source.Path, Applied: s.State == goose.StateApplied, SQL: string(sql)})
	}
	return steps, nil
}

// Up applies what is pending, up to and including version until (0: all), one node at a time. It returns how many it applied.
func Up(ctx context.Context, url string, until int64) (int, error) {
	provider, pool, err := open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer conn.Release()
	// Whoever comes second waits for the first, then finds nothing to do.
	if _, err := conn.Exec(ctx, `set lock_timeout = 0`); err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext('streamflow migrations'))`); err != nil {
		return 0, fmt.Errorf("wait for another migration: %w", err)
	}
	defer unlock(ctx, conn)
	var results []*goose.MigrationResult
	if until > 0 {
		results, err = provider.UpTo(ctx, until)
	} else {
		results, err = provider.Up(ctx)
	}
	if err != nil {
		return len(results), fmt.Errorf("migrate: %w", err)
	}
	return len(results), nil
}

func unlock(ctx context.Context, conn *pgxpool.Conn) {
	// A connection that cannot unlock is closed, which unlocks too.
	if _, err := conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock(hashtext('streamflow migrations'))`); err != nil {
		_ = conn.Conn().Close(ctx)
	}
}

// ErrPending: the database lacks migrations.
var ErrPending = errors.New("database has pending migrations")

// Role connects in one of the roles that the migrations made: app, staff or engine. settings adjusts the pool, or is nil.
func Role(ctx context.Context, url, role string, settings func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.ConnConfig.RuntimeParams["role"] = "streamflow_" + role
	config.ConnConfig.RuntimeParams["application_name"] = "streamflow " + role
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// A plan may be made while a table is all but empty, when reading all of it looks cheap, and is kept until somebody gathers
	// statistics: a minute, in which a new installation can take in thousands of records. Every probe has an index.
	config.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	// What is switched off so costs a plan that has no other way a fortune, for which the server would compile it.
	config.ConnConfig.RuntimeParams["jit"] = "off"
	endSilence(config.ConnConfig)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if settings != nil {
		settings(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect as %s: %w", role, err)
	}
	return pool, nil
}
