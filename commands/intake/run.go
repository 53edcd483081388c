package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

const (
	// workers is how many rows are under way at once: enough for the log to commit many together.
	workers = 16
	// batch is how many rows are looked up in the log at once.
	batch = 1000
)

// Counts are what an import comes to.
type Counts struct {
	Rows     int64 `json:"rows" doc:"Rows of the file"`
	Imported int64 `json:"imported" doc:"Rows that made something, or would"`
	Known    int64 `json:"known" doc:"Rows that an earlier import brought in as they are"`
	Like     int64 `json:"duplicates" doc:"Rows that are like a record which is there already"`
	Rejected int64 `json:"rejected" doc:"Rows that cannot be taken, each with its reason"`
	// Once the import was taken back.
	TakenBack int64 `json:"takenBack" doc:"Records that it had made, and that were archived when it was taken back"`
	Kept      int64 `json:"kept" doc:"Records that were not taken back, each with its reason"`
}

// Left is a row that was not taken, and why.
type Left struct {
	Line     int
	Reason   string
	Existing string // the record that it is like; empty where it is wrong by itself
	Cells    []string
}

// Work is a run over a file, or a look at what one would come to.
type Work struct {
	Use    *commands.Commands
	By     commands.Caller // tenant, actor and correlation; the rows' commands have ids of their own
	Reader *Reader
	// Look changes nothing.
	Look bool
	// Since is when the run began of which this is the rest: what was recorded from then on it imported itself. Zero: it is none.
	Since time.Time
	// Left takes the rows that are not taken, in the order of the file. Done takes how many rows were. Either may be nil.
	Left func(Left) error
	Done func(rows int64)

	Counts   Counts
	importer importer
	seen     map[[16]byte]int // line of each key of the rows so far
	read     atomic.Int64
}

// verdict is what bringing an item in comes to.
type verdict struct {
	fault error
	fresh bool // it makes something
	ours  bool // an earlier part of the same run made it
}

// Run takes all rows. An error ends it; what is wrong with one row alone does not.
func (w *Work) Run(ctx context.Context) error {
	w.importer, w.seen = w.Reader.options.Kind.open(w.Use, w.By), map[[16]byte]int{}
	for {
		items, left, err := w.batch()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if err := w.take(ctx, items, left); err != nil {
			return err
		}
		if ended {
			return nil
		}
	}
}

// batch reads rows. What is wrong with one by itself, or because of a row before, is told at once.
func (w *Work) batch() (items []item, left []Left, err error) {
	for len(items)+len(left) < batch {
		r, err := w.Reader.next()
		if errors.Is(err, io.EOF) {
			return items, left, err
		}
		var made item
		if err == nil {
			made, err = w.importer.read(r)
		}
		if err == nil {
			err = w.first(made)
		}
		if bad, ok := faultOf(err); ok {
			left = append(left, Left{r.line, bad.text, bad.existing, r.cells})
			continue
		}
		if err != nil {
			return items, left, fmt.Errorf("line %d: %w", r.line, err)
		}
		items = append(items, made)
	}
	return items, left, nil
}

// first refuses a row that has a key in common with one before. Which of two is taken is so a matter of the file alone, and the same
// in every run.
func (w *Work) first(one item) error {
	hashes := make([][16]byte, len(one.keys))
	for i, key := range one.keys {
		hashes[i] = [16]byte(eventstore.HashParts([]byte(key)))
		if line, twice := w.seen[hashes[i]]; twice {
			return rowError{text: fmt.Sprintf("is the same record as line %d", line)}
		}
	}
	for _, hash := range hashes {
		w.seen[hash] = one.row.line
	}
	return nil
}

// take brings items in, and tells those that were left.
func (w *Work) take(ctx context.Context, items []item, left []Left) error {
	verdicts, err := w.look(ctx, items)
	if err != nil {
		return err
	}
	w.count(int64(len(left)))
	if err := w.bring(ctx, items, verdicts); err != nil {
		return err
	}
	for i, v := range verdicts {
		switch bad, isBad := faultOf(v.fault); {
		case isBad:
			left = append(left, Left{items[i].row.line, bad.text, bad.existing, items[i].row.cells})
		case v.fresh || v.ours:
			w.Counts.Imported++
		default:
			w.Counts.Known++
		}
	}
	slices.SortFunc(left, func(a, b Left) int { return a.Line - b.Line })
	for _, one := range left {
		if one.Existing != "" {
			w.Counts.Like++
		} else {
			w.Counts.Rejected++
		}
		if w.Left != nil {
			if err := w.Left(one); err != nil {
				return err
			}
		}
	}
	w.Counts.Rows = w.Counts.Imported + w.Counts.Known + w.Counts.Like + w.Counts.Rejected
	return nil
}

