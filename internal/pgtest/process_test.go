package pgtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childMode, when set, turns this test binary into a program that starts the installed Postgres and then waits to be
// killed ("wait") or exits as a test binary without Main does ("exit").
const childMode = "PGTEST_TEST_CHILD"

func runChild() {
	s, _, err := startLocal()
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	dir := filepath.Dir(s.admin.Query().Get("host"))
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	fmt.Println(dir, pid)
	if os.Getenv(childMode) == "wait" {
		select {}
	}
	os.Exit(0)
}

func TestProcessLeavesNothingBehindHoweverItEnds(t *testing.T) {
	for _, mode := range []string{"wait", "exit"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childMode+"="+mode)
			child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			output, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			var dir string
			var pid int
			if _, err := fmt.Fscan(output, &dir, &pid); err != nil || pid <= 1 {
				t.Fatalf("the child said %q, %d: %v", dir, pid, err)
			}
			if mode == "wait" {
				if err := syscall.Kill(-child.Process.Pid, syscall.SIGKILL); err != nil { // the whole group
					t.Fatal(err)
				}
			}
			_ = child.Wait()
			if !holdsWithin(20*time.Second, func() bool { return gone(dir, pid) }) {
				t.Errorf("left behind: %s or process %d", dir, pid)
			}
		})
	}
}

func gone(dir string, pid int) bool {
	_, err := os.Stat(dir)
	return os.IsNotExist(err) && syscall.Kill(pid, 0) == syscall.ESRCH
}

// runTests runs tests of this package in a process of their own and returns what they said.
func runTests(t *testing.T, pattern string, env ...string) string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", pattern)
	child.Env = append(os.Environ(), env...)
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestMainRemovesTheFolderBeforeTheProcessEnds(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	for dir := tmp; dir != filepath.Dir(tmp) && strings.Contains(dir, "Test"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil { // for a Postgres that runs as another account
			t.Fatal(err)
		}
	}
	said := runTests(t, "^TestOwnerIsNoSuperuser", "TMPDIR="+tmp)
	if strings.Count(said, "pgtest: using Postgres") != 1 {
		t.Errorf("it should say once which Postgres it used:\n%s", said)
	}
	err := filepath.WalkDir(tmp, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && path != tmp {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestImageThatIsAskedForIsNotReplaced: who asks for a version of Postgres is not told of another one's success.
func TestImageThatIsAskedForIsNotReplaced(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^TestOwnerIsNoSuperuser")
	child.Env = append(os.Environ(), "STREAMFLOW_TEST_DATABASE_URL=", imageVariable+"=postgres:none", "DOCKER_HOST=unix://"+t.TempDir()+"/none.sock")
	out, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(out), imageVariable+" asks for postgres:none") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestServerNamedByTheEnvironmentIsUsedAndLeftClean(t *testing.T) {
	t.Parallel()
	d := Server(t)
	mustExec(t, d.AdminURL("postgres"), "create role plain login createdb createrole")
	old := namePrefix + strconv.FormatInt(time.Now().Add(-2*keptFor).Unix(), 10) + "_x_1"
	mustExec(t, d.AdminURL("postgres"), "create database "+old)
	plain := strings.Replace(d.AdminURL("postgres"), "postgres@", "plain@", 1)
	for _, address := range []string{d.AdminURL("postgres"), plain} {
		said := runTests(t, "^(TestDatabasesAreSeparate|TestOwnerIsNoSuperuser|TestDatabaseIsDropped)", "STREAMFLOW_TEST_DATABASE_URL="+address)
		if !strings.Contains(said, "STREAMFLOW_TEST_DATABASE_URL") {
			t.Errorf("another server was used:\n%s", said)
		}
		if got := mustQuery(t, d.AdminURL("postgres"), "select count(*)::text from pg_database where datname like 'sftest%'"); got != "0" {
			t.Errorf("%s databases are left behind", got)
		}
		mustExec(t, d.AdminURL("postgres"), "drop role sftest_group")
	}
}
