package relay

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/eventstore"
)

// announcePause gathers the commits of a busy node into one ping: more would wake nobody sooner.
const announcePause = time.Millisecond

func headSubject(lane int) string { return "streamflow.head." + strconv.Itoa(lane) }

// Announce tells the lane's relay, wherever it runs, of this node's commits until ctx ends. Without it they are published too, up
// to a second later. [Relay.Run] does the same; a node that runs no relay but appends wants Announce.
//
// A ping is a core NATS message on streamflow.head.<lane> whose payload is the position in decimal. It may get lost.
func Announce(ctx context.Context, log *eventstore.Log, conn *nats.Conn, lane int) {
	announce(ctx, log, conn, lane, func() bool { return false })
}

// announce stays silent while the relay is here: it hears of local commits anyway.
func announce(ctx context.Context, log *eventstore.Log, conn *nats.Conn, lane int, here func() bool) {
	for said := log.Known(lane); ; {
		committed, stop := log.Committed(lane, said)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-committed:
		}
		said = log.Known(lane)
		if !here() && conn.IsConnected() {
			_ = conn.Publish(headSubject(lane), strconv.AppendInt(nil, said, 10)) // lossy: the relay looks for itself every second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(announcePause):
		}
	}
}

// listen hears the pings of other nodes until stop is called.
func (r *Relay) listen(ctx context.Context) (stop func()) {
	sub, err := r.Conn.Subscribe(headSubject(r.Lane), func(*nats.Msg) {
		select {
		case r.pinged <- struct{}{}:
		default:
		}
	})
	if err != nil {
		r.Logger.WarnContext(ctx, "relay hears no pings, it looks every second", "error", err)
		return func() {}
	}
	return func() { _ = sub.Unsubscribe() }
}
