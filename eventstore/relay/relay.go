package relay

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// defaultMaxAge and defaultMaxBytes are what the bus keeps; the log keeps everything.
	defaultMaxAge   = 7 * 24 * time.Hour
	defaultMaxBytes = 4 << 30
	// leastMaxBytes is where a relay no longer asks for less: a broker with no room for it has none.
	leastMaxBytes = 16 << 20
	// A session that failed is tried again after firstPause, and after twice as long each time, up to longestPause.
	firstPause   = 20 * time.Millisecond
	longestPause = 500 * time.Millisecond
)

// Config says what a [Relay] works with. Log, Conn, Lane and Source are required.
type Config struct {
	Log  *eventstore.Log
	Conn *nats.Conn // should reconnect for ever
	Lane int
	// Source names the installation, in every message as ce-source: a stream of another one is told from ours by it.
	Source   string
	Node     uuid.UUID     // who asks for the lease; unique to this process, made up when absent
	MaxAge   time.Duration // how far back the bus reaches; default 7 days
	MaxBytes int64         // how much it keeps at most, less where the broker has no room for it; default 4 GiB
	Logger   *slog.Logger
}

// Relay publishes one lane. Its methods are safe for concurrent use.
type Relay struct {
	Config
	lease        *eventstore.Lease
	pinged       chan struct{} // another node says that it committed
	inspectEvery time.Duration // tests shorten it
	published    atomic.Int64

	mu     sync.Mutex
	status Status
}

// Status is how a relay is doing.
type Status struct {
	Leading  bool  // this node publishes the lane
	Term     int64 // of the lease, 0 unless leading
	Position int64 // the broker has everything up to here, as far as this node knows
	Epoch    int   // of the lane
	Remade   int   // how often this node made the stream afresh
	// Err is why the last session ended, at FailedAt; nil once a session has published again.
	Err      error
	FailedAt time.Time
}

// New prepares a relay; [Relay.Run] starts it.
func New(c Config) *Relay {
	if c.Node == uuid.Nil {
		c.Node = uuid.New()
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = c.Logger.With("lane", c.Lane)
	return &Relay{
		Config: c, lease: c.Log.Lease("relay-"+strconv.Itoa(c.Lane), c.Node), pinged: make(chan struct{}, 1), inspectEvery: inspectEvery,
	}
}

// Run publishes the lane whenever this node holds its lease, until ctx ends; what is on its way is then waited for, and the lease
// resigned. While another node publishes, Run tells it of this node's commits. It fails only when there is no such lane.
func (r *Relay) Run(ctx context.Context) error {
	if r.Lane < 1 || r.Lane > r.Log.Lanes() {
		return fmt.Errorf("relay: there is no lane %d", r.Lane)
	}
	var announcing sync.WaitGroup
	announcing.Go(func() { announce(ctx, r.Log, r.Conn, r.Lane, r.leading) })
	err := r.lease.Hold(ctx, r.serve)
	announcing.Wait()
	return err
}

// Head is the position up to which the broker has everything, as far as this node knows.
func (r *Relay) Head() int64 { return r.published.Load() }

// Status is how the relay is doing now.
func (r *Relay) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Position, s.Term = r.published.Load(), r.lease.Term()
	return s
}

func (r *Relay) leading() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status.Leading
}

func (r *Relay) record(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}

// serve publishes, session after session, until ctx ends.
func (r *Relay) serve(ctx context.Context) error {
	r.record(func(s *Status) { s.Leading = true })
	defer r.record(func(s *Status) { s.Leading = false })
	stop := r.listen(ctx)
	defer stop()
	pause := firstPause
	for ctx.Err() == nil {
		worked, err := r.session(ctx)
		if ctx.Err() != nil {
			break
		}
		r.record(func(s *Status) { s.Err, s.FailedAt = err, time.Now() })
		r.Logger.WarnContext(ctx, "relay interrupted", "published", r.Head(), "error", err)
		if worked {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
	return nil
}
