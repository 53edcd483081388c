package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	followWriters = 16
	followPage    = 500
)

// follow lets a follower read the log while 16 writers on two nodes write it, and a transaction of somebody else stays open:
// where order comes from a sequence, a clock or a transaction id, readers then pass by what is committed late.
func (s *suite) follow(ctx context.Context) error {
	h, events, err := s.appendHouse(ctx, "follow")
	if err != nil {
		return err
	}
	_, d := s.rounds()
	lost, seen, err := followWhileWriting(ctx, h, events, followWriters, 3*d)
	if err != nil {
		return err
	}
	s.lost = lost
	one := result{Name: "follow_lost", Value: float64(lost), Unit: "events", Target: 1, Note: fmt.Sprintf("never delivered, of %d that %d writers appended meanwhile", seen, followWriters)}
	if lost == 0 {
		one.Ratio = 1
	}
	s.results.add(one)
	return nil
}

// followWhileWriting returns how many acknowledged events the follower never saw, and how many were acknowledged.
func followWhileWriting(ctx context.Context, h *house, events *supply, writers int, d time.Duration) (lost, acknowledged int, err error) {
	other, err := h.openLog(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer other.Close()
	foreign, err := h.admin.Begin(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = foreign.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := foreign.Exec(ctx, `select pg_current_xact_id()`); err != nil {
		return 0, 0, err
	}
	var mu sync.Mutex
	written := map[int64]bool{}
	calls := events.callers(writers, func(ctx context.Context, w *writer) (int, error) {
		l := h.log
		if w.node = !w.node; w.node {
			l = other
		}
		out, err := l.Append(ctx, w.append(1))
		mu.Lock()
		written[out.First] = err == nil
		mu.Unlock()
		return 1, err
	})
	reading, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	delivered := map[int64]bool{}
	complete := make(chan struct{})
	go func() { followed <- followLane(reading, other, delivered, complete) }()
	if _, err := closedLoop(ctx, calls, d); err != nil {
		return 0, 0, err
	}
	close(complete)
	if err := <-followed; err != nil {
		return 0, 0, err
	}
	for position := range written {
		if !delivered[position] {
			lost++
		}
	}
	return lost, len(written), nil
}

// followLane reads on from where it is, never back, until it finds no more after the writers were done.
func followLane(ctx context.Context, l *eventstore.Log, delivered map[int64]bool, complete <-chan struct{}) error {
	var at int64
	for over := false; ; {
		page, err := l.ReadLane(ctx, 1, at, followPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if delivered[e.Position] {
				return fmt.Errorf("position %d was delivered twice", e.Position)
			}
			delivered[e.Position] = true
			at = e.Position
		}
		if len(page) > 0 {
			continue
		}
		if over {
			return nil
		}
		committed, stop := l.Committed(1, at)
		select {
		case <-complete:
			over = true
		case <-ctx.Done():
		case <-committed: // of this node; of the other one it hears by looking
		case <-time.After(time.Millisecond):
		}
		stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
