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

// TestAppendAgainstReference drives two nodes with many callers at once, then replays what they saw, in the order of
// positions, against a store of a few maps.
func TestAppendAgainstReference(t *testing.T) {
	for _, lanes := range []int{1, 4} {
		t.Run(fmt.Sprintf("lanes=%d", lanes), func(t *testing.T) {
			s := newStore(t, lanes)
			seed := seed(t)
			w := newWorld(rand.New(rand.NewPCG(seed, 0)), 6, 40)
			var h history
			begun := time.Now()
			h.run(t.Context(), []*eventstore.Log{s.log, s.node(nil)}, w, seed, 128, *opsFlag)
			t.Logf("%d operations in %v", len(h.results), time.Since(begun).Round(time.Millisecond))
			s.check(&h)
		})
	}
}
