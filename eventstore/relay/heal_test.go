package relay

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

// published starts a relay on a log of n events and waits until they are on the bus.
func published(t *testing.T, n int) (*testLog, *Relay, jetstream.JetStream, func()) {
	t.Helper()
	l := openLog(t)
	conn := natstest.Connect(t, natstest.Start(t))
	l.append(n)
	r := relayOf(l, Config{Conn: conn})
	stop := run(t, r.serve)
	waitFor(t, "the first events", func() bool { return r.Head() == int64(n) })
	return l, r, jetStream(t, conn), stop
}

func streamOf(t *testing.T, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	stream, err := js.Stream(t.Context(), StreamName(1))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestStreamDeleted(t *testing.T) {
	for name, loaded := range map[string]bool{"idle": false, "under load": true} {
		t.Run(name, func(t *testing.T) {
			l, r, js, _ := published(t, 300)
			stop := func() {}
			if loaded {
				stop = l.load(4)
			}
			for remade := 2; remade < 4; remade++ {
				if err := js.DeleteStream(t.Context(), StreamName(1)); err != nil {
					t.Fatal(err)
				}
				waitFor(t, "the stream to be made again", func() bool { return r.Status().Remade == remade })
			}
			stop()
			l.caughtUp(js)
			l.verifyAll(js, 1)
			if r.Status().Epoch != 1 {
				t.Errorf("epoch %d: nothing went back", r.Status().Epoch)
			}
		})
	}
}

func TestStreamPurged(t *testing.T) {
	l, r, js, _ := published(t, 300)
	if err := streamOf(t, js).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the stream to be made again", func() bool { return r.Status().Remade == 2 })
	l.caughtUp(js)
	l.verifyAll(js, 1)

	// Under load it is not empty for long, and goes on with a hole in front, which is filled from the log by whoever needs it.
	stop := l.load(4)
	time.Sleep(50 * time.Millisecond)
	if err := streamOf(t, js).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	stop()
	l.caughtUp(js)
	l.verify(js)
}

func TestMessagesDeleted(t *testing.T) {
	l, r, js, stop := published(t, 300)
	deleted := []int64{2, 150, 151, 299, 300} // at the end too
	for _, sequence := range deleted {
		if err := streamOf(t, js).DeleteMsg(t.Context(), uint64(sequence)); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		l.append(20)
		l.caughtUp(js)
		sequences := l.verify(js)
		for p := int64(1); p <= l.head().Position; p++ {
			if slices.Contains(sequences, p) == slices.Contains(deleted, p) {
				t.Errorf("sequence %d: deleted %v, present %v", p, slices.Contains(deleted, p), slices.Contains(sequences, p))
			}
		}
	}
	check()
	stop()
	for sequence := l.head().Position; sequence > 310; sequence-- {
		if err := streamOf(t, js).DeleteMsg(t.Context(), uint64(sequence)); err != nil {
			t.Fatal(err)
		}
		deleted = append(deleted, sequence)
	}
	run(t, r.serve) // resumes at a sequence without a message
	check()
	undisturbed(t, r)
}

func TestOlderCopyOfTheStore(t *testing.T) {
	l := openLog(t)
	b := startBroker(t)
	conn := connect(t, b.url())
	js := jetStream(t, conn)
	l.append(200)
	r := relayOf(l, Config{Conn: conn})
	run(t, r.serve)
	waitFor(t, "the first events", func() bool { return r.Head() == 200 })
	b.halt()
	copied := b.options.Dir + "-copy"
	if err := os.CopyFS(copied, os.DirFS(b.options.Dir)); err != nil {
		t.Fatal(err)
	}
	b.start()
	for range 5 {
		l.append(100)
	}
	l.caughtUp(js)
	b.kill()
	if err := os.RemoveAll(b.options.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copied, b.options.Dir); err != nil {
		t.Fatal(err)
	}
	b.start()
	l.caughtUp(js) // with nothing new to publish
	l.verifyAll(js, 1)
	undisturbed(t, r)
}

func TestBrokerKilledUnderLoad(t *testing.T) {
	l := openLog(t)
	b := startBroker(t)
	conn := connect(t, b.url())
	js := jetStream(t, conn)
	r := relayOf(l, Config{Conn: conn})
	run(t, r.Run)
	stop := l.load(4)
	for i := range 4 {
		time.Sleep(300 * time.Millisecond)
		if i%2 == 0 {
			b.kill()
		} else {
			b.halt()
		}
		b.start()
	}
	stop()
	l.caughtUp(js)
	l.verifyAll(js, 1)
	undisturbed(t, r)
}

func TestRetentionDecidesWhereAStreamBegins(t *testing.T) {
	l := openLog(t)
	l.append(60)
	l.tamper(`update log.event set recorded_at = recorded_at - interval '8 days'`)
	l.append(40)
	conn := natstest.Connect(t, natstest.Start(t))
	js := jetStream(t, conn)
	r := relayOf(l, Config{Conn: conn})
	stop := run(t, r.serve)
	l.caughtUp(js)
	l.verifyAll(js, 61)

	// All of it is too old now: an empty stream is right, and is left alone.
	stop()
	l.tamper(`update log.event set recorded_at = recorded_at - interval '9 days'`)
	if err := js.DeleteStream(t.Context(), StreamName(1)); err != nil {
		t.Fatal(err)
	}
	stop = run(t, r.serve)
	l.caughtUp(js)
	time.Sleep(3 * r.inspectEvery)
	l.append(5)
	l.caughtUp(js)
	l.verifyAll(js, 101)
	if s := r.Status(); s.Remade != 2 || s.Err != nil {
		t.Errorf("status %+v", s)
	}

	// Another retention is another configuration, not another stream.
	stop()
	r = relayOf(l, Config{Conn: conn, MaxAge: time.Hour})
	run(t, r.serve)
	waitFor(t, "the new retention", func() bool { return streamOf(t, js).CachedInfo().Config.MaxAge == time.Hour })
	l.verifyAll(js, 101)
}

func TestForeignStreams(t *testing.T) {
	publish := func(m *nats.Msg) func(*testing.T, *testLog, jetstream.JetStream) {
		return func(t *testing.T, _ *testLog, js jetstream.JetStream) {
			if _, err := js.PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	strange := sampleEvent()
	strange.Lane, strange.Position = 1, 101
	misplaced := strange
	misplaced.Position = 7
	create := func(c jetstream.StreamConfig) func(*testing.T, *testLog, jetstream.JetStream) {
		return func(t *testing.T, _ *testLog, js jetstream.JetStream) {
			if err := js.DeleteStream(t.Context(), StreamName(1)); err != nil {
				t.Fatal(err)
			}
			c.Name = StreamName(1)
			waitFor(t, "a stream of that name", func() bool { // the server may still be taking away the files of the one before
				_, err := js.CreateStream(t.Context(), c)
				return err == nil
			})
			if c.Storage == jetstream.FileStorage && len(c.Subjects) > 0 {
				if _, err := js.Publish(t.Context(), c.Subjects[0], []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, disturb := range map[string]func(*testing.T, *testLog, jetstream.JetStream){
		"a message that is no event":          publish(nats.NewMsg("streamflow.log.1.note.taken")),
		"an event of another installation":    publish(Message(strange, "elsewhere", 1)),
		"an event of ours at another place":   publish(Message(misplaced, "here", 1)),
		"an epoch that nobody can be in":      publish(Message(strange, "here", 1_000_000_000)),
		"a stream of something else":          create(jetstream.StreamConfig{Subjects: []string{"orders"}}),
		"an empty stream in memory":           create(jetstream.StreamConfig{Subjects: []string{"streamflow.log.1.>"}, Storage: jetstream.MemoryStorage}),
		"an empty stream of another sequence": create(jetstream.StreamConfig{FirstSeq: 60}),
	} {
		t.Run(name, func(t *testing.T) {
			l, r, js, stop := published(t, 100)
			stop()
			disturb(t, l, js)
			l.append(30)
			run(t, r.serve)
			l.caughtUp(js)
			l.verifyAll(js, 1)
			if head := l.head(); head.Epoch != 1 {
				t.Errorf("epoch %d: nothing went back", head.Epoch)
			}
			if r.Status().Remade != 2 {
				t.Errorf("made %d times", r.Status().Remade)
			}
			if streamOf(t, js).CachedInfo().Config.Storage != jetstream.FileStorage {
				t.Error("the stream is not on disk")
			}
		})
	}
	t.Run("all of another installation", func(t *testing.T) {
		l, _, js, stop := published(t, 100)
		stop()
		r := relayOf(l, Config{Conn: js.Conn(), Source: "elsewhere"})
		run(t, r.serve)
		waitFor(t, "the stream to be made afresh", func() bool { return r.Status().Remade == 1 })
		l.caughtUp(js)
		l.verifyAll(js, 1)
		if head := l.head(); head.Epoch != 1 {
			t.Errorf("epoch %d: nothing went back", head.Epoch)
		}
	})
}
