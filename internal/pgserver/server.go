// Package pgserver runs a private Postgres: it creates the data folder, starts the server, keeps it running and
// ends it with the program.
//
// # Who can reach it
//
// The server listens on no network port, only on a Unix socket in a folder of mode 0700, and asks for no password
// (auth=trust). That is safe because entering the folder takes the account that owns it, or root, and both can
// read and write the data files anyway: a password would protect nothing they do not have. When root runs Postgres
// as another account (see account.go), the folder belongs to that account, so the same two can enter it.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/streamflow/streamflow/internal/dirlock"
)

// Names inside Config.Dir.
const (
	dataName   = "data"      // Postgres' own folder
	tornName   = "data.init" // a data folder in the making; worthless unless initdb has ended well
	socketName = "run"
)

var (
	// ErrInUse says that another process runs a server on the same folder; the message names the folder.
	ErrInUse = errors.New("the database folder is in use")
	// ErrVersion says that another Postgres major version made the data. The data is left as it is.
	ErrVersion = errors.New("the data was made by another Postgres version")
	// ErrCrashLoop ends a server that died five times in a minute.
	ErrCrashLoop = errors.New("postgres keeps dying")
)

// Config says which server to run.
type Config struct {
	// Dir holds the data, the socket and the lock. It is created when missing.
	Dir string
	// Bin is the Postgres to run; the zero value means FindFor("", Dir).
	Bin Binaries
	// Logger gets Postgres' own log too; nil means slog.Default().
	Logger *slog.Logger
	// Settings are Postgres parameters; they win over those in defaultSettings.
	Settings map[string]string
	// Unsafe lets a machine's crash lose or corrupt data, for speed. Only for tests.
	Unsafe bool

	restartDelays []time.Duration // shortened by tests
	noNamespace   bool            // set by tests, to run as where the kernel forbids it
}

// Server is a running, supervised Postgres. Its methods may be called from any goroutine.
type Server struct {
	cfg       Config
	log       *slog.Logger
	account   account
	lock      *dirlock.Lock
	socketDir string
	tempDir   string // what Stop removes: the socket's folder when it is not inside Dir

	ready      atomic.Bool
	pid        atomic.Int64
	stopOnce   sync.Once
	stopping   chan struct{}
	stopSignal syscall.Signal // set before stopping closes
	done       chan struct{}
	err        error // set before done closes
}

// Start creates what is missing, starts Postgres and returns when it accepts connections. ctx bounds only this
// call; the server then runs until Stop or the end of the program, however that ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	first, conn, err := s.startFirst(ctx)
	if err != nil {
		s.release()
		return nil, err
	}
	s.ready.Store(true)
	go s.supervise(first, conn)
	return s, nil
}

// prepare does everything up to, but without, starting the server.
func prepare(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, log: cfg.Logger, stopping: make(chan struct{}), done: make(chan struct{})}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.cfg.restartDelays == nil {
		s.cfg.restartDelays = restartDelays
	}
	var err error
	if s.cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	if s.cfg.Bin == (Binaries{}) {
		if s.cfg.Bin, err = FindFor("", s.cfg.Dir); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the database folder: %w", err)
	}
	if s.lock, err = dirlock.Acquire(s.cfg.Dir); err != nil {
		if errors.Is(err, dirlock.ErrHeld) {
			return nil, fmt.Errorf("%w: %w", ErrInUse, err)
		}
		return nil, err
	}
	for _, step := range []func(context.Context) error{s.checkVersion, s.reapOrphan, s.chooseAccount, s.initialize, s.makeSocketDir} {
		if err := step(ctx); err != nil {
			s.release()
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) dataDir() string { return filepath.Join(s.cfg.Dir, dataName) }

// release gives back what prepare took.
func (s *Server) release() {
	if s.tempDir != "" {
		_ = os.RemoveAll(s.tempDir) // it held sockets only; what is left over does no harm
	}
	s.lock.Release()
}

// Ready reports whether the server accepts connections now. It turns false when Postgres dies and true again after
// recovery.
func (s *Server) Ready() bool { return s.ready.Load() }

// Done is closed when the server has ended for good; Err then says why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil while the server runs and after a Stop that found it running; else what ended it (ErrCrashLoop).
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// PID is the process id of the postmaster as of now; a restart changes it.
func (s *Server) PID() int { return int(s.pid.Load()) }

// Dir is the absolute path of the folder that the server owns.
func (s *Server) Dir() string { return s.cfg.Dir }

// Stop ends the server: clients are disconnected, their transactions rolled back, everything is written down. What
// does not end in 10 s is ended harder, at last killed; the next start then recovers. It returns when no process is
// left, with the value of Err, and may be called more than once.
func (s *Server) Stop() error { return s.stop(syscall.SIGINT) }

// Abort ends the server at once, as a crash would; the next start recovers. For tests.
func (s *Server) Abort() error { return s.stop(syscall.SIGQUIT) }

func (s *Server) stop(first syscall.Signal) error {
	s.stopOnce.Do(func() {
		s.stopSignal = first
		s.ready.Store(false)
		close(s.stopping)
	})
	<-s.done
	return s.err
}

// socketLimit is the longest socket path that every system takes: 103 bytes on macOS, 107 on Linux.
const socketLimit = 103

// makeSocketDir makes the folder of the socket in Dir or, where that path would be too long, in the system's
// folder for temporary files. The name there is random: a fixed one could be taken by somebody else first.
func (s *Server) makeSocketDir(context.Context) error {
	s.socketDir = filepath.Join(s.cfg.Dir, socketName)
	// A comma separates folders in unix_socket_directories.
	if len(s.socketDir)+len("/.s.PGSQL.5432") > socketLimit || strings.Contains(s.socketDir, ",") {
		dir, err := os.MkdirTemp("", "streamflow-")
		if err != nil {
			return fmt.Errorf("create a folder for the socket: %w", err)
		}
		s.socketDir, s.tempDir = dir, dir
	}
	return s.account.makeDir(s.socketDir)
}
