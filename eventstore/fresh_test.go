package eventstore_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/migrations"
)

// A batch that is not as fresh as it was taken for is undone and sent again once in 32 batches, not each time.
func TestBatchesAreLookedAtAfterOneThatWasNotFresh(t *testing.T) {
	s := newStore(t, 1)
	var undone atomic.Int32
	pool, err := migrations.Role(t.Context(), s.url, "engine", func(c *pgxpool.Config) {
		c.ConnConfig.OnPgError = func(_ *pgconn.PgConn, e *pgconn.PgError) bool {
			if e.Code == "23505" {
				undone.Add(1)
			}
			return true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l := s.open(pool)
	tenant := uuid.New()
	taking := func(n int, key string) eventstore.Append {
		at := eventstore.Stream(fmt.Sprint("note-", n))
		a := notes(tenant, at, 0, "x")
		a.Takes = []eventstore.Holding{{Claim: eventstore.Claim{Scope: "name", Key: []byte(key)}, Stream: at}}
		return a
	}
	for n := range 40 {
		if _, err := l.Append(t.Context(), taking(n, fmt.Sprint("fresh", n))); err != nil {
			t.Fatal(err)
		}
	}
	if n := undone.Load(); n > 0 {
		t.Errorf("%d batches of fresh appends were undone", n)
	}
	for n := range 40 {
		if _, err := l.Append(t.Context(), taking(100+n, "fresh1")); !errors.As(err, new(*eventstore.ClaimedError)) {
			t.Fatalf("a claim that is held is taken again: %v", err)
		}
	}
	if n := undone.Load(); n != 2 {
		t.Errorf("%d of 40 batches with a claim that is held were undone, want 2", n)
	}
}
