package relay

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/internal/pgtest"
)

// brokerEnv makes the test program a NATS server, so that a test can kill one as kill -9 does.
const brokerEnv = "RELAY_TEST_BROKER"

func TestMain(m *testing.M) {
	if options := os.Getenv(brokerEnv); options != "" {
		serveBroker(options)
	}
	if url := os.Getenv(childEnv); url != "" {
		fmt.Fprintln(os.Stderr, "the child was not killed:", relayAsChild(context.Background(), url))
		os.Exit(1)
	}
	pgtest.Main(m)
}

type brokerOptions struct {
	Name        string   `json:"name"`
	Dir         string   `json:"dir"`
	Port        int      `json:"port"`
	ClusterPort int      `json:"clusterPort"`
	Routes      []string `json:"routes"`
}

func serveBroker(encoded string) {
	var o brokerOptions
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		panic(err)
	}
	options := &server.Options{
		ServerName: o.Name, Host: "127.0.0.1", Port: o.Port, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: o.Dir, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 30,
	}
	if o.ClusterPort > 0 {
		options.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: o.ClusterPort}
		for _, route := range o.Routes {
			u, err := url.Parse(route)
			if err != nil {
				panic(err)
			}
			options.Routes = append(options.Routes, u)
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		panic("not ready")
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // ends with the test program, however that ends
	s.Shutdown()
	s.WaitForShutdown()
	os.Exit(0)
}

// broker is a NATS server in a process of its own. It keeps its port and its folder over a restart.
type broker struct {
	t       testing.TB
	options brokerOptions
	command *exec.Cmd
	stop    func()
}

func startBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{t: t, options: brokerOptions{Name: "b", Dir: filepath.Join(t.TempDir(), "b"), Port: freePorts(t, 1)[0]}}
	b.start()
	t.Cleanup(b.kill)
	return b
}

func startBrokers(t testing.TB, n int) []*broker {
	t.Helper()
	ports := freePorts(t, 2*n)
	var routes []string
	for i := range n {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[n+i]))
	}
	dir := t.TempDir()
	var brokers []*broker
	for i := range n {
		name := fmt.Sprintf("n%d", i)
		b := &broker{t: t, options: brokerOptions{Name: name, Dir: filepath.Join(dir, name), Port: ports[i], ClusterPort: ports[n+i], Routes: routes}}
		b.start()
		t.Cleanup(b.kill)
		brokers = append(brokers, b)
	}
	return brokers
}

func (b *broker) start() {
	b.t.Helper()
	encoded, err := json.Marshal(b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.command = exec.Command(os.Args[0])
	b.command.Env = append(os.Environ(), brokerEnv+"="+string(encoded))
	b.command.Stderr = os.Stderr
	in, err := b.command.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.stop = func() { in.Close() }
	out, err := b.command.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.command.Start(); err != nil {
		b.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		b.t.Fatalf("broker says %q, %v", line, err)
	}
}

// kill ends the process as kill -9 does.
func (b *broker) kill() {
	if b.command != nil {
		_ = b.command.Process.Kill()
		_ = b.command.Wait()
		b.command = nil
	}
}

// halt ends the process as a deployment does.
func (b *broker) halt() {
	b.stop()
	_ = b.command.Wait()
	b.command = nil
}

func (b *broker) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.options.Port) }

func connect(t testing.TB, urls ...string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func jetStream(t testing.TB, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all are held until all are known, so they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
