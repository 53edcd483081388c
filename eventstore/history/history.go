package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// window is how many positions of a lane one statement may look at: a filter that lets little through must not become a long one.
	window = 100_000
	// pageSize is how many events of a lane are held at a time; together the lanes hold no more than a few of these.
	pageSize = 1000
	// followPage is pageSize for followers: one that reads slowly holds no more, for as long as it likes.
	followPage = 100
	// pageBudget is how many positions are looked at for one page of a list, some seconds of work: a page that ends there is
	// shorter than asked, and the next one goes on.
	pageBudget = 1_000_000
	// lookAgain is how long a follower waits before it asks for what other nodes have committed; of its own node it hears at once.
	lookAgain = 250 * time.Millisecond
)

// Query says what to read.
type Query struct {
	eventstore.Filter
	After  eventstore.Cursor // nil: from the first event
	Until  eventstore.Cursor // up to and including; nil: all there is now
	Reveal bool              // personal texts in the clear
}

// ErrWentBack: the log became an older copy of itself while it was followed; cursors told so far hold no more.
var ErrWentBack = errors.New("the log went back to an older copy")

// Types finds the event types that patterns name: "order.placed", or "order.*" for a category. It is an error when a pattern names none.
func Types(r *eventstore.Registry, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	found := map[string]bool{}
	for _, pattern := range patterns {
		category, any := strings.CutSuffix(pattern, ".*")
		known := false
		for _, typ := range r.Types() {
			if typ == pattern || any && strings.HasPrefix(typ, category+".") {
				found[typ], known = true, true
			}
		}
		if !known {
			return nil, fmt.Errorf("%q is neither an event type nor a category like order.*", pattern)
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// Read yields what a query asks for, in order, and stops at the first error. Between two items it holds no transaction.
func Read(ctx context.Context, log *eventstore.Log, q Query) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		w, err := newWalk(ctx, log, q)
		if err != nil {
			yield(Item{}, err)
			return
		}
		w.run(ctx, yield)
	}
}

// Page is the first items that a query asks for, and the cursor to go on from: nil at the end. It may have fewer items than asked and
// still go on, when little of the log is what the query asks for.
func Page(ctx context.Context, log *eventstore.Log, q Query, limit int) ([]Item, eventstore.Cursor, error) {
	w, err := newWalk(ctx, log, q)
	if err != nil {
		return nil, nil, err
	}
	w.budget = pageBudget
	items := []Item{}
	for {
		item, err := w.next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return items, nil, nil
		case errors.Is(err, errBudget):
			return items, w.at(), nil
		case err != nil:
			return nil, nil, err
		case len(items) == limit: // there is more
			w.putBack(item)
			return items, w.at(), nil
		}
		w.told(&item)
		items = append(items, item)
	}
}

// Follow yields what a query asks for and goes on with what is committed, until ctx ends; that is no error. Until is not looked at.
// Idle is called whenever all there is was told, several times a second; an error that it returns is told and ends the following.
func Follow(ctx context.Context, log *eventstore.Log, q Query, idle func() error) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for following := false; ; following = true {
			q.Until = nil
			w, err := newWalk(ctx, log, q)
			if following && errors.Is(err, eventstore.ErrCursor) {
				err = ErrWentBack
			}
			if err != nil {
				if ctx.Err() == nil {
					yield(Item{}, err)
				}
				return
			}
			w.page = followPage
			if !w.run(ctx, yield) {
				return
			}
			q.After = w.at()
			if err := idle(); err != nil {
				yield(Item{}, err)
				return
			}
			committed, stop := log.Committed(w.lanes[0].number, w.lanes[0].until)
			select {
			case <-ctx.Done():
			case <-committed:
			case <-time.After(lookAgain):
			}
			stop()
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// One is a single event as an item; its cursor is that of its place in the order over lanes.
func One(ctx context.Context, log *eventstore.Log, e eventstore.Event, reveal bool) (Item, error) {
	items, err := Items(ctx, log, []eventstore.Event{e}, reveal)
	if err != nil {
		return Item{}, err
	}
	upTo, err := log.AsOf(ctx, e.RecordedAt)
	if err != nil {
		return Item{}, err
	}
	before, err := log.AsOf(ctx, e.RecordedAt.Add(-time.Microsecond)) // the clock's step
	if err != nil {
		return Item{}, err
	}
	for lane := range upTo {
		if lane > e.Lane {
			upTo[lane] = before[lane]
		}
	}
	upTo[e.Lane] = eventstore.Mark{Epoch: upTo[e.Lane].Epoch, Position: e.Position}
	items[0].Cursor = log.Token(upTo)
	return items[0], nil
}

// Items are events as items, with cursors that name their own lane alone.
func Items(ctx context.Context, log *eventstore.Log, events []eventstore.Event, reveal bool) ([]Item, error) {
	data, versions, err := log.Shown(ctx, events, reveal)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(events))
	for i, e := range events {
		items[i] = itemOf(e, versions[i], data[i])
		items[i].Cursor = log.Token(eventstore.Cursor{e.Lane: {Epoch: log.Epoch(e.Lane), Position: e.Position}})
	}
	return items, nil
}

// lanesOf are the lanes that a filter may find something in.
func lanesOf(log *eventstore.Log, f eventstore.Filter) []int {
	if f.Tenant != uuid.Nil {
		return []int{log.LaneOf(f.Tenant)}
	}
	lanes := make([]int, log.Lanes())
	for i := range lanes {
		lanes[i] = i + 1
	}
	return lanes
}
