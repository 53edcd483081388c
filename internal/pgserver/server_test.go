package pgserver

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// newConfig is a server with durable settings in a folder of its own, found the way the program finds it.
func newConfig(t *testing.T) Config {
	t.Helper()
	bin, err := Find(os.Getenv("STREAMFLOW_POSTGRES_BIN"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // for where Postgres runs as another account
		t.Fatal(err)
	}
	return Config{Dir: filepath.Join(dir, "pg"), Bin: bin, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func mustStart(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

func mustStop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
}

// query runs one statement that returns one text.
func query(t *testing.T, url, statement string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var text string
	err = conn.QueryRow(t.Context(), statement).Scan(&text)
	return text, err
}

func mustQuery(t *testing.T, url, statement string) string {
	t.Helper()
	text, err := query(t, url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return text
}

// mustExec runs any number of statements.
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

// writeRow leaves a row that later lives of the server must still have.
func writeRow(t *testing.T, s *Server) {
	t.Helper()
	if err := s.EnsureDatabase(t.Context(), "app", Role); err != nil {
		t.Fatal(err)
	}
	mustExec(t, s.URL("app"), "create table kept as select 'here'::text as v")
}

func TestColdAndWarmStart(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	s := mustStart(t, cfg)
	if !s.Ready() {
		t.Error("not ready after Start")
	}
	writeRow(t, s)
	if _, err := pgx.Connect(t.Context(), s.URL("app")); err != nil {
		t.Fatal(err)
	}
	mustStop(t, s) // with a connection still open: Stop does not wait for clients
	if s.Ready() {
		t.Error("ready after Stop")
	}
	if alive(s.PID()) {
		t.Error("postmaster lives after Stop")
	}
	warm := mustStart(t, cfg)
	if got := mustQuery(t, warm.URL("app"), "select v from kept"); got != "here" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestSettingsThatDurabilityAndPrivacyRestOn(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	cfg.Settings = map[string]string{"max_connections": "37"}
	s := mustStart(t, cfg)
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"listen_addresses": "", "unix_socket_permissions": "0700", "server_encoding": "UTF8", "max_connections": "37",
	} {
		if got := mustQuery(t, s.AdminURL("postgres"), "show "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	info, err := os.Stat(s.socketDir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("socket folder has mode %o", info.Mode().Perm())
	}
	// Order by code point, upper case letters beyond ASCII known.
	if got := mustQuery(t, s.AdminURL("postgres"), "select lower('Ä') || (case when 'Z' < 'a' then '<' else '>' end)"); got != "ä<" {
		t.Errorf("collation: %q", got)
	}
	// By the name of any other one, Postgres asks the system's library about every two texts, in every index.
	if got := mustQuery(t, s.AdminURL("postgres"), "select datcollate from pg_database where datname = current_database()"); got != "C" {
		t.Errorf("texts are compared by %q", got)
	}
}

func TestEnsureDatabaseGivesARoleThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	s := mustStart(t, newConfig(t))
	for range 2 { // again is harmless
		if err := s.EnsureDatabase(t.Context(), "app", Role); err != nil {
			t.Fatal(err)
		}
	}
	got := mustQuery(t, s.URL("app"), `select concat_ws(' ', current_user, rolsuper, rolcreaterole, rolbypassrls)
		from pg_roles where rolname = current_user`)
	if got != "streamflow f t f" {
		t.Errorf("role: %q", got)
	}
	// What the migrations do: their own group role, granted to the login role, and a schema in the database.
	mustExec(t, s.URL("app"), "create role sf_app nologin; grant sf_app to current_user; create schema s")
}

func TestSecondStartOnOneFolderIsRefused(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	s := mustStart(t, cfg)
	_, err := Start(t.Context(), cfg)
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	}
	if !strings.Contains(err.Error(), cfg.Dir) {
		t.Errorf("message %q does not name the folder", err)
	}
	if _, err := query(t, s.AdminURL("postgres"), "select 'alive'"); err != nil {
		t.Errorf("the refused start disturbed the running server: %v", err)
	}
}

func TestOtherMajorVersionIsRefusedAndNothingTouched(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	s := mustStart(t, cfg)
	writeRow(t, s)
	mustStop(t, s)
	versionFile := filepath.Join(cfg.Dir, "data", "PG_VERSION")
	made, err := os.ReadFile(versionFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(versionFile, []byte("14\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), cfg)
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "Postgres 14") {
		t.Fatalf("got %v, want ErrVersion naming 14", err)
	}
	if err := os.WriteFile(versionFile, made, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mustQuery(t, mustStart(t, cfg).URL("app"), "select v from kept"); got != "here" {
		t.Errorf("the refused start changed the data: %q", got)
	}
}

func TestInterruptedInitdbIsStartedOver(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	torn := filepath.Join(cfg.Dir, "data.init")
	if err := os.MkdirAll(filepath.Join(torn, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(torn, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustQuery(t, mustStart(t, cfg).AdminURL("postgres"), "select 'ok'")
	if _, err := os.Stat(torn); err == nil {
		t.Error("the interrupted attempt is still there")
	}
}

func TestFolderWithOtherFilesIsRefused(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	other := filepath.Join(cfg.Dir, "data", "letter.txt")
	if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "PG_VERSION") {
		t.Fatalf("got %v, want a refusal", err)
	}
	if text, _ := os.ReadFile(other); string(text) != "mine" {
		t.Error("the file was touched")
	}
}

func TestStopTwiceAndAtOnce(t *testing.T) {
	t.Parallel()
	s := mustStart(t, newConfig(t))
	results := make(chan error, 3)
	for range 3 {
		go func() { results <- s.Stop() }()
	}
	for range 3 {
		select {
		case err := <-results:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("Stop hangs")
		}
	}
	mustStop(t, s)
	select {
	case <-s.Done():
	default:
		t.Error("Done is open after Stop")
	}
}

func TestLongFolderNameStillHasASocket(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	cfg.Dir = filepath.Join(cfg.Dir, strings.Repeat("deep", 30))
	s := mustStart(t, cfg)
	mustQuery(t, s.AdminURL("postgres"), "select 'ok'")
	socketDir := s.socketDir
	mustStop(t, s)
	if _, err := os.Stat(socketDir); err == nil {
		t.Errorf("%s is left behind", socketDir)
	}
}

func TestStartHonoursItsContext(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	mustStart(t, cfg) // and the folder is free again
}
