package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

const racers = 16

// race starts the racers on two nodes in turn, not all at the same moment: a barrier would let every one of them read before
// any writes, which is only one of the orders that matter. It returns their answers.
func race(rng *rand.Rand, nodes []*eventstore.Log, run func(racer int, node *eventstore.Log) (eventstore.Outcome, error)) (outs []eventstore.Outcome, errs []error) {
	outs, errs = make([]eventstore.Outcome, racers), make([]error, racers)
	var all sync.WaitGroup
	for racer := range racers {
		start := time.Duration(rng.Int64N(int64(1500 * time.Microsecond)))
		all.Go(func() {
			for begun := time.Now(); time.Since(begun) < start; { // a timer is too coarse
				runtime.Gosched()
			}
			outs[racer], errs[racer] = run(racer, nodes[racer%len(nodes)])
		})
	}
	all.Wait()
	return outs, errs
}

// oneWinner wants exactly one racer without an error, and the others with one that is as it should be.
func oneWinner(t *testing.T, errs []error, fair func(error) bool) {
	t.Helper()
	winners := 0
	for racer, err := range errs {
		if err == nil {
			winners++
		} else if !fair(err) {
			t.Fatalf("racer %d: %v", racer, err)
		}
	}
	if winners != 1 {
		t.Fatalf("%d racers won: %v", winners, errs)
	}
}

func isConflict(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict)
}

func isClaimed(err error) bool {
	var claimed *eventstore.ClaimedError
	return errors.As(err, &claimed) && claimed.Holder != ""
}

// rounds runs one race many times, each on streams of its own.
func rounds(t *testing.T, lap func(t *testing.T, s *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string)) {
	s := newStore(t, 2)
	nodes := []*eventstore.Log{s.log, s.node(nil)}
	rng := rand.New(rand.NewPCG(seed(t), 1))
	tenant := uuid.New()
	for round := range *roundsFlag {
		lap(t, s, rng, nodes, tenant, fmt.Sprint(round))
	}
}

func TestRaceForVersion(t *testing.T) {
	rounds(t, func(t *testing.T, s *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		stream := eventstore.Stream("note-" + id)
		s.must(notes(tenant, stream, 0, "one", "two"))
		_, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			return node.Append(t.Context(), notes(tenant, stream, 2, fmt.Sprint(racer)))
		})
		oneWinner(t, errs, isConflict)
	})
}

func TestRaceForNewStream(t *testing.T) {
	rounds(t, func(t *testing.T, _ *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		_, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			return node.Append(t.Context(), notes(tenant, eventstore.Stream("note-"+id), 0, fmt.Sprint(racer)))
		})
		oneWinner(t, errs, isConflict)
	})
}

func TestRaceForClaim(t *testing.T) {
	rounds(t, func(t *testing.T, s *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		claim := eventstore.Claim{Scope: "name", Key: []byte(id)}
		_, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			stream := eventstore.Stream(fmt.Sprintf("note-%s.%d", id, racer))
			a := notes(tenant, stream, 0, "mine")
			a.Takes = []eventstore.Holding{{Claim: claim, Stream: stream}}
			return node.Append(t.Context(), a)
		})
		oneWinner(t, errs, isClaimed)
		winner := slices.Index(errs, nil)
		if holder, err := s.log.Holder(t.Context(), tenant, claim); err != nil || holder != eventstore.Stream(fmt.Sprintf("note-%s.%d", id, winner)) {
			t.Fatalf("racer %d won, %q holds the claim: %v", winner, holder, err)
		}
	})
}

// TestRaceToMoveClaim lets everybody take a claim over from its holder, in one append.
func TestRaceToMoveClaim(t *testing.T) {
	rounds(t, func(t *testing.T, s *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		claim := eventstore.Claim{Scope: "name", Key: []byte(id)}
		old := eventstore.Stream("note-" + id)
		a := notes(tenant, old, 0, "mine")
		a.Takes = []eventstore.Holding{{Claim: claim, Stream: old}}
		s.must(a)
		_, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			stream := eventstore.Stream(fmt.Sprintf("note-%s.%d", id, racer))
			a := notes(tenant, stream, 0, "mine")
			a.Drops = []eventstore.Holding{{Claim: claim, Stream: old}}
			a.Takes = []eventstore.Holding{{Claim: claim, Stream: stream}}
			return node.Append(t.Context(), a)
		})
		oneWinner(t, errs, isClaimed)
	})
}

// TestRaceOfGuards is a write skew: half of the racers write one stream if the other is unwritten, half the reverse.
func TestRaceOfGuards(t *testing.T) {
	rounds(t, func(t *testing.T, _ *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		pair := []eventstore.Stream{eventstore.Stream("left-" + id), eventstore.Stream("right-" + id)}
		_, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			a := notes(tenant, pair[racer/2%2], 0, "mine")
			a.At[pair[1-racer/2%2]] = 0
			return node.Append(t.Context(), a)
		})
		oneWinner(t, errs, isConflict)
	})
}

// TestRaceOfOneCommand repeats the same request at the same time, some of it with another payload.
func TestRaceOfOneCommand(t *testing.T) {
	rounds(t, func(t *testing.T, _ *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		a := notes(tenant, eventstore.Stream("note-"+id), 0, "one", "two")
		b := a
		b.Command.Fingerprint = []byte("another request")
		outs, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			if racer%8 == 7 {
				return node.Append(t.Context(), b)
			}
			return node.Append(t.Context(), a)
		})
		other := errs[0] != nil // then b came first
		told := map[bool]int{}
		for racer, out := range outs {
			if (racer%8 == 7) != other {
				if !errors.Is(errs[racer], eventstore.ErrCommandReused) {
					t.Fatalf("racer %d with another payload: %v", racer, errs[racer])
				}
				continue
			}
			told[out.Replayed]++
			if errs[racer] != nil || out.Events != 2 || out.First%2 != 1 {
				t.Fatalf("racer %d: %+v, %v", racer, out, errs[racer])
			}
		}
		if told[false] != 1 {
			t.Fatalf("%d racers were told that theirs was the first", told[false])
		}
	})
}

// TestRaceOfUpdates lets everybody take the last place on a board of which there is one left.
func TestRaceOfUpdates(t *testing.T) {
	rounds(t, func(t *testing.T, s *store, rng *rand.Rand, nodes []*eventstore.Log, tenant uuid.UUID, id string) {
		stream := eventstore.Stream("note-" + id)
		s.must(notes(tenant, stream, 0, "one", "two"))
		outs, errs := race(rng, nodes, func(racer int, node *eventstore.Log) (eventstore.Outcome, error) {
			return node.Update(t.Context(), command(tenant), []eventstore.Stream{stream}, func(ctx context.Context, d *eventstore.Decision) error {
				b, _, err := eventstore.State[board](ctx, d, stream)
				if err != nil {
					return err
				}
				if b.Notes == 3 {
					d.Refuse("full", nil)
					return nil
				}
				d.Append(stream, noted{Text: fmt.Sprint(racer)})
				return nil
			})
		})
		accepted := 0
		for racer, out := range outs {
			if errs[racer] != nil || out.Verdict == eventstore.Refused && out.Code != "full" {
				t.Fatalf("racer %d: %+v, %v", racer, out, errs[racer])
			}
			if out.Verdict == eventstore.Accepted {
				accepted++
			}
		}
		if accepted != 1 {
			t.Fatalf("%d racers got the last place", accepted)
		}
	})
}
