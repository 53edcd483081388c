package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// every is the longest that a committed event goes without a seal; sealEvents is how many go into one at most.
	every      = time.Second
	sealEvents = 4096
	// pageEvents are read at a time: of the largest events 64 MiB.
	pageEvents = 256
	// A session that failed is tried again after firstPause, and after twice as long each time, up to longestPause.
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
	// brokenPause is how often a lane whose seals are broken is looked at and reported again.
	brokenPause = time.Minute
)

// Subject is where a lane's seals are published, as signed notes over core NATS: who keeps them can hold the log to them.
func Subject(lane int) string { return "streamflow.seal." + strconv.Itoa(lane) }

// Config says what a [Sealer] works with. Log, Store and Lane are required.
type Config struct {
	Log    *eventstore.Log
	Store  *Store
	Lane   int
	Conn   *nats.Conn // nil publishes nothing
	Node   uuid.UUID  // who asks for the lease; unique to this process, made up when absent
	Logger *slog.Logger
}

// Sealer seals one lane. Its methods are safe for concurrent use.
type Sealer struct {
	Config
	lease *eventstore.Lease

	mu     sync.Mutex
	status Status
}

// Status is how a sealer is doing.
type Status struct {
	Leading bool  // this node seals the lane
	Size    int64 // of the newest seal that this node knows of
	// Err is why nothing is sealed, nil while all is well. It wraps [ErrBroken] when the log is not what was sealed.
	Err error
}

