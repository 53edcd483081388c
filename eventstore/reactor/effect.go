package reactor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// Effect is what a reactor does about one event.
type Effect struct {
	ID    uuid.UUID // send it along with the outside call, as its idempotency key
	Event eventstore.Event

	reactor string
}

// Part is the id of the n-th outside call of the effect, for a handler that makes several; Part(0) is the effect's own id.
func (e Effect) Part(n int) uuid.UUID { return EffectID(e.reactor, e.Event.ID, n) }

// EffectID is the id of the n-th effect of a reactor on an event, from 0: a UUIDv8 from their SHA-256, so that it is the
// same on every node and in every repetition. It names the event by its id, not by its position: after the log went back
// to an older copy, another event may take the position, and its effect is another one.
func EffectID(reactor string, event uuid.UUID, n int) uuid.UUID {
	text := append([]byte(reactor), 0) // a name holds no zero byte, so nothing runs together
	text = append(text, event[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(n))
	sum := sha256.Sum256(text)
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8, RFC 9562
	id[8] = id[8]&0x3f | 0x80
	return id
}

func newEffect(reactor string, event eventstore.Event) Effect {
	return Effect{ID: EffectID(reactor, event.ID, 0), Event: event, reactor: reactor}
}

// delivery is what a message carries from the feed to the handler and to the parking: a message itself holds only text.
type delivery struct {
	effect Effect
	again  bool // a parked effect that someone asked for
	tries  int  // that failed
	called bool // the handler succeeded; only the record is missing
}

type deliveryKey struct{}

func withDelivery(ctx context.Context, d *delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

func deliveryOf(ctx context.Context) *delivery {
	d, _ := ctx.Value(deliveryKey{}).(*delivery)
	return d
}
