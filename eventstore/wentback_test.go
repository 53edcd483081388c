package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
)

// copied copies the database as it is now and returns what puts the copy in its place. Connections are cut both times.
func (s *store) copied() (restore func()) {
	s.t.Helper()
	address, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	name := strings.TrimPrefix(address.Path, "/")
	elsewhere := pgtest.AdminURL(s.t, pgtest.URL(s.t))
	alone := func(statements ...string) {
		s.t.Helper()
		ctx := s.t.Context()
		conn, err := pgx.Connect(ctx, elsewhere)
		if err != nil {
			s.t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		for _, sql := range append([]string{
			`alter database "` + name + `" allow_connections false`,
			`select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '` + name + `'`,
		}, statements...) {
			if _, err := conn.Exec(ctx, sql); err != nil {
				s.t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	alone(`create database "`+name+`_older" template "`+name+`"`, `alter database "`+name+`" allow_connections true`,
		`alter database "`+name+`_older" allow_connections true`)
	return func() {
		s.t.Helper()
		alone(`drop database "`+name+`"`, `alter database "`+name+`_older" rename to "`+name+`"`)
	}
}

// TestDecisionOnLostHistory: the database is restored from an older copy while two nodes run, and one of them goes on where the
// other remembers, or has just read, something else at the very same version.
func TestDecisionOnLostHistory(t *testing.T) {
	tenant, stream := uuid.New(), eventstore.Stream("note-1")
	for name, c := range map[string]struct {
		remembers bool // or else the decision is under way when the database goes back
		elsewhere bool // it writes another stream than the one that it rests on
		read      func(context.Context, *eventstore.Decision) (string, error)
	}{
		"a remembered state":      {true, false, readBoard(stream)},
		"a state read just now":   {false, false, readBoard(stream)},
		"a version read just now": {false, false, readVersion(stream)},
		"a remembered guard":      {true, true, readBoard(stream)},
		"a guard read just now":   {false, true, readVersion(stream)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, 1)
			other := s.node(nil)
			s.must(notes(tenant, stream, 0, "one"))
			restore := s.copied()
			_, err := untilAnswered(func() (eventstore.Outcome, error) {
				return other.Update(t.Context(), command(tenant), nil, write(stream, "lost", 9))
			})
			if err != nil {
				t.Fatal(err)
			}
			if !c.remembers {
				other = s.node(nil)
			}
			goBack := func() {
				restore()
				s.must(notes(tenant, stream, 1, "two"))
			}
			if c.remembers {
				goBack()
			}
			attempts, decidedOn := 0, ""
			decide := func(ctx context.Context, d *eventstore.Decision) (err error) {
				if decidedOn, err = c.read(ctx, d); err != nil {
					return err
				}
				if attempts++; attempts == 1 && !c.remembers {
					goBack()
				}
				at := stream
				if c.elsewhere {
					at = "note-2"
					d.New(at)
				}
				d.Append(at, noted{Text: "three"})
				return nil
			}
			out, err := untilAnswered(func() (eventstore.Outcome, error) { return other.Update(t.Context(), command(tenant), nil, decide) })
			if err != nil || out.First != 3 || attempts != 2 || decidedOn != "two" {
				t.Errorf("decided on %q in attempt %d: %+v, %v", decidedOn, attempts, out, err)
			}
		})
	}
}

// TestRememberedHeadsAreOfThisHistory: what a node remembers of a stream since the database went back is not what a decision from before
// rested on, even at the very same version.
func TestRememberedHeadsAreOfThisHistory(t *testing.T) {
	s := newStore(t, 1)
	tenant, stream, node := uuid.New(), eventstore.Stream("note-1"), s.node(nil)
	s.must(notes(tenant, stream, 0, "one"))
	restore := s.copied()
	lost := notes(tenant, stream, 1, "lost", "lost")
	if _, err := untilAnswered(func() (eventstore.Outcome, error) { return node.Append(t.Context(), lost) }); err != nil {
		t.Fatal(err)
	}
	went, decidedOn := false, ""
	decide := func(ctx context.Context, d *eventstore.Decision) (err error) {
		if decidedOn, err = readBoard(stream)(ctx, d); err != nil {
			return err
		}
		if !went {
			went = true
			restore()
			for n := range 20 { // two events each: for a simple append all is looked up
				a := notes(tenant, eventstore.Stream(fmt.Sprint("note-", n+3)), 0, "x", "y")
				if n == 15 {
					a = notes(tenant, stream, 1, "two", "three")
				}
				if _, err := untilAnswered(func() (eventstore.Outcome, error) { return node.Append(ctx, a) }); err != nil {
					return err
				}
			}
			if node.Remembered() == 0 {
				t.Error("it remembers nothing to compare with")
			}
		}
		d.New("note-2")
		d.Append("note-2", noted{Text: "three"})
		d.Append("note-2", noted{Text: "four"})
		return nil
	}
	c := command(tenant)
	_, err := untilAnswered(func() (eventstore.Outcome, error) { return node.Update(t.Context(), c, nil, decide) })
	if err != nil || decidedOn != "three" {
		t.Errorf("decided on %q: %v", decidedOn, err)
	}
}

// TestLostHeadsAreForgotten: the lane ends where a node left it, but with other events.
func TestLostHeadsAreForgotten(t *testing.T) {
	s := newStore(t, 1)
	tenant, node := uuid.New(), s.node(nil)
	s.must(notes(tenant, "note-1", 0, "one"))
	restore := s.copied()
	const batches = 20
	for n := range batches {
		add := notes(tenant, "note-lost", 2*n, "x", "y")
		if _, err := untilAnswered(func() (eventstore.Outcome, error) { return node.Append(t.Context(), add) }); err != nil {
			t.Fatal(err)
		}
	}
	if node.Remembered() == 0 {
		t.Error("it remembers nothing that it could forget")
	}
	restore()
	if out := s.must(notes(tenant, "note-other", 0, strings.Split(strings.Repeat("x", 2*batches), "")...)); s.log.Known(1) != node.Known(1) {
		t.Fatalf("the log ends at %d and not at %d: %+v", s.log.Known(1), node.Known(1), out)
	}
	for n := range 2 {
		a := notes(tenant, "note-2", 0, "x", "y")
		a.At["note-lost"] = 2 * batches
		_, err := untilAnswered(func() (eventstore.Outcome, error) { return node.Append(t.Context(), a) })
		if !errors.As(err, new(*eventstore.ConflictError)) {
			t.Errorf("a guard on a stream that is lost: %v", err)
		}
		if _, err := node.Append(t.Context(), notes(tenant, "note-3", 2*n, "x", "y")); err != nil {
			t.Fatal(err)
		}
	}
}

// untilAnswered repeats a call that found the database away: a node's pooled connections end with a copied or restored database.
func untilAnswered[T any](call func() (T, error)) (T, error) {
	for {
		if answer, err := call(); !errors.Is(err, eventstore.ErrUnavailable) {
			return answer, err
		}
	}
}

func readBoard(stream eventstore.Stream) func(context.Context, *eventstore.Decision) (string, error) {
	return func(ctx context.Context, d *eventstore.Decision) (string, error) {
		b, _, err := eventstore.State[board](ctx, d, stream)
		return b.Last, err
	}
}

// readVersion says what the only note at that version can be: the attempt that lost its history is told by the number of attempts.
func readVersion(stream eventstore.Stream) func(context.Context, *eventstore.Decision) (string, error) {
	return func(ctx context.Context, d *eventstore.Decision) (string, error) {
		_, err := d.Version(ctx, stream)
		return "two", err
	}
}

// TestNodesHearOfLostHistory: a node that did not notice itself hears with its next append, or when it asks where the log ends.
func TestNodesHearOfLostHistory(t *testing.T) {
	s := newStore(t, 1)
	tenant, other, reader := uuid.New(), s.node(nil), s.node(nil)
	s.must(notes(tenant, "note-1", 0, "one"))
	restore := s.copied()
	if _, err := other.Append(t.Context(), notes(tenant, "note-2", 0, "1", "2", "3", "4")); err != nil {
		t.Fatal(err)
	}
	restore()
	out, err := other.Append(t.Context(), notes(tenant, "note-3", 0, "two"))
	if err != nil || out.First != 2 || other.Known(1) != 2 {
		t.Errorf("%+v, %v; known %d", out, err, other.Known(1))
	}
	epoch, err := untilAnswered(func() (int, error) { return s.log.RaiseEpoch(t.Context(), 1) })
	if err != nil || epoch != 2 || s.log.Known(1) != 2 {
		t.Errorf("epoch %d, %v; known %d", epoch, err, s.log.Known(1))
	}
	out, err = other.Append(t.Context(), notes(tenant, "note-3", 1, "three"))
	if mark := other.CursorOf(out)[1]; err != nil || mark != (eventstore.Mark{Epoch: 2, Position: 3}) {
		t.Errorf("cursor %+v, %v", mark, err)
	}
	_, err = untilAnswered(func() (eventstore.Cursor, error) { return reader.Heads(t.Context()) })
	if err != nil || reader.Epoch(1) != 2 || reader.Known(1) != 3 {
		t.Errorf("epoch %d, %v; known %d", reader.Epoch(1), err, reader.Known(1))
	}
}
