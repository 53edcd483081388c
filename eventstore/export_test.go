package eventstore

import (
	"time"

	"github.com/google/uuid"
)

// InLine returns a channel that is closed once somebody more stands in line for the stream.
func (l *Log) InLine(tenant uuid.UUID, stream Stream) <-chan struct{} {
	last := func() chan struct{} {
		l.turns.mu.Lock()
		defer l.turns.mu.Unlock()
		return l.turns.tail[stateRef{tenant, stream}]
	}
	before, joined := last(), make(chan struct{})
	go func() {
		for last() == before {
			time.Sleep(50 * time.Microsecond)
		}
		close(joined)
	}()
	return joined
}

// Queued is how many appends of a lane wait for the next batch.
func (l *Log) Queued(lane int) int {
	q := &l.lanes[lane-1].queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// ForgetKeys empties the cache of subject keys, as time does.
func (l *Log) ForgetKeys() { l.subjectKeys.Purge() }

// Bare is a log without a database, for what needs only its keys.
func Bare(key MasterKey) *Log { return &Log{cursorKey: key.Derive("cursors")} }

// Gate is the key of the advisory lock that nodes have a stream in turn by.
func Gate(tenant uuid.UUID, stream Stream) int64 { return stateRef{tenant, stream}.gate() }

// Waiting is how many wait for a lane to be longer.
func (l *Log) Waiting(lane int) int {
	t := &l.lanes[lane-1].tide
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// AgeStates makes the cached states as old as they may get.
func (l *Log) AgeStates() {
	for _, ref := range l.states.Keys() {
		if c, ok := l.states.Peek(ref); ok && !c.life.until.IsZero() {
			c.life.until = time.Now()
			l.states.Add(ref, c)
		}
	}
}

// Remembered is of how many streams the node knows the newest event without asking, as of its last answer.
func (l *Log) Remembered() (streams int) {
	for _, lane := range l.lanes {
		if h := lane.flusher.heads; h.asOf() != uuid.Nil {
			streams += len(h.newest)
		}
	}
	return streams
}
