package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// Two relays publish one lane at once, as when a lease lapsed whose holder does not know it yet.
func TestTwoRelaysAtOnce(t *testing.T) {
	l := openLog(t)
	server := natstest.Start(t)
	js := jetStream(t, natstest.Connect(t, server))
	var refused atomic.Int64
	var relays []*Relay
	for range 2 {
		r := relayOf(l, Config{Log: l.node(), Conn: natstest.Connect(t, server)})
		relays = append(relays, r)
		run(t, func(ctx context.Context) error {
			for ctx.Err() == nil { // serve without its pauses
				var wrong *jetstream.APIError
				if _, err := r.session(ctx); errors.As(err, &wrong) && wrong.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
					refused.Add(1)
				}
			}
			return nil
		})
	}
	waitFor(t, "the stream", func() bool { _, err := js.Stream(t.Context(), StreamName(1)); return err == nil })
	unwatch := l.watch(js)
	stop := l.load(4)
	time.Sleep(time.Second)
	stop()
	l.caughtUp(js)
	unwatch()
	l.verifyAll(js, 1)
	if remade := relays[0].Status().Remade + relays[1].Status().Remade; remade > 2 { // each may have missed it at first
		t.Errorf("two relays made the stream %d times", remade)
	}
	if refused.Load() == 0 {
		t.Error("they never met")
	}
	t.Logf("%d refused", refused.Load())
}

// A relay that slept over everything that happened since publishes what it had in hand.
func TestZombie(t *testing.T) {
	l, r, js, _ := published(t, 50)
	page, err := l.ReadLane(t.Context(), 1, 30, 20)
	if err != nil {
		t.Fatal(err)
	}
	zombie, err := newPipeline(js.Conn(), "here", func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	defer zombie.close()
	zombie.start(30, 1)
	for _, e := range page {
		e.Data = []byte(`"from the grave"`)
		if err = zombie.publish(t.Context(), e); err != nil {
			break
		}
	}
	if err == nil {
		err = zombie.drain(t.Context())
	}
	if err == nil {
		t.Error("nobody told it")
	}
	l.append(10)
	l.caughtUp(js)
	l.verifyAll(js, 1)
	if s := r.Status(); s.Err != nil {
		t.Errorf("the living one was disturbed: %v", s.Err)
	}
}

// proxy stands between a relay and its broker. It can keep the broker's answers for itself, and what is sent to the broker back.
type proxy struct {
	net.Listener
	deaf   atomic.Bool
	held   sync.Mutex   // locked while nothing gets to the broker
	passed atomic.Int64 // bytes that got to the broker
	done   sync.WaitGroup
	mu     sync.Mutex
	open   []net.Conn
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: listener}
	t.Cleanup(func() { listener.Close(); p.cut() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, client, server)
			p.mu.Unlock()
			p.done.Go(func() {
				_, _ = io.Copy(late{server, p}, client)
				_ = server.(*net.TCPConn).CloseWrite() // the broker takes what came before
			})
			p.done.Go(func() { _, _ = io.Copy(answers{client, &p.deaf}, server); client.Close(); server.Close() })
		}
	}()
	return p
}

type answers struct {
	io.Writer
	deaf *atomic.Bool
}

func (a answers) Write(b []byte) (int, error) {
	if a.deaf.Load() {
		return len(b), nil
	}
	return a.Writer.Write(b)
}

type late struct {
	io.Writer
	proxy *proxy
}

