// Package natsserver runs a NATS server with JetStream inside the program.
//
// JetStream writes to disk at once but asks the disk to keep it only every two minutes (sync_interval). A crash of the
// program loses nothing acknowledged; a crash of the machine may lose a tail. That is right here and only here:
// Postgres holds every event before the bus sees it, and the relay publishes again what the bus has lost. For the same
// reason Config.Dir may be deleted while the server is down.
package natsserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/internal/dirlock"
)

const (
	// startLimit is generous: a server with 100,000 messages is up in 0.2 s, a large store checks its indexes first.
	startLimit = 30 * time.Second
	// maxMemory bounds streams in memory, in bytes; nothing of StreamFlow's is large there.
	maxMemory = 256 << 20
	// unbounded is more than any disk. The server would otherwise hold what streams may grow to against what is free at its start, and
	// refuse a stream whose limit is larger, or one that it took before the disk filled.
	unbounded = 1 << 50
)

// ErrInUse says that another process runs a server on the same folder; the message names the folder.
var ErrInUse = errors.New("the bus folder is in use")

// Config says which server to run.
type Config struct {
	// Dir holds JetStream's files. It is created when missing.
	Dir string
	// Token is what every client must show, those inside the program too (Connect does). It may be empty unless Listen.
	Token string
	// Listen opens a free port on the loopback address, for the other verbs and the stock nats program. Without it
	// the server can only be reached from inside the program.
	Listen bool
	// MaxStore bounds what the limits of all streams may add up to, in bytes; 0 means that only the streams' own limits hold, which
	// should then fit into [Server.Room].
	MaxStore int64
	// Logger gets the server's log; nil means slog.Default().
	Logger *slog.Logger
}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	nats  *server.Server
	token string
	lock  *dirlock.Lock
	stop  sync.Once
}

// Start runs a server and returns when it accepts connections.
func Start(cfg Config) (*Server, error) {
	if cfg.Listen && cfg.Token == "" {
		return nil, errors.New("start the bus: it would listen without a token, so every local user could read and write it")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	lock, err := dirlock.Acquire(cfg.Dir)
	if errors.Is(err, dirlock.ErrHeld) {
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	} else if err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.Default()
	}
	s := &Server{token: cfg.Token, lock: lock}
	if err := s.start(cfg, &logger{log: log}); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start the bus in %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func (s *Server) start(cfg Config, log *logger) error {
	var err error
	s.nats, err = server.NewServer(&server.Options{
		ServerName:             "streamflow",
		DontListen:             !cfg.Listen,
		Host:                   "127.0.0.1",
		Port:                   server.RANDOM_PORT,
		Authorization:          cfg.Token,
		NoSigs:                 true, // else it takes Ctrl-C away from the program
		JetStream:              true,
		StoreDir:               cfg.Dir,
		JetStreamMaxMemory:     maxMemory,
		JetStreamMaxStore:      cmp.Or(cfg.MaxStore, unbounded),
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return err
	}
	s.nats.SetLoggerV2(log, false, false, false)
	s.nats.Start()
	if err := log.fatal(); err != nil {
		return err
	}
	if !s.nats.ReadyForConnections(startLimit) || !s.nats.JetStreamEnabled() {
		return fmt.Errorf("not ready within %s", startLimit)
	}
	return nil
}

// Connect returns a connection that goes through memory, not the network, and shows the token. The caller closes it
// before Stop.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	own := []nats.Option{nats.InProcessServer(s.nats), nats.MaxReconnects(-1)}
	if s.token != "" {
		own = append(own, nats.Token(s.token))
	}
	return nats.Connect("", append(own, opts...)...)
}

// ClientURL is the address on the loopback interface, without the token; empty unless Config.Listen.
func (s *Server) ClientURL() string {
	address := s.nats.Addr()
	if address == nil {
		return ""
	}
	return "nats://" + address.String()
}

// Ready reports whether the server runs and its streams can be used.
func (s *Server) Ready() bool { return s.nats.Running() && s.nats.JetStreamEnabled() }

// Room is how many bytes the streams could hold if they had the disk to themselves from now on: what is free, and what they hold.
func (s *Server) Room() (int64, error) {
	usage, err := s.nats.Jsz(nil)
	if err != nil {
		return 0, fmt.Errorf("room of the bus: %w", err)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.nats.StoreDir(), &disk); err != nil {
		return 0, fmt.Errorf("room of the bus: %w", err)
	}
	return int64(disk.Bavail*uint64(disk.Bsize) + usage.Store), nil
}

// Stop ends the server and returns when its files are closed. Close connections first. It may be called twice.
func (s *Server) Stop() {
	s.stop.Do(func() {
		if s.nats != nil {
			s.nats.Shutdown()
			s.nats.WaitForShutdown()
		}
		s.lock.Release()
	})
}

// logger passes the server's log on and keeps the first fatal message: with a logger of ours the server does not exit
// on one, it only gives up starting.
type logger struct {
	log   *slog.Logger
	mu    sync.Mutex
	first error
}

func (l *logger) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *logger) write(level slog.Level, format string, args ...any) {
	ctx := context.Background()
	if l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "nats", "line", fmt.Sprintf(format, args...))
	}
}

// Noticef takes what every start and stop says.
func (l *logger) Noticef(format string, args ...any) { l.write(slog.LevelDebug, format, args...) }

// Warnf takes what an operator should look at.
func (l *logger) Warnf(format string, args ...any) { l.write(slog.LevelWarn, format, args...) }

// Errorf takes failures, those of single clients too.
func (l *logger) Errorf(format string, args ...any) { l.write(slog.LevelError, format, args...) }

// Debugf is not asked for.
func (l *logger) Debugf(string, ...any) {}

// Tracef is not asked for.
func (l *logger) Tracef(string, ...any) {}

// Fatalf takes why the server cannot run.
func (l *logger) Fatalf(format string, args ...any) {
	l.write(slog.LevelError, format, args...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = fmt.Errorf(format, args...)
	}
}
