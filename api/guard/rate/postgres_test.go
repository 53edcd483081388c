package rate

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// tableSQL is the table as the migrations make it, without its grants.
const tableSQL = `
create schema app;
create unlogged table app.rate_lease (
	policy  text   not null,
	key     text   not null,
	tat     bigint not null,
	granted bigint not null,
	at      bigint not null,
	primary key (policy, key)
)`

func pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	url := pgtest.New(t, "rate", func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, tableSQL)
		return err
	})
	p, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestLeaseSQL: the statement and the arithmetic in Go give the same grants, from the same bucket at the same times.
func TestLeaseSQL(t *testing.T) {
	t.Parallel()
	lease := Postgres(pool(t))
	for _, text := range []string{"20/10s", "7/3s", "1200/1m", "1000000/1s"} {
		p := mustParse(t, text, Share)
		tat := int64(0)
		for i := range 60 {
			want := 1 + i%3*7
			g, err := lease(t.Context(), p, text, want)
			if err != nil {
				t.Fatal(err)
			}
			granted, after := p.grant(tat, g.Now, min(want, p.Limit))
			if g.Granted != granted || g.TAT != after {
				t.Fatalf("%s, lease %d at %d: granted %d TAT %d, want %d and %d", text, i, g.Now, g.Granted, g.TAT, granted, after)
			}
			tat = after
			if i%20 == 19 {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	smaller := mustParse(t, "2/1s", Share)
	if g, err := lease(t.Context(), smaller, "20/10s", 5); err != nil || g.Granted != 0 {
		t.Errorf("a policy made smaller: %+v, %v", g, err)
	}
	if g, err := lease(t.Context(), smaller, "new", 5); err != nil || g.Granted != 2 {
		t.Errorf("more than the bucket holds: %+v, %v", g, err)
	}
}

// TestNodesShareOneBucket: four nodes, sixteen callers, one hot key, a real clock and a real database.
func TestNodesShareOneBucket(t *testing.T) {
	t.Parallel()
	pool := pool(t)
	p := mustParse(t, "2000/2s", Share)
	start := time.Now()
	var admitted, leases atomic.Int64
	lease := Postgres(pool)
	counted := func(ctx context.Context, p Policy, key string, want int) (Grant, error) {
		leases.Add(1)
		// Without the timeout: a slow machine must not turn this into a test of the fallback.
		return lease(context.WithoutCancel(ctx), p, key, want)
	}
	var wg sync.WaitGroup
	var requests atomic.Int64
	for range 4 {
		node := New(counted, 4, quiet())
		for range 4 {
			wg.Go(func() {
				for time.Since(start) < 3*time.Second {
					requests.Add(1)
					if node.Take(context.Background(), p, "hot").Allowed {
						admitted.Add(1)
					} else {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		defer func() {
			if node.Degraded() {
				t.Error("a node went its own way: the figures say nothing")
			}
		}()
	}
	wg.Wait()
	most := int64(p.Limit) + int64(time.Since(start))/p.interval()
	t.Logf("%d of at most %d admitted, %d requests, %d leases", admitted.Load(), most, requests.Load(), leases.Load())
	if admitted.Load() > most || admitted.Load() < most*90/100 {
		t.Errorf("%d admitted, at most %d", admitted.Load(), most)
	}
	if leases.Load() > requests.Load()/2 {
		t.Errorf("%d leases for %d requests", leases.Load(), requests.Load())
	}
}

// TestConcurrentLeases: leases of one token, all at once, never give more than there are.
func TestConcurrentLeases(t *testing.T) {
	t.Parallel()
	lease := Postgres(pool(t))
	p := mustParse(t, "50/24h", Share)
	var granted atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				g, err := lease(context.Background(), p, "one", 1)
				if err != nil {
					t.Error(err)
				}
				granted.Add(int64(g.Granted))
			}
		})
	}
	wg.Wait()
	if granted.Load() != 50 {
		t.Errorf("%d tokens of a bucket of 50", granted.Load())
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	pool := pool(t)
	lease := Postgres(pool)
	p := mustParse(t, "20/10s", Share)
	for i := range 3 {
		if _, err := lease(t.Context(), p, fmt.Sprint(i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(t.Context(), `update app.rate_lease set tat = tat - 120000000000 where key = '1'`); err != nil {
		t.Fatal(err)
	}
	if n, err := Sweep(t.Context(), pool); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
}

// TestDatabaseAway: the limiter goes on alone when the database ends, and comes back to it.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	pool := pool(t)
	p := mustParse(t, "20/10s", Strict)
	if err := pool.Ping(t.Context()); err != nil { // the first connection may take longer than a lease
		t.Fatal(err)
	}
	l := New(Postgres(pool), 1, quiet())
	if d := l.Take(t.Context(), p, "a"); !d.Allowed || l.Degraded() {
		t.Fatalf("%+v", d)
	}
	pool.Close()
	admitted := 0
	for range 50 {
		if l.Take(t.Context(), p, "a").Allowed {
			admitted++
		}
	}
	if admitted != 5 || !l.Degraded() {
		t.Errorf("%d admitted without a database", admitted)
	}
}