func (l late) Write(b []byte) (int, error) {
	l.proxy.held.Lock()
	defer l.proxy.held.Unlock()
	l.proxy.passed.Add(int64(len(b)))
	return l.Writer.Write(b)
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

func TestAcknowledgementsLost(t *testing.T) {
	l := openLog(t)
	b := startBroker(t)
	p := startProxy(t, b.url()[len("nats://"):])
	js := jetStream(t, connect(t, b.url()))
	r := relayOf(l, Config{Conn: connect(t, "nats://"+p.Addr().String())})
	run(t, r.serve)
	l.append(1)
	waitFor(t, "the first event", func() bool { return r.Head() == 1 })
	stop := l.load(4)
	var lost int
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		p.deaf.Store(true) // what is published now is stored and not acknowledged
		time.Sleep(50 * time.Millisecond)
		if state := streamOf(t, js).CachedInfo().State; int64(state.LastSeq) > r.Head() {
			lost++
		}
		p.cut()
		p.deaf.Store(false)
	}
	stop()
	if lost == 0 {
		t.Error("no acknowledgement was lost")
	}
	l.caughtUp(js)
	l.verifyAll(js, 1)
	undisturbed(t, r)
}

// The connection stays up, but what was published last is never answered for.
func TestSilentBroker(t *testing.T) {
	t.Parallel() // it waits
	l := openLog(t)
	b := startBroker(t)
	p := startProxy(t, b.url()[len("nats://"):])
	conn := connect(t, "nats://"+p.Addr().String())
	pipe, err := newPipeline(conn, "here", func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.close()
	l.append(1)
	page, err := l.ReadLane(t.Context(), 1, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.deaf.Store(true)
	if err := pipe.publish(t.Context(), page[0]); err != nil {
		t.Fatal(err)
	}
	if err := pipe.drain(t.Context()); err == nil {
		t.Error("silence was taken for an answer")
	}
}

// A node that stops hands over at once; before and after, a commit of the other node is published within the time of a ping.
func TestHandover(t *testing.T) {
	l := openLog(t)
	server := natstest.Start(t)
	js := jetStream(t, natstest.Connect(t, server))
	nodes := []*eventstore.Log{l.Log, l.node()}
	var relays []*Relay
	var stops []func()
	for i, log := range nodes {
		relays = append(relays, relayOf(l, Config{Log: log, Conn: natstest.Connect(t, server)}))
		relays[i].inspectEvery = inspectEvery
		stops = append(stops, run(t, relays[i].Run))
		if i == 0 {
			waitFor(t, "a leader", func() bool { return relays[0].Status().Leading })
		}
	}
	relay, other := relays[0], nodes[1]
	for round := range 2 {
		var slow int
		for range 20 {
			position := appendTo(t, other, 1)
			begun := time.Now()
			waitFor(t, "an append of the other node", func() bool { return relay.Head() == position })
			if time.Since(begun) > pollEvery/2 {
				slow++
			}
		}
		if slow > 2 {
			t.Errorf("round %d: %d of 20 waited for the poll", round, slow)
		}
		if round == 0 {
			begun := time.Now()
			stops[0]()
			waitFor(t, "the other to take over", func() bool { return relays[1].Status().Leading })
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("handover took %s: that is a lapse", took)
			}
			relay, other = relays[1], l.node()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go Announce(ctx, other, natstest.Connect(t, server), 1)
			waitFor(t, "the new one to resume", func() bool { return relay.Head() == l.head().Position })
		}
	}
	if s := relay.Status(); s.Term != 2 {
		t.Errorf("term %d, want 2", s.Term)
	}
	l.caughtUp(js)
	l.verifyAll(js, 1)
}

func TestDatabaseKilledUnderLoad(t *testing.T) {
	t.Parallel() // it waits for recovery
	server := pgtest.Server(t)
	l := &testLog{t: t, url: server.New("relay", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})}
	l.Log = l.node()
	conn := natstest.Connect(t, natstest.Start(t))
	r := relayOf(l, Config{Conn: conn})
	run(t, r.Run)
	stop := l.load(4)
	time.Sleep(300 * time.Millisecond)
	server.Kill()
	server.WaitReady()
	time.Sleep(300 * time.Millisecond)
	stop()
	js := jetStream(t, conn)
	l.caughtUp(js)
	l.verifyAll(js, 1)
	undisturbed(t, r)
}
