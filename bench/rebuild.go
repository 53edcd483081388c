package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

const (
	rebuildEvents = 1_000_000
	rebuildPart   = 5 // memory is compared at a fifth of the events and at all of them
	rebuildRounds = 2 // of a minute or so
	rebuildGoal   = 0.8
	memoryGoal    = 0.9 // the memory of a part may be so little below that of all
)

// rebuild builds the dashboards' read model anew, and compares with reading and decoding the same events in one loop.
func (s *suite) rebuild(ctx context.Context) error {
	h, err := s.filledHouse(ctx, s.events(rebuildEvents))
	if err != nil {
		return err
	}
	if err := h.forgetReadModels(ctx); err != nil {
		return err
	}
	e, err := newProjector(ctx, h, nil, projections.Figures)
	if err != nil {
		return err
	}
	var t turns
	var part, whole []float64
	rounds := rebuildRounds
	if s.quick {
		rounds = 1
	}
	for range rounds {
		read, err := s.readAll(ctx, h)
		if err != nil {
			return err
		}
		built, memory, err := s.rebuildOnce(ctx, h, e)
		if err != nil {
			return err
		}
		t.limit, t.ours = append(t.limit, read), append(t.ours, built)
		part, whole = append(part, memory.part), append(whole, memory.whole)
	}
	one := t.rate("rebuild", rebuildGoal)
	one.Note = fmt.Sprintf("%d events, against reading and decoding them in one loop", t.ours[0].events)
	s.results.add(one)
	s.results.add(t.cpu("rebuild_cpu_us"))
	s.results.add(result{Name: "rebuild_rss_part_mb", Value: median(part), Unit: "MiB", Note: "highest in the first fifth"})
	s.results.add(result{Name: "rebuild_rss_mb", Value: median(whole), Unit: "MiB", Limit: median(part), Ratio: median(part) / median(whole), Target: memoryGoal,
		Note: "highest in all, against that of the first fifth: flat memory is 1"})
	return nil
}

// readAll reads the log in order and decodes every event, and does nothing with it.
func (s *suite) readAll(ctx context.Context, h *house) (one sample, err error) {
	head, err := h.head(ctx)
	if err != nil {
		return one, err
	}
	m, err := h.meter(ctx, s.server.PID())
	if err != nil {
		return one, err
	}
	began := time.Now()
	for page, err := range h.log.Scan(ctx, 1, 0, head) {
		if err != nil {
			return one, err
		}
		for _, e := range page {
			if _, err := h.log.Registry().Decode(e); err != nil {
				return one, err
			}
		}
		one.events += len(page)
	}
	one.seconds = time.Since(began).Seconds()
	return one, m.read(ctx, &one)
}

// memory is the most that this process held in RAM, in MiB.
type memory struct{ part, whole float64 }

func (s *suite) rebuildOnce(ctx context.Context, h *house, e *projection.Engine) (one sample, used memory, err error) {
	debug.FreeOSMemory()
	m, err := h.meter(ctx, s.server.PID())
	if err != nil {
		return one, used, err
	}
	began := time.Now()
	err = e.Rebuild(ctx, projections.Figures.Name, func(done, total int64) { // after every page
		now := residentMB(os.Getpid())
		used.whole = max(used.whole, now)
		if done <= total/rebuildPart {
			used.part = max(used.part, now)
		}
		one.events = int(total)
	})
	one.seconds = time.Since(began).Seconds()
	if err != nil {
		return one, used, err
	}
	return one, used, m.read(ctx, &one)
}
