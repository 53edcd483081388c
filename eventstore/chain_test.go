package eventstore_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// follows decides a note that names the one before it.
func follows(stream eventstore.Stream) func(context.Context, *eventstore.Decision) error {
	return func(ctx context.Context, d *eventstore.Decision) error {
		b, _, err := eventstore.State[board](ctx, d, stream)
		d.Append(stream, noted{Text: "after " + b.Last})
		return err
	}
}

// TestDecisionsShareABatch: callers of one stream decide upon each other before any of them is committed. They hold together, in one
// commit, or fail together and are decided again.
func TestDecisionsShareABatch(t *testing.T) {
	stream := eventstore.Stream("note-1")
	for name, stale := range map[string]bool{"hold": false, "fail": true} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, 1)
			tenant := uuid.New()
			if _, err := s.log.Update(t.Context(), command(tenant), nil, write(stream, "0", 9)); err != nil {
				t.Fatal(err)
			}
			if stale {
				if _, err := s.node(nil).Append(t.Context(), notes(tenant, stream, 1, "other")); err != nil {
					t.Fatal(err)
				}
			}
			s.fillQueue(func() { s.must(notes(tenant, "note-2", 0, "x")) }, 5, func() {
				if _, err := s.log.Update(t.Context(), command(tenant), []eventstore.Stream{stream}, follows(stream)); err != nil {
					t.Error(err)
				}
			})
			events, err := s.log.ReadStream(t.Context(), tenant, stream, 0)
			if err != nil {
				t.Fatal(err)
			}
			before := ""
			for i, e := range events {
				text := decode(t, s.log, e).(noted).Text
				if e.Version > 1 && text != "after "+before && text != "other" {
					t.Errorf("version %d is %q and follows %q", i+1, text, before)
				}
				before = text
			}
			if want := 6 + map[bool]int{true: 1}[stale]; len(events) != want {
				t.Errorf("%d events, want %d", len(events), want)
			}
			if commits := s.count(`select count(distinct recorded_at) from log.event where stream = $1`, string(stream)); !stale && commits != 2 {
				t.Errorf("%d commits, want 2", commits)
			}
		})
	}
}

// fillQueue holds the lane while first is on its way to the database, and lets n calls queue behind it.
func (s *store) fillQueue(first func(), n int, call func()) {
	s.t.Helper()
	holder, watcher := s.admin(), s.admin()
	exec := func(sql string) {
		if _, err := holder.Exec(s.t.Context(), sql); err != nil {
			s.t.Fatal(err)
		}
	}
	exec(`begin`)
	exec(`select from log.lane where lane = 1 for update`)
	var all sync.WaitGroup
	all.Go(first)
	queued := time.Now().Add(30 * time.Second) // what does not queue would be waited for for ever
	for waits := false; !waits; {
		if time.Now().After(queued) {
			s.t.Fatal("no append waits for the lane")
		}
		if err := watcher.QueryRow(s.t.Context(), `select exists (select from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock' and query like '%log.append%')`).Scan(&waits); err != nil {
			s.t.Fatal(err)
		}
	}
	for i := range n {
		all.Go(call)
		for s.log.Queued(1) <= i {
			if time.Now().After(queued) {
				s.t.Fatalf("%d calls are queued, want %d", s.log.Queued(1), i+1)
			}
			runtime.Gosched()
		}
	}
	exec(`commit`)
	all.Wait()
}
