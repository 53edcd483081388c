package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

const source = "urn:test"

// publish relays every lane of the house's log until the test ends.
func (h *house) publish(conn *nats.Conn) {
	h.t.Helper()
	for lane := 1; lane <= h.log.Lanes(); lane++ {
		r := relay.New(relay.Config{Log: h.log, Conn: conn, Lane: lane, Source: source, Logger: slog.New(slog.DiscardHandler)})
		h.background(r.Run)
	}
}

func (h *house) background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = run(ctx) }()
	stop = func() { cancel(); <-stopped }
	h.t.Cleanup(stop)
	return stop
}

// Another node's appends are only heard of through the bus here: this one never looks into the log by itself.
func TestAppendsOfAnotherNodeArriveByBus(t *testing.T) {
	for _, lanes := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d lanes", lanes), func(t *testing.T) {
			nats := natstest.Start(t)
			writer := open(t, lanes)
			writer.publish(natstest.Connect(t, nats))
			folder := openOn(t, writer.url, lanes)
			folder.run(func(e *projection.Engine) {
				e.Follow(natstest.Connect(t, nats), source)
				e.LookAfter(projection.Never)
			}, totals(1, new(bool)))
			tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
			for round := 1; round <= 3; round++ {
				for _, tenant := range tenants {
					cursor := writer.add(tenant, "x", 1, 2, 3)
					folder.want(folder.total(tenant, cursor), "sum-x", fmt.Sprintf("%d/%d", 6*round, 3*round))
				}
			}
		})
	}
}

// heard collects what an engine complains of.
type heard struct {
	slog.Handler
	messages chan string
}

func (h heard) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.messages <- r.Message:
	default:
	}
	return nil
}

func (h heard) Enabled(context.Context, slog.Level) bool { return true }
func (h heard) WithAttrs([]slog.Attr) slog.Handler       { return h }

// await waits until something like it was complained of.
func (h heard) await(t *testing.T, part string) {
	t.Helper()
	for late := time.After(20 * time.Second); ; {
		select {
		case m := <-h.messages:
			if strings.Contains(m, part) {
				return
			}
		case <-late:
			t.Fatalf("nobody complained: %q", part)
		}
	}
}

// What is not this log's is neither folded nor believed, however well it is made: the log's own event at that place is.
func TestWhatIsNotTheLogsIsNotFolded(t *testing.T) {
	for name, forge := range map[string]func(e *eventstore.Event, epoch *int, from *string) (spoil func(*nats.Msg)){
		"garbage": func(*eventstore.Event, *int, *string) func(*nats.Msg) {
			return func(m *nats.Msg) { m.Header, m.Data = nil, []byte("hello") }
		},
		"of another installation": func(_ *eventstore.Event, _ *int, from *string) func(*nats.Msg) { *from = "urn:other"; return nil },
		"of another epoch":        func(_ *eventstore.Event, epoch *int, _ *string) func(*nats.Msg) { *epoch = 2; return nil },
		"of another position":     func(e *eventstore.Event, _ *int, _ *string) func(*nats.Msg) { e.Position++; return nil },
		"of what the log has not": func(e *eventstore.Event, _ *int, _ *string) func(*nats.Msg) { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, 1)
			a := uuid.New()
			conn := natstest.Connect(t, natstest.Start(t))
			js, err := jetstream.New(conn)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: relay.StreamName(1), Subjects: []string{relay.Subjects(1)}}); err != nil {
				t.Fatal(err)
			}
			complaints := heard{messages: make(chan string, 100)}
			e, err := projection.New(h.log, h.engine, slog.New(complaints), totals(1, new(bool)))
			if err != nil {
				t.Fatal(err)
			}
			e.Follow(conn, source)
			if err := e.Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.background(e.Run)
			h.total(a, h.add(a, "x", 1))
			true1, err := h.log.ReadLane(t.Context(), 1, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			forged, epoch, from := true1[0], 1, source
			forged.Position, forged.Version, forged.ID, forged.Data = 2, 2, uuid.New(), []byte(`{"amount":1000}`)
			spoil := forge(&forged, &epoch, &from)
			m := relay.Message(forged, from, epoch)
			if spoil != nil {
				spoil(m)
			}
			for _, m := range []*nats.Msg{relay.Message(true1[0], source, 1), m} {
				if _, err := js.PublishMsg(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			complaints.await(t, "without the bus")
			h.want(h.total(a, h.add(a, "x", 2)), "sum-x", "3/2")
			if differences, err := e.Verify(t.Context(), "totals", nobody); err != nil || len(differences) > 0 {
				t.Fatalf("differences %v, error %v", differences, err)
			}
		})
	}
}

