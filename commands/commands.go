// Package commands brings the aggregates of the domain to the log: a use case reads what it needs, lets the domain
// decide, and appends the result at once or not at all.
//
// It never reads a projection: what a decision rests on is a condition of its append, and a read model cannot be one.
package commands

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
)

// Commands are the use cases of one installation. They are safe for concurrent use.
type Commands struct {
	Log *eventstore.Log
	// Pool reaches the live secrets, which are not in the log, in the engine role.
	Pool *pgxpool.Pool
	// Secrets seals partners' secrets; nil where there are no partners.
	Secrets cipher.AEAD
	// Now is the clock; a use case reads it once.
	Now func() time.Time
}

// Caller is who asks, for which tenant, and with which command id.
type Caller struct {
	Tenant uuid.UUID
	Actor  eventstore.Actor
	// ID is the command's, the same for every repetition of the request.
	ID uuid.UUID
	// Fingerprint is a hash of the request, so that an id used for another one is noticed.
	Fingerprint []byte
	Correlation string
	// Cause is the event that led to it; none where a person asked.
	Cause uuid.UUID
	// Version is what If-Match asked for; 0 asks for none.
	Version int
}

// Errors that are no outcome: nothing was recorded.
var (
	// ErrNotFound: the tenant has no such record.
	ErrNotFound = errors.New("no such record")
	// ErrVersion: the record is not at the version that the caller named.
	ErrVersion = errors.New("record is at another version")
)

// command is the caller's command as the log takes it. The fingerprint is keyed on its way: a bare hash of a body that
// holds a password or a person's data could be guessed by whoever reads the table.
func (c *Commands) command(by Caller) eventstore.Command {
	return eventstore.Command{
		Tenant: by.Tenant, ID: by.ID, Fingerprint: c.Log.ClaimKey(by.Tenant, "request "+string(by.Fingerprint)),
		Correlation: by.Correlation, Causation: by.Cause, Actor: by.Actor,
	}
}

// Recall tells of each of some requests what it ended in, if it was made before; see [eventstore.Log.Recall].
func (c *Commands) Recall(ctx context.Context, by []Caller) ([]eventstore.Recalled, error) {
	all := make([]eventstore.Command, len(by))
	for i, one := range by {
		all[i] = c.command(one)
	}
	return c.Log.Recall(ctx, all)
}

// today is the business day of a command that names none.
func (c *Commands) today() domain.Date { return domain.DateOf(c.Now()) }

// update runs a decision. What stops it before a rule ran is looked at twice: when the same command has an outcome
// already, that is the answer, since the record has moved by the command itself.
func (c *Commands) update(ctx context.Context, by Caller, streams []eventstore.Stream, decide func(context.Context, *eventstore.Decision) error) (eventstore.Outcome, error) {
	command := c.command(by)
	out, err := c.Log.Update(ctx, command, streams, func(ctx context.Context, d *eventstore.Decision) error {
		return refuse(d, by, decide(ctx, d))
	})
	if errors.Is(err, ErrVersion) {
		return c.recorded(ctx, command, streams[0])
	}
	return out, err
}

// recorded is the outcome that the command has already, or ErrVersion. It asks with an append that can only fail: the
// log looks for an outcome before it looks at versions, and no stream is ever at a negative one.
func (c *Commands) recorded(ctx context.Context, command eventstore.Command, stream eventstore.Stream) (eventstore.Outcome, error) {
	out, err := c.Log.Append(ctx, eventstore.Append{
		Command: command, Verdict: eventstore.Unchanged, At: map[eventstore.Stream]int{stream: -1},
	})
	if _, ok := errors.AsType[*eventstore.ConflictError](err); ok {
		return eventstore.Outcome{}, ErrVersion
	}
	return out, err
}

// Refusal is a rule's no as its outcome keeps it: enough to give the same answer for ever, whatever the wording is later.
type Refusal struct {
	Kind        domain.Kind       `json:"kind"`
	Code        string            `json:"-"`
	Text        string            `json:"text"`
	Params      map[string]string `json:"params,omitempty"`
	Correlation string            `json:"correlation,omitempty"`
}

// RefusalOf reads the refusal of an outcome whose verdict is [eventstore.Refused].
func RefusalOf(out eventstore.Outcome) (Refusal, error) {
	r := Refusal{Code: out.Code}
	if err := json.Unmarshal(out.Params, &r); err != nil {
		return r, fmt.Errorf("refusal %s: %w", out.Code, err)
	}
	return r, nil
}

// refuse turns a refusal into the decision's end; any other error stays one.
func refuse(d *eventstore.Decision, by Caller, err error) error {
	var r *domain.Refusal
	if !errors.As(err, &r) {
		return err
	}
	d.Refuse(r.Code, Refusal{Kind: r.Kind, Text: r.Text, Params: r.Params, Correlation: by.Correlation})
	return nil
}

// rule is a command of an aggregate with state S and events E.
type rule[C, S any, E eventstore.Fact] interface {
	Normalize() C
	Validate() error
	Decide(S) ([]E, error)
}

// act runs one command on one existing record, under the version that the caller may have named.
func act[C rule[C, S, E], S any, E eventstore.Fact](ctx context.Context, c *Commands, by Caller, stream string, command C) (eventstore.Outcome, error) {
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(stream)
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[S](ctx, d, by, at)
		if err != nil {
			return err
		}
		return apply(d, at, state, command)
	})
}

// existing loads a record that must be there, at the version that the caller may have named.
func existing[S any](ctx context.Context, d *eventstore.Decision, by Caller, stream eventstore.Stream) (S, error) {
	state, version, err := eventstore.State[S](ctx, d, stream)
	switch {
	case err != nil:
		return state, err
	case version == 0:
		return state, ErrNotFound
	case by.Version != 0 && by.Version != version:
		return state, ErrVersion
	}
	return state, nil
}

// apply lets an aggregate decide and appends what it decided.
func apply[S any, E eventstore.Fact](d *eventstore.Decision, stream eventstore.Stream, state S, command interface{ Decide(S) ([]E, error) }) error {
	events, err := command.Decide(state)
	if err != nil || len(events) == 0 {
		return err
	}
	facts := make([]eventstore.Fact, len(events))
	for i, e := range events {
		facts[i] = e
	}
	d.Append(stream, facts...)
	return nil
}

// create appends the first events of a new stream.
func create[C rule[C, S, E], S any, E eventstore.Fact](d *eventstore.Decision, stream string, command C) error {
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return err
	}
	at := eventstore.Stream(stream)
	d.New(at)
	var none S
	return apply(d, at, none, command)
}

// Made is what the answer of a creating command is rendered from.
type Made struct {
	ID string `json:"id"`
}

// MadeBy reads the id that a creating command's outcome keeps.
func MadeBy(out eventstore.Outcome) (string, error) {
	var m Made
	if err := json.Unmarshal(out.Params, &m); err != nil || m.ID == "" {
		return "", fmt.Errorf("outcome at %d/%d names no record: %w", out.Lane, out.First, err)
	}
	return m.ID, nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
