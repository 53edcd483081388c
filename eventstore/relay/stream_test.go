package relay

import (
	"log/slog"
	"testing"
	"time"

	"github.com/streamflow/streamflow/internal/natsserver"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

// A broker with less room than is asked for keeps less, and none of the log is missing.
func TestBrokerWithLittleRoom(t *testing.T) {
	l := openLog(t)
	server, err := natsserver.Start(natsserver.Config{Dir: t.TempDir(), MaxStore: 100 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn := natstest.Connect(t, server)
	js := jetStream(t, conn)
	l.append(100)
	for range 2 { // the second finds the stream and asks for more again
		r := relayOf(l, Config{Conn: conn})
		stop := run(t, r.serve)
		l.append(10)
		l.caughtUp(js)
		if have := streamOf(t, js).CachedInfo().Config.MaxBytes; have != r.MaxBytes/4 {
			t.Errorf("it may hold %d bytes", have)
		}
		if err := r.Status().Err; err != nil {
			t.Error(err)
		}
		stop()
	}
	l.verifyAll(js, 1)
}

func TestRetentionFollowsTheDisk(t *testing.T) {
	for _, c := range []struct {
		room  int64
		lanes int
		want  int64
	}{{1 << 40, 4, 4 << 30}, {8 << 30, 1, 4 << 30}, {4 << 30, 1, 2 << 30}, {4 << 30, 4, 512 << 20}, {0, 1, 16 << 20}} {
		if got := Retention(c.room, c.lanes); got != c.want {
			t.Errorf("%d lanes in %d bytes: %d each, want %d", c.lanes, c.room, got, c.want)
		}
	}
}

// A new stream has three replicas where there are brokers for them; what an operator makes of it stays.
func TestReplicas(t *testing.T) {
	for brokers, want := range map[int]int{2: 1, 3: 3} {
		l := openLog(t)
		conn := connect(t, startBrokers(t, brokers)[0].url())
		js := jetStream(t, conn)
		l.append(10)
		r := relayOf(l, Config{Conn: conn})
		stop := run(t, r.serve)
		waitFor(t, "the events", func() bool { return r.Head() == 10 })
		if got := streamOf(t, js).CachedInfo().Config.Replicas; got != want {
			t.Errorf("%d brokers: %d replicas, want %d", brokers, got, want)
		}
		stop()
		changed := streamOf(t, js).CachedInfo().Config
		changed.Replicas = map[int]int{2: 2, 3: 1}[brokers]
		if _, err := js.UpdateStream(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		stop = run(t, relayOf(l, Config{Conn: conn, MaxAge: time.Hour}).serve)
		waitFor(t, "another configuration", func() bool { return streamOf(t, js).CachedInfo().Config.MaxAge == time.Hour })
		if got := streamOf(t, js).CachedInfo().Config.Replicas; got != changed.Replicas {
			t.Errorf("%d brokers: an operator asked for %d replicas and has %d", brokers, changed.Replicas, got)
		}
		stop()
	}
}
