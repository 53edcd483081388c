package eventstore_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"sort"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// check compares what callers saw with what the database holds: every acknowledged append is there (I1), no refused one is
// (I2), each command has one outcome (I5), and every condition held at its position (I6). Refusals must have had a reason too.
func (s *store) check(h *history) {
	s.t.Helper()
	stored := s.load()
	groups := map[uuid.UUID][]result{}
	for _, r := range h.results {
		groups[r.Command] = append(groups[r.Command], r)
	}
	fates := map[uuid.UUID]storedFate{}
	for _, f := range stored.fates {
		fates[f.command] = f
	}
	ops := map[uuid.UUID]op{}
	for id, group := range groups {
		f, recorded := fates[id]
		s.checkCommand(group, f, recorded)
		if i := slices.IndexFunc(group, func(r result) bool {
			return r.Fingerprint == f.fingerprint && (r.err == nil || r.unknown) && bytes.Equal(r.params(), f.Params)
		}); recorded && i >= 0 {
			ops[id] = group[i].op
		}
	}
	r := s.replay(stored, ops)
	if now := r.holdersNow(); !maps.Equal(now, stored.holders) {
		s.t.Fatalf("I6: the database holds %d claims, the reference %d, or not the same", len(stored.holders), len(now))
	}
	if !maps.Equal(r.subjects, stored.subjects) {
		s.t.Fatalf("the database knows %d data subjects, the reference %d, or not the same", len(stored.subjects), len(r.subjects))
	}
	s.checkTexts(stored, ops, r)
	s.checkOrder(h, r)
}

// heldRef is how the database knows a claim.
type heldRef struct{ tenant, digest uuid.UUID }

func (r *reference) holdersNow() map[heldRef]eventstore.Stream {
	now := map[heldRef]eventstore.Stream{}
	for ref := range r.holders {
		if holder := r.holder(ref); holder != "" {
			sum := sha256.Sum256([]byte(string(ref.tenant[:]) + ref.scope + " " + ref.key))
			now[heldRef{ref.tenant, uuid.UUID(sum[:16])}] = holder
		}
	}
	return now
}

// checkCommand looks at all calls with one command id.
func (s *store) checkCommand(group []result, f storedFate, recorded bool) {
	s.t.Helper()
	first, doubts := 0, 0
	for _, r := range group {
		same := r.Fingerprint == f.fingerprint
		if r.unknown && (same || !recorded) {
			doubts++
		}
		switch {
		case r.unknown:
		case r.err == nil && !recorded:
			s.t.Fatalf("I1: command %s was acknowledged at %d/%d and is not there", r.Command, r.out.Lane, r.out.First)
		case r.err == nil && (!same || !sameOutcome(r.out, f.Outcome)):
			s.t.Fatalf("I5: command %s has the outcome %+v, one caller was told %+v", r.Command, f.Outcome, r.out)
		case r.err == nil && !r.out.Replayed:
			first++
		case errors.Is(r.err, eventstore.ErrCommandReused) && (!recorded || same):
			s.t.Fatalf("I5: command %s was called reused, and was not", r.Command)
		}
	}
	switch {
	case first > 1:
		s.t.Fatalf("I5: %d callers of command %s were told that theirs was the first", first, group[0].Command)
	case recorded && first == 0 && doubts == 0:
		s.t.Fatalf("I2: command %s is recorded at %d/%d and no caller knows of it", group[0].Command, f.Lane, f.First)
	}
}

func sameOutcome(a, b eventstore.Outcome) bool {
	return a.Verdict == b.Verdict && a.Code == b.Code && bytes.Equal(a.Params, b.Params) && a.Lane == b.Lane && a.First == b.First &&
		a.Events == b.Events && a.RecordedAt.Equal(b.RecordedAt)
}

// checkTexts wants every personal text readable, or erased, as its subject is now.
func (s *store) checkTexts(stored *storedLog, ops map[uuid.UUID]op, r *reference) {
	s.t.Helper()
	fresh := s.node(nil)
	for _, events := range stored.lanes {
		facts, err := fresh.Decode(s.t.Context(), events)
		if err != nil {
			s.t.Fatal(err)
		}
		for i, fact := range facts {
			person, ok := fact.(named)
			if !ok {
				continue
			}
			want := eventstore.Erased
			if subject := uuid.MustParse(person.Subject); r.subjects[subject] {
				want = ops[events[i].CommandID].Writes[0].Facts[0].Text
			}
			if person.Name != want {
				s.t.Fatalf("personal text at %d is %q, want %q", events[i].Position, person.Name, want)
			}
		}
	}
}

