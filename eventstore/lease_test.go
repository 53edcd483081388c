package eventstore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// leaseTable is a migrated database whose leases last for as long as a test can wait.
type leaseTable struct {
	t    *testing.T
	pool *pgxpool.Pool
}

const testTTL = 600 * time.Millisecond

func newLeaseTable(t *testing.T) leaseTable {
	t.Helper()
	url := pgtest.New(t, "log", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	pool, err := migrations.Role(t.Context(), url, "engine", func(c *pgxpool.Config) { c.MaxConns = 12 })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return leaseTable{t, pool}
}

func (lt leaseTable) lease() *Lease {
	l := (&Log{pool: lt.pool, logger: slog.New(slog.DiscardHandler)}).Lease("job", uuid.New())
	l.ttl = testTTL
	return l
}

// hold does a job until the returned function is called; started is closed when it begins.
func (lt leaseTable) hold(l *Lease) (started <-chan struct{}, stop func()) {
	begun := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var times atomic.Int32
	go func() {
		done <- l.Hold(ctx, func(ctx context.Context) error {
			if times.Add(1) > 1 {
				lt.t.Error("the lease was lost, and had again")
			} else {
				close(begun)
			}
			<-ctx.Done()
			return nil
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			lt.t.Errorf("hold: %v", err)
		}
	})
	lt.t.Cleanup(stop)
	return begun, stop
}

func TestLeaseIsKeptAndHandedOver(t *testing.T) {
	lt := newLeaseTable(t)
	first, second := lt.lease(), lt.lease()
	started, stop := lt.hold(first)
	<-started
	waiting, _ := lt.hold(second)
	select {
	case <-waiting:
		t.Fatal("two holders")
	case <-time.After(3 * testTTL): // renewed meanwhile
	}
	if first.Term() != 1 || second.Term() != 0 {
		t.Errorf("terms %d %d, want 1 0", first.Term(), second.Term())
	}
	resigned := time.Now()
	stop()
	<-waiting
	if took := time.Since(resigned); took > testTTL/2 {
		t.Errorf("handed over after %s: the lease lapsed instead", took)
	}
	if first.Term() != 0 || second.Term() != 2 {
		t.Errorf("terms %d %d, want 0 2", first.Term(), second.Term())
	}
}

func TestLeaseOfADeadHolderLapses(t *testing.T) {
	lt := newLeaseTable(t)
	asked := time.Now()
	until, term, err := lt.lease().take(t.Context()) // and never again
	if err != nil || term != 1 {
		t.Fatalf("term %d, %v", term, err)
	}
	if until.After(asked.Add(testTTL * 9 / 10)) {
		t.Errorf("the local deadline, %s, leaves no margin", until.Sub(asked))
	}
	started, _ := lt.hold(lt.lease())
	<-started
	if took := time.Since(asked); took < testTTL || took > 2*testTTL {
		t.Errorf("taken over after %s of %s", took, testTTL)
	}
}

func TestLeaseLossEndsTheJob(t *testing.T) {
	for name, take := range map[string]string{
		"another node has it": `update log.lease set holder = gen_random_uuid(), term = term + 1, until = now() + interval '1 hour'`,
		"another node had it": `update log.lease set term = term + 2, until = now()`,
	} {
		t.Run(name, func(t *testing.T) {
			lt := newLeaseTable(t)
			l := lt.lease()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := l.Hold(ctx, func(working context.Context) error {
				if _, err := lt.pool.Exec(ctx, take); err != nil {
					return err
				}
				select {
				case <-working.Done():
				case <-time.After(2 * testTTL):
					return errors.New("the job goes on")
				}
				if cause := context.Cause(working); !errors.Is(cause, ErrLeaseLost) {
					t.Errorf("cause %v", cause)
				}
				cancel()
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// A node that cannot reach the database stops before another one may begin.
func TestLeaseEndsInTimeWithoutDatabase(t *testing.T) {
	lt := newLeaseTable(t)
	own, err := pgxpool.NewWithConfig(t.Context(), lt.pool.Config())
	if err != nil {
		t.Fatal(err)
	}
	l := leaseTable{t, own}.lease()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended, lapses time.Time
	if err := l.Hold(ctx, func(working context.Context) error {
		own.Close()
		if err := lt.pool.QueryRow(ctx, `select until from log.lease`).Scan(&lapses); err != nil {
			return err
		}
		<-working.Done()
		ended = time.Now()
		cancel()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if left := lapses.Sub(ended); left < testTTL/10 || left > testTTL/2 {
		t.Errorf("the job ended %s before the lease lapses", left)
	}
}

// A holding that was lost is over: whoever goes on, be it the same node, has a new term.
func TestLeaseTakenAgainHasANewTerm(t *testing.T) {
	lt := newLeaseTable(t)
	l := lt.lease()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := int64(0)
	if err := l.Hold(ctx, func(working context.Context) error {
		if first > 0 {
			if l.Term() <= first {
				t.Errorf("term %d after %d", l.Term(), first)
			}
			cancel()
			return nil
		}
		first = l.Term()
		return pgx.BeginFunc(ctx, lt.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `select from log.lease for update`) // no renewal gets through
			<-working.Done()
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
}

// A lease that was taken anew while the job was at work, as it is in a database that went back to an older copy, is not left to lapse.
func TestLeaseTakenAnewIsHadAtOnce(t *testing.T) {
	lt := newLeaseTable(t)
	l := lt.lease()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lost time.Time
	if err := l.Hold(ctx, func(working context.Context) error {
		if !lost.IsZero() {
			if rested := time.Since(lost); rested > testTTL/2 {
				t.Errorf("the job rested for %s of %s", rested, testTTL)
			}
			cancel()
			return nil
		}
		if _, err := lt.pool.Exec(ctx, `update log.lease set term = term + 7, until = now()`); err != nil {
			return err
		}
		<-working.Done()
		lost = time.Now()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLeaseHasOneHolder(t *testing.T) {
	lt := newLeaseTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var holders, turns atomic.Int32
	var terms sync.Map
	failed := errors.New("done for now")
	var nodes sync.WaitGroup
	for range 8 {
		nodes.Go(func() {
			for ctx.Err() == nil {
				l := lt.lease()
				err := l.Hold(ctx, func(context.Context) error {
					if holders.Add(1) != 1 {
						t.Error("two holders at once")
					}
					if _, again := terms.LoadOrStore(l.Term(), true); again {
						t.Errorf("term %d was given twice", l.Term())
					}
					time.Sleep(2 * time.Millisecond)
					holders.Add(-1)
					if turns.Add(1) == 30 {
						cancel()
					}
					return failed
				})
				if err != nil && !errors.Is(err, failed) {
					t.Error(err)
				}
			}
		})
	}
	nodes.Wait()
}
