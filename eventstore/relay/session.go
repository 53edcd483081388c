package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// pollEvery is how late an append of another node is noticed whose ping got lost.
	pollEvery = time.Second
	// inspectEvery is how long a stream may be gone, emptied or cut before a relay notices that has nothing refused.
	inspectEvery = 5 * time.Second
	// A page is as many events as are about pageBytes, at most pageEvents: larger ones would only take memory.
	pageEvents = 1000
	pageBytes  = 8 << 20
	leastPage  = 32 // of the largest events, a page of this many is pageBytes
)

// errWentBack: the log has no longer what was published from it.
var errWentBack = errors.New("the log no longer has the event that was published last")

// mark is an event that the stream has.
type mark struct {
	position int64
	id       uuid.UUID // uuid.Nil at position 0
}

// session finds out where the stream ends and publishes from there until something goes wrong or ctx ends. It worked if the broker
// took anything.
func (r *Relay) session(ctx context.Context) (worked bool, err error) {
	p, err := newPipeline(r.Conn, r.Source, func(position int64) { r.published.Store(position) })
	if err != nil {
		return false, err
	}
	defer p.close()
	at, epoch, err := r.heal(ctx, p.js)
	if err != nil {
		return false, err
	}
	p.start(at.position, epoch)
	r.published.Store(at.position)
	r.record(func(s *Status) { s.Epoch, s.Err = epoch, nil })
	r.Logger.InfoContext(ctx, "relay resumes", "after", at.position, "epoch", epoch)
	err = r.publish(ctx, p, at)
	return r.Head() > at.position, err
}

// publish reads page after page and sends it; while it reads, the page before is still on its way.
func (r *Relay) publish(ctx context.Context, p *pipeline, at mark) error {
	inspected := time.Now()
	limit := pageEvents
	misled := false // a commit was announced, and there was none: this node's idea of the head is of before the log went back
	for {
		page, err := r.read(ctx, at, limit)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			eventstore.Failpoint("publish.read")
		}
		for _, e := range page {
			if err := p.publish(ctx, e); err != nil {
				return err
			}
			at = mark{e.Position, e.ID}
		}
		full := len(page) == limit
		misled = misled && len(page) == 0
		limit = nextLimit(limit, page)
		if time.Since(inspected) >= r.inspectEvery {
			if err := r.inspect(ctx, p, at); err != nil {
				return err
			}
			inspected = time.Now()
		}
		if !full {
			heard, err := r.await(ctx, p, at.position, misled)
			if err != nil {
				return err
			}
			misled = misled || heard
		}
	}
}

// read returns the next events. It reads the last published one again with them, in the same query: positions are given twice only
// when the database went back, and then this one is gone or is another.
func (r *Relay) read(ctx context.Context, at mark, limit int) ([]eventstore.Event, error) {
	page, err := r.Log.ReadLane(ctx, r.Lane, max(at.position-1, 0), limit+1)
	if err != nil {
		return nil, err
	}
	if at.position > 0 {
		if len(page) == 0 || page[0].ID != at.id {
			return nil, fmt.Errorf("%w: %d", errWentBack, at.position)
		}
		page = page[1:]
	}
	for i, e := range page {
		if want := at.position + 1 + int64(i); e.Position != want {
			return nil, fmt.Errorf("the log has no event %d, but %d", want, e.Position)
		}
	}
	return page[:min(limit, len(page))], nil
}

func nextLimit(limit int, page []eventstore.Event) int {
	if len(page) == 0 {
		return limit
	}
	total := len(page)
	for _, e := range page {
		total += len(e.Data)
	}
	return min(max(pageBytes/(total/len(page)), leastPage), pageEvents)
}

// await returns when there may be something to publish, and says whether this node's log announced it; it fails when the broker
// refuses what is on its way.
func (r *Relay) await(ctx context.Context, p *pipeline, after int64, misled bool) (heard bool, err error) {
	var committed <-chan struct{}
	if !misled {
		rose, stop := r.Log.Committed(r.Lane, after)
		defer stop()
		committed = rose
	}
	poll := time.NewTimer(min(pollEvery, r.inspectEvery))
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-committed:
			return true, p.err()
		case <-r.pinged:
			return false, p.err()
		case <-poll.C:
			return false, p.err()
		case <-p.changed:
			if err := p.err(); err != nil {
				return false, err
			}
		}
	}
}

// inspect finds a stream that was deleted, emptied, cut or replaced while nothing was refused.
func (r *Relay) inspect(ctx context.Context, p *pipeline, at mark) error {
	if err := p.drain(ctx); err != nil {
		return err
	}
	f, err := r.compare(ctx, p.js)
	switch {
	case err != nil:
		return err
	case f.verdict != sound:
		return fmt.Errorf("stream %s %s", StreamName(r.Lane), f.verdict)
	case f.at != at || f.epoch != p.epoch:
		return fmt.Errorf("stream %s ends at %d in epoch %d, not at %d in %d", StreamName(r.Lane), f.at.position, f.epoch, at.position, p.epoch)
	}
	return nil
}
