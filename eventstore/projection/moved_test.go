package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore/projection"
)

// hear waits for a move.
func (h *house) hear(moved <-chan struct{}) {
	h.t.Helper()
	select {
	case <-moved:
	case <-time.After(time.Minute):
		h.t.Fatal("nothing was heard")
	}
}

func TestMovesAreHeardByWhomTheyConcern(t *testing.T) {
	t.Parallel()
	h := open(t, 2)
	never := false
	h.run(nil, totals(1, &never))
	one, other := uuid.New(), uuid.New()
	everybody, stop := h.reader.Moved(uuid.Nil)
	defer stop()
	h.background(func(ctx context.Context) error { return h.reader.Listen(ctx, slog.New(slog.DiscardHandler)) })
	h.hear(everybody) // it listens
	ones, stopOnes := h.reader.Moved(one)
	added := h.add(other, "a", 1)
	h.hear(everybody)
	if _, err := h.reader.Read(t.Context(), projection.Query{Projection: "totals", After: added},
		func(context.Context, *pgx.Conn) error { return nil }); err != nil {
		t.Errorf("heard of a move before it could be seen: %v", err)
	}
	_, stopNobody := h.reader.Moved(uuid.Nil) // behind whatever was being told
	stopNobody()
	select {
	case <-ones:
		t.Error("heard of somebody else's move")
	default:
	}
	h.add(one, "a", 1)
	h.hear(ones)

	// A connection that is cut is made anew, and what moved meanwhile is not missed.
	conn, err := pgx.Connect(t.Context(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`); err != nil {
		t.Fatal(err)
	}
	h.hear(ones)
	stopOnes()
	h.add(one, "a", 1)
	h.hear(everybody)
	h.add(one, "a", 1)
	h.hear(everybody)
	if len(ones) > 0 {
		t.Error("heard after it was stopped")
	}
}

// TestMovesAreHeardAtOnceInTheirProcess: a reader that its projector tells hears of a move without Postgres, and of each one once.
func TestMovesAreHeardAtOnceInTheirProcess(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	never := false
	h.run(func(e *projection.Engine) { e.Tell(h.reader) }, totals(1, &never))
	tenant, other := uuid.New(), uuid.New()
	mine, stop := h.reader.Moved(tenant)
	defer stop()
	h.add(tenant, "a", 1)
	h.hear(mine) // nobody listens

	everybody, stopEverybody := h.reader.Moved(uuid.Nil)
	defer stopEverybody()
	h.background(func(ctx context.Context) error { return h.reader.Listen(ctx, slog.New(slog.DiscardHandler)) })
	h.hear(everybody) // it listens
	h.hear(mine)
	h.add(tenant, "a", 1)
	h.hear(mine)
	h.hear(everybody)
	conn, err := pgx.Connect(t.Context(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `notify streamflow_moved, 'elsewhere `+other.String()+`'`); err != nil {
		t.Fatal(err)
	}
	h.hear(everybody) // behind what Postgres tells of the move
	if len(mine) > 0 {
		t.Error("heard of a move twice")
	}
}

// TestOtherNodesAreToldSeldom: however many pages are folded, another node is woken once in a while, and told of the last one.
func TestOtherNodesAreToldSeldom(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	never := false
	conn, err := pgx.Connect(t.Context(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `listen streamflow_moved`); err != nil {
		t.Fatal(err)
	}
	h.run(func(e *projection.Engine) { e.Tell(h.reader) }, totals(1, &never)) // a page for each append
	began, tenant := time.Now(), uuid.New()
	const pages = 100
	for range pages {
		h.read("totals", tenant, h.add(tenant, "a", 1))
	}
	told := 0
	for last := fmt.Sprintf(" 1:%d ", pages); ; {
		n, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told++
		if strings.Contains(n.Payload, last) {
			break
		}
	}
	if most := int(time.Since(began)/projection.AnnounceEvery) + 2; told > most {
		t.Errorf("told %d times of %d pages, want %d at most", told, pages, most)
	}
}
