package eventstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// decideAttempts bounds how often a command is decided again because a stream it read had moved. Callers of one node decide upon each
// other and so win a stream many times in a row; those of another node come in when the run ends, which takes them more than a few attempts.
const decideAttempts = 64

// Decision is one attempt at deciding a command. What it reads becomes a condition of what it writes: the append holds
// only if every stream it loaded is still where it was, so a decision can be neither stale nor half done.
type Decision struct {
	log     *Log
	command Command
	fresh   bool                // do not trust cached states
	cached  bool                // a cached state was used
	held    map[claimRef]Stream // claims that earlier attempts found held
	relied  []Holding           // those of them that the decision asked for
	loaded  map[Stream]*reading // what was read, or is new
	append  Append
	misuse  error
}

type reading struct {
	version int
	last    uuid.UUID // the event at that version
	state   any
	evolve  func(any, Fact) any // nil where only the version was read
	run     run
	life    life
	added   []Fact
}

type claimRef struct{ scope, key string }

type cachedState struct {
	version int
	last    uuid.UUID
	state   any
	evolve  func(any, Fact) any
	run     run
	life    life
}

// Evolver is a fact that changes the state S of its aggregate.
type Evolver[S any] interface {
	Fact
	Evolve(S) S
}

// Update decides a command and appends what it decided, once.
//
// The decide function reads states ([State]), says what happens ([Decision.Append] …), and returns nil; it may run several
// times, so it has no side effects. It runs alone, in order of arrival on this node, for each of the named streams; other
// streams it loads are only checked. It may see what a decision before it on this node has not committed yet: then it holds
// only if that one does, and is made again otherwise. An error it returns ends the call and is no outcome, unless the command
// has one already, which is then the answer: return one for what was refused before any rule ran. A rule's no is
// [Decision.Refuse]. A decision that appends nothing is recorded as [Unchanged], and changes nothing else either.
//
// Besides decide's own, errors are those of [Log.Append], but never a [ConflictError].
func (l *Log) Update(ctx context.Context, c Command, streams []Stream, decide func(context.Context, *Decision) error) (Outcome, error) {
	at := place{log: l, tenant: c.Tenant, streams: streams}
	defer at.leave()
	held := map[claimRef]Stream{}
	var stumbled, lost bool
	for range decideAttempts {
		alone, err := at.take(ctx, lost)
		if err != nil {
			return Outcome{}, err
		}
		alone = alone || stumbled
		d := &Decision{log: l, command: c, fresh: alone, held: held, loaded: map[Stream]*reading{}}
		p, err := d.enqueue(ctx, decide)
		if err != nil {
			if stumbled = d.cached; stumbled { // what it stumbled over may be long past, or never be
				continue
			}
			return l.recordedInstead(ctx, c, err)
		}
		d.remember(p.append)
		if !alone {
			at.next()
		}
		out, err := p.wait(ctx)
		if err != nil || out.Replayed {
			l.unlearn(p.append)
		}
		var conflict *ConflictError
		var claimed *ClaimedError
		switch {
		case err == nil:
			return out, nil
		case errors.As(err, &conflict):
			l.states.Remove(stateRef{c.Tenant, conflict.Stream})
			lost = true
		case errors.As(err, &claimed):
			held[claimRef{claimed.Scope, string(claimed.Key)}] = claimed.Holder
		default:
			return Outcome{}, err
		}
	}
	return Outcome{}, ErrContended
}

// recordedInstead answers a call that ended without a decision: a repeat gets its outcome whatever it stumbles over now, most
// often what the command itself has changed.
func (l *Log) recordedInstead(ctx context.Context, c Command, cause error) (Outcome, error) {
	o, ok, err := l.Recorded(ctx, c)
	switch {
	case err != nil: // it was used by another request, or nobody knows what it ended in: the cause may be wrong
		return Outcome{}, err
	case !ok:
		return Outcome{}, cause
	}
	return o, nil
}

// enqueue makes the decision and sends it on its way.
func (d *Decision) enqueue(ctx context.Context, decide func(context.Context, *Decision) error) (*pending, error) {
	if err := decide(ctx, d); err != nil {
		return nil, err
	}
	a, err := d.finish()
	if err != nil {
		return nil, err
	}
	return d.log.enqueue(ctx, a)
}