// New prepares a sealer; [Sealer.Run] starts it.
func New(c Config) *Sealer {
	if c.Node == uuid.Nil {
		c.Node = uuid.New()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = c.Logger.With("lane", c.Lane)
	return &Sealer{Config: c, lease: c.Log.Lease("seal-"+strconv.Itoa(c.Lane), c.Node)}
}

// Run seals the lane whenever this node holds its lease, until ctx ends. It fails only when there is no such lane.
func (s *Sealer) Run(ctx context.Context) error {
	if s.Lane < 1 || s.Lane > s.Log.Lanes() {
		return fmt.Errorf("sealer: there is no lane %d", s.Lane)
	}
	return s.lease.Hold(ctx, s.serve)
}

// Status is how the sealer is doing now.
func (s *Sealer) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Sealer) record(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

// serve seals, session after session, until ctx ends.
func (s *Sealer) serve(ctx context.Context) error {
	s.record(func(st *Status) { st.Leading = true })
	defer s.record(func(st *Status) { st.Leading = false })
	pause := firstPause
	for {
		looked, err := s.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if looked {
			pause = firstPause
		}
		rest := pause
		switch {
		case errors.Is(err, errFenced):
			s.Logger.DebugContext(ctx, "sealer goes on behind another", "error", err)
		case errors.Is(err, ErrBroken) && !looked: // by what the database itself says, not only by what this node remembers
			s.record(func(st *Status) { st.Err = err })
			s.Logger.ErrorContext(ctx, "THE LOG IS NOT WHAT WAS SEALED; nothing more is sealed: run streamflow verify", "error", err)
			rest = brokenPause
		default:
			s.record(func(st *Status) { st.Err = err })
			s.Logger.WarnContext(ctx, "sealing interrupted", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		pause = min(2*pause, longestPause)
	}
}

// session goes on from the newest seal until something goes wrong or ctx ends. It looked if nothing was wrong at first.
func (s *Sealer) session(ctx context.Context) (looked bool, err error) {
	last, epoch, err := s.resume(ctx)
	if err != nil {
		return false, err
	}
	for {
		due := time.Now().Add(every)
		next, err := s.extend(ctx, last, epoch)
		if err != nil {
			return looked, err
		}
		added := next.Size - last.Size
		looked, last = true, next
		s.record(func(st *Status) { st.Size, st.Err = last.Size, nil })
		if added > 0 {
			s.publish(ctx, last)
		}
		if added == sealEvents { // there may be more already
			continue
		}
		if err := s.await(ctx, last.Size, due); err != nil {
			return looked, err
		}
	}
}

// resume reads the newest seal, after checking that it is ours.
func (s *Sealer) resume(ctx context.Context) (last Seal, epoch int, err error) {
	heads, err := s.Log.Heads(ctx)
	if err != nil {
		return Seal{}, 0, err
	}
	last, err = s.Store.Newest(ctx, s.Lane)
	if err == nil && last.Size > 0 {
		err = last.Check(s.Store.key)
	}
	return last, heads[s.Lane].Epoch, err
}

// extend seals what there is behind a seal, up to sealEvents; it returns the same seal when there is nothing.
func (s *Sealer) extend(ctx context.Context, last Seal, epoch int) (Seal, error) {
	leaves, err := s.unsealed(ctx, last)
	if err != nil || len(leaves) == 0 {
		return last, err
	}
	next := Seal{Lane: s.Lane, Epoch: epoch, Size: last.Size + int64(len(leaves)/sha256.Size), Previous: last.Size, Leaves: leaves}
	t, err := last.tree()
	if err == nil {
		err = grow(t, leaves)
	}
	if err == nil {
		next.Hashes = t.Hashes()
		next.Root, err = t.GetRootHash(nil)
	}
	if err == nil {
		next.Note, err = s.Store.key.sign(s.Lane, epoch, next.Size, next.Root)
	}
	if err != nil {
		return last, err
	}
	eventstore.Failpoint("seal.store")
	if err := insert(ctx, s.Store.pool, next); err != nil {
		return last, err
	}
	eventstore.Failpoint("seal.publish")
	return next, nil
}

// unsealed reads the leaf hashes of the next events. It reads the last sealed event again with them: only while that is
// as it was sealed may the tree go on from it.
func (s *Sealer) unsealed(ctx context.Context, last Seal) ([]byte, error) {
	var hasher Hasher
	var leaves []byte
	at := max(last.Size-1, 0)
	for {
		limit := min(pageEvents, last.Size+sealEvents-at)
		page, err := s.Log.ReadLane(ctx, s.Lane, at, int(limit))
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			at++
			hash := hasher.Hash(e)
			switch {
			case e.Position != at:
				return nil, fmt.Errorf("%w: there is no event %d/%d, but %d", ErrBroken, s.Lane, at, e.Position)
			case at > last.Size:
				leaves = append(leaves, hash[:]...)
			case !bytes.Equal(hash[:], last.Leaf(at)):
				return nil, fmt.Errorf("%w: event %d/%d is not what was sealed", ErrBroken, s.Lane, at)
			}
		}
		if at < last.Size {
			return nil, fmt.Errorf("%w: the log ends before %d/%d, which is sealed", ErrBroken, s.Lane, last.Size)
		}
		if len(page) < int(limit) || at == last.Size+sealEvents {
			return leaves, nil
		}
	}
}

// await returns at the time given, or sooner when this node hears of as many events as go into one seal. What it knows already does
// not count: of a database that went back it knows too much.
func (s *Sealer) await(ctx context.Context, size int64, until time.Time) error {
	due := time.NewTimer(time.Until(until))
	defer due.Stop()
	for {
		committed, stop := s.Log.Committed(s.Lane, s.Log.Known(s.Lane))
		select {
		case <-ctx.Done():
			stop()
			return ctx.Err()
		case <-due.C:
			stop()
			return nil
		case <-committed:
			if s.Log.Known(s.Lane) >= size+sealEvents {
				return nil
			}
		}
	}
}

// publish tells whoever listens. It may get lost: the seal is in the database.
func (s *Sealer) publish(ctx context.Context, one Seal) {
	if s.Conn == nil || !s.Conn.IsConnected() {
		return
	}
	if err := s.Conn.Publish(Subject(s.Lane), []byte(one.Note)); err != nil {
		s.Logger.WarnContext(ctx, "seal is not published", "size", one.Size, "error", err)
	}
}
