package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// orphanGrace is how long a postmaster without a supervisor gets to shut down; it may have a checkpoint to write.
const orphanGrace = 30 * time.Second

// reapOrphan ends a postmaster that an earlier program left behind on this folder. The lock is held, so whatever
// still runs here has no supervisor.
func (s *Server) reapOrphan(ctx context.Context) error {
	pidFile := filepath.Join(s.dataDir(), "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for an earlier postmaster: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !alive(pid) {
		return nil // Postgres removes the stale file itself
	}
	if !s.isOurs(ctx, pid) {
		// The id has gone to another process, as it does when a container restarts and counts from 1 again. Postgres
		// would take that process for a postmaster and refuse to start for ever.
		s.log.InfoContext(ctx, "removing a stale postmaster.pid", "pid", pid)
		return os.Remove(pidFile)
	}
	s.log.WarnContext(ctx, "ending a postmaster that was left behind", "pid", pid)
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		signal syscall.Signal
		grace  time.Duration
	}{{syscall.SIGINT, orphanGrace}, {syscall.SIGQUIT, stopGrace}} {
		_ = process.Signal(step.signal) // that it has ended is seen below
		for begun := time.Now(); time.Since(begun) < step.grace; {
			if !s.isOurs(ctx, pid) {
				return nil
			}
			if err := sleep(ctx, pollInterval); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("a postmaster that was left behind on %s (process %d) does not end", s.dataDir(), pid)
}

// isOurs reports whether a process is a postmaster on our data folder.
func (s *Server) isOurs(ctx context.Context, pid int) bool {
	line := commandLine(ctx, pid)
	return strings.Contains(line, "postgres") && strings.Contains(line, "-D "+s.dataDir()+" ")
}
