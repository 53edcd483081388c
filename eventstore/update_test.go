package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// write is a decision that adds a note to the board, or refuses when the board is full.
func write(stream eventstore.Stream, text string, places int) func(context.Context, *eventstore.Decision) error {
	return func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		if err != nil {
			return err
		}
		if b.Notes >= places {
			d.Refuse("full", map[string]int{"notes": b.Notes})
			return nil
		}
		d.Append(stream, noted{Text: text})
		d.Answer(map[string]int{"number": b.Notes + 1})
		return nil
	}
}

func TestUpdateServesHotStreamInOrder(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-hot")
	streams := []eventstore.Stream{stream}

	// The first caller stays in its decision until all others stand in line, which they join one after the other.
	const callers = 50
	inside, proceed := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	tried := 0
	all.Go(func() {
		_, err := s.log.Update(t.Context(), command(tenant), streams, func(ctx context.Context, d *eventstore.Decision) error {
			close(inside)
			<-proceed
			return write(stream, "first", callers*2)(ctx, d)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	for caller := range callers {
		joined := s.log.InLine(tenant, stream)
		all.Go(func() {
			_, err := s.log.Update(t.Context(), command(tenant), streams, func(ctx context.Context, d *eventstore.Decision) error {
				tried++
				return write(stream, fmt.Sprint(caller), callers*2)(ctx, d)
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-joined
	}
	close(proceed)
	all.Wait()
	if tried != callers {
		t.Errorf("%d callers decided %d times: they fought each other", callers, tried)
	}
	events, err := s.log.ReadStream(t.Context(), tenant, stream, 0)
	if err != nil || len(events) != callers+1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	facts, err := s.log.Decode(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range facts[1:] {
		if f.(noted).Text != fmt.Sprint(i) {
			t.Fatalf("caller %s was served as number %d", f.(noted).Text, i)
		}
	}
}

func TestUpdateDecidesAgainAfterConflict(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	tries := 0
	out, err := s.log.Update(t.Context(), command(tenant), nil, func(ctx context.Context, d *eventstore.Decision) error {
		b, version, err := eventstore.State[board](ctx, d, stream)
		if err != nil {
			return err
		}
		if tries++; tries == 1 {
			s.must(notes(tenant, stream, 0, "in between"))
		}
		if version != b.Notes {
			t.Errorf("version %d of %+v", version, b)
		}
		d.Append(stream, noted{Text: fmt.Sprintf("after %s", b.Last)})
		return nil
	})
	if err != nil || tries != 2 || out.First != 2 {
		t.Fatalf("%d tries, %+v, %v", tries, out, err)
	}
	events, err := s.log.ReadStream(t.Context(), tenant, stream, 0)
	if err != nil || string(events[1].Data) != `{"text":"after in between"}` {
		t.Fatalf("%s, %v", events[1].Data, err)
	}
}

func TestUpdateRecordsRefusalForEver(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	s.must(notes(tenant, stream, 0, "one"))
	c := command(tenant)
	first, err := s.log.Update(t.Context(), c, nil, write(stream, "x", 1))
	if err != nil || first.Verdict != eventstore.Refused || first.Code != "full" || string(first.Params) != `{"notes":1}` || first.Events != 0 || first.Last() != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	// There is room now, and the refusal stands.
	again, err := s.log.Update(t.Context(), c, nil, write(stream, "x", 10))
	if err != nil || !again.Replayed || !sameOutcome(first, again) {
		t.Fatalf("%+v, then %+v, %v", first, again, err)
	}
	recorded, ok, err := s.log.Recorded(t.Context(), c)
	if err != nil || !ok || !recorded.Replayed || !sameOutcome(first, recorded) {
		t.Fatalf("%+v, %v, %v", recorded, ok, err)
	}
	c.Fingerprint = []byte("another request")
	if _, err := s.log.Update(t.Context(), c, nil, write(stream, "x", 10)); !errors.Is(err, eventstore.ErrCommandReused) {
		t.Fatal(err)
	}
	if n, err := s.log.StreamVersion(t.Context(), tenant, stream); n != 1 || err != nil {
		t.Fatalf("version %d, %v", n, err)
	}
}

func TestUpdateRecordsUnchanged(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	s.must(notes(tenant, stream, 0, "one"))
	claim := eventstore.Claim{Scope: "name", Key: []byte("x")}
	c := command(tenant)
	nothing := func(ctx context.Context, d *eventstore.Decision) error {
		_, _, err := eventstore.State[board](ctx, d, stream)
		d.Take(stream, claim)
		d.NewSubject()
		d.Append(stream)
		d.Answer("so it is")
		return err
	}
	out, err := s.log.Update(t.Context(), c, nil, nothing)
	if err != nil || out.Verdict != eventstore.Unchanged || out.Events != 0 || out.Last() != 1 || string(out.Params) != `"so it is"` {
		t.Fatalf("%+v, %v", out, err)
	}
	if holder, err := s.log.Holder(t.Context(), tenant, claim); holder != "" || err != nil {
		t.Errorf("a command that changed nothing took a claim for %q, %v", holder, err)
	}
	if n := s.count(`select count(*) from log.subject_key`); n != 0 {
		t.Errorf("a command that changed nothing made a data subject")
	}
	if again, err := s.log.Update(t.Context(), c, nil, write(stream, "x", 9)); err != nil || !again.Replayed || !sameOutcome(out, again) {
		t.Fatalf("%+v, %v", again, err)
	}
}

var errStop = errors.New("stop")

func TestUpdateErrorIsNoOutcome(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	c := command(tenant)
	_, err := s.log.Update(t.Context(), c, nil, func(context.Context, *eventstore.Decision) error { return errStop })
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	if _, ok, err := s.log.Recorded(t.Context(), c); ok || err != nil {
		t.Fatalf("recorded: %v, %v", ok, err)
	}
	out, err := s.log.Update(t.Context(), c, nil, write(stream, "now", 9))
	if err != nil || out.Replayed || out.Verdict != eventstore.Accepted {
		t.Fatalf("%+v, %v", out, err)
	}
	// Once there is an outcome it is the answer, whatever a repeat stumbles over: most often what it changed itself.
	again, err := s.log.Update(t.Context(), c, nil, func(context.Context, *eventstore.Decision) error { return errStop })
	if err != nil || !again.Replayed || !sameOutcome(out, again) {
		t.Fatalf("%+v, %v", again, err)
	}
}

func TestUpdateGivesUp(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	tries := 0
	c := command(tenant)
	_, err := s.log.Update(t.Context(), c, nil, func(ctx context.Context, d *eventstore.Decision) error {
		_, version, err := eventstore.State[board](ctx, d, stream)
		if err != nil {
			return err
		}
		s.must(notes(tenant, stream, version, "in between"))
		tries++
		d.Append(stream, noted{Text: "never"})
		return nil
	})
	if !errors.Is(err, eventstore.ErrContended) || tries != 64 {
		t.Fatalf("after %d tries: %v", tries, err)
	}
	if _, ok, err := s.log.Recorded(t.Context(), c); ok || err != nil {
		t.Fatalf("recorded: %v, %v", ok, err)
	}
}

func TestUpdateCancelledInLineReleasesThoseBehind(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	streams := []eventstore.Stream{stream, "note-2"}
	inside, proceed := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := s.log.Update(t.Context(), command(tenant), streams, func(ctx context.Context, d *eventstore.Decision) error {
			close(inside)
			<-proceed
			return write(stream, "first", 9)(ctx, d)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	joined := s.log.InLine(tenant, stream)
	left := make(chan error, 1)
	all.Go(func() {
		_, err := s.log.Update(ctx, command(tenant), slices.Clone(streams), write(stream, "never", 9))
		left <- err
	})
	<-joined
	joined = s.log.InLine(tenant, stream)
	all.Go(func() {
		if _, err := s.log.Update(t.Context(), command(tenant), streams[:1], write(stream, "second", 9)); err != nil {
			t.Error(err)
		}
	})
	<-joined
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled caller got %v", err)
	}
	time.Sleep(20 * time.Millisecond) // whoever was behind must still wait for the first
	if n, err := s.log.StreamVersion(t.Context(), tenant, stream); n != 0 || err != nil {
		t.Errorf("version %d before the first caller is done, %v", n, err)
	}
	close(proceed)
	all.Wait()
	events, err := s.log.ReadStream(t.Context(), tenant, stream, 0)
	if err != nil || len(events) != 2 || string(events[1].Data) != `{"text":"second"}` {
		t.Fatalf("%d events, %v", len(events), err)
	}
}
