package history

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/streamflow/streamflow/eventstore"
)

// descent goes through the lanes together, from their ends to their beginnings.
type descent struct {
	log   *eventstore.Log
	q     Query
	lanes []*laneDescent
	page  int
	spent int64
}

// laneDescent is how far down one lane was read and told.
type laneDescent struct {
	number, epoch int
	read          int64 // everything above was read
	after         int64
	buffer        []Item
}

// Latest is the last items that a query asks for, the newest first, and the cursor up to which the next page goes: nil at the
// beginning. It may have fewer items than asked and still go on, as [Page] may.
func Latest(ctx context.Context, log *eventstore.Log, q Query, limit int) ([]Item, eventstore.Cursor, error) {
	d, err := newDescent(ctx, log, q)
	if err != nil {
		return nil, nil, err
	}
	d.page = limit + 1
	items := []Item{}
	for {
		l, err := d.next(ctx)
		switch {
		case errors.Is(err, errBudget):
			return items, d.at(), nil
		case err != nil:
			return nil, nil, err
		case l == nil:
			return items, nil, nil
		case len(items) == limit: // there is more
			return items, d.at(), nil
		}
		item := l.buffer[0]
		l.buffer = l.buffer[1:]
		c := d.at()
		for lane := range c {
			if !d.walks(lane) { // nothing was told of it
				c[lane] = eventstore.Mark{Epoch: c[lane].Epoch, Position: q.After[lane].Position}
			}
		}
		c[l.number] = eventstore.Mark{Epoch: l.epoch, Position: item.Position}
		item.Cursor = log.Token(c)
		items = append(items, item)
	}
}

func newDescent(ctx context.Context, log *eventstore.Log, q Query) (*descent, error) {
	q, heads, err := q.bounded(ctx, log)
	if err != nil {
		return nil, err
	}
	d := &descent{log: log, q: q}
	for _, lane := range lanesOf(log, q.Filter) {
		d.lanes = append(d.lanes, &laneDescent{number: lane, epoch: heads[lane].Epoch, read: q.Until[lane].Position, after: q.After[lane].Position})
	}
	return d, nil
}

func (d *descent) walks(lane int) bool {
	return slices.ContainsFunc(d.lanes, func(l *laneDescent) bool { return l.number == lane })
}

// next is the lane whose item comes next over all lanes, nil at the beginning of all: the order is that of walk, backwards.
func (d *descent) next(ctx context.Context) (*laneDescent, error) {
	var first *laneDescent
	for _, l := range d.lanes { // by number, so that of two at the same time the higher lane comes first
		if err := d.fill(ctx, l); err != nil {
			return nil, err
		}
		if len(l.buffer) > 0 && (first == nil || !l.buffer[0].RecordedAt.Before(first.buffer[0].RecordedAt)) {
			first = l
		}
	}
	return first, nil
}

// fill sees to it that the lane's next item is there, unless it has none.
func (d *descent) fill(ctx context.Context, l *laneDescent) error {
	for len(l.buffer) == 0 && l.read > l.after {
		if d.spent >= pageBudget {
			return errBudget
		}
		begin := max(l.read-window, l.after)
		events, err := d.log.FindLatest(ctx, l.number, begin, l.read, d.page, d.q.Filter)
		if err != nil {
			return err
		}
		if len(events) == d.page {
			begin = events[len(events)-1].Position - 1
		}
		data, versions, err := d.log.Shown(ctx, events, d.q.Reveal)
		if err != nil {
			return err
		}
		d.spent += l.read - begin
		l.read = begin
		for i, e := range events {
			l.buffer = append(l.buffer, itemOf(e, versions[i], data[i]))
		}
	}
	return nil
}

// at is up to where this query goes on: below what was told, and what was read and is not asked for.
func (d *descent) at() eventstore.Cursor {
	c := maps.Clone(d.q.Until)
	for _, l := range d.lanes {
		position := l.read
		if len(l.buffer) > 0 {
			position = l.buffer[0].Position
		}
		c[l.number] = eventstore.Mark{Epoch: l.epoch, Position: position}
	}
	return c
}
