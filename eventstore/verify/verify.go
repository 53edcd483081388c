// Package verify checks the invariants of a running installation on the data that it has: positions and versions are dense (I3, I4),
// the bus has the log's events (I8), read models are what the log gives (I9), and nothing that was sealed has changed (I11). What it
// finds wrong it names by its position.
//
// It changes nothing, and appends, relay and sealer go on meanwhile: a check covers what was committed when it began. It keeps a few pages of events in
// memory, however long the log is; what needs an order of its own (versions, ids) Postgres sorts.
package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/eventstore/seal"
)

// pageEvents are read at a time and a few pages are under way: of the largest events 128 MiB each, of usual ones half a megabyte.
const pageEvents = 500

// Config says what is checked. Log, Pool and Seals are required.
type Config struct {
	Log    *eventstore.Log
	Pool   *pgxpool.Pool // connections in the engine role
	Seals  *seal.Store
	Conn   *nats.Conn // nil leaves out the bus
	Source string     // what the installation is called on the bus
	Lane   int        // 0: every one, and the read models
	// Projector has the read models; nil leaves them out.
	Projector *projection.Engine
	// Progress hears now and then how many of how many events have been read; nil hears nothing.
	Progress func(done, total int64)
}

// Kind is a way in which an invariant is broken.
type Kind string

// The kinds; of each the first position is reported.
const (
	Gap     Kind = "gap"     // I3: a position has no event
	Head    Kind = "head"    // I3: an event stands above the lane's head
	Time    Kind = "time"    // I3: recorded time falls
	ID      Kind = "id"      // I3: two events have one id
	Version Kind = "version" // I4: versions of a stream are not dense, or do not rise with position
	Message Kind = "message" // I8: a message on the bus is not the log's event
	Model   Kind = "model"   // I9: a read model is not the fold of the log
	Changed Kind = "changed" // I11: an event is not what was sealed, or is gone
	Broken  Kind = "broken"  // I11: a seal is not one that this installation signed, or does not extend the one before it
)

var invariantOf = map[Kind]string{
	Gap: "I3", Head: "I3", Time: "I3", ID: "I3", Version: "I4", Message: "I8", Model: "I9", Changed: "I11", Broken: "I11",
}

// Fault is the first place in a lane where something of a kind is wrong, or a read model that is.
type Fault struct {
	Invariant  string `json:"invariant"`
	Kind       Kind   `json:"kind"`
	Lane       int    `json:"lane,omitempty"`
	Position   int64  `json:"position,omitempty"` // of a broken seal its size
	Projection string `json:"projection,omitempty"`
	What       string `json:"what"`
}

func (f Fault) String() string {
	if f.Projection != "" {
		return fmt.Sprintf("%s projection %s: %s", f.Invariant, f.Projection, f.What)
	}
	return fmt.Sprintf("%s lane %d position %d: %s", f.Invariant, f.Lane, f.Position, f.What)
}

// Lane is what was checked of one.
type Lane struct {
	Lane        int    `json:"lane"`
	Head        int64  `json:"head"`
	Sealed      int64  `json:"sealed"` // positions that seals cover
	Seals       int    `json:"seals"`
	VerifierKey string `json:"verifierKey"` // with which outsiders check the lane's seals
	Bus         *Kept  `json:"bus"`         // null: not looked at
}

// Report is the result of [Run].
type Report struct {
	Lanes       []Lane   `json:"lanes"`
	Projections []string `json:"projections"` // that were compared
	Faults      []Fault  `json:"faults"`      // by lane and position, then by projection; none is good
}

