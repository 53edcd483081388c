package eventstore_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/streamflow/streamflow/eventstore"
)

// result is one call and its answer. Start and end count calls and answers of the whole run, so they tell what came before what.
type result struct {
	op
	start, end int64
	out        eventstore.Outcome
	err        error
	unknown    bool // the answer was lost: it may have happened
}

// history is what callers saw.
type history struct {
	clock   atomic.Int64
	mu      sync.Mutex
	results []result
}

func (h *history) add(r result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.results = append(h.results, r)
}

// call runs an op on a node and records what came of it.
func (h *history) call(ctx context.Context, node *eventstore.Log, w *world, o op) result {
	r := result{op: o, start: h.clock.Add(1)}
	r.out, r.err = node.Append(ctx, o.append())
	r.end = h.clock.Add(1)
	r.unknown = lost(r.err)
	h.add(r)
	if r.err == nil && r.out.Verdict == eventstore.Accepted {
		w.learn(o)
	}
	return r
}

// run lets callers do ops on the nodes, each with random numbers of its own, until they have done n together or ctx ends.
func (h *history) run(ctx context.Context, nodes []*eventstore.Log, w *world, seed uint64, callers, n int) {
	var done atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(caller)+1))
			for done.Add(1) <= int64(n) && ctx.Err() == nil {
				h.call(ctx, nodes[caller%len(nodes)], w, w.next(rng))
			}
		})
	}
	all.Wait()
}

// settle repeats every call whose answer was lost, until it has one.
func (h *history) settle(ctx context.Context, node *eventstore.Log, w *world) {
	for _, r := range h.results {
		for again := r; again.unknown && ctx.Err() == nil; {
			again = h.call(ctx, node, w, r.op)
		}
	}
}
