package eventstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// stale makes a second node remember a stream, and then lets the first one go on.
func stale(t *testing.T, s *store, tenant uuid.UUID, stream eventstore.Stream) *eventstore.Log {
	t.Helper()
	other := s.node(nil)
	makeStale(t, s, other, tenant, stream)
	return other
}

func makeStale(t *testing.T, s *store, other *eventstore.Log, tenant uuid.UUID, stream eventstore.Stream) {
	t.Helper()
	if _, err := other.Update(t.Context(), command(tenant), nil, write(stream, "one", 9)); err != nil {
		t.Fatal(err)
	}
	s.must(notes(tenant, stream, 1, "two", "three"))
}

func TestStaleStateNeverRefuses(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := stale(t, s, tenant, stream)
	// The rule wants two notes at least, and this node remembers one.
	out, err := other.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		if b.Notes < 2 {
			d.Refuse("too_few", nil)
			return err
		}
		d.Append(stream, noted{Text: "four"})
		return err
	})
	if err != nil || out.Verdict != eventstore.Accepted || out.Last() != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestStaleStateNeverAccepts(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := stale(t, s, tenant, stream)
	out, err := other.Update(t.Context(), command(tenant), nil, write(stream, "four", 2))
	if err != nil || out.Verdict != eventstore.Refused || string(out.Params) != `{"notes":3}` {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestStaleStateIsNeverUnchanged(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := stale(t, s, tenant, stream)
	out, err := other.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		if b.Last != "one" {
			d.Append(stream, noted{Text: "one"})
		}
		return err
	})
	if err != nil || out.Verdict != eventstore.Accepted {
		t.Fatalf("%+v, %v", out, err)
	}
}

// TestStaleStateNeverFails is a caller who names the version that it has just seen on another node.
func TestStaleStateNeverFails(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := stale(t, s, tenant, stream)
	expect := func(want int) error {
		_, err := other.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
			_, version, err := eventstore.State[board](ctx, d, stream)
			if err == nil && version != want {
				return errStop
			}
			d.Append(stream, noted{Text: "four"})
			return err
		})
		return err
	}
	if err := expect(3); err != nil {
		t.Fatalf("the caller knows better than the node: %v", err)
	}
	if err := expect(3); !errors.Is(err, errStop) {
		t.Fatalf("the stream is at 4: %v", err)
	}
}

// TestStaleStateKnowsNoErased: the state names a person whom another node has erased since.
func TestStaleStateKnowsNoErased(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("person-1")
	person := newPerson(t, s.log, tenant, stream, "Ada")
	other := s.node(nil)
	rename := func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		if b.Last == "" {
			d.Refuse("gone", nil)
			return err
		}
		d.Append(stream, named{Subject: person.String(), Name: "Ada L."})
		return err
	}
	if out, err := other.Update(t.Context(), command(tenant), nil, rename); err != nil || out.Verdict != eventstore.Accepted {
		t.Fatalf("%+v, %v", out, err)
	}
	erase(t, s.log, tenant, stream, person)
	other.ForgetKeys() // as time does, but for the state
	if out, err := other.Update(t.Context(), command(tenant), nil, rename); err != nil || out.Code != "gone" {
		t.Fatalf("%+v, %v", out, err)
	}
}

// TestRepeatLeavesNoState: the state that a repeat would have led to never was, and must not be remembered.
func TestRepeatLeavesNoState(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	c := command(tenant)
	if _, err := s.log.Update(t.Context(), c, nil, write(stream, "one", 9)); err != nil {
		t.Fatal(err)
	}
	if out, err := s.log.Update(t.Context(), c, nil, write(stream, "two", 9)); err != nil || !out.Replayed {
		t.Fatalf("%+v, %v", out, err)
	}
	s.must(notes(tenant, stream, 1, "other"))
	out, err := s.log.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		d.Append(stream, noted{Text: "after " + b.Last})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.log.ReadLane(t.Context(), 1, out.First-1, 1)
	if err != nil || string(e[0].Data) != `{"text":"after other"}` {
		t.Fatalf("%s, %v", e[0].Data, err)
	}
}

func TestDecisionMisuse(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	for name, decide := range map[string]func(*eventstore.Decision){
		"append to what was not loaded": func(d *eventstore.Decision) { d.Append("note-1", noted{}) },
		"an answer that is no JSON":     func(d *eventstore.Decision) { d.Answer(make(chan int)) },
		"a refusal without a code":      func(d *eventstore.Decision) { d.Refuse("", nil) },
		"an erasure without an event":   func(d *eventstore.Decision) { d.Erase(uuid.New()) },
		"a refusal that writes":         func(d *eventstore.Decision) { d.Refuse("no", nil); d.New("note-1"); d.Append("note-1", noted{}) },
		"a claim for nobody": func(d *eventstore.Decision) {
			d.New("note-1")
			d.Append("note-1", noted{})
			d.Take("", eventstore.Claim{Scope: "s"})
		},
		"a stream without a category": func(d *eventstore.Decision) { d.New("note"); d.Append("note", noted{}) },
	} {
		c := command(tenant)
		_, err := s.log.Update(t.Context(), c, nil, func(_ context.Context, d *eventstore.Decision) error { decide(d); return nil })
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, ok, err := s.log.Recorded(t.Context(), c); ok || err != nil {
			t.Errorf("%s: recorded %v, %v", name, ok, err)
		}
	}
	if n := s.count(`select count(*) from log.event`); n != 0 {
		t.Errorf("%d events", n)
	}
}

// TestStateAtKnowsStaleState: what a node remembers counts only where the stream ends in the very event that it saw last.
func TestStateAtKnowsStaleState(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	other := stale(t, s, tenant, stream)
	events, err := other.ReadStream(t.Context(), tenant, stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	for range 2 {
		b, err := eventstore.StateAt[board](t.Context(), other, tenant, stream, events[2].ID)
		if err != nil || b.Notes != 3 || b.Last != "three" {
			t.Fatalf("%+v, %v", b, err)
		}
		if reads++; reads == 1 {
			s.sql(`revoke select on log.event from streamflow_engine`) // from now on it has to remember
		}
	}
	if b, err := eventstore.StateAt[board](t.Context(), s.log, tenant, "note-none", uuid.Nil); err == nil {
		t.Fatalf("without a read: %+v", b)
	}
}
