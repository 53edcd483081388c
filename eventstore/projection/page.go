package projection

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// chunk is how many events are worth a goroutine of their own to decode.
	chunk = 250
	// A page is read as large as pageBytes allow, and never smaller than leastPage: of the largest events that is as much.
	pageBytes = 8 << 20
	leastPage = 32
)

// page is what is folded at a time: a lane's events up to its last one. Those that nobody folds may be missing from it.
type page struct {
	events []eventstore.Event
	plain  form // for projections that see no personal data
	clear  form // for those that do
}

// form is the events' Go form; nil where nobody asks for one. With an error there is none, and each event has to be tried alone.
type form struct {
	facts []eventstore.Fact
	err   error
}

func (pg page) last() eventstore.Event { return pg.events[len(pg.events)-1] }

// decode gives the events their Go forms, once for all projections.
func (e *Engine) decode(ctx context.Context, group []*liveProjection, events []eventstore.Event) page {
	pg := page{events: events}
	plain, clear := map[string]bool{}, map[string]bool{}
	for _, p := range group {
		types := plain
		if p.Personal {
			types = clear
		}
		for _, t := range p.Types {
			types[t] = true
		}
	}
	if len(plain) > 0 {
		pg.plain = e.decodePlain(events, plain)
	}
	if len(clear) > 0 {
		pg.clear = e.decodeClear(ctx, events, clear)
	}
	return pg
}

func (e *Engine) decodePlain(events []eventstore.Event, types map[string]bool) form {
	f := form{facts: make([]eventstore.Fact, len(events))}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < len(events); from += chunk {
		g.Go(func() (err error) {
			for i := from; i < min(from+chunk, len(events)); i++ {
				if !types[events[i].Type] {
					continue
				}
				if f.facts[i], err = e.log.Registry().Decode(events[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f.err = g.Wait()
	return f
}

func (e *Engine) decodeClear(ctx context.Context, events []eventstore.Event, types map[string]bool) form {
	f := form{facts: make([]eventstore.Fact, len(events))}
	var mine []eventstore.Event
	var at []int
	for i, ev := range events {
		if types[ev.Type] {
			mine, at = append(mine, ev), append(at, i)
		}
	}
	facts, err := e.log.Decode(ctx, mine)
	for i, fact := range facts {
		f.facts[at[i]] = fact
	}
	f.err = err
	return f
}

// batch is what a projection folds of a page.
func (p *liveProjection) batch(pg page) ([]Recorded, error) {
	f := pg.plain
	if p.Personal {
		f = pg.clear
	}
	if f.err != nil {
		return nil, f.err
	}
	batch := make([]Recorded, 0, len(pg.events))
	for i, ev := range pg.events {
		if !p.wants[ev.Type] {
			continue
		}
		r := Recorded{Event: ev}
		if f.facts != nil {
			r.Fact = f.facts[i]
		}
		batch = append(batch, r)
	}
	return batch, nil
}

// sized is how many events to read next, after these of a page of limit.
func sized(limit, most int, events []eventstore.Event) int {
	if len(events) == 0 {
		return min(limit, most)
	}
	total := len(events)
	for _, e := range events {
		total += len(e.Data)
	}
	return max(leastPage, min(pageBytes/(total/len(events)), 4*limit, most))
}
