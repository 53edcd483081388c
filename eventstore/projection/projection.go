// Package projection folds the log into read models: tables that are a deterministic function of the events up to a checkpoint.
//
// A projection's tables live in a schema of their own, rm_<name>_<generation>. The effect of a batch and the checkpoint are
// one transaction, and the checkpoint moves by compare-and-set, so an event is folded exactly once and a second projector of
// the same name is fenced. A rebuild fills the next generation beside the live one and is switched to in one transaction.
package projection

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// Projection is a read model's definition. It sees no clock, no random numbers and nothing but its own tables.
type Projection struct {
	Name    string // snake_case
	Version int    // raise it with every change of Schema or Fold: the tables are then built anew
	// Schema creates the tables, unqualified, by names that no other projection has. Every table has a column tenant uuid; row-level security on it is added.
	Schema string
	// Indexes follows Schema: what only readers need, and a rebuild makes once the tables are full.
	Indexes string
	// Types are the event types it folds.
	Types []string
	// Bare are event types that it folds without what they say: their Fact may be nil, and is not decoded for it.
	Bare []string
	// Compared is for a table whose rows depend on how events came in batches: a select, with %s for the table, of rows that do not.
	Compared map[string]string
	// Personal asks for personal fields in the clear.
	Personal bool
	// Fold queues what a batch of one lane, in order, does to the tables: ideally one statement a table. They are sent together with those of
	// others. It may read its tables, by a connection in the transaction whose search_path finds them. What it panics over is parked, as what it
	// or one of its statements fails on is.
	Fold func(ctx context.Context, read *pgx.Conn, batch []Recorded, writes *pgx.Batch) error

	wants map[string]bool // Types and Bare
}

// Recorded is an event with its Go form.
type Recorded struct {
	eventstore.Event
	Fact eventstore.Fact
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

func (p Projection) check(r *eventstore.Registry) error {
	if !validName.MatchString(p.Name) || p.Version < 1 || p.Fold == nil || len(p.Types)+len(p.Bare) == 0 {
		return fmt.Errorf("projection %q: needs a snake_case name, a version, types and a fold", p.Name)
	}
	known := r.Types()
	for _, t := range slices.Concat(p.Types, p.Bare) {
		if !slices.Contains(known, t) {
			return fmt.Errorf("projection %s folds %s, which is no event type", p.Name, t)
		}
	}
	return nil
}
