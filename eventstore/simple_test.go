package eventstore_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// TestSimpleAppendsAreToldExactly: what a quiet system sends goes through a function of its own, which has to say and leave what the other would.
func TestSimpleAppendsAreToldExactly(t *testing.T) {
	s := newStore(t, 1)
	tenant, subject := uuid.New(), uuid.New()
	claim := eventstore.Claim{Scope: "name", Key: []byte("x")}
	simple := func(at eventstore.Stream, version, guard int) eventstore.Append {
		a := notes(tenant, at, version, "x")
		a.At["note-guard"] = guard
		a.Takes = []eventstore.Holding{{Claim: claim, Stream: at}}
		return a
	}
	s.must(notes(tenant, "note-guard", 0, "one"))

	first := simple("note-1", 0, 1)
	first.Subjects = []uuid.UUID{subject}
	if out := s.must(first); out.First != 2 || out.Replayed {
		t.Fatalf("%+v", out)
	}
	free := func(at eventstore.Stream, version, guard int) eventstore.Append { // of claims: one that is held is asked for elsewhere
		a := simple(at, version, guard)
		a.Takes = nil
		return a
	}
	s.must(free("note-1", 1, 1))
	if out := s.must(first); !out.Replayed || out.First != 2 { // its stream has moved
		t.Errorf("%+v", out)
	}
	var conflict *eventstore.ConflictError
	for _, c := range []struct {
		name  string
		a     eventstore.Append
		moved eventstore.Stream
	}{
		{"guard behind", free("note-1", 2, 0), "note-guard"},
		{"guard ahead", free("note-1", 2, 2), "note-guard"},
		{"own stream behind", free("note-1", 1, 1), "note-1"},
	} {
		if _, err := s.log.Append(t.Context(), c.a); !errors.As(err, &conflict) || conflict.Stream != c.moved {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	var claimed *eventstore.ClaimedError
	if _, err := s.log.Append(t.Context(), simple("note-2", 0, 1)); !errors.As(err, &claimed) || claimed.Holder != "note-1" || claimed.Scope != "name" {
		t.Errorf("a claim of another stream: %v", err)
	}
	if out := s.must(simple("note-1", 2, 1)); out.First != 4 { // takes what it holds, after refusals that took no position
		t.Errorf("%+v", out)
	}
	s.must(notes(tenant, "note-guard", 1, "two"))
	if out := s.must(first); !out.Replayed || out.First != 2 { // also when all that it rested on has moved
		t.Errorf("%+v", out)
	}
	if n := s.count(`select count(*) from log.subject_key where tenant = $1 and subject = $2 and wrapped is not null`, tenant, subject); n != 1 {
		t.Errorf("%d keys of the new data subject", n)
	}
	events, err := s.log.ReadLane(t.Context(), 1, 0, 100)
	if err != nil || len(events) != 5 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	s.checkDense(events, 5)
}
