package pgtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/streamflow/streamflow/internal/pgserver"
)

// Dedicated is a supervised server of one test's own, as durable as in production, which the test may kill, halt
// and resume. Its addresses stay the same throughout.
type Dedicated struct {
	t      testing.TB
	cfg    pgserver.Config
	server *pgserver.Server
}

// recoveryLimit is how long a server may take to come back.
const recoveryLimit = time.Minute

// Server starts a Dedicated server from the Postgres that is installed here; it ends with the test.
func Server(t testing.TB) *Dedicated {
	t.Helper()
	bin, err := pgserver.Find(os.Getenv("STREAMFLOW_POSTGRES_BIN"))
	if err != nil {
		t.Fatalf("pgtest: a test that breaks its server needs an installed one: %v", err)
	}
	folder, err := newScratch()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(folder.remove)
	d := &Dedicated{t: t, cfg: pgserver.Config{
		Dir: folder.dir, Bin: bin, Settings: settings,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}}
	d.Resume()
	t.Cleanup(d.Halt)
	return d
}

// New creates a database, lets prepare fill it (nil leaves it empty) and returns its address for the program's role.
func (d *Dedicated) New(name string, prepare Prepare) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.Context()), prepareLimit)
	defer cancel()
	err := d.server.EnsureDatabase(ctx, name, pgserver.Role)
	if err == nil && prepare != nil {
		err = prepare(ctx, d.URL(name))
	}
	if err != nil {
		d.t.Fatalf("pgtest: %v", err)
	}
	return d.URL(name)
}

// URL is the address of a database for the program's role.
func (d *Dedicated) URL(database string) string { return d.server.URL(database) }

// AdminURL is the address of a database for the superuser.
func (d *Dedicated) AdminURL(database string) string { return d.server.AdminURL(database) }

// Kill kills the server process as kill -9 does and returns when it is down. Its supervisor starts it again at once;
// WaitReady tells when it is back.
func (d *Dedicated) Kill() {
	d.t.Helper()
	if err := syscall.Kill(d.server.PID(), syscall.SIGKILL); err != nil {
		d.t.Fatalf("pgtest: kill postgres: %v", err)
	}
	if !holdsWithin(recoveryLimit, func() bool { return !d.server.Ready() }) {
		d.t.Fatal("pgtest: postgres does not die")
	}
}

// Halt stops the server without a checkpoint, as a crash does, and leaves it down until Resume.
func (d *Dedicated) Halt() {
	d.t.Helper()
	if err := d.server.Abort(); err != nil {
		d.t.Errorf("pgtest: %v", err)
	}
}

// Resume starts the server again after Halt and returns when it has recovered.
func (d *Dedicated) Resume() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recoveryLimit)
	defer cancel()
	server, err := pgserver.Start(ctx, d.cfg)
	if err != nil {
		d.t.Fatalf("pgtest: %v", err)
	}
	d.server = server
}

// Ready reports whether the server accepts connections now.
func (d *Dedicated) Ready() bool { return d.server.Ready() }

// WaitReady returns when the server accepts connections again after Kill.
func (d *Dedicated) WaitReady() {
	d.t.Helper()
	if !holdsWithin(recoveryLimit, d.server.Ready) {
		d.t.Fatal(fmt.Errorf("pgtest: postgres is not back within %s: %w", recoveryLimit, d.server.Err()))
	}
}

func holdsWithin(limit time.Duration, holds func() bool) bool {
	for begun := time.Now(); time.Since(begun) < limit; time.Sleep(time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}
