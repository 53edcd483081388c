package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

// The ways in which a network fails.
const (
	works        int32 = iota
	cutRequest         // the request does not arrive, and the connection breaks
	cutAnswer          // the request is answered, which means committed, and the connection breaks instead
	silentBefore       // the request does not arrive, and nothing says so
	silentAfter        // the request is answered, and nothing arrives
)

// network makes connections that fail once, at the next request after it was told to.
type network struct {
	next  atomic.Int32
	mu    sync.Mutex
	conns []net.Conn
}

// hangUp closes what a silent connection would keep open for as long as the driver hopes to hear from the server.
func (n *network) hangUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
}

func (n *network) settings(c *pgxpool.Config) {
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.conns = append(n.conns, conn)
		return &failingConn{Conn: conn, network: n}, nil
	}
}

type failingConn struct {
	net.Conn
	network *network
	fails   atomic.Int32
}

func (c *failingConn) Write(b []byte) (int, error) {
	if how := c.network.next.Swap(works); how != works {
		c.fails.Store(how)
	}
	switch c.fails.Load() {
	case cutRequest:
		return 0, c.broken()
	case silentBefore:
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *failingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	switch how := c.fails.Load(); {
	case err != nil || how == works:
		return n, err
	case how == silentAfter:
		for err == nil { // hears everything and passes nothing on, until the reader's patience ends
			_, err = c.Conn.Read(b)
		}
		return 0, err
	}
	return 0, c.broken()
}

func (c *failingConn) broken() error {
	_ = c.Conn.Close()
	return &net.OpError{Op: "read", Net: "test", Err: net.ErrClosed}
}

// TestConnectionCut: wherever the connection fails, callers get the truth, and the truth is one outcome.
func TestConnectionCut(t *testing.T) {
	s := newStore(t, 4)
	var all sync.WaitGroup // most of the time they wait
	for lane, how := range map[int]int32{1: cutRequest, 2: cutAnswer, 3: silentBefore, 4: silentAfter} {
		var n network
		node := s.node(n.settings)
		t.Cleanup(n.hangUp)
		all.Go(func() {
			if err := cut(t, node, tenantIn(node, lane), func() { n.next.Store(how) }); err != nil {
				t.Errorf("way %d: %v", how, err)
			}
		})
	}
	all.Wait()
}

func cut(t *testing.T, node *eventstore.Log, tenant uuid.UUID, fail func()) error {
	stream := eventstore.Stream("note-1")
	warm := notes(tenant, stream, 0, "warm")
	for _, a := range []eventstore.Append{warm, notes(tenant, stream, 1, "1", "2")} {
		if _, err := node.Append(t.Context(), a); err != nil {
			return err
		}
	}
	// Both functions are prepared now, so the next request is the append itself.
	fail()
	begun := time.Now()
	out, err := node.Append(t.Context(), notes(tenant, stream, 3, "4", "5"))
	if err != nil || out.Replayed || out.First != 4 || out.Events != 2 {
		return fmt.Errorf("%+v, %w", out, err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		return fmt.Errorf("answered after %v", took)
	}
	fail()
	refusal := eventstore.Append{Command: command(tenant), Verdict: eventstore.Refused, Code: "no", At: map[eventstore.Stream]int{stream: 5}}
	if out, err := node.Append(t.Context(), refusal); err != nil || out.Replayed || out.Code != "no" || out.First != 5 {
		return fmt.Errorf("a refusal: %+v, %w", out, err)
	}
	fail()
	if out, err := node.Append(t.Context(), warm); err != nil || !out.Replayed || out.First != 1 {
		return fmt.Errorf("a repeat: %+v, %w", out, err)
	}
	if n, err := node.StreamVersion(t.Context(), tenant, stream); n != 5 || err != nil {
		return fmt.Errorf("version %d, %w", n, err)
	}
	return nil
}

// TestBatchCut cuts the connection while many callers are waiting, again and again.
func TestBatchCut(t *testing.T) {
	s := newCutStore(t)
	tenant := uuid.New()
	var all sync.WaitGroup
	var answers atomic.Int32
	for caller := range 64 {
		all.Go(func() {
			stream := eventstore.Stream(fmt.Sprintf("note-%d", caller))
			for n := range 20 {
				out, err := s.node.Append(t.Context(), notes(tenant, stream, n, "x"))
				if err != nil || out.Replayed || out.Events != 1 {
					t.Errorf("caller %d, append %d: %+v, %v", caller, n, out, err)
					return
				}
				if n := answers.Add(1); n%25 == 0 {
					s.network.next.Store([]int32{cutRequest, cutAnswer}[n/25%2])
				}
				if e, err := s.log.ReadLane(t.Context(), 1, out.First-1, 1); err != nil || e[0].Stream != stream || e[0].Version != n+1 {
					t.Errorf("caller %d was told position %d: %+v, %v", caller, out.First, e, err)
				}
			}
		})
	}
	all.Wait()
	if n := s.count(`select count(*) from log.event`); n != 64*20 {
		t.Errorf("%d events", n)
	}
}

// TestRepeatInCutBatchLeavesNoState: the batch of a repeat is sent twice, and the repeat is still one.
func TestRepeatInCutBatchLeavesNoState(t *testing.T) {
	s := newCutStore(t)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	c := command(tenant)
	if _, err := s.node.Update(t.Context(), c, nil, write(stream, "one", 9)); err != nil {
		t.Fatal(err)
	}
	s.network.next.Store(cutAnswer)
	if out, err := s.node.Update(t.Context(), c, nil, write(stream, "never", 9)); err != nil || !out.Replayed {
		t.Fatalf("%+v, %v", out, err)
	}
	s.must(notes(tenant, stream, 1, "two"))
	if last := lastOf(t, s.node, tenant, stream); last != "two" {
		t.Errorf("the node remembers %q, which never was", last)
	}
}

// cutStore is a store with one more node, behind a network that fails.
type cutStore struct {
	*store
	network network
	node    *eventstore.Log
}

func newCutStore(t *testing.T) *cutStore {
	t.Helper()
	s := &cutStore{store: newStore(t, 1)}
	s.node = s.store.node(s.network.settings)
	t.Cleanup(s.network.hangUp)
	return s
}

// A connection on which a batch was given up may lead to a server that will never write; the next batch asks for another.
func TestAServerThatCannotWriteIsLeft(t *testing.T) {
	s := newStore(t, 1)
	node, admin := s.node(nil), s.admin()
	run := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	tenant := uuid.New()
	s.must(notes(tenant, "note-1", 0, "x"))
	run(`do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`) // as a standby is, for who connects now
	run(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
	var all sync.WaitGroup
	for n := range 8 { // while the first is tried the others become a batch, which is the last to be given up
		all.Go(func() {
			if _, err := node.Append(t.Context(), notes(tenant, eventstore.Stream(fmt.Sprint("note-2", n)), 0, "x")); !errors.Is(err, eventstore.ErrUnavailable) {
				t.Errorf("a standby took it: %v", err)
			}
		})
	}
	all.Wait()
	run(`do $$ begin execute format('alter database %I reset default_transaction_read_only', current_database()); end $$`)
	if _, err := node.Append(t.Context(), notes(tenant, "note-1", 1, "x")); err != nil {
		t.Errorf("when another server takes over: %v", err)
	}
}
