package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// childURL tells this test program that it is the one to be killed, and on which database.
const childURL = "STREAMFLOW_TEST_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		child(url)
	}
	pgtest.Main(m)
}

// killedIn bounds how long a child may take to reach its failpoint: a child that cannot reach it would hang the whole run.
const killedIn = time.Minute

// child does what reaches its failpoint until that kills it: it projects the database's log, or rebuilds. Never both: a
// rebuild that switches again and again would leave the projector nothing to fold.
func child(url string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	pool, err := migrations.Role(ctx, url, "engine", nil)
	fail(err)
	registry, err := eventstore.NewRegistry(added{})
	fail(err)
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey()})
	fail(err)
	own, err := migrations.Role(ctx, url, "engine", nil)
	fail(err)
	e, err := projection.New(l, own, slog.New(slog.DiscardHandler), totals(1, new(bool)))
	fail(err)
	fail(e.Install(ctx))
	if os.Getenv("STREAMFLOW_FAILPOINT") == "switch.commit" {
		fail(e.Rebuild(ctx, "totals", func(int64, int64) {}))
	}
	fail(e.Run(ctx))
}

// A projector that dies between what it wrote and its commit has done nothing; what it had committed is done once.
func TestKilledProjectorFoldsOnce(t *testing.T) {
	for _, point := range []string{"checkpoint.commit", "switch.commit"} {
		t.Run(point, func(t *testing.T) {
			h := open(t, 2)
			a := uuid.New()
			var cursor eventstore.Cursor
			for i := range 30 {
				cursor = h.add(a, fmt.Sprint("x", i%3), i)
			}
			for range 3 {
				alive, cancel := context.WithTimeout(t.Context(), killedIn)
				defer cancel()
				c := exec.CommandContext(alive, os.Args[0])
				c.Env = append(os.Environ(), childURL+"="+h.url, "STREAMFLOW_FAILPOINT="+point)
				out, err := c.CombinedOutput()
				if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL || alive.Err() != nil {
					t.Fatalf("the child was not killed at %s: %v\n%s", point, err, out)
				}
			}
			h.run(nil, totals(1, new(bool)))
			h.want(h.total(a, cursor), "sum-x0", "135/10", "sum-x1", "145/10", "sum-x2", "155/10")
		})
	}
}

// A database that goes away in the middle parks nothing and loses nothing.
func TestDatabaseStoppedWhileProjecting(t *testing.T) {
	server := pgtest.Server(t)
	url := server.New("projecting", func(ctx context.Context, url string) error { _, err := migrations.Up(ctx, url, 0); return err })
	h := openOn(t, url, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	sum := 0
	for i := range 200 {
		if i == 100 {
			server.Kill()
			server.WaitReady()
			h.logPool.Reset() // what is added next is not to find the connections that died
		}
		h.add(a, "x", i)
		sum += i
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		states, err := e.States(h.t.Context())
		if err == nil && states[0].Position == states[0].Head {
			if states[0].Parked != 0 {
				t.Fatalf("%d events were parked because the database was away", states[0].Parked)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the projector did not catch up: %v %v", states, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.want(h.total(a, nil), "sum-x", fmt.Sprintf("%d/200", sum))
}
