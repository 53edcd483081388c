package relay

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

// BenchmarkFill publishes a filled log of 100,000 events of 400 bytes to the embedded server.
func BenchmarkFill(b *testing.B) {
	const events = 100_000
	l := openLog(b)
	l.fill(events)
	for b.Loop() {
		b.StopTimer()
		conn := natstest.Connect(b, natstest.Start(b))
		r := New(Config{Log: l.Log, Conn: conn, Lane: 1, Source: "here", MaxBytes: 512 << 20})
		ctx, cancel := context.WithCancel(b.Context())
		b.StartTimer()
		done := make(chan error)
		go func() { done <- r.serve(ctx) }()
		for r.Head() < events {
			time.Sleep(time.Millisecond)
		}
		b.StopTimer()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLatency measures from the answer of an append to the broker's acknowledgement of its event.
func BenchmarkLatency(b *testing.B) {
	l := openLog(b)
	r := New(Config{Log: l.Log, Conn: natstest.Connect(b, natstest.Start(b)), Lane: 1, Source: "here", MaxBytes: 512 << 20})
	run(b, r.serve)
	l.append(1)
	waitFor(b, "the first event", func() bool { return r.Head() == 1 })
	var took []time.Duration
	for b.Loop() {
		position := l.append(1)
		committed := time.Now()
		for r.Head() < position {
			time.Sleep(20 * time.Microsecond)
		}
		took = append(took, time.Since(committed))
		time.Sleep(2 * time.Millisecond)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}

func BenchmarkMessage(b *testing.B) {
	e := sampleEvent()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Event(Message(e, "here", 1)); err != nil {
			b.Fatal(err)
		}
	}
}

func (l *testLog) fill(events int) {
	l.t.Helper()
	data, err := json.Marshal(noted{strings.Repeat("0123456789", 38)})
	if err != nil {
		l.t.Fatal(err)
	}
	l.tamper(`insert into log.event (lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id,
			actor_kind, actor_id, actor_via, recorded_at)
		select 1, n, $2::uuid, 'note-' || gen_random_uuid(), 1, gen_random_uuid(), 'note.taken', 1, $3::text::json, gen_random_uuid(), 'correlation-' || n,
			'user', 'u1', 'client', now() - interval '1 hour'
		from generate_series(1, $1::integer) n`, events, uuid.New(), string(data))
	l.tamper(`update log.lane set head = $1`, events)
}
