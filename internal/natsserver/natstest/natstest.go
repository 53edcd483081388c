// Package natstest runs NATS for tests: one server as the program embeds it, or a cluster whose members a test stops.
package natstest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/internal/natsserver"
)

// Start runs the embedded server in a folder of the test's own until the test ends.
func Start(t testing.TB) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(natsserver.Config{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Connect returns a connection to an embedded server that is closed when the test ends.
func Connect(t testing.TB, s *natsserver.Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := s.Connect(opts...)
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func holdsWithin(limit time.Duration, holds func() bool) bool {
	for begun := time.Now(); time.Since(begun) < limit; time.Sleep(5 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}
