package eventstore_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// newPerson names a new data subject in a new stream.
func newPerson(t *testing.T, l *eventstore.Log, tenant uuid.UUID, stream eventstore.Stream, name string) (subject uuid.UUID) {
	t.Helper()
	_, err := l.Update(t.Context(), command(tenant), nil, func(_ context.Context, d *eventstore.Decision) error {
		subject = d.NewSubject()
		d.New(stream)
		d.Append(stream, named{Subject: subject.String(), Name: name, Email: name + "@example.com", Colour: "green"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

func erase(t *testing.T, l *eventstore.Log, tenant uuid.UUID, stream eventstore.Stream, subject uuid.UUID) {
	t.Helper()
	_, err := l.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		_, _, err := eventstore.State[board](ctx, d, stream)
		d.Append(stream, forgotten{Subject: subject.String()})
		d.Erase(subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, l *eventstore.Log, e eventstore.Event) eventstore.Fact {
	t.Helper()
	facts, err := l.Decode(t.Context(), []eventstore.Event{e})
	if err != nil {
		t.Fatal(err)
	}
	return facts[0]
}

func TestPersonalDataIsEncryptedAtRest(t *testing.T) {
	const name = "Lovelace" // no id and no ciphertext has that in it by chance
	s := newStore(t, 1)
	tenant := uuid.New()
	subject := newPerson(t, s.log, tenant, "person-1", name)
	e, err := s.log.ReadLane(t.Context(), 1, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if row := string(e[0].Data); strings.Contains(row, name) || !strings.Contains(row, "green") || strings.Count(row, `"enc.v1.`) != 2 {
		t.Errorf("stored: %s", row)
	}
	// Nothing of the installation's tables holds the name, whatever column it may be in.
	for _, table := range []string{"event", "command", "claim", "subject_key"} {
		if n := s.count(`select count(*) from log.`+table+` x where x::text ilike $1`, "%"+name+"%"); n != 0 {
			t.Errorf("log.%s holds the name", table)
		}
	}
	want := named{Subject: subject.String(), Name: name, Email: name + "@example.com", Colour: "green"}
	for _, node := range []*eventstore.Log{s.log, s.node(nil)} {
		if got := decode(t, node, e[0]); got != want {
			t.Errorf("decoded %+v", got)
		}
	}
	unasked, err := s.registry.Decode(e[0])
	if want.Name, want.Email = eventstore.Encrypted, eventstore.Encrypted; err != nil || unasked != want {
		t.Errorf("without asking: %+v, %v", unasked, err)
	}
}

func TestErasure(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("person-1")
	subject := newPerson(t, s.log, tenant, stream, "Ada")
	other := newPerson(t, s.log, tenant, "person-2", "Bob")
	e, err := s.log.ReadLane(t.Context(), 1, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, s.log, e[0]) // so that the key is cached
	mention := eventstore.Stream("note-1")
	_, err = s.log.Update(t.Context(), command(tenant), nil, func(_ context.Context, d *eventstore.Decision) error {
		d.New(mention)
		d.Append(mention, named{Subject: subject.String(), Name: "Ada"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last := lastOf(t, s.log, tenant, mention); last != "Ada" {
		t.Fatalf("the node remembers %q", last)
	}
	erase(t, s.log, tenant, stream, subject)
	if last := lastOf(t, s.log, tenant, mention); last != eventstore.Erased {
		t.Errorf("the node remembers %q of another stream", last)
	}

	want := named{Subject: subject.String(), Name: eventstore.Erased, Email: eventstore.Erased, Colour: "green"}
	for name, node := range map[string]*eventstore.Log{"the node that erased": s.log, "another node": s.node(nil)} {
		if got := decode(t, node, e[0]); got != want {
			t.Errorf("on %s: %+v", name, got)
		}
		if got := decode(t, node, e[1]).(named); got.Subject != other.String() || got.Name != "Bob" {
			t.Errorf("on %s another person is %+v", name, got)
		}
	}
	if n := s.count(`select count(*) from log.subject_key where subject = $1 and wrapped is null and destroyed_at is not null`, subject); n != 1 {
		t.Error("the key is not destroyed")
	}
	_, err = s.log.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		_, _, err := eventstore.State[board](ctx, d, stream)
		d.Append(stream, named{Subject: subject.String(), Name: "Ada again"})
		return err
	})
	if !errors.Is(err, eventstore.ErrErased) {
		t.Errorf("a new fact about an erased person: %v", err)
	}
	c := notes(tenant, "note-1", 0, "x")
	c.Subjects = []uuid.UUID{subject}
	if _, err := s.log.Append(t.Context(), c); err == nil {
		t.Error("an erased person was made anew")
	}
}

// TestRepeatAfterErasure: the first call's outcome is the answer, though it could not be made again.
func TestRepeatAfterErasure(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("person-1")
	subject := newPerson(t, s.log, tenant, stream, "Ada")
	a := eventstore.Append{
		Command: command(tenant), At: map[eventstore.Stream]int{stream: 1},
		Writes: []eventstore.Write{{Stream: stream, Facts: []eventstore.Fact{named{Subject: subject.String(), Name: "Ada L."}}}},
	}
	first := s.must(a)
	erase(t, s.log, tenant, stream, subject)
	if again, err := s.log.Append(t.Context(), a); err != nil || !again.Replayed || !sameOutcome(first, again) {
		t.Errorf("%+v, %v", again, err)
	}
	a.Command.Fingerprint = []byte("another request")
	if _, err := s.log.Append(t.Context(), a); !errors.Is(err, eventstore.ErrCommandReused) {
		t.Error(err)
	}
}

// lastOf is the last text of a board, as a decision on this node sees it.
func lastOf(t *testing.T, l *eventstore.Log, tenant uuid.UUID, stream eventstore.Stream) (last string) {
	t.Helper()
	_, err := l.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		last = b.Last
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestMovedCiphertextDoesNotDecrypt(t *testing.T) {
	s := newStore(t, 1)
	tenant, stranger := uuid.New(), uuid.New()
	subject := newPerson(t, s.log, tenant, "person-1", "Ada")
	s.must(eventstore.Append{
		Command: command(tenant), At: map[eventstore.Stream]int{"person-1": 1},
		Writes: []eventstore.Write{{Stream: "person-1", Facts: []eventstore.Fact{named{Subject: subject.String(), Name: "Ada L."}}}},
	})
	foreign := newPerson(t, s.log, stranger, "person-1", "Eve")
	e, err := s.log.ReadLane(t.Context(), 1, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	moved := e[1]
	moved.Data = e[0].Data
	if facts, err := s.log.Decode(t.Context(), []eventstore.Event{moved}); err == nil {
		t.Errorf("in another event of the same person: %+v", facts)
	}
	moved = e[0]
	moved.Data = bytes.ReplaceAll(e[2].Data, []byte(foreign.String()), []byte(subject.String()))
	if facts, err := s.log.Decode(t.Context(), []eventstore.Event{moved}); err == nil {
		t.Errorf("in another tenant: %+v", facts)
	}
	moved = e[2]
	moved.Tenant = tenant
	if facts, err := s.log.Decode(t.Context(), []eventstore.Event{moved}); err != nil || facts[0].(named).Name != eventstore.Erased {
		t.Errorf("a person of another tenant: %+v, %v", facts, err)
	}
	changed := e[0]
	changed.Data = bytes.Replace(e[0].Data, []byte("enc.v1."), []byte("enc.v1.A"), 1)
	if facts, err := s.log.Decode(t.Context(), []eventstore.Event{changed}); err == nil {
		t.Errorf("changed: %+v", facts)
	}
}

func TestWrongMasterKeyIsSaid(t *testing.T) {
	s := newStore(t, 1)
	newPerson(t, s.log, uuid.New(), "person-1", "Ada")
	e, err := s.log.ReadLane(t.Context(), 1, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.key = eventstore.NewMasterKey()
	if _, err := s.node(nil).Decode(t.Context(), e); err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("with another master key: %v", err)
	}
}

func TestClaimKeysTellNothing(t *testing.T) {
	s := newStore(t, 1)
	a, b := uuid.New(), uuid.New()
	key := s.log.ClaimKey(a, "ada@example.com")
	switch {
	case !bytes.Equal(key, s.node(nil).ClaimKey(a, "ada@example.com")):
		t.Error("two nodes make different keys of one value")
	case bytes.Equal(key, s.log.ClaimKey(b, "ada@example.com")):
		t.Error("two tenants' keys of one value are the same")
	case bytes.Equal(key, s.log.ClaimKey(a, "eve@example.com")):
		t.Error("two values have one key")
	}
}

// Another node hears of no erasure: what it remembers of persons lasts no longer than their keys.
func TestErasureReachesStatesOfOtherNodes(t *testing.T) {
	s := newStore(t, 1)
	tenant, other := uuid.New(), s.node(nil)
	subject := newPerson(t, s.log, tenant, "person-1", "Ada")
	if last := lastOf(t, other, tenant, "person-1"); last != "Ada" {
		t.Fatalf("the other node reads %q", last)
	}
	newest := func() uuid.UUID {
		e, err := s.log.ReadStream(t.Context(), tenant, "person-1", 0)
		if err != nil {
			t.Fatal(err)
		}
		return e[0].ID
	}()
	mention := func() string {
		b, err := eventstore.StateAt[board](t.Context(), other, tenant, "person-1", newest)
		if err != nil {
			t.Fatal(err)
		}
		return b.Last
	}
	erase(t, s.log, tenant, "person-1", subject)
	other.ForgetKeys()
	if last := mention(); last != "Ada" {
		t.Fatalf("the other node forgot by itself: %q", last)
	}
	other.AgeStates()
	if last := mention(); last == "Ada" {
		t.Error("the other node remembers for ever")
	}
}

// A decision that read a person before the erasure commits after it; what it knew does not come back.
func TestErasureReachesDecisionsUnderWay(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	subject := newPerson(t, s.log, tenant, "person-1", "Ada")
	mention := eventstore.Stream("note-1")
	_, err := s.log.Update(t.Context(), command(tenant), nil, func(_ context.Context, d *eventstore.Decision) error {
		d.New(mention)
		d.Append(mention, named{Subject: subject.String(), Name: "Ada"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	erased := false
	_, err = s.log.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		_, _, err := eventstore.State[board](ctx, d, mention)
		if !erased {
			erased = true
			erase(t, s.log, tenant, "person-1", subject)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if last := lastOf(t, s.log, tenant, mention); last != eventstore.Erased {
		t.Errorf("the node remembers %q", last)
	}
}
