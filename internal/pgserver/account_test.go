package pgserver

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestAccounts takes one data folder through every way in which it can be used. Only root has a choice; as any other
// user it checks that Postgres runs as that user.
func TestAccounts(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	first := mustStart(t, cfg)
	writeRow(t, first)
	mustStop(t, first)
	if os.Geteuid() != 0 {
		if first.account.namespace || first.account.credential != nil {
			t.Errorf("an ordinary user runs it as %+v", first.account)
		}
		return
	}

	// As where the kernel forbids user namespaces: root's files are given to another account.
	cfg.noNamespace = true
	second := mustStart(t, cfg)
	if second.account.credential == nil || second.account.credential.Uid == 0 {
		t.Fatalf("account = %+v, want another user", second.account)
	}
	if got := mustQuery(t, second.URL("app"), "select v from kept"); got != "here" {
		t.Errorf("as another account: %q", got)
	}
	if uid, _, _ := ownerOf(second.socketDir); uid != second.account.credential.Uid {
		t.Errorf("the socket's folder belongs to %d", uid)
	}
	mustStop(t, second)

	// Back where namespaces work: the files' owner decides.
	cfg.noNamespace = false
	third := mustStart(t, cfg)
	if third.account.credential == nil || third.account.credential.Uid != second.account.credential.Uid {
		t.Errorf("account = %+v, want the files' owner", third.account)
	}
	if got := mustQuery(t, third.URL("app"), "select v from kept"); got != "here" {
		t.Errorf("back again: %q", got)
	}
}

func TestAnotherAccountCreatesAFolder(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	cfg.noNamespace = true
	s := mustStart(t, cfg)
	writeRow(t, s)
	signalTo(t, s.PID(), 0)
	info, err := os.Stat(s.socketDir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder has mode %o: others could connect without a password", info.Mode().Perm())
	}
}

func TestFolderThatTheOtherAccountCannotReachIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // nobody else is involved
	}
	cfg := newConfig(t)
	cfg.noNamespace = true
	closed := filepath.Join(filepath.Dir(cfg.Dir), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg.Dir = filepath.Join(closed, "pg")
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "may not enter "+closed+":") {
		t.Fatalf("got %v, want an error that names %s", err, closed)
	}
}

// TestBackendsKeepWhatTheyFree looks at what the server was really started with.
func TestBackendsKeepWhatTheyFree(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("no /proc here, and no glibc: nothing to look at")
		return
	}
	server := mustStart(t, newConfig(t))
	defer mustStop(t, server)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", server.pid.Load()))
	if err != nil {
		t.Fatal(err)
	}
	seen := strings.Split(string(text), "\x00")
	for _, want := range allocator {
		if !slices.Contains(seen, want) {
			t.Errorf("Postgres runs without %s: %q", want, seen)
		}
	}
}

func TestEnvironmentHidesTheProgramsOwn(t *testing.T) {
	t.Setenv("STREAMFLOW_MASTER_KEY", "secret")
	t.Setenv("PGDATA", "/elsewhere")
	for _, entry := range environment() {
		if strings.HasPrefix(entry, "STREAMFLOW") || strings.HasPrefix(entry, "PG") {
			t.Errorf("Postgres sees %s", entry)
		}
	}
}