// broker is a NATS server that keeps its port and its folder when it is stopped and started.
type broker struct {
	t       *testing.T
	options server.Options
	running *server.Server
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{t: t, options: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()}}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	options := b.options
	running, err := server.NewServer(&options)
	if err != nil {
		b.t.Fatal(err)
	}
	running.Start()
	if !running.ReadyForConnections(20 * time.Second) {
		b.t.Fatal("the broker is not ready")
	}
	b.running, b.options.Port = running, running.Addr().(*net.TCPAddr).Port
}

func (b *broker) stop() {
	b.running.Shutdown()
	b.running.WaitForShutdown()
}

func (b *broker) connect() *nats.Conn {
	b.t.Helper()
	conn, err := nats.Connect(b.running.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(conn.Close)
	return conn
}

// The stream is purged, cut, deleted, and its server stopped, while events arrive: nothing is missing, nothing twice.
func TestStreamLostUnderLoad(t *testing.T) {
	broker := startBroker(t)
	writer := open(t, 1)
	writer.publish(broker.connect())
	folder := openOn(t, writer.url, 1)
	conn := broker.connect()
	e, _ := folder.run(func(e *projection.Engine) { e.Follow(conn, source) }, totals(1, new(bool)))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	a := uuid.New()
	sum, n := 0, 0
	add := func() (cursor eventstore.Cursor) {
		for range 25 {
			n++
			sum += n
			cursor = writer.add(a, "x", n)
		}
		return cursor
	}
	stream := func() jetstream.Stream {
		s, err := js.Stream(t.Context(), relay.StreamName(1))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	folder.total(a, add())
	for name, harm := range map[string]func() error{
		"purged":  func() error { return stream().Purge(t.Context()) },
		"cut":     func() error { return stream().Purge(t.Context(), jetstream.WithPurgeKeep(1)) },
		"holes":   func() error { return stream().DeleteMsg(t.Context(), stream().CachedInfo().State.LastSeq) },
		"deleted": func() error { return js.DeleteStream(t.Context(), relay.StreamName(1)) },
		"stopped": func() error { broker.stop(); add(); broker.start(); return nil },
	} {
		add()
		if err := harm(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		folder.want(folder.total(a, add()), "sum-x", fmt.Sprintf("%d/%d", sum, n))
	}
	if differences, err := e.Verify(t.Context(), "totals", nobody); err != nil || len(differences) > 0 {
		t.Fatalf("differences %v, error %v", differences, err)
	}
}

// goBack takes events from the end of the log, as an older copy of it does, and leaves the read models.
func (h *house) goBack(head int) {
	h.t.Helper()
	h.exec(`delete from log.event where position > $1`, head)
	h.exec(`update log.lane set head = $1`, head)
}

// A read model that went further than its log is built anew, also when the log has grown past it since.
func TestReadModelBeyondTheLogIsBuiltAnew(t *testing.T) {
	for name, again := range map[string]int{"the log is behind it": 1, "the log is ahead of it again": 20, "the log stands where it stood": 6} {
		t.Run(name, func(t *testing.T) {
			h := open(t, 1)
			a := uuid.New()
			_, stop := h.run(nil, totals(1, new(bool)))
			for range 10 {
				h.total(a, h.add(a, "x", 100))
			}
			stop()
			h.goBack(4)
			restored := openOn(t, h.url, 1)
			var cursor eventstore.Cursor
			for range again {
				cursor = restored.add(a, "x", 1)
			}
			restored.run(nil, totals(1, new(bool)))
			want := fmt.Sprintf("%d/%d", 400+again, 4+again)
			for late := time.Now().Add(20 * time.Second); restored.total(a, cursor)["sum-x"] != want; {
				if time.Now().After(late) {
					t.Fatalf("got %v, want %s", restored.total(a, cursor), want)
				}
			}
		})
	}
}
