package schemadoc

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

const document = "../../docs/schema.md"

var update = flag.Bool("update", false, "write docs/schema.md")

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestSchemaDocument(t *testing.T) {
	t.Parallel()
	got, err := Document(t.Context(), migrated(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(document, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("docs/schema.md is not what the migrations make; run go test ./internal/schemadoc -update and read the difference")
	}
}

// TestWithoutComment adds one of each kind without a comment, and each has to be named.
func TestWithoutComment(t *testing.T) {
	t.Parallel()
	conn := migrated(t)
	for _, sql := range []string{
		`create table log.bare (a integer primary key, b text unique)`,
		`alter table log.bare enable row level security`,
		`create policy plain on log.bare using (true)`,
		`comment on column log.bare.a is 'With its purpose.'`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Document(t.Context(), conn)
	if err == nil {
		t.Fatal("a table without a comment was documented")
	}
	for _, want := range []string{"table log.bare", "column log.bare.b", "index log.bare_b_key", "policy plain on log.bare"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "log.bare.a") || strings.Contains(err.Error(), "log.bare_pkey") {
		t.Errorf("%q names what has its purpose", err)
	}
}

func migrated(t *testing.T) *pgx.Conn {
	t.Helper()
	url := pgtest.New(t, "migrations", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	// The owner of the tables, in which the login role is a member.
	config.RuntimeParams["role"] = "streamflow_owner"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
