package eventstore

import "time"

// life is how long a cached state may be used: it may have persons in the clear that are erased by now.
type life struct {
	erasures int64     // of this node, when it was read
	until    time.Time // zero where nothing in it is personal; erasures of other nodes are not heard of
}

// hold bounds a life from when something personal came into it.
func (f *life) hold(since time.Time) {
	if f.until.IsZero() {
		f.until = since.Add(stateTTL)
	}
}

func (l *Log) alive(f life) bool {
	return f.erasures == l.erasures.Load() && (f.until.IsZero() || time.Now().Before(f.until))
}

// personal tells whether an event type has personal fields.
func (l *Log) personal(typ string) bool {
	t := l.registry.types[typ]
	return t != nil && len(t.personal) > 0
}

// recall is the state that this node remembers of a stream.
func (l *Log) recall(ref stateRef) (cachedState, bool) {
	c, ok := l.states.Get(ref)
	if ok && !l.alive(c.life) {
		l.states.Remove(ref)
		return cachedState{}, false
	}
	return c, ok
}

// cache remembers a state, unless somebody was erased since it was read. It looks afterwards: an erasure after that purges it.
func (l *Log) cache(ref stateRef, c cachedState) {
	l.states.Add(ref, c)
	if !l.alive(c.life) {
		l.states.Remove(ref)
	}
}
