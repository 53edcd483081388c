package eventstore

import "github.com/google/uuid"

const (
	// steady is for how many batches in a row nobody else must have written to the lane before something is remembered: to be wrong costs
	// sending a batch twice.
	steady = 8
	// mostHeads bounds what a lane remembers, some 180 bytes each.
	mostHeads = 8192
)

// heads is what a flusher remembers of its lane: the newest events of streams, as of the lane's newest event. While nobody else has written,
// which log.append finds out under the lane's lock, they are exact, and a condition that holds by them need not be sent. Only batches that
// were found to follow each other add to it, so it is exact even where the database went back to an older copy in between.
type heads struct {
	position int64     // of the lane's newest event
	last     uuid.UUID // the lane's newest event, where this flusher wrote it
	found    int       // batches in a row that found the lane at that position
	newest   map[stateRef]head
}

// head is a stream's newest event.
type head struct {
	version int
	id      uuid.UUID // nil where only the version is known
}

// asOf is the event up to which all is known; nil where that is not worth asking for.
func (h *heads) asOf() uuid.UUID {
	if h == nil || h.found < steady {
		return uuid.Nil
	}
	return h.last
}

// holds tells whether the condition is known to hold at that event.
func (h *heads) holds(tenant uuid.UUID, c *condition) bool {
	if h.asOf() == uuid.Nil {
		return false
	}
	known, ok := h.newest[stateRef{tenant, c.stream}]
	return ok && known.version == c.version && (c.last == uuid.Nil || known.id == c.last)
}

// learn takes in what a batch that was answered says of its streams.
func (h *heads) learn(batch []*pending, r result) {
	if h.found++; r.head != h.position {
		*h = heads{position: r.head}
	}
	if !r.inLine || len(h.newest) > mostHeads { // not cleared: that takes as long as the map was ever large
		h.newest = make(map[stateRef]head)
	}
	failed := make(map[int32]bool, len(r.failed))
	for _, ord := range r.failed {
		failed[ord] = true
	}
	for i, p := range batch {
		if e := p.append; !failed[int32(i+1)] {
			h.keep(e)
			if n := len(e.events); n > 0 {
				h.position, h.last = h.position+int64(n), e.events[n-1].id
			}
		}
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
