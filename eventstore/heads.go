package eventstore

import "github.com/google/uuid"

const (
	// steady is for how many batches in a row nobody else must have written to the lane before what is remembered is built upon: to be
	// wrong costs sending a batch twice.
	steady = 8
	// mostHeads bounds what a lane remembers, some 150 bytes each.
	mostHeads = 8192
)

// heads is what a flusher remembers of its lane: the newest events of streams, as of the newest event of the lane that it knows. While nobody
// else has written, which log.append finds out under the lane's lock, they are exact, and a condition that holds by them need not be sent.
// They are of one connection: a database that goes back to an older copy, where other events may stand at the same positions, ends it.
type heads struct {
	position int64 // of the lane's newest event
	found    int   // batches in a row that found the lane as it was left
	newest   map[stateRef]head
}

// head is a stream's newest event.
type head struct {
	version int
	id      uuid.UUID // nil where only the version is known
}

// reliable tells whether conditions may be left out.
func (h *heads) reliable() bool { return h != nil && h.found >= steady }

// holds tells whether the condition is known to hold.
func (h *heads) holds(tenant uuid.UUID, c *condition) bool {
	if !h.reliable() {
		return false
	}
	known, ok := h.newest[stateRef{tenant, c.stream}]
	return ok && known.version == c.version && (c.last == uuid.Nil || known.id == c.last)
}

// learn takes in what a batch that was answered says of its streams.
func (h *heads) learn(batch []*pending, r result) {
	h.found++
	if r.head != h.position {
		*h = heads{position: r.head}
	}
	if h.newest == nil || len(h.newest) > mostHeads {
		h.newest = make(map[stateRef]head)
	}
	failed := make(map[int32]bool, len(r.failed))
	for _, ord := range r.failed {
		failed[ord] = true
	}
	for i, p := range batch {
		if failed[int32(i+1)] {
			continue
		}
		h.position += int64(len(p.append.events))
		h.keep(p.append)
	}
}

// keep remembers the streams of an append that went through.
func (h *heads) keep(e *encoded) {
	for _, c := range e.conditions {
		ref := stateRef{e.Command.Tenant, c.stream}
		if known := h.newest[ref]; known.version != c.version || known.id == uuid.Nil {
			h.newest[ref] = head{c.version, c.last}
		}
	}
	for _, v := range e.events {
		h.newest[stateRef{e.Command.Tenant, v.stream}] = head{v.version, v.id}
	}
}
