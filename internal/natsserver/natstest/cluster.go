package natstest

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// electionLimit is how long a cluster may take to elect a leader; it takes up to 8 s on a busy machine.
const electionLimit = 60 * time.Second

// account is the one that clients without credentials are in.
const account = "$G"

// Cluster is several JetStream servers in this process, for streams with replicas. Member numbers count from 0.
type Cluster struct {
	t       testing.TB
	members []*server.Server // nil while stopped
	options []server.Options
}

// StartCluster runs n servers, three for streams of three replicas, and returns when they have a leader. They end
// with the test.
func StartCluster(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, members: make([]*server.Server, n), options: make([]server.Options, n)}
	ports := freePorts(t, 2*n)
	var routes []*url.URL
	for i := range n {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[n+i])})
	}
	dir := t.TempDir()
	for i := range n {
		name := fmt.Sprintf("n%d", i)
		c.options[i] = server.Options{
			ServerName: name, Host: "127.0.0.1", Port: ports[i], NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: filepath.Join(dir, name), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 30,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[n+i]},
			Routes:  routes,
		}
	}
	t.Cleanup(func() {
		for i := range c.members {
			c.Stop(i)
		}
	})
	for i := range n {
		c.start(i)
	}
	c.waitForLeader()
	return c
}

// freePorts reserves ports for a moment. They must be known beforehand, because members name each other's, and stay
// the same over a restart.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("natstest: %v", err)
		}
		defer listener.Close() // all are held until all are known, so they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// Size is the number of members, running or not.
func (c *Cluster) Size() int { return len(c.members) }

// URLs are the addresses of all members, running or not.
func (c *Cluster) URLs() []string {
	var urls []string
	for i := range c.options {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", c.options[i].Port))
	}
	return urls
}

// Connect returns a connection that moves to another member when its own stops; it is closed when the test ends.
func (c *Cluster) Connect(opts ...nats.Option) *nats.Conn {
	c.t.Helper()
	own := []nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}
	conn, err := nats.Connect(strings.Join(c.URLs(), ","), append(own, opts...)...)
	if err != nil {
		c.t.Fatalf("natstest: %v", err)
	}
	c.t.Cleanup(conn.Close)
	return conn
}

// Leader returns the member at the head of a stream's replicas; it waits for an election that is under way.
func (c *Cluster) Leader(stream string) int {
	c.t.Helper()
	leader := -1
	found := holdsWithin(electionLimit, func() bool {
		for i, member := range c.members {
			if member != nil && member.JetStreamIsStreamLeader(account, stream) {
				leader = i
			}
		}
		return leader >= 0
	})
	if !found {
		c.t.Fatalf("natstest: stream %s has no leader within %s", stream, electionLimit)
	}
	return leader
}

// StepDown makes the leader of a stream hand over and returns who that was; Leader tells who it is now.
func (c *Cluster) StepDown(stream string) (before int) {
	c.t.Helper()
	before = c.Leader(stream)
	if err := c.members[before].JetStreamStepdownStream(account, stream); err != nil {
		c.t.Fatalf("natstest: step down: %v", err)
	}
	return before
}

// Stop ends a member as a deployment does: what it is leader of is handed over first. It does nothing when the member is
// stopped.
func (c *Cluster) Stop(member int) {
	if running := c.members[member]; running != nil {
		running.Shutdown()
		running.WaitForShutdown()
		c.members[member] = nil
	}
}

// Start runs a stopped member again, with the data it had, and returns when the cluster has a leader.
func (c *Cluster) Start(member int) {
	c.t.Helper()
	if c.members[member] == nil {
		c.start(member)
	}
	c.waitForLeader()
}

func (c *Cluster) start(member int) {
	c.t.Helper()
	options := c.options[member] // the server changes its copy
	started, err := server.NewServer(&options)
	if err != nil {
		c.t.Fatalf("natstest: member %d: %v", member, err)
	}
	c.members[member] = started
	started.Start()
	if !started.ReadyForConnections(electionLimit) {
		c.t.Fatalf("natstest: member %d does not accept connections", member)
	}
}

// waitForLeader returns when the running members agree on a leader, have caught up with it, and it knows enough of
// them to place streams there.
func (c *Cluster) waitForLeader() {
	c.t.Helper()
	if !holdsWithin(electionLimit, c.agreed) {
		c.t.Fatalf("natstest: no leader within %s", electionLimit)
	}
}

func (c *Cluster) agreed() bool {
	running, leaders, known := 0, 0, 0
	for _, member := range c.members {
		if member == nil {
			continue
		}
		running++
		if member.JetStreamIsLeader() {
			leaders++
			known = len(member.JetStreamClusterPeers())
		}
		if !member.JetStreamIsCurrent() {
			return false
		}
	}
	return leaders == 1 && known >= running
}

// WaitCurrent returns when every running member holds all of a stream, as after Start.
func (c *Cluster) WaitCurrent(stream string) {
	c.t.Helper()
	current := func() bool {
		for _, member := range c.members {
			if member != nil && !member.JetStreamIsStreamCurrent(account, stream) {
				return false
			}
		}
		return true
	}
	if !holdsWithin(electionLimit, current) {
		c.t.Fatalf("natstest: stream %s does not catch up within %s", stream, electionLimit)
	}
}
