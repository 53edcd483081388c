package projection

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Difference is how a table of a read model differs from the fold of the log.
type Difference struct {
	Table   string `json:"table"`
	Missing int64  `json:"missing"` // rows of the fold that the live table does not have
	Extra   int64  `json:"extra"`   // rows of the live table that the fold does not have
	First   string `json:"first"`   // the key of one of those rows, as JSON; without a primary key what there is of tenant, lane and position
}

func (d Difference) String() string {
	return fmt.Sprintf("table %s lacks %d rows and has %d too many, first %s", d.Table, d.Missing, d.Extra, d.First)
}

// DifferenceError: a rebuilt projection is not what the live one is, so one of them is wrong.
type DifferenceError struct {
	Projection  string
	Differences []Difference
}

func (e *DifferenceError) Error() string {
	texts := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		texts[i] = d.String()
	}
	return fmt.Sprintf("the live %s is not what the log gives, and stays as it is: %s; raise its version, or force the rebuild", e.Projection, strings.Join(texts, "; "))
}

// errIncomparable: the live generation stands on events that the log lost, or is of another version.
var errIncomparable = errors.New("what is live is of another version, or of events that the log has no longer: rebuild it")

// fillAndCompare folds up to where the live generation stands and says how that differs from it, in one snapshot of both.
func (g *generation) fillAndCompare(ctx context.Context) (differences []Difference, err error) {
	b, err := readBlue(ctx, g.pool, g.Name, "")
	if err != nil {
		return nil, err
	}
	if !b.sound || b.version != g.Version {
		return nil, errIncomparable
	}
	if err := g.fill(ctx, b.positions); err != nil {
		return nil, err
	}
	generation, folded := b.generation, int64(0)
	err = pgx.BeginTxFunc(ctx, g.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if b, err = readBlue(ctx, tx, g.Name, ""); err != nil {
			return err
		}
		if b.generation != generation {
			return errors.New("it was switched meanwhile")
		}
		if folded, err = g.catchUp(ctx, tx, b.positions); err != nil {
			return err
		}
		// Whole tables are read: without this by an index, row by row, as probes are.
		if _, err := tx.Exec(ctx, `set local enable_seqscan = on`); err != nil {
			return err
		}
		differences, err = g.compare(ctx, tx, schemaName(g.Name, b.generation), schemaName(g.Name, g.number))
		return err
	})
	if err == nil && folded > 0 {
		g.report(folded)
	}
	return differences, err
}

// blue is the generation that is read meanwhile.
type blue struct {
	generation, version int
	sound               bool // the log has every event it stands on
	positions           map[int]int64
}

// readBlue says where the live generation stands, but no further than the log goes.
func readBlue(ctx context.Context, q querier, name, lock string) (blue, error) {
	b := blue{sound: true, positions: map[int]int64{}}
	rows, err := q.Query(ctx, `select p.generation, p.version, c.lane, least(c.position, l.head),
			c.position = 0 or exists (select from log.event e where e.lane = c.lane and e.position = c.position and e.id = c.event)
		from log.checkpoint c join log.projection p on p.name = c.projection and p.generation = c.generation join log.lane l on l.lane = c.lane
		where p.name = $1 order by c.lane`+lock, name)
	if err != nil {
		return b, err
	}
	var lane int
	var position int64
	var sound bool
	_, err = pgx.ForEachRow(rows, []any{&b.generation, &b.version, &lane, &position, &sound}, func() error {
		b.positions[lane] = position
		b.sound = b.sound && sound
		return nil
	})
	return b, err
}

// compare holds the tables of two schemas against each other. Most are equal, which a sum of hashes tells in one pass each.
func (p Projection) compare(ctx context.Context, tx pgx.Tx, live, fold string) ([]Difference, error) {
	names, err := tables(ctx, tx, fold)
	if err != nil {
		return nil, err
	}
	var differences []Difference
	for _, name := range names {
		a, b := p.rowsOf(live, name), p.rowsOf(fold, name)
		hash := `hash_record_extended(t, 0)`
		var text, same bool
		if err := tx.QueryRow(ctx, `select exists (select from information_schema.columns where table_schema = $1 and table_name = $2 and data_type in ('json', 'xml'))`,
			fold, name).Scan(&text); err != nil {
			return nil, err
		}
		if text { // no hash is defined of these
			hash = `hashtextextended(t::text, 0)`
		}
		sum := `(select row(count(*), sum(` + hash + `)) from %s t)`
		if err := tx.QueryRow(ctx, fmt.Sprintf(`select `+sum+` is not distinct from `+sum, a, b)).Scan(&same); err != nil {
			return nil, err
		}
		if same {
			continue
		}
		key, err := keyColumns(ctx, tx, fold, name)
		if err != nil {
			return nil, err
		}
		if p.Compared[name] != "" {
			key = append(key, "position")
		}
		d := Difference{Table: name}
		if err := d.count(ctx, tx, a, b, key); err != nil {
			return nil, err
		}
		differences = append(differences, d)
	}
	return differences, nil
}

// rowsOf is what is compared of a table, to select from.
func (p Projection) rowsOf(schema, table string) string {
	name := pgx.Identifier{schema, table}.Sanitize()
	if sql := p.Compared[table]; sql != "" {
		return "(" + fmt.Sprintf(sql, name) + ")"
	}
	return name
}

// count finds the rows that only one of two tables has. Rows are compared as text, because not every type knows what is equal.
func (d *Difference) count(ctx context.Context, tx pgx.Tx, live, fold string, key []string) error {
	only := func(a, b string) string {
		return `(select t::text from ` + a + ` t except all select t::text from ` + b + ` t)`
	}
	return tx.QueryRow(ctx, `with missing as materialized `+only(fold, live)+`, extra as materialized `+only(live, fold)+`,
		one as (select * from missing union all select * from extra order by 1 limit 1),
		found as (select to_jsonb(t) as j from `+fold+` t where t::text = (select t from one) union all select to_jsonb(t) from `+live+` t where t::text = (select t from one))
		select (select count(*) from missing), (select count(*) from extra),
			coalesce((select jsonb_object_agg(key, value) from (select j from found limit 1) f, jsonb_each(j) where key = any($1))::text, '')`, key).
		Scan(&d.Missing, &d.Extra, &d.First)
}

// keyColumns are those that name a row without telling what it holds.
func keyColumns(ctx context.Context, tx pgx.Tx, schema, table string) ([]string, error) {
	rows, err := tx.Query(ctx, `select a.attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
		left join pg_index i on i.indrelid = c.oid and i.indisprimary
		where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped
			and (a.attnum = any(i.indkey) or i.indrelid is null and a.attname in ('tenant', 'lane', 'position'))`, schema, table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// rows counts the rows of every table of a schema.
func rows(ctx context.Context, q querier, schema string) (map[string]int64, error) {
	names, err := tables(ctx, q, schema)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, name := range names {
		found, err := q.Query(ctx, `select count(*) from `+pgx.Identifier{schema, name}.Sanitize())
		if err != nil {
			return nil, err
		}
		if counts[name], err = pgx.CollectExactlyOneRow(found, pgx.RowTo[int64]); err != nil {
			return nil, err
		}
	}
	return counts, nil
}
