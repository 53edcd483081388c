package relay

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/natsserver"
	"github.com/streamflow/streamflow/migrations"
)

// childEnv tells this test program that it is a relay to be killed: it holds the database's address. The broker is the one at
// childBroker or, where there is none, runs in the child, as the program embeds it, in the folder childFolder.
const (
	childEnv    = "STREAMFLOW_TEST_CHILD"
	childBroker = childEnv + "_BROKER"
	childFolder = childEnv + "_FOLDER"
)

func relayAsChild(ctx context.Context, url string) error {
	pool, err := migrations.Role(ctx, url, "engine", nil)
	if err != nil {
		return err
	}
	registry, err := eventstore.NewRegistry(noted{})
	if err != nil {
		return err
	}
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: quiet})
	if err != nil {
		return err
	}
	var conn *nats.Conn
	if at := os.Getenv(childBroker); at != "" {
		conn, err = nats.Connect(at)
	} else {
		var s *natsserver.Server
		if s, err = natsserver.Start(natsserver.Config{Dir: os.Getenv(childFolder), Logger: quiet}); err == nil {
			conn, err = s.Connect()
		}
	}
	if err != nil {
		return err
	}
	return New(Config{Log: l, Conn: conn, Lane: 1, Source: "here", MaxBytes: 256 << 20, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}).serve(ctx)
}

// killed runs a relay in a process of its own until it dies at the failpoint; meanwhile is called once it has started. The variable
// says where its broker is.
func (l *testLog) killed(failpoint, variable string, meanwhile func()) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+l.url, "STREAMFLOW_FAILPOINT="+failpoint, variable)
	child.Stderr = l.t.Output()
	if err := child.Start(); err != nil {
		l.t.Fatal(err)
	}
	meanwhile()
	err := child.Wait()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL || ctx.Err() != nil {
		l.t.Fatalf("the relay was to be killed at %s: %v", failpoint, err)
	}
}

// bus is a broker that a child uses, by the variable that tells it, and that the test looks into while no child runs.
type bus struct {
	variable string
	open     func() (js jetstream.JetStream, shut func())
}

// lasting is a broker that lives on when the relay is killed.
func lasting(t *testing.T) bus {
	b := startBroker(t)
	js := jetStream(t, connect(t, b.url()))
	return bus{childBroker + "=" + b.url(), func() (jetstream.JetStream, func()) { return js, func() {} }}
}

// embedded is a broker in the process that is killed.
func embedded(t *testing.T) bus {
	dir := t.TempDir()
	return bus{childFolder + "=" + dir, func() (jetstream.JetStream, func()) {
		s, err := natsserver.Start(natsserver.Config{Dir: dir, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := s.Connect()
		if err != nil {
			t.Fatal(err)
		}
		return jetStream(t, conn), func() { conn.Close(); s.Stop() }
	}}
}

// killedOf is how many events a relay has before it that is killed, or up to 10 more.
const killedOf = 300

// TestKilledRelay kills the relay between the log and the broker, and between the broker's answer and taking note of it, again and
// again. It keeps no checkpoint, so there is nothing to lose: the next one finds in the stream where to go on.
func TestKilledRelay(t *testing.T) {
	for name, start := range map[string]func(*testing.T) bus{"the broker lives on": lasting, "the broker dies with it": embedded} {
		t.Run(name, func(t *testing.T) {
			l, b := openLog(t), start(t)
			ended := int64(0)
			for _, kill := range []struct {
				failpoint   string
				least, most int64 // of the new events, what the broker has then
			}{
				{"publish.read", 0, 0}, {"publish.sent", 0, 1}, {"publish.sent:150", 0, 151}, {"publish.acked", 1, killedOf + 10}, {"publish.acked:150", 150, killedOf + 10},
			} {
				for l.head().Position < ended+killedOf {
					l.append(10)
				}
				l.killed(kill.failpoint, b.variable, func() {})
				js, shut := b.open()
				before := ended
				ended = int64(streamOf(t, js).CachedInfo().State.LastSeq)
				if got := ended - before; got < kill.least || got > kill.most {
					t.Errorf("%s: the broker has %d more, want %d to %d", kill.failpoint, got, kill.least, kill.most)
				}
				l.verify(js)
				shut()
			}
			js, shut := b.open()
			defer shut()
			r := relayOf(l, Config{Conn: js.Conn()})
			stop := run(t, r.serve)
			defer stop()
			l.append(1)
			waitFor(t, "the successor to get on", func() bool { return r.Head() == l.head().Position })
			l.verifyAll(js, 1)
			if s := r.Status(); s.Remade != 0 || s.Epoch != 1 || s.Err != nil {
				t.Errorf("there was no reason for %+v", s)
			}
		})
	}
}

// TestKilledRelaySpeaksLast: what a killed relay sent is on its way still while its successor publishes the same.
func TestKilledRelaySpeaksLast(t *testing.T) {
	l := openLog(t)
	b := startBroker(t)
	p := startProxy(t, b.url()[len("nats://"):])
	js := jetStream(t, connect(t, b.url()))
	l.append(100)
	l.killed("publish.sent:200", childBroker+"=nats://"+p.Addr().String(), func() {
		l.caughtUp(js)
		p.held.Lock()
		p.deaf.Store(true)
		l.append(100)
	})
	r := relayOf(l, Config{Conn: connect(t, b.url())})
	run(t, r.serve)
	l.caughtUp(js)
	l.verifyAll(js, 1)
	// What the broker has seen so lately it would know again by its id, whatever sequence it names.
	waitFor(t, "the broker to forget the ids", func() bool { return time.Since(streamOf(t, js).CachedInfo().State.LastTime) > 5*duplicates })
	unwatch := l.watch(js)
	before := p.passed.Load()
	p.held.Unlock()
	p.done.Wait() // the broker has read it all
	if p.passed.Load() == before {
		t.Error("nothing came late")
	}
	l.append(100)
	l.caughtUp(js)
	unwatch()
	l.verifyAll(js, 1)
	if s := r.Status(); s.Remade != 0 || s.Err != nil {
		t.Errorf("the living one was disturbed: %+v", s)
	}
}
