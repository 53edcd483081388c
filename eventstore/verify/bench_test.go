package verify

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

// BenchmarkVerify checks 200,000 events of 400 bytes in 50,000 streams, all sealed and, where it says so, all on the bus.
func BenchmarkVerify(b *testing.B) {
	const events = 200_000
	l := openLog(b)
	lane := testLane(l.Log)
	l.tamper(`insert into log.event (lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id,
			actor_kind, actor_id, actor_via, recorded_at)
		select $3, $4 + n, $2, 'note-' || (n % 50000), n / 50000 + 1, gen_random_uuid(), 'note.taken', 1,
			json_build_object('text', repeat('0123456789', 38)), gen_random_uuid(), 'correlation-' || n, 'user', 'u1', 'client', now()
		from generate_series(0, $1::integer - 1) n`, events, tenant, lane, head+1)
	l.tamper(`update log.lane set head = head + $1 where lane = $2`, events, lane)
	l.tamper(`vacuum analyze log.event`)
	if err := sealAll(b.Context(), l.Config, head+events); err != nil {
		b.Fatal(err)
	}
	conn := natstest.Connect(b, natstest.Start(b))
	r := relay.New(relay.Config{Log: l.Log, Conn: conn, Lane: lane, Source: l.Source, MaxBytes: 1 << 30, Logger: quiet})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for r.Head() < head+events {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	for _, bus := range []bool{false, true} {
		b.Run(fmt.Sprintf("bus=%t", bus), func(b *testing.B) {
			c := l.Config
			if bus {
				c.Conn = conn
			}
			for b.Loop() {
				report, err := Run(b.Context(), c)
				if err != nil || len(report.Faults) > 0 {
					b.Fatalf("%+v, %v", report, err)
				}
			}
			b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
	b.Run("inclusion", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Seals.Inclusion(b.Context(), lane, 1000, head+events); err != nil {
				b.Fatal(err)
			}
		}
	})
}
