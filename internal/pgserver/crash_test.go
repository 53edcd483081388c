package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childDir, when set, turns this test binary into a program that runs a server there until it is killed.
const childDir = "PGSERVER_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
	}
	os.Exit(m.Run())
}

func runChild(dir string) {
	bin, err := Find(os.Getenv("STREAMFLOW_POSTGRES_BIN"))
	if err == nil {
		var s *Server
		if s, err = Start(context.Background(), Config{Dir: dir, Bin: bin}); err == nil {
			fmt.Println(s.PID())
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func signalTo(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

func TestKilledPostmasterIsRestartedWithItsData(t *testing.T) {
	t.Parallel()
	s := mustStart(t, newConfig(t))
	writeRow(t, s)
	first := s.PID()
	signalTo(t, first, syscall.SIGKILL)
	eventually(t, 5*time.Second, "Ready turns false", func() bool { return !s.Ready() })
	eventually(t, 30*time.Second, "Ready turns true again", s.Ready)
	if s.PID() == first {
		t.Error("same process")
	}
	if got := mustQuery(t, s.URL("app"), "select v from kept"); got != "here" {
		t.Errorf("after the crash: %q", got)
	}
	mustStop(t, s)
}

func TestCrashOfABackendTurnsReadyFalse(t *testing.T) {
	t.Parallel()
	s := mustStart(t, newConfig(t))
	conn, err := pgx.Connect(t.Context(), s.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	pid := s.PID()
	signalTo(t, int(conn.PgConn().PID()), syscall.SIGKILL)
	eventually(t, 5*time.Second, "Ready turns false", func() bool { return !s.Ready() })
	eventually(t, 30*time.Second, "Ready turns true again", s.Ready)
	if s.PID() != pid {
		t.Error("Postgres recovers from this by itself; it was restarted")
	}
}

func TestPostgresThatKeepsDyingEndsTheServer(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	cfg.restartDelays = []time.Duration{10 * time.Millisecond}
	s := mustStart(t, cfg)
	control := filepath.Join(cfg.Dir, "data", "global", "pg_control")
	if err := os.Rename(control, control+".away"); err != nil {
		t.Fatal(err)
	}
	signalTo(t, s.PID(), syscall.SIGKILL)
	select {
	case <-s.Done():
	case <-time.After(60 * time.Second):
		t.Fatal("the server goes on")
	}
	if !errors.Is(s.Err(), ErrCrashLoop) || !strings.Contains(s.Err().Error(), "pg_control") {
		t.Errorf("Err = %v, want ErrCrashLoop with Postgres' own words", s.Err())
	}
	if err := s.Stop(); !errors.Is(err, ErrCrashLoop) {
		t.Errorf("Stop = %v", err)
	}
	if err := os.Rename(control+".away", control); err != nil {
		t.Fatal(err)
	}
	mustStart(t, cfg) // the folder was given back
}

func TestKilledProgramLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	s := mustStart(t, cfg)
	writeRow(t, s)
	mustStop(t, s)

	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+cfg.Dir)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(output, &pid); err != nil {
		t.Fatalf("the child did not start its server: %v", err)
	}
	if _, err := Start(t.Context(), cfg); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(child.Process.Pid)) {
		t.Errorf("while the other process runs: %v", err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if namespaceSupported { // only there does the kernel tell the child
		eventually(t, 15*time.Second, "the postmaster ends", func() bool { return !alive(pid) })
	}
	if got := mustQuery(t, mustStart(t, cfg).URL("app"), "select v from kept"); got != "here" {
		t.Errorf("after the kill: %q", got)
	}
}

func TestOrphanIsReapedByThePidFile(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	s := mustStart(t, cfg)
	writeRow(t, s)
	mustStop(t, s)

	// A postmaster nobody supervises, as after a kill on a system without death signals.
	orphan := exec.Command(cfg.Bin.program("postgres"), s.arguments()...)
	orphan.Dir, orphan.Env = "/", environment()
	orphan.SysProcAttr = s.account.attributes(0)
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = orphan.Wait(); close(gone) }()
	eventually(t, 10*time.Second, "the orphan accepts connections", func() bool {
		_, err := query(t, s.AdminURL("postgres"), "select 'ok'")
		return err == nil
	})
	next := mustStart(t, cfg)
	select {
	case <-gone:
	default:
		t.Error("the orphan still runs")
	}
	if got := mustQuery(t, next.URL("app"), "select v from kept"); got != "here" {
		t.Errorf("after reaping: %q", got)
	}
}

func TestPidFileOfAnotherProcessDoesNotBlock(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t)
	s := mustStart(t, cfg)
	mustStop(t, s)
	// What a container's restart leaves: a stale file whose number now belongs to somebody else.
	stranger := exec.CommandContext(t.Context(), "sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	text := fmt.Sprintf("%d\n%s\n", stranger.Process.Pid, s.dataDir())
	if err := os.WriteFile(filepath.Join(s.dataDir(), "postmaster.pid"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mustStart(t, cfg)
	if !alive(stranger.Process.Pid) {
		t.Error("the stranger was ended")
	}
}

func TestLogWriterSplitsLinesAndKeepsTheLast(t *testing.T) {
	w := &logWriter{log: slog.New(slog.DiscardHandler)}
	for i := range 10 {
		fmt.Fprintf(w, "LOG:  line %d\nFATAL:", i)
		fmt.Fprint(w, "  rest\n")
	}
	if got := w.tail(); !strings.HasSuffix(got, "LOG:  line 9 | FATAL:  rest") || strings.Count(got, "|") != tailLines-1 {
		t.Errorf("tail = %q", got)
	}
	if level("PANIC:  x") != slog.LevelError || level("ERROR:  x") != slog.LevelDebug {
		t.Error("levels")
	}
}