func (w *Work) count(rows int64) {
	done := w.read.Add(rows)
	if w.Done != nil {
		w.Done(done)
	}
}

// bring runs what is fresh.
func (w *Work) bring(ctx context.Context, items []item, verdicts []verdict) error {
	if w.Look {
		w.count(int64(len(items)))
		return nil
	}
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, one := range items {
		v := &verdicts[i]
		if v.fault != nil || !v.fresh {
			w.count(1)
			continue
		}
		g.Go(func() error {
			if working.Err() != nil {
				return context.Cause(working)
			}
			v.fresh, v.fault = one.bring(working, one.steps)
			if _, bad := faultOf(v.fault); v.fault != nil && !bad {
				return fmt.Errorf("line %d: %w", one.row.line, v.fault)
			}
			w.count(1)
			return nil
		})
	}
	return g.Wait()
}

// look tells what bringing items in would come to, as the log is now.
func (w *Work) look(ctx context.Context, items []item) ([]verdict, error) {
	if err := w.renew(ctx, items); err != nil {
		return nil, err
	}
	var steps []commands.Caller
	for _, one := range items {
		steps = append(steps, one.steps...)
	}
	known, err := w.Use.Recall(ctx, steps)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(items))
	var unasked []item
	var at []int
	for i, one := range items {
		ended := known[:len(one.steps)]
		known = known[len(one.steps):]
		if ended[0] == (eventstore.Recalled{}) {
			unasked, at = append(unasked, one), append(at, i)
			continue
		}
		if verdicts[i], err = w.after(ctx, one, ended); err != nil {
			return nil, err
		}
	}
	like, err := w.importer.like(ctx, unasked)
	if err != nil {
		return nil, err
	}
	for i, fault := range like {
		verdicts[at[i]] = verdict{fault: fault, fresh: fault == nil}
	}
	return verdicts, nil
}

// renew gives items whose record was taken back new steps: they are brought in as if they had never been.
func (w *Work) renew(ctx context.Context, items []item) error {
	at := make([]int, len(items))
	for i := range at {
		at[i] = i
	}
	for len(at) > 0 {
		backs := make([]commands.Caller, len(at))
		for i, n := range at {
			made := items[n].steps[0]
			made.ID, made.Fingerprint = takeBackID(made.Tenant, made.ID), takeBackPrint
			backs[i] = made
		}
		known, err := w.Use.Recall(ctx, backs)
		if err != nil {
			return err
		}
		var taken []int
		for i, n := range at {
			if out := known[i].Outcome; out == nil || out.Verdict != eventstore.Accepted {
				continue
			}
			items[n].steps = slices.Clone(items[n].steps)
			for s, step := range items[n].steps {
				items[n].steps[s].ID = eventstore.CommandID(step.Tenant, "import", "again\n"+step.ID.String())
			}
			taken = append(taken, n)
		}
		at = taken
	}
	return nil
}

// after tells what is left to do of an item whose first step was asked for before. The error is none of the item's.
func (w *Work) after(ctx context.Context, one item, ended []eventstore.Recalled) (v verdict, err error) {
	for _, step := range ended {
		switch {
		case step.Reused:
			v.fault = errChanged
		case step.Outcome != nil:
			v.ours = v.ours || !w.Since.IsZero() && !step.Outcome.RecordedAt.Before(w.Since)
			_, v.fault = outcomeOf(*step.Outcome, nil)
		default:
			v.fresh = true
			if one.may != nil {
				v.fault = w.may(ctx, one, *ended[0].Outcome)
			}
		}
		if v.fault != nil || v.fresh {
			break
		}
	}
	if _, bad := faultOf(v.fault); v.fault != nil && !bad {
		return v, v.fault
	}
	return v, nil
}

func (w *Work) may(ctx context.Context, one item, made eventstore.Outcome) error {
	id, err := commands.MadeBy(made)
	if err != nil {
		return err
	}
	return one.may(ctx, id)
}