// Run checks. An error means that it could not; what is wrong with the data is in the report.
func Run(ctx context.Context, c Config) (Report, error) {
	report := Report{Projections: []string{}, Faults: []Fault{}}
	lanes := []int{c.Lane}
	if c.Lane == 0 {
		lanes = lanes[:0]
		for lane := 1; lane <= c.Log.Lanes(); lane++ {
			lanes = append(lanes, lane)
		}
	}
	heads, err := c.Log.Heads(ctx)
	if err != nil {
		return report, err
	}
	models, err := c.projections(ctx)
	if err != nil {
		return report, err
	}
	p := progress{hear: c.Progress}
	for _, lane := range lanes {
		p.total += heads[lane].Position * int64(1+len(models))
	}
	for _, lane := range lanes {
		l, faults, err := c.checkLane(ctx, lane, &p)
		if err != nil {
			return report, fmt.Errorf("verify lane %d: %w", lane, err)
		}
		report.Lanes, report.Faults = append(report.Lanes, l), append(report.Faults, faults...)
	}
	for _, name := range models {
		faults, err := c.checkModel(ctx, name, &p)
		if err != nil {
			return report, err
		}
		report.Projections, report.Faults = append(report.Projections, name), append(report.Faults, faults...)
	}
	return report, nil
}

type progress struct {
	hear        func(done, total int64)
	done, total int64
}

func (p *progress) add(n int64) {
	p.done += n
	if p.hear != nil {
		p.hear(p.done, max(p.done, p.total))
	}
}

// findings keeps the first fault of each kind. It is safe for concurrent use.
type findings struct {
	lane int
	mu   sync.Mutex
	by   map[Kind]Fault
}

func (f *findings) add(kind Kind, position int64, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, have := f.by[kind]; !have {
		f.by[kind] = Fault{Invariant: invariantOf[kind], Kind: kind, Lane: f.lane, Position: position, What: what}
	}
}

func (f *findings) sorted() []Fault {
	var all []Fault
	for _, fault := range f.by {
		all = append(all, fault)
	}
	slices.SortFunc(all, func(a, b Fault) int { return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

func (c Config) checkLane(ctx context.Context, lane int, p *progress) (Lane, []Fault, error) {
	found := &findings{lane: lane, by: map[Kind]Fault{}}
	l := Lane{Lane: lane}
	// Bus and seals come before the head: whatever they have is then below it.
	var bus *examination
	if c.Conn != nil {
		var err error
		bus, err = examine(ctx, c.Conn, lane, c.Source, func(position int64, what string) { found.add(Message, position, what) })
		if err != nil {
			return l, nil, err
		}
		defer bus.Close()
	}
	seals, err := c.openSeals(ctx, lane, found)
	if err != nil {
		return l, nil, err
	}
	defer seals.close()
	order, epoch, err := c.openOrder(ctx, lane, found)
	if err != nil {
		return l, nil, err
	}
	g, checking := errgroup.WithContext(ctx)
	g.Go(func() error { return order.byPostgres(checking) })
	first, second := make(chan []eventstore.Event, 1), make(chan []eventstore.Event, 1)
	g.Go(func() error { return c.read(checking, lane, order.head, first, second) })
	g.Go(func() error {
		for page := range first {
			for _, e := range page {
				order.event(e)
				if err := seals.event(e); err != nil {
					return err
				}
			}
			p.add(int64(len(page)))
		}
		order.end()
		return seals.end()
	})
	g.Go(func() error {
		for page := range second {
			for i := 0; bus != nil && i < len(page); i++ {
				if err := bus.Event(page[i]); err != nil {
					return err
				}
			}
		}
		if bus != nil {
			return bus.End()
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return l, nil, err
	}
	l.Head, l.Sealed, l.Seals = order.head, seals.newest, seals.count
	if bus != nil {
		kept := bus.Kept()
		l.Bus = &kept
	}
	l.VerifierKey, err = c.Seals.Key().VerifierKey(lane, epoch)
	return l, found.sorted(), err
}

// read gives the lane's pages up to a position to both checks, each of which works at its own pace, a page or two ahead. However it
// ends, the checks hear that there is no more: they wait for nothing else.
func (c Config) read(ctx context.Context, lane int, until int64, checks ...chan<- []eventstore.Event) error {
	defer func() {
		for _, check := range checks {
			close(check)
		}
	}()
	for after := int64(0); after < until; {
		page, err := c.Log.ReadLane(ctx, lane, after, int(min(pageEvents, until-after)))
		if err != nil {
			return err
		}
		for len(page) > 0 && page[len(page)-1].Position > until { // after a gap
			page = page[:len(page)-1]
		}
		if len(page) == 0 {
			break
		}
		for _, check := range checks {
			select {
			case check <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		after = page[len(page)-1].Position
	}
	return nil
}
