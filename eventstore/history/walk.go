package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// errBudget: as much was looked at as one page may.
var errBudget = errors.New("page budget is used up")

// walk goes through the lanes together.
type walk struct {
	log    *eventstore.Log
	q      Query
	start  eventstore.Cursor // marks of lanes that are not walked, too
	lanes  []*laneWalk
	page   int   // how many events are held at a time
	budget int64 // how many positions may be looked at; 0 for any number
	spent  int64
}

// laneWalk is how far one lane was read and told.
type laneWalk struct {
	number, epoch int
	at            int64 // of the last item that was told
	read          int64 // everything up to here was read
	until         int64
	buffer        []Item
}

// Check says [eventstore.ErrCursor] when a cursor names what the log does not hold.
func Check(ctx context.Context, log *eventstore.Log, c eventstore.Cursor) error {
	heads, err := log.Heads(ctx)
	if err != nil {
		return err
	}
	return check(heads, c)
}

func check(heads, c eventstore.Cursor) error {
	for lane, mark := range c {
		if head, ok := heads[lane]; !ok || mark.Epoch != head.Epoch || mark.Position > head.Position {
			return fmt.Errorf("%w: it names events that this log does not hold", eventstore.ErrCursor)
		}
	}
	return nil
}

// newWalk checks the query's cursors against the log as it is now.
func newWalk(ctx context.Context, log *eventstore.Log, q Query) (*walk, error) {
	q, heads, err := q.bounded(ctx, log)
	if err != nil {
		return nil, err
	}
	w := &walk{log: log, q: q, start: eventstore.Cursor{}, page: pageSize}
	for lane, head := range heads {
		w.start[lane] = eventstore.Mark{Epoch: head.Epoch, Position: q.After[lane].Position}
	}
	for _, lane := range lanesOf(log, q.Filter) {
		after := w.start[lane].Position
		w.lanes = append(w.lanes, &laneWalk{number: lane, epoch: heads[lane].Epoch, at: after, read: after, until: q.Until[lane].Position})
	}
	return w, nil
}

// bounded is the query with an end, and between the positions where it can find something, as far as these are known; and where the log
// ends. Its cursors have to be of this log.
func (q Query) bounded(ctx context.Context, log *eventstore.Log) (Query, eventstore.Cursor, error) {
	heads, err := log.Heads(ctx)
	if err != nil {
		return q, nil, err
	}
	if err := errors.Join(check(heads, q.After), check(heads, q.Until)); err != nil {
		return q, nil, err
	}
	if q.Until == nil {
		q.Until = heads
	}
	if q.Command == uuid.Nil || q.Tenant == uuid.Nil {
		return q, heads, nil
	}
	lane, after, until, err := log.MadeBy(ctx, q.Tenant, q.Command)
	if err != nil {
		return q, nil, err
	}
	q.After, q.Until = maps.Clone(q.After), maps.Clone(q.Until)
	if q.After == nil {
		q.After = eventstore.Cursor{}
	}
	q.After[lane] = eventstore.Mark{Epoch: heads[lane].Epoch, Position: max(after, q.After[lane].Position)}
	q.Until[lane] = eventstore.Mark{Epoch: heads[lane].Epoch, Position: min(until, q.Until[lane].Position)}
	return q, heads, nil
}

// run yields to the end; false when the receiver has enough or an error was told.
func (w *walk) run(ctx context.Context, yield func(Item, error) bool) bool {
	for {
		item, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			if ctx.Err() == nil {
				yield(Item{}, err)
			}
			return false
		}
		w.told(&item)
		if !yield(item, nil) {
			return false
		}
	}
}

// next takes the item that comes next over all lanes, or io.EOF.
func (w *walk) next(ctx context.Context) (Item, error) {
	var first *laneWalk
	for _, l := range w.lanes { // by number, so that of two at the same time the lower lane comes first
		if err := w.fill(ctx, l); err != nil {
			return Item{}, err
		}
		if len(l.buffer) > 0 && (first == nil || l.buffer[0].RecordedAt.Before(first.buffer[0].RecordedAt)) {
			first = l
		}
	}
	if first == nil {
		return Item{}, io.EOF
	}
	item := first.buffer[0]
	first.buffer = first.buffer[1:]
	return item, nil
}

// putBack undoes next.
func (w *walk) putBack(item Item) {
	for _, l := range w.lanes {
		if l.number == item.Lane {
			l.buffer = append([]Item{item}, l.buffer...)
		}
	}
}

// told moves on to behind an item and gives it the cursor of there.
func (w *walk) told(item *Item) {
	for _, l := range w.lanes {
		if l.number == item.Lane {
			l.at = item.Position
		}
	}
	// Only what was told: with another filter, what this one skipped is still to come.
	item.Cursor = w.log.Token(w.cursor(func(l *laneWalk) int64 { return l.at }))
}

// at is where this query goes on: behind what was told, and what was read and is not asked for.
func (w *walk) at() eventstore.Cursor {
	return w.cursor(func(l *laneWalk) int64 {
		if len(l.buffer) == 0 {
			return l.read
		}
		return l.at
	})
}

func (w *walk) cursor(position func(*laneWalk) int64) eventstore.Cursor {
	c := maps.Clone(w.start)
	for _, l := range w.lanes {
		c[l.number] = eventstore.Mark{Epoch: l.epoch, Position: position(l)}
	}
	return c
}

// fill sees to it that the lane's next item is there, unless it has none.
func (w *walk) fill(ctx context.Context, l *laneWalk) error {
	for len(l.buffer) == 0 && l.read < l.until {
		if w.budget > 0 && w.spent >= w.budget {
			return errBudget
		}
		limit := max(w.page/len(w.lanes), 10)
		end := min(l.read+window, l.until)
		events, err := w.log.Find(ctx, l.number, l.read, end, limit, w.q.Filter)
		if err != nil {
			return err
		}
		if len(events) == limit {
			end = events[limit-1].Position
		}
		data, versions, err := w.log.Shown(ctx, events, w.q.Reveal)
		if err != nil {
			return err
		}
		w.spent += end - l.read
		l.read = end
		for i, e := range events {
			l.buffer = append(l.buffer, itemOf(e, versions[i], data[i]))
		}
	}
	return nil
}
