package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/eventstore"
)

// StateError says why something cannot be asked of an import as it is; it is an [ErrState].
type StateError struct{ Text string }

func (e StateError) Error() string { return e.Text }

// Is makes it an ErrState.
func (e StateError) Is(target error) bool { return target == ErrState }

// CanUndo says whether what an import made can be taken back: once its run ended, or cannot go on because its file is forgotten, and where
// taking it back stopped.
func (is Import) CanUndo() bool {
	switch is.Action {
	case ActionRun:
		return is.State == Done || is.State == Failed && is.Settings == nil
	case ActionUndo:
		return is.State == Failed
	}
	return false
}

// notUndone says why not.
func (is Import) notUndone() error {
	switch {
	case is.Action == ActionUndo && is.State == Done:
		return StateError{"It was taken back already."}
	case is.Action == ActionUndo:
		return StateError{"It is being taken back."}
	case is.Action == ActionRun && is.State == Failed:
		return StateError{"It stopped before its end. Let it go on first; then all of it can be taken back."}
	case is.Action == ActionRun:
		return StateError{"It is still being imported. It can be taken back when it has ended."}
	}
	return StateError{"Nothing of it was imported, so there is nothing to take back."}
}

// Undo takes an import that ended back. What it comes to is found in the log, so it needs nothing of the file; one whose node ended goes on.
func (d *Desk) Undo(ctx context.Context, by commands.Caller, id uuid.UUID) (Import, error) {
	is, again, err := d.asked(ctx, by, id)
	switch {
	case err != nil, again && is.State != Failed:
		return is, err
	case !is.CanUndo():
		return is, is.notUndone()
	}
	return d.begin(ctx, by, is, ActionUndo)
}

// correlation is what all events of an import have in common, and nothing else has: who sends a request may choose its correlation id, but
// none with a space.
func (is Import) correlation() string { return "import " + is.ID.String() }

// takeBackID is the id of the command that takes back what another made: the same in every try, so nothing is taken back twice, and the
// importer knows by it what may be brought in anew.
func takeBackID(tenant, made uuid.UUID) uuid.UUID {
	return eventstore.CommandID(tenant, "import", "take back\n"+made.String())
}

// retreaters is how many leads are under way at once: each is read first, so it takes more of them than of rows for the log to commit many
// together.
const retreaters = 4 * workers

var takeBackPrint = []byte("take back")

// clocksApart is how far the clock of a database server may be behind that of the one before it: the import's own time only bounds the search.
const clocksApart = time.Hour

// retreat is a run over what an import made.
type retreat struct {
	desk *Desk
	is   Import
	by   commands.Caller
	left *leftWriter
	done *atomic.Int64

	counts Counts
}

// takeBack archives the leads that the import made, but for those that somebody has worked on since.
func (d *Desk) takeBack(ctx context.Context, o order, done *atomic.Int64) (Counts, error) {
	r := retreat{desk: d, is: o.is, by: o.by, left: &leftWriter{parts: d.partsOf(o.is.ID, "kept", o.worker)}, done: done, counts: o.is.Counts}
	r.by.Correlation = o.is.correlation()
	r.counts.TakenBack, r.counts.Kept = 0, 0
	if err := r.left.parts.clear(ctx); err != nil {
		return r.counts, err
	}
	err := r.run(ctx)
	return r.counts, errors.Join(err, r.left.flush(ctx))
}

func (r *retreat) run(ctx context.Context) error {
	log := r.desk.use.Log
	before, err := log.AsOf(ctx, r.is.CreatedAt.Add(-clocksApart))
	if err != nil {
		return err
	}
	until, err := log.Heads(ctx) // when the run made its last is not known where its node ended first
	if err != nil {
		return err
	}
	lane := log.LaneOf(r.is.Tenant)
	f := eventstore.Filter{Tenant: r.is.Tenant, Types: []string{lead.Created{}.Type(), lead.Converted{}.Type()}, Correlation: r.is.correlation()}
	for after := before[lane].Position; ; {
		events, err := log.Find(ctx, lane, after, until[lane].Position, batch, f)
		if err != nil {
			return err
		}
		if err := r.page(ctx, events); err != nil || len(events) < batch {
			return err
		}
		after = events[len(events)-1].Position
	}
}

