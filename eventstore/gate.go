package eventstore

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Callers of one node decide upon each other, so a node that has a hot stream would keep it: another node reads it, and when its append
// arrives the stream has moved on. The gate of a stream, an advisory lock, lets them have it in turn. Who lost the stream goes in and
// stays until its append is answered. Who has had it for long only passes through, and so waits until those inside are done.
// It protects nothing, so whoever cannot have it goes on without.
const (
	// A run of decisions upon each other is long when it is both: one caller would otherwise ask at every decision, or many of them
	// several times a commit. For others to get in within their decideAttempts it must be well below.
	runDecisions = 16
	runTime      = 20 * time.Millisecond
	// gateLimit bounds the wait for a gate. Who is inside takes some commits, or has lost its connection.
	gateLimit = time.Second
	// gatesOf is the part of the pool's connections that may be at gates: who is inside needs one more, to read.
	gatesOf = 4
)

// run is how long a node has had a stream.
type run struct {
	since     time.Time
	decisions int
}

func (r run) longer() run { r.decisions++; return r }

func (r run) long() bool { return r.decisions >= runDecisions && time.Since(r.since) >= runTime }

// gates has room for the connections that may be at gates.
type gates chan struct{}

func newGates(connections int32) gates { return make(gates, max(1, connections/gatesOf)) }

func (g gates) enter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gates) leave() { <-g }

// gate is the key of the stream's advisory lock. Two streams that share one only wait for each other.
func (r stateRef) gate() int64 {
	h := fnv.New64a()
	h.Write(r.tenant[:])
	h.Write([]byte(r.stream))
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// passGate lets other nodes have the stream, if they want it.
func (l *Log) passGate(ctx context.Context, ref stateRef) {
	if !l.gates.enter() {
		return
	}
	defer l.gates.leave()
	ctx, cancel := context.WithTimeout(ctx, gateLimit)
	defer cancel()
	var free bool
	err := l.pool.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, ref.gate()).Scan(&free)
	switch c, ok := l.states.Peek(ref); {
	case err != nil:
		// The append will tell.
	case !free:
		_, _ = l.pool.Exec(ctx, `select pg_advisory_xact_lock($1)`, ref.gate()) // the limit ends it too
		l.states.Remove(ref)                                                    // another node had the stream
	case ok:
		c.run = run{since: time.Now()}
		l.cache(ref, c)
	}
}

// enterGate waits for the gates of the streams. It returns nil where there was no room at any, and else what leaves them.
func (l *Log) enterGate(ctx context.Context, tenant uuid.UUID, streams []Stream) (leave func()) {
	if len(streams) == 0 || !l.gates.enter() {
		return nil
	}
	var keys []int64
	for _, s := range streams {
		keys = append(keys, stateRef{tenant, s}.gate())
	}
	slices.Sort(keys) // so that no two wait for each other
	limited, cancel := context.WithTimeout(ctx, gateLimit)
	defer cancel()
	tx, err := l.pool.Begin(limited)
	if err != nil {
		l.gates.leave()
		return nil
	}
	_, _ = tx.Exec(limited, `select pg_advisory_xact_lock(key) from unnest($1::bigint[]) key`, keys) // without it, it is outside, as before
	return func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), gateLimit)
		defer cancel()
		_ = tx.Rollback(ending) // or the connection is closed, and the lock goes with it
		l.gates.leave()
	}
}
