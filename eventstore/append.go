package eventstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Append adds what one command decided, if every condition it carries holds at its position. Most callers want [Log.Update],
// which reads, decides and tries again.
//
// It returns once the append is durable; where nobody else appends, that may be some seconds after the context's end, while the database
// does not answer. Errors: [ErrCommandReused], [*ConflictError], [*ClaimedError], [ErrErased],
// [ErrUnavailable], [ErrClosed], the context's error (the append may then still happen), or what is wrong with the append itself.
func (l *Log) Append(ctx context.Context, a Append) (Outcome, error) {
	p, err := l.enqueue(ctx, a)
	if err != nil {
		return l.recordedIfErased(ctx, a.Command, err)
	}
	return p.wait(ctx)
}

func (l *Log) enqueue(ctx context.Context, a Append) (*pending, error) {
	e, err := l.encodeAppend(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	f := l.lanes[l.LaneOf(a.Command.Tenant)-1].flusher
	p := &pending{append: e, flusher: f, answer: make(chan answer, 1)}
	return p, f.lane.queue.put(p)
}

// wait is for the answer, or until the caller has no time for it any more; what is queued happens all the same.
func (p *pending) wait(ctx context.Context) (Outcome, error) {
	p.flusher.sendAlone(ctx, p)
	select { // an answer that is there comes before the end of the caller's time
	case r := <-p.answer:
		return r.outcome, r.err
	default:
	}
	select {
	case r := <-p.answer:
		return r.outcome, r.err
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// recordedIfErased looks for the outcome of a command that cannot be written any more: since its first call, perhaps.
func (l *Log) recordedIfErased(ctx context.Context, c Command, cause error) (Outcome, error) {
	if !errors.Is(cause, ErrErased) {
		return Outcome{}, cause
	}
	return l.recordedInstead(ctx, c, cause)
}

// encoded is an append as it travels to the database.
type encoded struct {
	Append
	conditions []condition
	events     []encodedEvent
	keys       []encodedKey
	uses       []use

	takes, drops, holds []encodedClaim
	call                uuid.UUID // tells this call from others with the same command id: its first event's id, or one made for it
	bytes               int
}

type condition struct {
	stream  Stream
	version int
	last    uuid.UUID // the event at that version, where the append knows it
	written bool
}

type encodedEvent struct {
	stream      Stream
	version     int
	id          uuid.UUID
	typ         string
	schema      int
	data        string
	effectiveAt time.Time
}

type encodedClaim struct {
	Holding
	digest uuid.UUID
}

type encodedKey struct {
	subject uuid.UUID
	wrapped []byte // nil destroys the key
	key     subjectKey
}

func (l *Log) encodeAppend(ctx context.Context, a Append) (*encoded, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	e := &encoded{Append: a}
	if err := e.encodeClaims(); err != nil {
		return nil, err
	}
	fresh := make(map[uuid.UUID]subjectKey, len(a.Subjects))
	for _, s := range a.Subjects {
		wrapped, key := l.newSubjectKey(a.Command.Tenant, s)
		fresh[s] = key
		e.keys = append(e.keys, encodedKey{s, wrapped, key})
	}
	for _, s := range a.Destroy {
		e.keys = append(e.keys, encodedKey{subject: s})
	}
	lookup := func(subject string) (subjectKey, error) {
		id, err := uuid.Parse(subject)
		if err != nil {
			return subjectKey{}, fmt.Errorf("data subject %q: %w", subject, err)
		}
		if key, ok := fresh[id]; ok {
			return key, nil
		}
		ref := subjectRef{a.Command.Tenant, id}
		keys, err := l.loadSubjectKeys(ctx, []subjectRef{ref})
		if err != nil {
			return subjectKey{}, err
		}
		key, ok := keys[ref]
		if !ok {
			return subjectKey{}, ErrErased
		}
		return key, nil
	}
	written := map[Stream]bool{}
	for _, w := range a.Writes {
		written[w.Stream] = true
		for i, f := range w.Facts {
			id := uuid.Must(uuid.NewV7())
			data, schema, err := l.registry.encode(f, placeOf(a.Command.Tenant, id), lookup)
			if err != nil {
				return nil, err
			}
			ev := encodedEvent{stream: w.Stream, version: a.At[w.Stream] + i + 1, id: id, typ: f.Type(), schema: schema, data: string(data)}
			if eff, ok := f.(Effective); ok {
				ev.effectiveAt = eff.Effective()
			}
			e.events = append(e.events, ev)
			e.bytes += len(data)
		}
	}
	for s, v := range a.At {
		e.conditions = append(e.conditions, condition{stream: s, version: v, last: a.seen[s], written: written[s]})
	}
	if len(e.events) > 0 {
		e.call = e.events[0].id
	} else {
		e.call = uuid.Must(uuid.NewV7())
	}
	e.uses = e.resources()
	return e, nil
}

// check finds misuse before it reaches the database, where it could only fail as a whole.
func (a Append) check() error {
	c := a.Command
	switch {
	case c.Tenant == uuid.Nil || c.ID == uuid.Nil:
		return errors.New("command has no tenant or no id")
	case len(c.Fingerprint) == 0:
		return errors.New("command has no fingerprint")
	case a.Verdict != Accepted && len(a.Writes) > 0:
		return errors.New("only an accepted command writes events")
	case a.Verdict == Accepted && len(a.Writes) == 0:
		return errors.New("an accepted command writes events")
	case (a.Verdict == Refused) != (a.Code != ""):
		return errors.New("a refusal, and nothing else, has a code")
	case a.Verdict != Accepted && len(a.Takes)+len(a.Drops)+len(a.Subjects)+len(a.Destroy) > 0:
		return errors.New("only an accepted command changes claims or data subjects")
	}
	if err := cmp.Or(c.check(), a.checkClaims()); err != nil {
		return err
	}
	for s := range a.At {
		if err := s.check(); err != nil {
			return err
		}
	}
	seen := map[Stream]bool{}
	for _, w := range a.Writes {
		if _, ok := a.At[w.Stream]; !ok {
			return fmt.Errorf("stream %s is written without a version", w.Stream)
		}
		if seen[w.Stream] || len(w.Facts) == 0 {
			return fmt.Errorf("stream %s is written twice, or with nothing", w.Stream)
		}
		seen[w.Stream] = true
	}
	return nil
}

func (a Append) checkClaims() error {
	for _, holdings := range [][]Holding{a.Takes, a.Drops, a.Held} {
		for _, h := range holdings {
			if h.Scope == "" || strings.Contains(h.Scope, " ") {
				return fmt.Errorf("claim %q of stream %q: a claim has a scope without a space", h.Scope, h.Stream)
			}
			if err := h.Stream.check(); err != nil {
				return fmt.Errorf("claim %s: %w", h.Scope, err)
			}
		}
	}
	return nil
}

func (e *encoded) encodeClaims() error {
	digested := func(holdings []Holding) []encodedClaim {
		claims := make([]encodedClaim, len(holdings))
		for i, h := range holdings {
			claims[i] = encodedClaim{h, h.digest(e.Command.Tenant)}
		}
		return claims
	}
	e.drops, e.holds = digested(e.Drops), digested(e.Held)
	for _, c := range digested(e.Takes) {
		said := slices.IndexFunc(e.takes, func(o encodedClaim) bool { return o.digest == c.digest })
		switch {
		case said < 0:
			e.takes = append(e.takes, c)
		case e.takes[said].Stream != c.Stream: // the same stream may say it twice
			return fmt.Errorf("claim %s is taken for %s and for %s", c.Scope, e.takes[said].Stream, c.Stream)
		}
	}
	return nil
}
