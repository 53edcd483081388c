package eventstore_test

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

const gateSQL = `select count(*) from pg_locks where locktype = 'advisory' and granted = $2 and database = (select oid from pg_database where datname = current_database())
	and ((classid::bigint << 32) | objid::bigint) = $1`

// TestLongRunWaitsForThoseInside: a node that has a hot stream waits at its gate while another node is inside.
func TestLongRunWaitsForThoseInside(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	inside := s.admin()
	if _, err := inside.Exec(t.Context(), `select pg_advisory_lock($1)`, eventstore.Gate(tenant, stream)); err != nil {
		t.Fatal(err)
	}
	const most = 1000
	var made atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for made.Add(1) < most {
			if _, err := s.log.Update(t.Context(), command(tenant), []eventstore.Stream{stream}, follows(stream)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for made.Load() < most && s.count(gateSQL, eventstore.Gate(tenant, stream), false) == 0 {
		runtime.Gosched() // it has the stream
	}
	if n := made.Load(); n >= most {
		t.Errorf("it never waited in %d decisions", n)
	}
	made.Store(most - 50)
	if _, err := inside.Exec(t.Context(), `select pg_advisory_unlock_all()`); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

// TestLoserGoesInside: who lost a stream to another node is inside the gate when it decides again, and leaves it.
func TestLoserGoesInside(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := stale(t, s, tenant, stream)
	tries := 0
	_, err := other.Update(t.Context(), command(tenant), []eventstore.Stream{stream}, func(ctx context.Context, d *eventstore.Decision) error {
		if n := s.count(gateSQL, eventstore.Gate(tenant, stream), true); n != min(tries, 1) {
			t.Errorf("attempt %d: %d inside", tries+1, n)
		}
		tries++
		return follows(stream)(ctx, d)
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
	if n := s.count(gateSQL, eventstore.Gate(tenant, stream), true); n != 0 {
		t.Errorf("%d inside after the answer", n)
	}
}

// unheard is a connection on which the end of a transaction gets lost, and nothing says so.
type unheard struct{ net.Conn }

func (c unheard) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("rollback")) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestGateIsLeftOnASilentConnection: a gate protects nothing, so nobody waits long for its connection; least of all with an answer in hand.
func TestGateIsLeftOnASilentConnection(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := s.node(func(c *pgxpool.Config) {
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return unheard{conn}, err
		}
	})
	makeStale(t, s, other, tenant, stream)
	answered := make(chan error, 1)
	go func() {
		_, err := other.Update(t.Context(), command(tenant), []eventstore.Stream{stream}, follows(stream))
		answered <- err
	}()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a caller waits for a gate that it is to leave")
	}
}

// TestNodesShareAHotStream: however many callers a node has, those of another get on.
func TestNodesShareAHotStream(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	const enough = 200
	var made, tries [2]atomic.Int64
	var all sync.WaitGroup
	for n, node := range []*eventstore.Log{s.log, s.node(nil)} {
		for range 16 {
			all.Go(func() {
				for made[0].Load() < enough || made[1].Load() < enough {
					mine := int64(0)
					_, err := node.Update(t.Context(), command(tenant), []eventstore.Stream{stream}, func(ctx context.Context, d *eventstore.Decision) error {
						mine++
						return follows(stream)(ctx, d)
					})
					if err != nil {
						t.Error(err)
						return
					}
					made[n].Add(1)
					for most := tries[n].Load(); mine > most && !tries[n].CompareAndSwap(most, mine); {
						most = tries[n].Load() // another caller was quicker
					}
				}
			})
		}
	}
	all.Wait()
	for n := range made {
		t.Logf("node %d: %d commands, %d attempts at most", n, made[n].Load(), tries[n].Load())
		if tries[n].Load() > 20 {
			t.Errorf("node %d: a command took %d attempts", n, tries[n].Load())
		}
	}
}
