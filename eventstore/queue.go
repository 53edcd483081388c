package eventstore

import (
	"slices"
	"sync"

	"github.com/google/uuid"
)

// A batch is bounded so that one statement stays far from the server's limits and callers behind it do not wait long.
const (
	maxBatchEvents = 1024
	maxBatchBytes  = 1 << 20
)

type pending struct {
	append  *encoded
	flusher *flusher
	answer  chan answer // buffered: an answer never waits for a caller who left
}

type answer struct {
	outcome Outcome
	err     error
}

// queue holds appends until a batch of them is taken; until that is done, no other batch is.
type queue struct {
	mu      sync.Mutex
	waiting []*pending
	taken   bool
	lone    bool // the last batch was one append, and nobody came meanwhile
	closed  bool
	wake    chan struct{} // for the flusher: there is something to take
}

func newQueue() queue { return queue{wake: make(chan struct{}, 1), lone: true} }

func (q *queue) put(p *pending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	q.waiting = append(q.waiting, p)
	if !q.lone || q.taken || len(q.waiting) > 1 { // else its caller takes it, see alone
		q.signal()
	}
	return nil
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// resource is something that two appends of one batch must not both touch, unless both only read it.
type resource struct {
	of   uuid.UUID // the tenant; a claim's digest, which has the tenant in it
	kind byte      // 's'tream, 'c'laim, 'p'erson, command 'i'd
	name string
}

// take returns the next batch for the flusher; none while another one is out.
func (q *queue) take() (batch []*pending, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken {
		return nil, false
	}
	batch = q.independent()
	q.taken = len(batch) > 0
	return batch, q.closed && len(batch) == 0
}

// alone takes the append, which is at the front, for its own caller: true where nobody else is about. Handing it to the flusher and
// the answer back would take two changes of goroutine, each of them as long as a good part of a commit on a quick disk.
func (q *queue) alone(p *pending) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken || !q.lone || len(q.waiting) != 1 || q.waiting[0] != p {
		return false
	}
	q.waiting, q.taken = nil, true
	return true
}

// done lets the next batch be taken. What is left of this one comes before everything else.
func (q *queue) done(size int, left []*pending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken, q.lone = false, size == 1 && len(q.waiting) == 0
	q.waiting = append(left, q.waiting...)
	if q.closed || len(q.waiting) > 0 {
		q.signal()
	}
}

// independent are the appends of the next batch, which is in order of arrival. An append that touches what an earlier one writes waits
// for the batch after it, so the database checks every condition against what was before the batch.
func (q *queue) independent() (batch []*pending) {
	if len(q.waiting) == 1 { // the common case of a quiet system
		batch, q.waiting = q.waiting, nil
		return batch
	}
	touched := make(map[resource]touch, 4*len(q.waiting))
	var left []*pending
	events, bytes := 0, 0
	for i, p := range q.waiting {
		if len(batch) > 0 && (events+len(p.append.events) > maxBatchEvents || bytes+p.append.bytes > maxBatchBytes) || len(batch) == maxBatchEvents {
			left = append(left, q.waiting[i:]...)
			break
		}
		if p.append.collides(touched) {
			p.append.touch(touched, true)
			left = append(left, p)
			continue
		}
		p.append.touch(touched, false)
		batch = append(batch, p)
		events, bytes = events+len(p.append.events), bytes+p.append.bytes
	}
	q.waiting = left
	return batch
}

// touch is what was done to a resource by those before in the queue.
type touch struct {
	wrote bool
	waits bool      // one of them waits for the next batch
	last  uuid.UUID // the newest event they add to the stream
}

// collides tells whether the append has to wait for the next batch. It need not where it was decided upon the very events that the
// batch adds to a stream: then it holds if they do.
func (e *encoded) collides(touched map[resource]touch) bool {
	for _, use := range e.uses {
		before, seen := touched[use.resource]
		if seen && (use.wrote || before.wrote) && (before.waits || use.last == uuid.Nil || use.last != before.last) {
			return true
		}
	}
	return false
}

// touch marks everything the append reads and writes, even where it waits: who comes later and depends on it has to wait behind it.
func (e *encoded) touch(touched map[resource]touch, waits bool) {
	for _, use := range e.uses {
		t := touched[use.resource]
		t.wrote, t.waits = t.wrote || use.wrote, t.waits || waits
		if use.adds != uuid.Nil {
			t.last = use.adds
		}
		touched[use.resource] = t
	}
}

// newest is the last event that the append adds to a stream.
func (e *encoded) newest(s Stream) (id uuid.UUID) {
	for _, v := range e.events {
		if v.stream == s {
			id = v.id
		}
	}
	return id
}

// use is what an append does to a resource.
type use struct {
	resource
	wrote bool
	last  uuid.UUID // the event that a condition names
	adds  uuid.UUID // the newest event that it adds to the stream
}

// resources lists each one once, so that an append that drops and takes the same claim does not collide with itself. It is made by who
// appends, not by the flusher, whom all wait for.
func (e *encoded) resources() []use {
	uses := make([]use, 0, 1+len(e.conditions)+len(e.takes)+len(e.drops)+len(e.holds)+len(e.keys))
	uses = append(uses, use{resource: resource{e.Command.Tenant, 'i', string(e.Command.ID[:])}, wrote: true})
	for _, c := range e.conditions {
		u := use{resource: resource{e.Command.Tenant, 's', string(c.stream)}, wrote: c.written, last: c.last}
		if c.written {
			u.adds = e.newest(c.stream)
		}
		uses = append(uses, u)
	}
	claims := len(uses)
	mark := func(marked []encodedClaim, write bool) {
		for _, c := range marked {
			r := resource{c.digest, 'c', ""}
			if i := slices.IndexFunc(uses[claims:], func(u use) bool { return u.resource == r }); i >= 0 {
				uses[claims+i].wrote = uses[claims+i].wrote || write
				continue
			}
			uses = append(uses, use{resource: r, wrote: write})
		}
	}
	mark(e.takes, true)
	mark(e.drops, true)
	mark(e.holds, false)
	for _, k := range e.keys {
		uses = append(uses, use{resource: resource{e.Command.Tenant, 'p', string(k.subject[:])}, wrote: true})
	}
	return uses
}