// page takes back what some events of the import made.
func (r *retreat) page(ctx context.Context, events []eventstore.Event) error {
	refs := make([]eventstore.Ref, len(events))
	for i, e := range events {
		refs[i] = eventstore.Ref{Tenant: e.Tenant, Stream: e.Stream}
	}
	now, err := r.desk.use.Log.Heads(ctx)
	if err != nil {
		return err
	}
	all, err := r.desk.use.Log.ReadStreams(ctx, refs, now)
	if err != nil {
		return err
	}
	if _, err := r.desk.use.Log.Decode(ctx, all); err != nil { // the persons' keys, which every decision needs, all at once
		return err
	}
	streams := map[eventstore.Stream][]eventstore.Event{}
	for _, e := range all {
		if known := streams[e.Stream]; len(known) < e.Version { // one that was named twice is read twice
			streams[e.Stream] = append(known, e)
		}
	}
	why := make([]string, len(events))
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(retreaters)
	for i, e := range events {
		stream := streams[e.Stream]
		if e.Version > 1 && stream[0].CorrelationID == r.is.correlation() {
			continue // it was dealt with where it was made
		}
		g.Go(func() (err error) {
			if working.Err() != nil {
				return context.Cause(working)
			}
			if why[i], err = r.one(working, stream); err != nil {
				return fmt.Errorf("take %s back: %w", e.Stream, err)
			}
			r.done.Add(1)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.tell(ctx, events, why)
}

// tell counts what was taken back, and writes down what was not and why.
func (r *retreat) tell(ctx context.Context, events []eventstore.Event, why []string) error {
	for i, e := range events {
		switch {
		case why[i] != "":
			r.counts.Kept++
			if err := r.left.add(ctx, Left{Reason: why[i], Existing: e.Stream.ID()}); err != nil {
				return err
			}
		case e.Version == 1:
			r.counts.TakenBack++
		}
	}
	return nil
}

// one takes a lead back, or says why it stays.
func (r *retreat) one(ctx context.Context, events []eventstore.Event) (why string, err error) {
	made := events[0]
	back := takeBackID(r.is.Tenant, made.CommandID)
	if made.CorrelationID != r.is.correlation() {
		return "was there before the import, which converted it: that stays", nil
	}
	ours := func(e eventstore.Event) bool {
		return e.CommandID == back || e.CorrelationID == r.is.correlation() && (e.Version == 1 || e.Type == lead.Converted{}.Type())
	}
	if i := slices.IndexFunc(events, func(e eventstore.Event) bool { return !ours(e) }); i >= 0 {
		return "was " + happened(events[i].Type) + " since it was imported", nil
	}
	last := events[len(events)-1]
	switch {
	case last.CommandID == back:
		return "", nil
	case last.Type == lead.Converted{}.Type():
		return "was converted by the import itself: the opportunity, and what else was made of it, stay", nil
	}
	by := r.by
	by.ID, by.Fingerprint, by.Version, by.Cause = back, takeBackPrint, last.Version, made.ID
	out, err := r.desk.use.ArchiveLead(ctx, by, made.Stream.ID())
	switch {
	case errors.Is(err, commands.ErrVersion):
		return "was changed while it was taken back", nil
	case err != nil:
		return "", err
	}
	_, err = outcomeOf(out, nil)
	if bad, isBad := faultOf(err); isBad {
		return bad.text, nil
	}
	return "", err
}

// happened says in a word what an event did to a lead.
func happened(event string) string {
	_, fact, _ := strings.Cut(event, ".")
	switch fact {
	case "updated":
		return "edited"
	case "noted":
		return "written about"
	case "assigned":
		return "given to another owner"
	}
	return strings.ReplaceAll(fact, "_", " ")
}

// Kept gives the records that were not taken back, each with the reason, until each says that it has had enough.
func (d *Desk) Kept(ctx context.Context, is Import, each func(Left) (more bool, err error)) error {
	return d.told(ctx, is.ID, "kept", each)
}
