package eventstore_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// reference is the store as it should be: a lane's commands applied one after the other.
type reference struct {
	versions map[streamRef][]int64    // positions of the stream's events, by version
	holders  map[claimRef][]holding   // who held it, from when on
	subjects map[uuid.UUID]bool       // true: alive
	commands map[uuid.UUID]storedFate // by command id
}

type holding struct {
	from   int64 // the first position at which it held
	stream eventstore.Stream
}

func newReference() *reference {
	return &reference{
		versions: map[streamRef][]int64{}, holders: map[claimRef][]holding{}, subjects: map[uuid.UUID]bool{}, commands: map[uuid.UUID]storedFate{},
	}
}

func (r *reference) holder(c claimRef) eventstore.Stream {
	if all := r.holders[c]; len(all) > 0 {
		return all[len(all)-1].stream
	}
	return ""
}

// versionAt is a stream's version once a position was there.
func (r *reference) versionAt(s streamRef, position int64) int {
	all := r.versions[s]
	n, _ := slices.BinarySearch(all, position+1)
	return n
}

// holdersIn lists who held a claim at some moment between two positions.
func (r *reference) holdersIn(c claimRef, from, to int64) []eventstore.Stream {
	all := r.holders[c]
	held := []eventstore.Stream{}
	before := eventstore.Stream("")
	for _, h := range all {
		if h.from <= from {
			before = h.stream
		} else if h.from <= to {
			held = append(held, h.stream)
		}
	}
	return append(held, before)
}

// apply accepts a command at its position or says which of its conditions does not hold there (I6).
func (r *reference) apply(o op, f storedFate) error {
	for s, version := range o.At {
		if have := len(r.versions[streamRef{o.Tenant, s}]); have != version {
			return fmt.Errorf("stream %s is at %d, the append wants %d", s, have, version)
		}
	}
	for _, h := range o.Held {
		if holder := r.holder(refOf(o.Tenant, h.Claim)); holder != h.Stream {
			return fmt.Errorf("claim %s %x is held by %q, the append wants %s", h.Scope, h.Key, holder, h.Stream)
		}
	}
	for _, h := range o.Takes {
		if holder := r.holder(refOf(o.Tenant, h.Claim)); holder != "" && holder != h.Stream && !drops(o, h.Claim, holder) {
			return fmt.Errorf("claim %s %x is held by %s, %s takes it", h.Scope, h.Key, holder, h.Stream)
		}
	}
	position := f.First
	for _, w := range o.Writes {
		for range w.Facts {
			ref := streamRef{o.Tenant, w.Stream}
			r.versions[ref] = append(r.versions[ref], position)
			position++
		}
	}
	for _, h := range o.Drops {
		if ref := refOf(o.Tenant, h.Claim); r.holder(ref) == h.Stream {
			r.holders[ref] = append(r.holders[ref], holding{f.Last(), ""})
		}
	}
	for _, h := range o.Takes {
		if ref := refOf(o.Tenant, h.Claim); r.holder(ref) != h.Stream {
			r.holders[ref] = append(r.holders[ref], holding{f.Last(), h.Stream})
		}
	}
	for _, subject := range o.Subjects {
		r.subjects[subject] = true
	}
	for _, subject := range o.Destroy {
		r.subjects[subject] = false
	}
	return nil
}

func drops(o op, c eventstore.Claim, holder eventstore.Stream) bool {
	return slices.ContainsFunc(o.Drops, func(h eventstore.Holding) bool {
		return h.Stream == holder && h.Scope == c.Scope && bytes.Equal(h.Key, c.Key)
	})
}

// replay applies every recorded command in the order of positions. What takes no position comes after the one it names.
func (s *store) replay(stored *storedLog, ops map[uuid.UUID]op) *reference {
	s.t.Helper()
	r := newReference()
	fates := slices.Clone(stored.fates)
	slices.SortStableFunc(fates, func(a, b storedFate) int {
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.First, b.First), cmp.Compare(b.Events, a.Events))
	})
	for _, f := range fates {
		o, ok := ops[f.command]
		if !ok {
			s.t.Fatalf("I2: command %s is recorded at %d/%d, and nobody was told or is in doubt", f.command, f.Lane, f.First)
		}
		if err := r.apply(o, f); err != nil {
			s.t.Fatalf("I6: command %s at %d/%d: %v", f.command, f.Lane, f.First, err)
		}
		if err := stored.matches(o, f); err != nil {
			s.t.Fatalf("command %s at %d/%d: %v", f.command, f.Lane, f.First, err)
		}
		r.commands[f.command] = f
	}
	return r
}

// matches compares what an op wrote with what the log holds at its positions.
func (l *storedLog) matches(o op, f storedFate) error {
	events := l.lanes[f.Lane][f.First-min(1, int64(f.Events)):][:f.Events]
	at := map[eventstore.Stream]int{}
	for _, w := range o.Writes {
		for _, fact := range w.Facts {
			if len(events) == 0 {
				return fmt.Errorf("has fewer events than it wrote")
			}
			e := events[0]
			at[w.Stream]++
			switch {
			case e.CommandID != o.Command || e.Tenant != o.Tenant || e.Stream != w.Stream || e.Version != o.At[w.Stream]+at[w.Stream]:
				return fmt.Errorf("event %d is %s version %d of command %s", e.Position, e.Stream, e.Version, e.CommandID)
			case fact.Subject == uuid.Nil && !strings.Contains(string(e.Data), fact.Text):
				return fmt.Errorf("event %d holds %s, not %s", e.Position, e.Data, fact.Text)
			case fact.Subject != uuid.Nil && strings.Contains(string(e.Data), fact.Text):
				return fmt.Errorf("event %d holds personal data in the clear: %s", e.Position, e.Data)
			}
			events = events[1:]
		}
	}
	if len(events) > 0 {
		return fmt.Errorf("has %d events more than it wrote", len(events))
	}
	return nil
}
