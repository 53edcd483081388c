package eventstore

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Command identifies a request to decide, and who makes it.
type Command struct {
	Tenant      uuid.UUID // whose events it makes
	ID          uuid.UUID // the same id is the same command, for ever
	Fingerprint []byte    // hash of the request; another one under the same ID is [ErrCommandReused]
	Correlation string
	Causation   uuid.UUID // the event that led to it, or uuid.Nil
	Actor       Actor
}

// Verdict says how a command ended.
type Verdict int16

// The three ways a command ends. Only an accepted one takes positions.
const (
	Accepted  Verdict = 0
	Unchanged Verdict = 1 // what it asks for is already so
	Refused   Verdict = 2 // a rule said no
)

// Outcome is the one, permanent end of a command.
type Outcome struct {
	Verdict    Verdict
	Code       string          // of the refusal
	Params     json.RawMessage // what the answer is rendered from, with the streams as of its positions
	Lane       int
	First      int64 // position of its first event; without events the head it was decided at
	Events     int   // how many
	RecordedAt time.Time
	Replayed   bool // it was recorded by an earlier call with the same command id

	made *encoded // what this very call appended
}

// Last is the position from which a reader sees everything the outcome rests on.
func (o Outcome) Last() int64 {
	if o.Events == 0 {
		return o.First
	}
	return o.First + int64(o.Events) - 1
}

// Began are the events of a stream that this very call began, so that its answer needs no read; nil for any other stream, and for a repeat.
func (o Outcome) Began(s Stream) []Event {
	if o.made == nil || o.Replayed {
		return nil
	}
	var events []Event
	c := o.made.Command
	for i, e := range o.made.events {
		if e.stream != s {
			continue
		}
		if len(events) == 0 && e.version != 1 {
			return nil
		}
		event := Event{
			Lane: o.Lane, Position: o.First + int64(i), Tenant: c.Tenant, Stream: s, Version: e.version, ID: e.id, Type: e.typ, SchemaVersion: e.schema,
			Data: json.RawMessage(e.data), CommandID: c.ID, CorrelationID: c.Correlation, CausationID: c.Causation, Actor: c.Actor, RecordedAt: o.RecordedAt,
		}
		if !e.effectiveAt.IsZero() {
			event.EffectiveAt = e.effectiveAt.UTC().Truncate(time.Microsecond) // as the database keeps it
		}
		events = append(events, event)
	}
	return events
}

// Errors of an append. None of them is an outcome: nothing was recorded.
var (
	// ErrCommandReused: the command id has an outcome, of a request with another fingerprint.
	ErrCommandReused = errors.New("command id was used by another request")
	// ErrUnavailable: the database did not answer. The command may or may not have happened; repeat it with the same id.
	ErrUnavailable = errors.New("event store is unavailable")
	// ErrContended: the streams kept moving for as many attempts as the log makes.
	ErrContended = errors.New("streams kept changing while the command was decided")
	// ErrErased: a personal field names a data subject whose key is gone, or that was never made known.
	ErrErased = errors.New("data subject is erased or unknown")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("event store is closed")
)

// ConflictError: a stream was not at the version that the append names.
type ConflictError struct{ Stream Stream }

func (e *ConflictError) Error() string { return fmt.Sprintf("stream %s moved", e.Stream) }

// ClaimedError: a claim is not as the append says: another stream holds what it takes, or what it relies on moved.
type ClaimedError struct {
	Claim
	Holder Stream // who holds it; "" is nobody
}

func (e *ClaimedError) Error() string {
	if e.Holder == "" {
		return e.Scope + " is held by nobody"
	}
	return fmt.Sprintf("%s is held by %s", e.Scope, e.Holder)
}

// Claim is a unique value within a tenant: an e-mail's hash, an organization's name.
type Claim struct {
	Scope string // what is unique, for example member.email; without a space
	Key   []byte // the value; hash it with [Log.ClaimKey] where it is personal
}

// digest is what the log knows a tenant's claim by: the first half of SHA-256 (FIPS 180-4) over tenant, scope, a space and key.
func (c Claim) digest(tenant uuid.UUID) uuid.UUID {
	said := make([]byte, 0, 128)
	said = append(append(append(append(said, tenant[:]...), c.Scope...), ' '), c.Key...)
	sum := sha256.Sum256(said)
	return uuid.UUID(sum[:16])
}

// Append is all that one command adds, and the conditions under which it does.
type Append struct {
	Command Command
	Verdict Verdict
	Code    string
	Params  json.RawMessage
	// At holds the version that each stream must be at; a written stream must be here.
	At     map[Stream]int
	Writes []Write
	Takes  []Holding // of what no other stream holds, or what the same append drops
	Drops  []Holding // of what the stream holds; anything else is left alone
	Held   []Holding // conditions: the stream holds it, and goes on to
	// Subjects are new data subjects; their keys are made by the append.
	Subjects []uuid.UUID
	Destroy  []uuid.UUID // data subjects to erase

	// seen is the newest event that a [Decision] saw of each stream: after the database went back to an older copy, a stream can
	// be at the same version with other events.
	seen map[Stream]uuid.UUID
}

// Write is the events an append adds to one stream.
type Write struct {
	Stream Stream
	Facts  []Fact
}

// Holding is a claim and the stream that takes or drops it.
type Holding struct {
	Claim
	Stream Stream
}