// State folds a stream into S and makes its version a condition of the append. The version of a stream that does not exist is 0.
func State[S any](ctx context.Context, d *Decision, stream Stream) (S, int, error) {
	var zero S
	if r := d.loaded[stream]; r != nil && r.evolve != nil {
		s, ok := r.state.(S)
		if !ok {
			return zero, 0, fmt.Errorf("stream %s was loaded as %T, not %T", stream, r.state, zero)
		}
		return s, r.version, nil
	}
	ref := stateRef{d.command.Tenant, stream}
	if c, ok := d.log.recall(ref); ok && !d.fresh {
		if s, ok := c.state.(S); ok {
			d.cached = true
			d.loaded[stream] = &reading{version: c.version, last: c.last, state: s, evolve: c.evolve, run: c.run, life: c.life}
			return s, c.version, nil
		}
	}
	c, err := stateOf[S](ctx, d.log, ref)
	if err != nil {
		return zero, 0, err
	}
	d.loaded[stream] = &reading{version: c.version, last: c.last, state: c.state, evolve: c.evolve, run: c.run, life: c.life}
	return c.state.(S), c.version, nil
}

// stateOf folds a stream as it is now.
func stateOf[S any](ctx context.Context, l *Log, of stateRef) (cachedState, error) {
	began, asked := life{erasures: l.erasures.Load()}, time.Now()
	events, err := l.ReadStream(ctx, of.tenant, of.stream, 0)
	if err != nil {
		return cachedState{}, err
	}
	s, err := Fold[S](ctx, l, events)
	c := cachedState{version: len(events), state: s, evolve: evolve[S], run: run{since: time.Now()}, life: began}
	if slices.ContainsFunc(events, func(e Event) bool { return l.personal(e.Type) }) {
		c.life.hold(asked)
	}
	if c.version > 0 {
		c.last = events[c.version-1].ID
	}
	return c, err
}

func evolve[S any](state any, f Fact) any { return f.(Evolver[S]).Evolve(state.(S)) }

// StateAt is a stream folded into S, for who knows its newest event; without a read where this node remembers the state after that
// very event. The zero S is the state of no stream.
func StateAt[S any](ctx context.Context, l *Log, tenant uuid.UUID, stream Stream, newest uuid.UUID) (S, error) {
	ref := stateRef{tenant, stream}
	if c, ok := l.recall(ref); ok && c.last == newest {
		if s, ok := c.state.(S); ok {
			return s, nil
		}
	}
	c, err := stateOf[S](ctx, l, ref)
	if err != nil {
		var none S
		return none, err
	}
	l.cache(ref, c)
	return c.state.(S), nil
}

// Fold evolves S over one stream's events, personal fields in the clear.
func Fold[S any](ctx context.Context, l *Log, events []Event) (S, error) {
	facts, err := l.Decode(ctx, events)
	if err != nil {
		var s S
		return s, err
	}
	return Evolve[S](events, facts)
}

// Evolve is Fold where the events were decoded already.
func Evolve[S any](events []Event, facts []Fact) (S, error) {
	var s S
	for i, f := range facts {
		e, ok := f.(Evolver[S])
		if !ok {
			return s, fmt.Errorf("%s in stream %s does not evolve a %T", events[i].Type, events[i].Stream, s)
		}
		s = e.Evolve(s)
	}
	return s, nil
}

// Version reads only how far a stream is, and makes that a condition of the append.
func (d *Decision) Version(ctx context.Context, stream Stream) (int, error) {
	if r := d.loaded[stream]; r != nil {
		return r.version, nil
	}
	v, last, err := d.log.streamEnd(ctx, d.command.Tenant, stream)
	if err != nil {
		return 0, err
	}
	d.loaded[stream] = &reading{version: v, last: last}
	return v, nil
}

// New says that a stream does not exist yet, without reading it; the append fails if it does.
func (d *Decision) New(stream Stream) {
	if d.loaded[stream] == nil {
		d.loaded[stream] = &reading{}
	}
}

