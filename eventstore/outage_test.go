package eventstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
)

// disturb lets callers write while something happens to the database again and again, and holds the log to all that was said.
func (s *store) disturb(seed uint64, nodes []*eventstore.Log, happen func(rng *rand.Rand)) {
	s.t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(rng, 4, 30)
	var h history
	ctx, stop := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.run(ctx, nodes, w, seed, 48, 1<<30) })
	for range *faultsFlag {
		time.Sleep(time.Duration(100+rng.IntN(300)) * time.Millisecond) // under load, at no moment in particular
		happen(rng)
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	running.Wait()
	before := len(h.results)
	h.settle(s.t.Context(), s.log, w)
	s.t.Logf("%d calls, %d repeated because their answer was lost", before, len(h.results)-before)
	if before < 1000 {
		s.t.Errorf("only %d calls: there was no load", before)
	}
	s.check(&h)
}

// TestPostgresKilled kills the whole server as kill -9 does; its supervisor starts it again.
func TestPostgresKilled(t *testing.T) {
	server := pgtest.Server(t)
	s := storeAt(t, server.New("log", migrate), 2)
	s.disturb(seed(t), []*eventstore.Log{s.log, s.node(nil)}, func(*rand.Rand) {
		server.Kill()
		server.WaitReady()
	})
}

// TestPostgresStopped stops the server at once and leaves it down for a while.
func TestPostgresStopped(t *testing.T) {
	server := pgtest.Server(t)
	s := storeAt(t, server.New("log", migrate), 1)
	s.disturb(seed(t), []*eventstore.Log{s.log}, func(rng *rand.Rand) {
		server.Halt()
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
		server.Resume()
	})
}

// TestBackendsTerminated ends connections at random.
func TestBackendsTerminated(t *testing.T) {
	s := newStore(t, 2)
	admin := s.admin()
	s.disturb(seed(t), []*eventstore.Log{s.log, s.node(nil)}, func(rng *rand.Rand) {
		for range 30 {
			if _, err := admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and application_name = 'streamflow engine' and random() < 0.5`); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		}
	})
}

// TestDatabaseAway: while there is no database, callers are told so in bounded time, and nothing is an outcome.
func TestDatabaseAway(t *testing.T) {
	server := pgtest.Server(t)
	s := storeAt(t, server.New("log", migrate), 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	s.must(notes(tenant, stream, 0, "x"))
	server.Halt()
	a := notes(tenant, stream, 1, "y")
	begun := time.Now()
	if _, err := s.log.Append(t.Context(), a); !errors.Is(err, eventstore.ErrUnavailable) {
		t.Errorf("append: %v", err)
	}
	first := time.Since(begun)
	begun = time.Now()
	if _, err := s.log.Append(t.Context(), a); !errors.Is(err, eventstore.ErrUnavailable) {
		t.Errorf("append: %v", err)
	}
	if again := time.Since(begun); first > 10*time.Second || again > first/2 {
		t.Errorf("the first caller waited %v, the next one %v", first, again)
	}
	for name, read := range map[string]func() error{
		"lane":    func() error { _, err := s.log.ReadLane(t.Context(), 1, 0, 1); return err },
		"version": func() error { _, err := s.log.StreamVersion(t.Context(), tenant, stream); return err },
		"heads":   func() error { _, err := s.log.Heads(t.Context()); return err },
		"claim":   func() error { _, err := s.log.Holder(t.Context(), tenant, eventstore.Claim{Scope: "x"}); return err },
		"outcome": func() error { _, _, err := s.log.Recorded(t.Context(), a.Command); return err },
		"update": func() error {
			_, err := s.log.Update(t.Context(), command(tenant), nil, write(stream, "x", 9))
			return err
		},
	} {
		if err := read(); !errors.Is(err, eventstore.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Resume()
	if out, err := s.log.Append(t.Context(), a); err != nil || out.First != 2 || out.Replayed {
		t.Errorf("%+v, %v", out, err)
	}
}
