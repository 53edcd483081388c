package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

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
