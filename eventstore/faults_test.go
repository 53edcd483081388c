package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
)

// faults breaks a server under callers. Who has an answer outstanding hears of it; who has lost one waits until it is over.
type faults struct {
	t       *testing.T
	server  *pgtest.Dedicated
	outage  sync.RWMutex
	answers atomic.Int64
	happen  []func(context.Context) error
}

const (
	answersPerFault = 200
	database        = "log"
)

// slowCommits lets every commit take two milliseconds more, so that most sessions that end at random end while they commit.
func slowCommits(ctx context.Context, server *pgtest.Dedicated) error {
	return execAdmin(ctx, server, `alter database `+database+` set commit_delay = 2000`, `alter database `+database+` set commit_siblings = 0`)
}

func execAdmin(ctx context.Context, server *pgtest.Dedicated, statements ...string) error {
	conn, err := pgx.Connect(ctx, server.AdminURL(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// terminate ends sessions, those that commit just now or any, as an administrator or a failing machine does.
func (f *faults) terminate(which string) func(context.Context) error {
	return func(ctx context.Context) error {
		return execAdmin(ctx, f.server, `select pg_terminate_backend(pid) from pg_stat_activity
			where datname = '`+database+`' and pid <> pg_backend_pid() and `+which)
	}
}

func (f *faults) stopAtOnce(context.Context) error {
	f.server.Halt()
	f.server.Resume()
	return nil
}

func (f *faults) kill(context.Context) error {
	f.server.Kill()
	f.server.WaitReady()
	return nil
}

// answered counts a caller's answer, lets it bring about the next fault when that is due, and holds up who lost its answer.
func (f *faults) answered(ctx context.Context, r result) {
	if n := f.answers.Add(1); n%answersPerFault == 0 {
		f.outage.Lock()
		defer f.outage.Unlock()
		if err := f.happen[int(n/answersPerFault)%len(f.happen)](ctx); err != nil {
			f.t.Errorf("fault: %v", err)
		}
		return
	}
	if r.unknown {
		f.outage.RLock()
		defer f.outage.RUnlock()
	}
}

// update decides a command through Update, on a stream that only such commands write, and again if the answer was lost.
func (f *faults) update(ctx context.Context, h *history, node *eventstore.Log, o op, stream eventstore.Stream) {
	for again := true; again && ctx.Err() == nil; {
		r := result{start: h.clock.Add(1)}
		r.out, r.err = node.Update(ctx, o.append().Command, []eventstore.Stream{stream}, func(ctx context.Context, d *eventstore.Decision) error {
			b, version, err := eventstore.State[board](ctx, d, stream)
			if err == nil && b.Notes != version {
				err = fmt.Errorf("%s has %d notes at version %d", stream, b.Notes, version)
			}
			if err != nil {
				return err
			}
			o.At = map[eventstore.Stream]int{stream: version}
			switch o.Verdict {
			case eventstore.Refused:
				d.Refuse(o.Code, nil)
			case eventstore.Accepted:
				o.Writes = []opWrite{{Stream: stream, Facts: []opFact{{Text: fmt.Sprintf("%x", o.Command[:4])}}}}
				d.Append(stream, o.Writes[0].Facts[0].fact())
			}
			d.Answer(rawParams(o.params()))
			return nil
		})
		r.end, r.op = h.clock.Add(1), o
		if again = lost(r.err); again && o.At == nil { // lost before it decided anything: nothing was sent
			f.answered(ctx, result{unknown: true})
			continue
		}
		r.unknown = again
		h.add(r)
		f.answered(ctx, r)
	}
}

type rawParams []byte

func (p rawParams) MarshalJSON() ([]byte, error) { return p, nil }

// follow reads a lane while others write it and the server comes and goes. Whatever it sees is the next position, for ever (I7).
func (f *faults) follow(ctx context.Context, node *eventstore.Log, lane int) ([]uuid.UUID, error) {
	var seen []uuid.UUID
	for {
		last := ctx.Err() != nil // what was committed before is still to be read
		page, err := node.ReadLane(context.WithoutCancel(ctx), lane, int64(len(seen)), 1000)
		switch {
		case errors.Is(err, eventstore.ErrUnavailable):
			f.outage.RLock()
			f.outage.RUnlock()
			continue
		case err != nil:
			return nil, err
		case last && len(page) == 0:
			return seen, nil
		}
		for _, e := range page {
			if e.Position != int64(len(seen))+1 {
				return nil, fmt.Errorf("lane %d: position %d follows %d", lane, e.Position, len(seen))
			}
			seen = append(seen, e.ID)
		}
		if len(page) == 0 {
			committed, stop := node.Committed(lane, int64(len(seen)))
			select {
			case <-committed:
			case <-ctx.Done():
			}
			stop()
		}
	}
}

// TestServerFailsUnderLoad: Postgres is stopped at once, killed, and ends sessions at random and while they commit. Nothing that
// was acknowledged is lost, nothing happens twice, and who reads meanwhile sees a prefix.
func TestServerFailsUnderLoad(t *testing.T) {
	server := pgtest.Server(t)
	f := &faults{t: t, server: server}
	any, committing := f.terminate(`random() < 0.5`), f.terminate(`state = 'active'`)
	f.happen = []func(context.Context) error{f.stopAtOnce, any, committing, committing, f.kill, any, committing, committing}
	s := storeAt(t, server.New(database, func(ctx context.Context, url string) error {
		return errors.Join(slowCommits(ctx, server), migrate(ctx, url))
	}), 2)
	seed := seed(t)
	w := newWorld(rand.New(rand.NewPCG(seed, 0)), 4, 20)
	var h history
	nodes := []*eventstore.Log{s.log, s.node(nil)}
	writing, finished := context.WithCancel(t.Context())
	defer finished()

	var readers, writers sync.WaitGroup
	seen := make([][]uuid.UUID, s.log.Lanes())
	for i := range seen {
		readers.Go(func() {
			var err error
			if seen[i], err = f.follow(writing, nodes[i%len(nodes)], i+1); err != nil {
				t.Error(err)
			}
		})
	}
	n := int64(*faultsFlag * len(f.happen) * answersPerFault / 3)
	for caller := range 40 {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(caller)+1))
			node := nodes[caller%len(nodes)]
			for f.answers.Load() < n {
				if caller >= 32 {
					o := op{Tenant: w.tenants[caller/4%len(w.tenants)], Command: randomID(rng), Fingerprint: "request"}
					if rng.IntN(4) == 0 {
						o.Verdict, o.Code = eventstore.Refused, "no"
					}
					f.update(t.Context(), &h, node, o, eventstore.Stream(fmt.Sprintf("tally-%d", caller/4)))
				} else {
					f.answered(t.Context(), h.call(t.Context(), node, w, w.next(rng)))
				}
			}
		})
	}
	writers.Wait()
	h.settle(t.Context(), s.log, w)
	finished()
	readers.Wait()
	t.Logf("%d calls: %v", len(h.results), h.endings())
	if h.endings()["unknown"] == 0 {
		t.Error("no answer was lost")
	}
	s.check(&h)
	for i, events := range s.load().ids(s.log.Lanes()) {
		if fmt.Sprint(seen[i]) != fmt.Sprint(events) {
			t.Errorf("lane %d: the reader saw %d events, not the %d that there are, or others", i+1, len(seen[i]), len(events))
		}
	}
}

// ids lists the events of each lane, in order. By chance every tenant may live in the same one.
func (l *storedLog) ids(lanes int) [][]uuid.UUID {
	all := make([][]uuid.UUID, lanes)
	for lane, events := range l.lanes {
		for _, e := range events {
			all[lane-1] = append(all[lane-1], e.ID)
		}
	}
	return all
}
