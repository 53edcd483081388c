package projection

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropLimit bounds the removal of tables that nobody needs; what stays is removed by the next rebuild.
const dropLimit = 10 * time.Second

// indexMemory lets a few million rows be sorted without files, by one index at a time.
const indexMemory = "256MB"

func schemaName(name string, generation int) string { return fmt.Sprintf("rm_%s_%d", name, generation) }

// install makes the tables of a generation, without their indexes, and its checkpoints at 0.
func install(ctx context.Context, tx pgx.Tx, p Projection, generation int) error {
	schema := schemaName(p.Name, generation)
	if _, err := tx.Exec(ctx, `select log.create_read_model('`+schema+`');
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

// tellApart fails where two projections have a table of one name: statements of both are sent with one search_path.
func (e *Engine) tellApart(ctx context.Context) error {
	names := make([]string, len(e.projections))
	for i, p := range e.projections {
		names[i] = p.Name
	}
	var table, owners string
	err := e.pool.QueryRow(ctx, `select t.tablename::text, string_agg(p.name, ' and ' order by p.name)
		from log.projection p join pg_tables t on t.schemaname = 'rm_' || p.name || '_' || p.generation
		where p.name = any ($1) group by t.tablename having count(*) > 1 limit 1`, names).Scan(&table, &owners)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("projections %s both have a table %s", owners, table)
	}
	return err
}

// index makes what readers need and what the planner knows of the tables.
func index(ctx context.Context, tx pgx.Tx, p Projection, generation int) error {
	schema := schemaName(p.Name, generation)
	if _, err := tx.Exec(ctx, `set local maintenance_work_mem = '`+indexMemory+`'; set local search_path = `+schema+`; `+p.Indexes); err != nil {
		return fmt.Errorf("create indexes of %s: %w", p.Name, err)
	}
	names, err := tables(ctx, tx, schema)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, `analyze `+pgx.Identifier{schema, name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

func tables(ctx context.Context, q querier, schema string) ([]string, error) {
	rows, err := q.Query(ctx, `select tablename::text from pg_tables where schemaname = $1 order by 1`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// nextGeneration removes what earlier attempts left and makes the tables of the next generation, without their indexes. Its number is
// none of theirs: one of them may still be at work, and not know yet that it has lost its lock.
func (e *Engine) nextGeneration(ctx context.Context, p Projection) (generation int, err error) {
	if err := e.pool.QueryRow(ctx, `select greatest(p.generation, p.previous, (select max(c.generation) from log.checkpoint c where c.projection = p.name)) + 1
		from log.projection p where p.name = $1`, p.Name).Scan(&generation); err != nil {
		return 0, err
	}
	if err := e.sweep(ctx, p); err != nil {
		return 0, err
	}
	return generation, pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error { return install(ctx, tx, p, generation) })
}

// sweep removes all generations but the live one and the one to switch back to. The caller is alone with the projection.
func (e *Engine) sweep(ctx context.Context, p Projection) error {
	rows, err := e.pool.Query(ctx, `select nspname::text from pg_namespace where nspname like $1 and not exists
		(select from log.projection p where p.name = $2 and nspname in ('rm_' || name || '_' || generation, 'rm_' || name || '_' || previous))`,
		strings.ReplaceAll(schemaName(p.Name, 0), "0", "%"), p.Name)
	if err != nil {
		return err
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, schema := range schemas {
		number, err := strconv.Atoi(strings.TrimPrefix(schema, "rm_"+p.Name+"_"))
		if err != nil {
			continue // of a projection whose name only begins the same
		}
		if err := e.drop(ctx, p, number); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a generation, even when ctx has ended; but not one that is read, or to switch back to.
func (e *Engine) drop(ctx context.Context, p Projection, generation int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
	defer cancel()
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		var kept bool
		err := tx.QueryRow(ctx, `select coalesce($2 in (generation, previous), false) from log.projection where name = $1 for update`, p.Name, generation).Scan(&kept)
		if err != nil || kept {
			return err
		}
		if _, err := tx.Exec(ctx, `drop schema if exists `+schemaName(p.Name, generation)+` cascade`); err != nil {
			return err
		}
		for _, table := range []string{"log.parked", "log.checkpoint"} {
			if _, err := tx.Exec(ctx, `delete from `+table+` where projection = $1 and generation = $2`, p.Name, generation); err != nil {
				return err
			}
		}
		return nil
	})
}
