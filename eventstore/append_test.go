package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

func TestAppendMisuse(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	claim := eventstore.Claim{Scope: "name", Key: []byte("x")}
	for want, spoil := range map[string]func(*eventstore.Append){
		"no tenant":                               func(a *eventstore.Append) { a.Command.Tenant = uuid.Nil },
		"no tenant or no id":                      func(a *eventstore.Append) { a.Command.ID = uuid.Nil },
		"no fingerprint":                          func(a *eventstore.Append) { a.Command.Fingerprint = nil },
		"only an accepted command writes":         func(a *eventstore.Append) { a.Verdict = eventstore.Unchanged },
		"an accepted command writes":              func(a *eventstore.Append) { a.Writes = nil },
		"has a code":                              func(a *eventstore.Append) { a.Code = "no" },
		`stream "note" is not`:                    func(a *eventstore.Append) { a.At["note"] = 0 },
		`stream "-1" is not`:                      func(a *eventstore.Append) { a.At["-1"] = 0 },
		`stream "note-ü" is not`:                  func(a *eventstore.Append) { a.At["note-ü"] = 0 },
		`stream "note-1 2" is not`:                func(a *eventstore.Append) { a.At["note-1 2"] = 0 },
		`stream "note-1\n" is not`:                func(a *eventstore.Append) { a.At["note-1\n"] = 0 },
		"has 201 bytes":                           func(a *eventstore.Append) { a.At[eventstore.Stream("note-"+strings.Repeat("x", 196))] = 0 },
		"correlation id is not at most 128 bytes": func(a *eventstore.Append) { a.Command.Correlation = strings.Repeat("x", 129) },
		"128 bytes of printable ASCII":            func(a *eventstore.Append) { a.Command.Correlation = "a\x00b" },
		"of printable ASCII":                      func(a *eventstore.Append) { a.Command.Correlation = "ü" },
		"kind, id or via of the actor":            func(a *eventstore.Append) { a.Command.Actor.Kind = "line\nbreak" },
		"at most 200 bytes":                       func(a *eventstore.Append) { a.Command.Actor.ID = strings.Repeat("x", 201) },
		"without control characters":              func(a *eventstore.Append) { a.Command.Actor.Via = "no text: \xff" },
		"claim name: stream":                      func(a *eventstore.Append) { a.Takes = []eventstore.Holding{{Claim: claim}} },
		"without a version":                       func(a *eventstore.Append) { a.Writes[0].Stream = "note-2" },
		"written twice, or with nothing":          func(a *eventstore.Append) { a.Writes[0].Facts = nil },
		"is written twice":                        func(a *eventstore.Append) { a.Writes = append(a.Writes, a.Writes[0]) },
		"is not registered":                       func(a *eventstore.Append) { a.Writes[0].Facts = []eventstore.Fact{orphan{}} },
		"bytes, more than": func(a *eventstore.Append) {
			a.Writes[0].Facts = []eventstore.Fact{noted{Text: strings.Repeat("x", 256<<10)}}
		},
		"a scope without a space": func(a *eventstore.Append) {
			a.Takes = []eventstore.Holding{{Claim: eventstore.Claim{Scope: "a b"}, Stream: "note-1"}}
		},
		"data subject": func(a *eventstore.Append) { a.Writes[0].Facts = []eventstore.Fact{named{Subject: "nobody", Name: "x"}} },
		"is erased or unknown": func(a *eventstore.Append) {
			a.Writes[0].Facts = []eventstore.Fact{named{Subject: tenant.String(), Name: "x"}}
		},
		"is taken for note-1 and for note-2": func(a *eventstore.Append) { a.Takes = []eventstore.Holding{{claim, "note-1"}, {claim, "note-2"}} },
		"only an accepted command changes": func(a *eventstore.Append) {
			a.Verdict, a.Writes, a.Takes = eventstore.Unchanged, nil, []eventstore.Holding{{claim, "note-1"}}
		},
	} {
		a := notes(tenant, "note-1", 0, "x")
		spoil(&a)
		if _, err := s.log.Append(t.Context(), a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if n := s.count(`select (select count(*) from log.event) + (select count(*) from log.command)`); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

// TestBadAppendFailsAlone: Postgres itself takes no parameters that are no JSON, so the whole batch fails and is sent one by one.
func TestBadAppendFailsAlone(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	var all sync.WaitGroup
	var bad, good int
	var mu sync.Mutex
	for i := range 400 {
		all.Go(func() {
			a := notes(tenant, eventstore.Stream(fmt.Sprintf("note-%d", i)), 0, "x")
			if i%100 == 50 {
				a.Params = []byte("no JSON")
			}
			_, err := s.log.Append(t.Context(), a)
			mu.Lock()
			defer mu.Unlock()
			if (err != nil) != (i%100 == 50) || lost(err) {
				t.Errorf("append %d: %v", i, err)
			}
			if err != nil {
				bad++
			} else {
				good++
			}
		})
	}
	all.Wait()
	if events := s.count(`select count(*) from log.event`); bad != 4 || events != good {
		t.Errorf("%d bad, %d good, %d events", bad, good, events)
	}
}

// TestLargeAppends fill batches to their limits; each is bigger than what may share one.
func TestLargeAppends(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	many := make([]string, 3000)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			a := notes(tenant, eventstore.Stream(fmt.Sprintf("note-%d", i)), 0, many...)
			if i%2 == 0 {
				text := strings.Repeat("x", 250<<10)
				a = notes(tenant, eventstore.Stream(fmt.Sprintf("note-%d", i)), 0, text, text, text, text, text, text)
			}
			if _, err := s.log.Append(t.Context(), a); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	events, err := s.log.ReadLane(t.Context(), 1, 0, 100_000)
	if err != nil || len(events) != 4*3000+4*6 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	s.checkDense(events, int64(len(events)))
}

// TestClaimMovesWithinOneAppend while others wait, so that it has to find a place in a batch.
func TestClaimMovesWithinOneAppend(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	var all sync.WaitGroup
	for i := range 200 {
		claim := eventstore.Claim{Scope: "name", Key: fmt.Append(nil, i)}
		before, after := eventstore.Stream(fmt.Sprintf("old-%d", i)), eventstore.Stream(fmt.Sprintf("new-%d", i))
		all.Go(func() {
			a := notes(tenant, before, 0, "x")
			a.Takes = []eventstore.Holding{{claim, before}, {claim, before}}
			if _, err := s.log.Append(t.Context(), a); err != nil {
				t.Error(err)
			}
			b := notes(tenant, after, 0, "x")
			b.Drops, b.Takes = []eventstore.Holding{{claim, before}}, []eventstore.Holding{{claim, after}}
			if _, err := s.log.Append(t.Context(), b); err != nil {
				t.Error(err)
			}
			if holder, err := s.log.Holder(t.Context(), tenant, claim); err != nil || holder != after {
				t.Errorf("claim %d is held by %q, %v", i, holder, err)
			}
		})
	}
	all.Wait()
}

// TestRelyingOnHolder: a decision that rests on who holds a claim is made again when that changes before its append.
func TestRelyingOnHolder(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	claim, other := eventstore.Claim{Scope: "name", Key: []byte("x")}, eventstore.Claim{Scope: "name", Key: []byte("y")}
	a := notes(tenant, "note-1", 0, "x")
	a.Takes = []eventstore.Holding{{claim, "note-1"}}
	s.must(a)
	var told []eventstore.Stream
	out, err := s.log.Update(t.Context(), command(tenant), nil, func(_ context.Context, d *eventstore.Decision) error {
		d.New("note-2")
		if _, held := d.Take("note-2", other); held {
			t.Error("a claim that nobody holds is said to be held, because another one of its scope is")
		}
		holder, held := d.Take("note-2", claim)
		told = append(told, holder)
		if held {
			if len(told) == 2 { // the holder gives it up before this refusal is recorded
				b := notes(tenant, "note-1", 1, "y")
				b.Drops = []eventstore.Holding{{claim, "note-1"}}
				s.must(b)
			}
			d.Refuse("taken", string(holder))
			return nil
		}
		d.Append("note-2", noted{Text: "mine"})
		return nil
	})
	if err != nil || out.Verdict != eventstore.Accepted || fmt.Sprint(told) != "[ note-1 ]" {
		t.Fatalf("%+v, %v; was told of the holders %q", out, err, told)
	}
	if out, err := s.log.Update(t.Context(), command(tenant), nil, func(_ context.Context, d *eventstore.Decision) error {
		if holder, held := d.Take("note-3", claim); held {
			d.Refuse("taken", holder)
			return nil
		}
		d.New("note-3")
		d.Append("note-3", noted{Text: "mine"})
		return nil
	}); err != nil || out.Verdict != eventstore.Refused || string(out.Params) != `"note-2"` {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestCancelledCallerLeaves(t *testing.T) {
	s := newStore(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := notes(uuid.New(), "note-1", 0, "x")
	if _, err := s.log.Append(ctx, a); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if out, err := s.log.Append(t.Context(), a); err != nil || out.First != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestCloseAnswersWhatIsQueued(t *testing.T) {
	s := newStore(t, 1)
	l := s.node(nil)
	tenant := uuid.New()
	var all sync.WaitGroup
	var h history
	w := newWorld(nil, 0, 1)
	for i := range 500 {
		all.Go(func() {
			h.call(t.Context(), l, w, op{
				Tenant: tenant, Command: uuid.New(), Fingerprint: "request", At: map[eventstore.Stream]int{eventstore.Stream(fmt.Sprint("note-", i)): 0},
				Writes: []opWrite{{eventstore.Stream(fmt.Sprint("note-", i)), []opFact{{Text: fmt.Sprint(i)}}}},
			})
			if i == 250 {
				l.Close()
			}
		})
	}
	all.Wait()
	answered := history{}
	for _, r := range h.results {
		if !errors.Is(r.err, eventstore.ErrClosed) {
			answered.results = append(answered.results, r)
		}
	}
	s.check(&answered)
	if _, err := l.Append(t.Context(), notes(tenant, "late-1", 0, "x")); !errors.Is(err, eventstore.ErrClosed) {
		t.Error(err)
	}
}

// TestBegunStreamsNeedNoRead: what an outcome says of a stream that its call began is what a reader finds.
func TestBegunStreamsNeedNoRead(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	s.must(notes(tenant, "note-old", 0, "before"))
	a := notes(tenant, "note-new", 0, "one", "two")
	other := notes(tenant, "note-old", 1, "more")
	a.At["note-old"] = 1
	a.Writes = append(other.Writes, a.Writes...)
	out := s.must(a)
	read, err := s.log.ReadStream(t.Context(), tenant, "note-new", out.Last())
	if err != nil || len(read) != 2 {
		t.Fatalf("%d events, %v", len(read), err)
	}
	if began := out.Began("note-new"); !reflect.DeepEqual(began, read) {
		t.Errorf("%+v\nwas appended, and read\n%+v", began, read)
	}
	if began := out.Began("note-old"); began != nil {
		t.Errorf("it began a stream that there was: %+v", began)
	}
	if again := s.must(a); !again.Replayed || again.Began("note-new") != nil {
		t.Errorf("a repeat began a stream: %+v", again)
	}
}
