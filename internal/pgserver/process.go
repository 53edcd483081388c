package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long each way of stopping gets before the next, harder one.
const stopGrace = 10 * time.Second

// lingerLimit is how long after the postmaster's death its children may hold on before a restart is tried anyway.
// They keep its shared memory, and a new postmaster refuses to start until they are gone.
const lingerLimit = 5 * time.Second

// postmaster is one life of the server process.
type postmaster struct {
	cmd    *exec.Cmd
	log    *logWriter
	exited chan struct{} // closed when it and its children are gone
	err    error         // how it ended; valid after exited
}

// launch starts the server process; it does not wait until it accepts connections.
func (s *Server) launch() (*postmaster, error) {
	p := &postmaster{
		cmd:    exec.Command(s.cfg.Bin.program("postgres"), s.arguments()...),
		log:    &logWriter{log: s.log},
		exited: make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = "/", environment(), p.log
	p.cmd.WaitDelay = lingerLimit
	// A fast shutdown when the program dies.
	p.cmd.SysProcAttr = s.account.attributes(syscall.SIGINT)

	started := make(chan error)
	go func() {
		// The death signal follows the thread that forked, not the process: it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	s.pid.Store(int64(p.cmd.Process.Pid))
	return p, nil
}

// terminate ends the process with first and, while it does not end, with the harder signals after it. SIGTERM is not
// among them: it waits for clients for ever.
func (s *Server) terminate(p *postmaster, first syscall.Signal) {
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL}
	if first == syscall.SIGQUIT {
		signals = signals[1:]
	}
	for _, signal := range signals {
		_ = p.cmd.Process.Signal(signal) // the only failure is that it has ended
		select {
		case <-p.exited:
			return
		case <-time.After(stopGrace):
			s.log.Warn("postgres does not end", "signal", signal.String(), "waited", stopGrace)
		}
	}
	<-p.exited
}

// failure describes how a process ended, with what it said last.
func (p *postmaster) failure() error {
	said := p.log.tail()
	if p.err == nil {
		return fmt.Errorf("postgres ended by itself: %s", said)
	}
	return fmt.Errorf("postgres: %w: %s", p.err, said)
}

// sharedMemoryHeld recognizes that children of a killed postmaster are not gone yet.
func (p *postmaster) sharedMemoryHeld() bool {
	return strings.Contains(p.log.tail(), "shared memory block")
}

// run runs one of Postgres' programs to its end, as the server's account.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, s.cfg.Bin.program(program), args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Dir, cmd.Env = "/", environment()
	cmd.SysProcAttr = s.account.attributes(syscall.SIGKILL)
	cmd.WaitDelay = lingerLimit
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // as in launch
		defer runtime.UnlockOSThread()
		done <- cmd.Run()
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, explain(strings.TrimSpace(output.String())))
	}
	return nil
}

// alive reports whether a process of this id exists, be it another user's.
func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = process.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}
