package relay

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// leaderOf waits for the member that the stream's replicas follow.
func leaderOf(t *testing.T, js jetstream.JetStream, brokers []*broker) *broker {
	t.Helper()
	var leader *broker
	waitFor(t, "a leader of the stream", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		stream, err := js.Stream(ctx, StreamName(1))
		if err != nil || stream.CachedInfo().Cluster == nil {
			return false
		}
		for _, b := range brokers {
			if b.options.Name == stream.CachedInfo().Cluster.Leader {
				leader = b
			}
		}
		return leader != nil
	})
	return leader
}

// A stream of three replicas changes its leader in the middle of a chain: by hand, as deployments do, and by kill -9.
func TestClusterLosesItsLeaderUnderLoad(t *testing.T) {
	t.Parallel() // it waits for elections most of the time
	l := openLog(t)
	brokers := startBrokers(t, 3)
	var urls []string
	for _, b := range brokers {
		urls = append(urls, b.url())
	}
	conn := connect(t, urls...)
	js := jetStream(t, conn)
	r := relayOf(l, Config{Conn: conn})
	run(t, r.Run)
	l.append(100)
	waitFor(t, "the first events", func() bool { return r.Head() == 100 })
	stop := l.load(1)
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		leaderOf(t, js, brokers)
		if _, err := conn.Request("$JS.API.STREAM.LEADER.STEPDOWN."+StreamName(1), nil, 5*time.Second); err != nil {
			t.Logf("step down: %v", err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	leader := leaderOf(t, js, brokers)
	leader.kill()
	before, begun := r.Head(), time.Now()
	waitFor(t, "a new leader to take events", func() bool { return r.Head() > before })
	t.Logf("published again %s after the leader was killed", time.Since(begun).Round(10*time.Millisecond))
	leader.start()
	time.Sleep(500 * time.Millisecond)
	stop()
	l.caughtUp(js)
	l.verifyAll(js, 1)
	undisturbed(t, r)
}
