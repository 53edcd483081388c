// Package schemadoc writes docs/schema.md from a migrated database: every table, column, index and policy of the durable
// schemas with its purpose, which is its comment in the database. What has no comment is an error.
//
// Its test compares the document with the database; `go test ./internal/schemadoc -update` writes it.
package schemadoc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// schemas are the durable ones. Read models own theirs and are rebuilt from the log, so they are documented in the code.
var schemas = []string{"log", "app"}

const tablesSQL = `
	select n.nspname as schema, c.relname as name, c.relrowsecurity as secured, c.relforcerowsecurity as forced,
		coalesce(obj_description(c.oid, 'pg_class'), '') as purpose
	from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where n.nspname = any ($1) and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
	order by array_position($1::text[], n.nspname::text), c.relname`

const columnsSQL = `
	select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, not a.attnotnull as nullable,
		coalesce(col_description(a.attrelid, a.attnum), '') as purpose
	from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`

// indexesSQL cuts the definition to what follows the table's name: the columns, and the condition where there is one.
const indexesSQL = `
	select c.relname as name, regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '') as definition,
		i.indisunique as unique, i.indisprimary as primary, coalesce(obj_description(i.indexrelid, 'pg_class'), '') as purpose
	from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = $1::regclass order by not i.indisprimary, c.relname`

const policiesSQL = `
	select p.polname as name,
		case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
		array(select case when r = 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) r order by 1) as roles,
		coalesce(obj_description(p.oid, 'pg_policy'), '') as purpose
	from pg_policy p where p.polrelid = $1::regclass order by p.polname`

type table struct {
	Schema, Name, Purpose string
	Secured, Forced       bool
	columns               []column
	indexes               []index
	policies              []policy
}

type column struct {
	Name, Type, Purpose string
	Nullable            bool
}

type index struct {
	Name, Definition, Purpose string
	Unique, Primary           bool
}

type policy struct {
	Name, Command, Purpose string
	Roles                  []string
}

// Document describes the database that conn is connected to. The error names everything that has no comment.
func Document(ctx context.Context, conn *pgx.Conn) (string, error) {
	tables, err := read(ctx, conn)
	if err != nil {
		return "", fmt.Errorf("read the schema: %w", err)
	}
	if missing := uncommented(tables); len(missing) > 0 {
		return "", errors.New("these have no comment in the database (comment on … is '…'): " + strings.Join(missing, ", "))
	}
	return render(tables), nil
}

func read(ctx context.Context, conn *pgx.Conn) ([]*table, error) {
	tables, err := query[table](ctx, conn, tablesSQL, schemas)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		name := pgx.Identifier{t.Schema, t.Name}.Sanitize()
		if t.columns, err = values(query[column](ctx, conn, columnsSQL, name)); err != nil {
			return nil, err
		}
		if t.indexes, err = values(query[index](ctx, conn, indexesSQL, name)); err != nil {
			return nil, err
		}
		if t.policies, err = values(query[policy](ctx, conn, policiesSQL, name)); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func query[T any](ctx context.Context, conn *pgx.Conn, sql string, argument any) ([]*T, error) {
	rows, err := conn.Query(ctx, sql, argument)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[T])
}

func values[T any](pointers []*T, err error) ([]T, error) {
	result := make([]T, len(pointers))
	for i, p := range pointers {
		result[i] = *p
	}
	return result, err
}

// uncommented lists what has no purpose. A primary key says its own.
func uncommented(tables []*table) []string {
	var missing []string
	want := func(kind, name, purpose string) {
		if strings.TrimSpace(purpose) == "" {
			missing = append(missing, kind+" "+name)
		}
	}
	for _, t := range tables {
		name := t.Schema + "." + t.Name
		want("table", name, t.Purpose)
		for _, c := range t.columns {
			want("column", name+"."+c.Name, c.Purpose)
		}
		for _, i := range t.indexes {
			if !i.Primary {
				want("index", t.Schema+"."+i.Name, i.Purpose)
			}
		}
		for _, p := range t.policies {
			want("policy", p.Name+" on "+name, p.Purpose)
		}
	}
	return missing
}
