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
	// Schema creates the tables, unqualified. Every table has a column tenant uuid; row-level security on it is added.
	Schema string
	// Types are the event types it folds.
	Types []string
	// Personal asks for personal fields in the clear.
	Personal bool
	// Fold adds a batch, in order, in one transaction whose search_path is the projection's schema: ideally one statement a table.
	Fold func(ctx context.Context, tx pgx.Tx, batch []Recorded) error
}

// Recorded is an event with its Go form.
type Recorded struct {
	eventstore.Event
	Fact eventstore.Fact
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

func (p Projection) check(r *eventstore.Registry) error {
	if !validName.MatchString(p.Name) || p.Version < 1 || p.Fold == nil || len(p.Types) == 0 {
		return fmt.Errorf("projection %q: needs a snake_case name, a version, types and a fold", p.Name)
	}
	known := r.Types()
	for _, t := range p.Types {
		if !slices.Contains(known, t) {
			return fmt.Errorf("projection %s folds %s, which is no event type", p.Name, t)
		}
	}
	return nil
}

func schemaName(name string, generation int) string { return fmt.Sprintf("rm_%s_%d", name, generation) }

// install makes the tables of a generation and its checkpoints at 0.
func install(ctx context.Context, tx pgx.Tx, p Projection, generation int) error {
	schema := schemaName(p.Name, generation)
	if _, err := tx.Exec(ctx, `drop schema if exists `+schema+` cascade; select log.create_read_model('`+schema+`');
		grant usage on schema `+schema+` to streamflow_app, streamflow_staff;
		set local search_path = `+schema+`; `+p.Schema); err != nil {
		return fmt.Errorf("create tables of %s: %w", p.Name, err)
	}
	rows, err := tx.Query(ctx, `select table_name::text, exists (select from information_schema.columns c
		where c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = 'tenant')
		from information_schema.tables t where table_schema = $1`, schema)
	if err != nil {
		return err
	}
	type table struct {
		Name   string
		Tenant bool
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return err
	}
	for _, t := range tables {
		if !t.Tenant {
			return fmt.Errorf("projection %s: table %s has no column tenant", p.Name, t.Name)
		}
		name := pgx.Identifier{schema, t.Name}.Sanitize()
		if _, err := tx.Exec(ctx, `alter table `+name+` enable row level security; alter table `+name+` force row level security;
			create policy engine on `+name+` to streamflow_engine using (true) with check (true);
			create policy staff on `+name+` for select to streamflow_staff using (true);
			create policy tenant on `+name+` for select to streamflow_app
				using (tenant = (select nullif(current_setting('streamflow.tenant', true), '')::uuid));
			grant select on `+name+` to streamflow_app, streamflow_staff`); err != nil {
			return fmt.Errorf("secure table %s of %s: %w", t.Name, p.Name, err)
		}
	}
	_, err = tx.Exec(ctx, `insert into log.checkpoint (projection, generation, lane) select $1, $2, lane from log.lane
		on conflict (projection, generation, lane) do update set position = 0, event = null`, p.Name, generation)
	return err
}

// decode gives the events of the projection's types with their Go forms.
func (p Projection) decode(ctx context.Context, l *eventstore.Log, events []eventstore.Event) ([]Recorded, error) {
	batch := make([]Recorded, 0, len(events))
	if p.Personal {
		var mine []eventstore.Event
		for _, e := range events {
			if slices.Contains(p.Types, e.Type) {
				mine = append(mine, e)
			}
		}
		facts, err := l.Decode(ctx, mine)
		for i := range facts {
			batch = append(batch, Recorded{mine[i], facts[i]})
		}
		return batch, err
	}
	for _, e := range events {
		if !slices.Contains(p.Types, e.Type) {
			continue
		}
		f, err := l.Registry().Decode(e)
		if err != nil {
			return nil, err
		}
		batch = append(batch, Recorded{e, f})
	}
	return batch, nil
}
