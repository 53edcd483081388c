package eventstore

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MaxEventBytes bounds the stored data of one event (256 KiB): a larger one belongs in a file store, with its address in the event.
const MaxEventBytes = 256 << 10

// Stream names the events of one aggregate: "<category>-<id>".
type Stream string

// Category is the part of the name before the first dash.
func (s Stream) Category() string {
	category, _, _ := strings.Cut(string(s), "-")
	return category
}

// ID is the part of the name after the first dash.
func (s Stream) ID() string {
	_, id, _ := strings.Cut(string(s), "-")
	return id
}

// Actor is who caused an event, and through what.
type Actor struct {
	Kind string `json:"kind"` // user, staff, partner, token or system
	ID   string `json:"id"`   // id of the user, partner, token or process
	Via  string `json:"via"`  // a portal, a key id, a verb of the command line
}

// Event is a fact as the log holds it.
type Event struct {
	Lane          int
	Position      int64 // dense in the lane, from 1
	Tenant        uuid.UUID
	Stream        Stream
	Version       int // dense in the stream, from 1
	ID            uuid.UUID
	Type          string // "<category>.<fact>"
	SchemaVersion int
	Data          json.RawMessage // the exact bytes that were written; personal fields are encrypted
	CommandID     uuid.UUID
	CorrelationID string
	CausationID   uuid.UUID // uuid.Nil where no event led to the command
	Actor         Actor
	RecordedAt    time.Time // monotone in the lane, UTC
	EffectiveAt   time.Time // zero where the domain has none, UTC
}

// Fact is what a domain event must tell the log; the rest of it is data.
type Fact interface {
	// Type is "<category>.<fact>", for example order.placed.
	Type() string
}

// Effective is a Fact that holds at a time of its own, other than when it was recorded.
type Effective interface {
	Fact
	// Effective is when the fact holds in the business; zero means when it is recorded.
	Effective() time.Time
}

// Versioned is a Fact whose form has changed since its first version.
type Versioned interface {
	Fact
	// SchemaVersion is the version of the form that is written now, above 1.
	SchemaVersion() int
}
