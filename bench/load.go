package main

import (
	"context"
	"sync"
	"syscall"
	"time"
)

// call does one unit of work and says how many events that was.
type call func(ctx context.Context) (events int, err error)

// sample is what one turn of a load did.
type sample struct {
	events    int
	seconds   float64
	latencies []time.Duration // of calls; a turn of seconds is bounded by what the machine can do in it
	clientCPU float64         // seconds, of this process
	serverCPU float64         // seconds, of Postgres
	wal       float64         // bytes
}

func (s sample) rate() float64 { return float64(s.events) / s.seconds }

// cpuMicros is what one event costs this process and Postgres together.
func (s sample) cpuMicros() float64 { return (s.clientCPU + s.serverCPU) * 1e6 / float64(s.events) }

// load is a closed loop: as many callers as there are calls, each beginning the next call when the last one was answered.
type load struct {
	house *house
	pid   int // of Postgres
	calls []call
}

// warmup is the share of a turn that is run before it and not counted: connections, plans, caches.
const warmup = 0.15

func (l load) turn(ctx context.Context, d time.Duration) (sample, error) {
	if _, err := closedLoop(ctx, l.calls, time.Duration(warmup*float64(d))); err != nil {
		return sample{}, err
	}
	m, err := l.house.meter(ctx, l.pid)
	if err != nil {
		return sample{}, err
	}
	began := time.Now()
	s, err := closedLoop(ctx, l.calls, d)
	if err != nil {
		return s, err
	}
	s.seconds = time.Since(began).Seconds()
	return s, m.read(ctx, &s)
}

func closedLoop(ctx context.Context, calls []call, d time.Duration) (all sample, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end := time.Now().Add(d)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, one := range calls {
		wg.Go(func() {
			var mine sample
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				n, err := one(ctx)
				if err != nil {
					cancel(err) // only the first one counts
					return
				}
				then := time.Now()
				mine.latencies = append(mine.latencies, then.Sub(now))
				mine.events += n
				now = then
			}
			mu.Lock()
			defer mu.Unlock()
			all.events += mine.events
			all.latencies = append(all.latencies, mine.latencies...)
		})
	}
	wg.Wait()
	return all, context.Cause(ctx)
}

// meter measures what work costs between its making and its reading.
type meter struct {
	house               *house
	pid                 int
	client, server, wal float64
}

func (h *house) meter(ctx context.Context, pid int) (meter, error) {
	m := meter{house: h, pid: pid, client: ownCPU(), server: processTicks(pid) / ticksPerSecond}
	var err error
	m.wal, err = h.walBytes(ctx)
	return m, err
}

func (m meter) read(ctx context.Context, s *sample) error {
	s.clientCPU, s.serverCPU = ownCPU()-m.client, processTicks(m.pid)/ticksPerSecond-m.server
	wal, err := m.house.walBytes(ctx)
	s.wal = wal - m.wal
	return err
}

// ownCPU is this process's CPU time so far, in seconds, without its children's.
func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// turns are the samples of loads that took turns, round by round.
type turns struct{ ours, limit []sample }

// versus lets two loads take turns, and swaps who begins, so that neither always runs in the other's wake.
func (s *suite) versus(ctx context.Context, limit, ours load) (turns, error) {
	var t turns
	n, d := s.rounds()
	for i := range n {
		for turn := range 2 {
			if (turn == 0) == (i%2 == 0) {
				one, err := limit.turn(ctx, d)
				if err != nil {
					return t, err
				}
				t.limit = append(t.limit, one)
			} else {
				one, err := ours.turn(ctx, d)
				if err != nil {
					return t, err
				}
				t.ours = append(t.ours, one)
			}
		}
	}
	return t, nil
}

// compare is a figure of both sides over the rounds; more is better, or less.
func (t turns) compare(name, unit string, target float64, less bool, figure func(sample) float64) result {
	var ours, limit, ratios []float64
	for i := range t.ours {
		o, l := figure(t.ours[i]), figure(t.limit[i])
		ours, limit = append(ours, o), append(limit, l)
		if less {
			o, l = l, o
		}
		if l > 0 {
			ratios = append(ratios, o/l)
		}
	}
	return result{Name: name, Value: median(ours), Unit: unit, Limit: median(limit), Ratio: median(ratios), Target: target,
		Min: minimum(ours), Max: maximum(ours)}
}

func (t turns) rate(name string, target float64) result {
	return t.compare(name, "events/s", target, false, sample.rate)
}

func (t turns) latency(name string, p float64) result {
	return t.compare(name, "ms", 0, true, func(s sample) float64 { return percentile(s.latencies, p) })
}

func (t turns) cpu(name string) result {
	return t.compare(name, "µs/event", 0, true, sample.cpuMicros)
}

func (t turns) wal(name string) result {
	return t.compare(name, "bytes/event", 0, true, func(s sample) float64 { return s.wal / float64(s.events) })
}
