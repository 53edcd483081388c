package eventstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/streamflow/streamflow/eventstore"
)

// tenantTables are those whose rows belong to tenants.
var tenantTables = []string{"event", "command", "claim", "subject_key"}

// filled has a row in every table for each of two tenants.
func filled(t *testing.T) (s *store, a, b uuid.UUID) {
	s = newStore(t, 1)
	a, b = uuid.New(), uuid.New()
	for _, tenant := range []uuid.UUID{a, b} {
		x := notes(tenant, "note-1", 0, "x")
		x.Takes = []eventstore.Holding{{Claim: eventstore.Claim{Scope: "name", Key: []byte("x")}, Stream: "note-1"}}
		x.Subjects = []uuid.UUID{uuid.New()}
		s.must(x)
	}
	return s, a, b
}

// TestAppSeesOneTenant: row-level security holds whatever a query says (I12).
func TestAppSeesOneTenant(t *testing.T) {
	s, a, b := filled(t)
	app := s.connect("app", nil)
	count := func(setting, query string, args ...any) (n int) {
		err := pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
			if setting != "unset" {
				if _, err := tx.Exec(t.Context(), `select set_config('streamflow.tenant', $1, true)`, setting); err != nil {
					return err
				}
			}
			return tx.QueryRow(t.Context(), query, args...).Scan(&n)
		})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return n
	}
	for _, table := range tenantTables {
		all := `select count(*) from log.` + table
		foreign := all + ` where tenant = $1`
		if n := count(a.String(), all); n != 1 {
			t.Errorf("log.%s: tenant A sees %d rows, want its own", table, n)
		}
		if n := count(a.String(), foreign, b); n != 0 {
			t.Errorf("log.%s: tenant A sees %d rows of B", table, n)
		}
		if n := count(a.String(), foreign+` or true`, b); n != 1 {
			t.Errorf("log.%s: a condition let tenant A see %d rows", table, n)
		}
		for _, nobody := range []string{"unset", "", uuid.Nil.String(), uuid.NewString()} {
			if n := count(nobody, all); n != 0 {
				t.Errorf("log.%s: with tenant %q there are %d rows", table, nobody, n)
			}
		}
	}
	// The setting is gone with its transaction: the next user of the connection sees nothing.
	if n := count("unset", `select count(*) from log.event`); n != 0 {
		t.Errorf("%d rows without a tenant", n)
	}
}

func TestStaffAndEngineSeeAll(t *testing.T) {
	s, _, _ := filled(t)
	for _, role := range []string{"staff", "engine"} {
		pool := s.connect(role, nil)
		for _, table := range tenantTables {
			var n int
			if err := pool.QueryRow(t.Context(), `select count(*) from log.`+table).Scan(&n); err != nil || n != 2 {
				t.Errorf("%s sees %d rows of log.%s, %v", role, n, table, err)
			}
		}
	}
}

// TestNobodyWritesTheLog: an event comes in through the functions alone, and never goes or changes.
func TestNobodyWritesTheLog(t *testing.T) {
	s, a, _ := filled(t)
	const denied = "42501"
	for _, role := range []string{"app", "staff", "engine"} {
		pool := s.connect(role, nil)
		for _, table := range tenantTables {
			for _, statement := range []string{
				fmt.Sprintf(`insert into log.%s select * from log.%[1]s limit 1`, table),
				fmt.Sprintf(`update log.%s set tenant = tenant`, table),
				fmt.Sprintf(`delete from log.%s`, table),
				fmt.Sprintf(`truncate log.%s`, table),
				fmt.Sprintf(`alter table log.%s disable row level security`, table),
				fmt.Sprintf(`drop table log.%s`, table),
				fmt.Sprintf(`create policy more on log.%s using (true)`, table),
				fmt.Sprintf(`create trigger more before insert on log.%s execute function suppress_redundant_updates_trigger()`, table),
			} {
				_, err := pool.Exec(t.Context(), statement)
				if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != denied {
					t.Errorf("%s: %s: %v", role, statement, err)
				}
			}
		}
		for _, statement := range []string{
			`update log.lane set head = 0`, `update log.lane set recorded_at = now()`, `delete from log.lane`, `truncate log.lane`,
			`update log.seal set root = ''`, `delete from log.seal`, `truncate log.seal`,
			`create or replace function log.position_at(smallint, timestamptz) returns bigint language sql as 'select 1::bigint'`,
		} {
			_, err := pool.Exec(t.Context(), statement)
			if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != denied {
				t.Errorf("%s: %s: %v", role, statement, err)
			}
		}
	}
	// Only the engine reaches the functions.
	for _, role := range []string{"app", "staff"} {
		pool := s.connect(role, nil)
		for _, function := range []string{"append", "append_one"} {
			var may bool
			err := pool.QueryRow(t.Context(), `select bool_or(has_function_privilege(p.oid, 'execute')) from pg_proc p
				where p.pronamespace = 'log'::regnamespace and p.proname = $1`, function).Scan(&may)
			if err != nil || may {
				t.Errorf("%s may call log.%s: %v, %v", role, function, may, err)
			}
		}
	}
	if events, err := s.log.ReadTenant(t.Context(), a, 0, 10); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestTenantHasRowsOfItsOwn: tables that somebody adds to the log are under row-level security too, or belong to no tenant.
func TestTenantHasRowsOfItsOwn(t *testing.T) {
	s := newStore(t, 1)
	for _, table := range collect(s, `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant'
		where c.relnamespace = 'log'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not (c.relrowsecurity and c.relforcerowsecurity)`,
		pgx.RowTo[string]) {
		t.Errorf("log.%s has tenants' rows without forced row-level security", table)
	}
}

// TestNoRoleIsSuperuser, and none of ours may pass by row-level security or log in.
func TestNoRoleIsSuperuser(t *testing.T) {
	s := newStore(t, 1)
	for _, role := range collect(s, `select rolname from pg_roles where (rolsuper or rolbypassrls or rolcanlogin)
		and rolname in ('streamflow_owner', 'streamflow_app', 'streamflow_staff', 'streamflow_engine')`, pgx.RowTo[string]) {
		t.Errorf("%s is a superuser, passes by row-level security, or may log in", role)
	}
	for _, login := range collect(s, `select session_user::text where (select rolsuper or rolbypassrls from pg_roles where rolname = session_user)`, pgx.RowTo[string]) {
		t.Errorf("the login %s is a superuser or passes by row-level security", login)
	}
	for _, function := range collect(s, `select p.proname::text from pg_proc p where p.pronamespace = 'log'::regnamespace and p.prosecdef
		and ('search_path=pg_catalog' = any (p.proconfig)) is not true`, pgx.RowTo[string]) {
		t.Errorf("log.%s runs as its owner with its caller's search path", function)
	}
}