// checkOrder holds every answer to what was true while the call ran. Between the newest position that somebody had been told of
// before the call (low) and the newest that a call begun before its end was given (high) it was decided.
func (s *store) checkOrder(h *history, r *reference) {
	s.t.Helper()
	told, given := s.tides(h, r)
	answered := map[uuid.UUID]int64{}
	for _, x := range h.results {
		if end, ok := answered[x.Command]; x.err == nil && (!ok || x.end < end) {
			answered[x.Command] = x.end
		}
	}
	for _, x := range h.results {
		lane := s.log.LaneOf(x.Tenant)
		low, high := told[lane].before(x.start), given[lane].before(x.end)
		if x.unknown {
			continue
		}
		if x.err == nil {
			if !x.out.Replayed && x.out.Last() < low+min(1, int64(x.out.Events)) {
				s.t.Fatalf("command %s took position %d when %d was known already", x.Command, x.out.First, low)
			}
			continue
		}
		if errors.Is(x.err, eventstore.ErrCommandReused) {
			continue
		}
		if end, ok := answered[x.Command]; ok && end < x.start {
			s.t.Fatalf("I5: command %s had an outcome, a repeat got: %v", x.Command, x.err)
		}
		s.checkReason(x, r, low, high)
	}
}

func (s *store) checkReason(x result, r *reference, low, high int64) {
	s.t.Helper()
	var conflict *eventstore.ConflictError
	var claimed *eventstore.ClaimedError
	switch {
	case errors.As(x.err, &conflict):
		at, ok := x.At[conflict.Stream]
		ref := streamRef{x.Tenant, conflict.Stream}
		if !ok || r.versionAt(ref, low) == at && r.versionAt(ref, high) == at {
			s.t.Fatalf("command %s was refused for the version of %s, and that was %d throughout", x.Command, conflict.Stream, at)
		}
	case errors.As(x.err, &claimed):
		ref := refOf(x.Tenant, claimed.Claim)
		asked := slices.ContainsFunc(slices.Concat(x.Takes, x.Held), func(h eventstore.Holding) bool {
			return refOf(x.Tenant, h.Claim) == ref && h.Stream != claimed.Holder
		})
		if !asked || !slices.Contains(r.holdersIn(ref, low, high), claimed.Holder) {
			s.t.Fatalf("command %s was refused because %q holds %s %x, and that was not so between %d and %d: %v",
				x.Command, claimed.Holder, claimed.Scope, claimed.Key, low, high, r.holders[ref])
		}
	case errors.Is(x.err, eventstore.ErrErased):
		if subject := x.Writes[0].Facts[0].Subject; subject == uuid.Nil || r.subjects[subject] {
			s.t.Fatalf("command %s was told that %s is erased, who is not", x.Command, subject)
		}
	default:
		s.t.Fatalf("command %s: %v", x.Command, x.err)
	}
}

// mark is a position known at a moment of the run; marks are in order of both.
type mark struct{ moment, position int64 }

type marks []mark

func (m marks) before(moment int64) int64 {
	i := sort.Search(len(m), func(i int) bool { return m[i].moment >= moment })
	if i == 0 {
		return 0
	}
	return m[i-1].position
}

// tides gives, by lane, the newest position that a caller had been told of, and the newest that a call begun by then was given.
func (s *store) tides(h *history, r *reference) (told, given map[int]marks) {
	told, given = map[int]marks{}, map[int]marks{}
	for _, x := range h.results {
		f, recorded := r.commands[x.Command]
		if !recorded {
			continue
		}
		given[f.Lane] = append(given[f.Lane], mark{x.start, f.Last()})
		if x.err == nil {
			told[f.Lane] = append(told[f.Lane], mark{x.end, f.Last()})
		}
	}
	for _, tide := range []map[int]marks{told, given} {
		for _, m := range tide {
			slices.SortFunc(m, func(a, b mark) int { return cmp.Compare(a.moment, b.moment) })
			for i := 1; i < len(m); i++ {
				m[i].position = max(m[i].position, m[i-1].position)
			}
		}
	}
	return told, given
}