// Append adds facts to a stream that was loaded or is new.
func (d *Decision) Append(stream Stream, facts ...Fact) {
	r := d.loaded[stream]
	switch {
	case r == nil:
		d.misuse = fmt.Errorf("append to %s, which was neither loaded nor declared new", stream)
		return
	case len(facts) == 0:
		return
	}
	r.added = append(r.added, facts...)
	for i := range d.append.Writes {
		if d.append.Writes[i].Stream == stream {
			d.append.Writes[i].Facts = r.added
			return
		}
	}
	d.append.Writes = append(d.append.Writes, Write{Stream: stream, Facts: r.added})
}

// Take claims a unique value for a stream. Where another stream holds it, held is true and holder names it: refuse, or work
// with the holder. That it still holds the value becomes a condition, so that either is true at the append's position.
func (d *Decision) Take(stream Stream, c Claim) (holder Stream, held bool) {
	if holder = d.held[claimRef{c.Scope, string(c.Key)}]; holder != "" && holder != stream {
		d.relied = append(d.relied, Holding{Claim: c, Stream: holder})
		return holder, true
	}
	d.append.Takes = append(d.append.Takes, Holding{Claim: c, Stream: stream})
	return "", false
}

// Drop releases a value that the stream holds.
func (d *Decision) Drop(stream Stream, c Claim) {
	d.append.Drops = append(d.append.Drops, Holding{Claim: c, Stream: stream})
}

// NewSubject makes a data subject; facts of this append may hold its personal fields.
func (d *Decision) NewSubject() uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	d.append.Subjects = append(d.append.Subjects, id)
	return id
}

// Erase destroys a data subject's key together with the append.
func (d *Decision) Erase(subject uuid.UUID) { d.append.Destroy = append(d.append.Destroy, subject) }

// Answer sets what the command's answer is rendered from; it is kept for ever, so ids and versions, nothing personal.
func (d *Decision) Answer(params any) {
	data, err := json.Marshal(params)
	if err != nil {
		d.misuse = fmt.Errorf("answer of the command: %w", err)
	}
	d.append.Params = data
}

// Refuse records a rule's no. Whatever the decision appended before is dropped; what it read stays a condition.
func (d *Decision) Refuse(code string, params any) {
	d.append = Append{Verdict: Refused, Code: code}
	for _, r := range d.loaded {
		r.added = nil
	}
	d.Answer(params)
}

func (d *Decision) finish() (Append, error) {
	a := d.append
	if a.Verdict == Accepted && len(a.Writes) == 0 {
		if len(a.Destroy) > 0 {
			return a, errors.New("a data subject is erased without an event that says so")
		}
		a = Append{Verdict: Unchanged, Params: a.Params}
	}
	a.Command, a.Held = d.command, d.relied
	a.At, a.seen = make(map[Stream]int, len(d.loaded)), make(map[Stream]uuid.UUID, len(d.loaded))
	for stream, r := range d.loaded {
		a.At[stream], a.seen[stream] = r.version, r.last
	}
	return a, d.misuse
}

// remember keeps the states as they are after the append, before it is committed: each names the event it saw last, so what is decided
// upon one that is not to be never holds. What erases a person is not remembered; it is forgotten when it is committed.
func (d *Decision) remember(sent *encoded) {
	if len(sent.Destroy) > 0 {
		return
	}
	for stream, r := range d.loaded {
		if r.evolve == nil {
			continue
		}
		c := cachedState{version: r.version + len(r.added), last: r.last, state: r.state, evolve: r.evolve, run: r.run.longer(), life: r.life}
		if len(r.added) > 0 {
			c.last = sent.newest(stream)
		}
		for _, f := range r.added {
			c.state = r.evolve(c.state, f)
			if d.log.personal(f.Type()) {
				c.life.hold(time.Now())
			}
		}
		d.log.cache(stateRef{d.command.Tenant, stream}, c)
	}
}

// unlearn drops the states after an append that did not come to be; those that were decided upon them drop theirs.
func (l *Log) unlearn(sent *encoded) {
	for _, e := range sent.events {
		ref := stateRef{sent.Command.Tenant, e.stream}
		if c, ok := l.states.Peek(ref); ok && c.last == e.id {
			l.states.Remove(ref)
		}
	}
}
