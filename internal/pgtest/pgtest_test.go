package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	if os.Getenv(childMode) != "" {
		runChild()
	}
	Main(m)
}

func mustExec(t *testing.T, url, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

func mustQuery(t *testing.T, url, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var text string
	if err := conn.QueryRow(t.Context(), statement).Scan(&text); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return text
}

func execPrepare(statements string, runs *atomic.Int32) Prepare {
	return func(ctx context.Context, ownerURL string) error {
		runs.Add(1)
		conn, err := pgx.Connect(ctx, ownerURL)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, statements)
		return err
	}
}

func TestDatabasesAreSeparateClonesOfOneTemplate(t *testing.T) {
	var runs atomic.Int32
	key := rand.Text() // templates last as long as the process, this test may run more than once in it
	prepare := execPrepare("create table kept (v text); insert into kept values ('template')", &runs)
	t.Run("clones", func(t *testing.T) {
		for range 4 {
			t.Run("clone", func(t *testing.T) {
				t.Parallel()
				url := New(t, key, prepare)
				mustExec(t, url, "insert into kept values ('mine')")
				if got := mustQuery(t, url, "select string_agg(v, ' ' order by v) from kept"); got != "mine template" {
					t.Errorf("got %q", got)
				}
			})
		}
	})
	if runs.Load() != 1 {
		t.Errorf("prepared %d times", runs.Load())
	}
	if got := mustQuery(t, URL(t), "select count(*)::text from information_schema.tables where table_name = 'kept'"); got != "0" {
		t.Error("URL gave a database that is not empty")
	}
}

func TestOwnerIsNoSuperuserAndMayMigrate(t *testing.T) {
	t.Parallel()
	url := URL(t)
	got := mustQuery(t, url, `select concat_ws(' ', rolsuper, rolbypassrls, rolcreaterole, pg_catalog.pg_get_userbyid(datdba) = rolname)
		from pg_roles, pg_database where rolname = current_user and datname = current_database()`)
	if got != "f f t t" {
		t.Errorf("superuser, bypassrls, createrole, owner = %s", got)
	}
	mustExec(t, url, "create schema s; create extension pg_trgm; create table s.t (v text)")
	// Group roles are the server's, not the database's: what a migration creates must be there for the next one too.
	for range 2 {
		mustExec(t, url, `do $$ begin
			if not exists (select from pg_roles where rolname = 'sftest_group') then create role sftest_group nologin; end if;
		end $$; grant sftest_group to current_user; grant usage on schema s to sftest_group`)
	}
	admin := AdminURL(t, url)
	if mustQuery(t, admin, "select current_database()") != mustQuery(t, url, "select current_database()") {
		t.Error("AdminURL names another database")
	}
}

func TestDatabaseIsDroppedWithItsTestEvenWhenInUse(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("inner", func(t *testing.T) {
		url := URL(t)
		name = mustQuery(t, url, "select current_database()")
		if _, err := pgx.Connect(t.Context(), url); err != nil { // stays open
			t.Fatal(err)
		}
	})
	if got := mustQuery(t, URL(t), "select count(*)::text from pg_database where datname = '"+name+"'"); got != "0" {
		t.Errorf("%s is still there", name)
	}
}

func TestFailureToPrepareIsReported(t *testing.T) {
	t.Parallel()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	broken, key := errors.New("broken migration"), rand.Text()
	for range 2 { // also for the second test that asks
		_, err := s.template(t.Context(), key, func(context.Context, string) error { return broken })
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDedicatedServerSurvivesKillAndHalt(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	d := Server(t)
	url := d.New("app", execPrepare("create table kept as select 'here'::text as v", &runs))
	if got := mustQuery(t, url, "show fsync"); got != "on" {
		t.Errorf("fsync = %s: a fault test needs a durable server", got)
	}
	d.Kill()
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("accepts connections right after Kill")
	}
	d.WaitReady()
	if got := mustQuery(t, url, "select v from kept"); got != "here" {
		t.Errorf("after Kill: %q", got)
	}
	d.Halt()
	time.Sleep(300 * time.Millisecond) // longer than the supervisor would take
	if _, err := pgx.Connect(t.Context(), url); err == nil || d.Ready() {
		t.Error("runs after Halt")
	}
	d.Resume()
	if got := mustQuery(t, url, "select v from kept"); got != "here" {
		t.Errorf("after Halt: %q", got)
	}
	if !strings.Contains(d.AdminURL("app"), "postgres@") {
		t.Error("AdminURL is not the superuser's")
	}
}
