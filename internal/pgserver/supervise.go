package pgserver

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maxDeaths in deathWindow end the server: what brings Postgres down that often is not cured by starting it.
	maxDeaths   = 5
	deathWindow = time.Minute
	// pollInterval is how often a starting server is asked whether it accepts connections.
	pollInterval = 20 * time.Millisecond
	// slowStart is after which time, again and again, a start that still runs is logged. It has no limit but the
	// caller's: ending a long recovery would only make the next one start over.
	slowStart = 10 * time.Second
)

// restartDelays are waited before the first, second, … restart within deathWindow: at once after a single death,
// then long enough for what caused it to pass.
var restartDelays = []time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second, 6 * time.Second}

// startFirst launches Postgres for Start. It tries again while children of a killed predecessor hold the shared
// memory; any other failure is the caller's.
func (s *Server) startFirst(ctx context.Context) (*postmaster, *pgx.Conn, error) {
	for attempt := 0; ; attempt++ {
		p, err := s.launch()
		if err != nil {
			return nil, nil, err
		}
		conn, err := s.awaitReady(ctx, p)
		if err == nil {
			return p, conn, nil
		}
		s.terminate(p, syscall.SIGINT)
		if attempt >= len(s.cfg.restartDelays) || !p.sharedMemoryHeld() {
			return nil, nil, err
		}
		if err := sleep(ctx, s.cfg.restartDelays[attempt]); err != nil {
			return nil, nil, err
		}
	}
}

// awaitReady returns a connection as soon as p accepts one, or why it never will.
func (s *Server) awaitReady(ctx context.Context, p *postmaster) (*pgx.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.exited:
			cancel(p.failure())
		case <-ctx.Done():
		}
	}()
	return s.connectWhenUp(ctx)
}

// connectWhenUp connects as soon as the server lets it; it fails only with the context's cause.
func (s *Server) connectWhenUp(ctx context.Context) (*pgx.Conn, error) {
	for begun, told := time.Now(), time.Now(); ; {
		conn, err := pgx.Connect(ctx, s.AdminURL(superuser))
		if err == nil {
			return conn, nil
		}
		if time.Since(told) > slowStart {
			told = time.Now()
			s.log.InfoContext(ctx, "postgres is still starting", "since", time.Since(begun).Round(time.Second), "error", err)
		}
		if sleep(ctx, pollInterval) != nil {
			return nil, fmt.Errorf("wait for postgres: %w", context.Cause(ctx))
		}
	}
}

// supervise runs until Stop or until Postgres cannot be kept alive. conn is a connection to p.
func (s *Server) supervise(p *postmaster, conn *pgx.Conn) {
	var deaths []time.Time
	for p != nil {
		ctx, cancel := context.WithCancel(context.Background())
		watched := make(chan struct{})
		go func(conn *pgx.Conn) {
			defer close(watched)
			s.watch(ctx, conn)
		}(conn)
		conn = nil // of this life only
		select {
		case <-p.exited:
		case <-s.stopping:
		}
		cancel()
		<-watched
		if s.isStopping() {
			s.terminate(p, s.stopSignal)
			break
		}
		p = s.relaunch(&deaths, p.failure())
	}
	s.release()
	close(s.done)
}

// watch keeps Ready honest during one life of the postmaster. It holds a connection, because that breaks in the
// moment in which the server does, also when only its children died and it recovers by itself. It begins with conn
// unless that is nil.
func (s *Server) watch(ctx context.Context, conn *pgx.Conn) {
	defer s.ready.Store(false)
	for ; ; conn = nil {
		var err error
		if conn == nil {
			if conn, err = s.connectWhenUp(ctx); err != nil {
				return
			}
		}
		s.ready.Store(true)
		for err == nil {
			_, err = conn.WaitForNotification(ctx)
		}
		s.ready.Store(false)
		_ = conn.Close(context.WithoutCancel(ctx)) // it is broken or about to be
	}
}

// relaunch starts Postgres again after a death, with back-off. It returns nil when the server is to end: by Stop, or
// because it died too often.
func (s *Server) relaunch(deaths *[]time.Time, cause error) *postmaster {
	for {
		recent := []time.Time{time.Now()}
		for _, death := range *deaths {
			if time.Since(death) < deathWindow {
				recent = append(recent, death)
			}
		}
		*deaths = recent
		if len(recent) >= maxDeaths {
			s.err = fmt.Errorf("%w: %d times in %s, at last: %w", ErrCrashLoop, len(recent), deathWindow, cause)
			s.log.Error("postgres ended for good", "error", s.err)
			return nil
		}
		delay := s.cfg.restartDelays[min(len(recent), len(s.cfg.restartDelays))-1]
		s.log.Warn("postgres died, restarting it", "error", cause, "delay", delay)
		select {
		case <-s.stopping:
			return nil
		case <-time.After(delay):
		}
		p, err := s.launch()
		if err == nil {
			return p
		}
		cause = err
	}
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
