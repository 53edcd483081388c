package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/streamflow/streamflow/eventstore"
)

// lost tells whether an answer leaves open what happened.
func lost(err error) bool {
	return errors.Is(err, eventstore.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// TestAppendAgainstReference drives two nodes with many callers at once, so that batches form, one of them alone, and then both
// with few callers, so that batches do not form. It replays what they saw, in the order of positions, against a store of a few maps.
func TestAppendAgainstReference(t *testing.T) {
	for _, lanes := range []int{1, 4} {
		t.Run(fmt.Sprintf("lanes=%d", lanes), func(t *testing.T) {
			s := newStore(t, lanes)
			seed := seed(t)
			w := newWorld(rand.New(rand.NewPCG(seed, 0)), 6, 40)
			var h history
			begun := time.Now()
			nodes := []*eventstore.Log{s.log, s.node(nil)}
			h.run(t.Context(), nodes, w, seed, 128, *opsFlag*4/10)
			const turns = 20 // one of them is alone, remembers, and is surprised by the other one
			remembered := 0
			for turn := range uint64(turns) {
				h.run(t.Context(), nodes[:1], w, seed+1+2*turn, 128, *opsFlag*4/10/turns)
				remembered += min(s.log.Remembered(), 1)
				h.run(t.Context(), nodes[1:], w, seed+2+2*turn, 16, *opsFlag/10/turns)
			}
			if remembered < turns/2 {
				t.Errorf("a node remembered streams after %d of %d turns alone", remembered, turns)
			}
			h.run(t.Context(), nodes, w, seed-1, 3, *opsFlag/10)
			t.Logf("%d operations in %v: %v", len(h.results), time.Since(begun).Round(time.Millisecond), h.tally(t))
			s.check(&h)
		})
	}
}

// tally counts how calls ended. A way to end that never happened was not tested, which is a fault of the generator.
func (h *history) tally(t *testing.T) map[string]int {
	t.Helper()
	all := h.endings()
	for _, how := range []string{"accepted", "unchanged", "refused", "replayed", "reused", "conflict", "claimed", "no longer held", "erased"} {
		if all[how] == 0 {
			t.Errorf("no call ended as %s", how)
		}
	}
	return all
}

func (h *history) endings() map[string]int {
	all := map[string]int{}
	for _, r := range h.results {
		all[ending(r)]++
	}
	return all
}

func ending(r result) string {
	var conflict *eventstore.ConflictError
	var claimed *eventstore.ClaimedError
	switch {
	case r.unknown:
		return "unknown"
	case errors.As(r.err, &conflict):
		return "conflict"
	case errors.As(r.err, &claimed) && claimed.Holder == "":
		return "no longer held"
	case errors.As(r.err, &claimed):
		return "claimed"
	case errors.Is(r.err, eventstore.ErrCommandReused):
		return "reused"
	case errors.Is(r.err, eventstore.ErrErased):
		return "erased"
	case r.err != nil:
		return r.err.Error()
	case r.out.Replayed:
		return "replayed"
	}
	return []string{"accepted", "unchanged", "refused"}[r.out.Verdict]
}
