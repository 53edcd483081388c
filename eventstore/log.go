package eventstore

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// Cached states save a read per command; a stale one costs one retry, because every loaded stream is also a condition.
	stateCacheSize = 20_000
	// Subject keys are looked up for every decoded person.
	subjectKeyCacheSize = 20_000
	// Together they bound how long another node may still read a person who was erased, ten seconds: a state may be read with a key that
	// is as old already. The node that erased forgets at once.
	subjectKeyTTL = 5 * time.Second
	stateTTL      = 5 * time.Second
)

// ProviderSpace is the reserved tenant that holds what is not any tenant's: users and their global e-mail claims, tenants
// themselves, staff, partners, what it bills itself. It is in lane 1.
var ProviderSpace = uuid.MustParse("00000000-0000-7000-8000-000000000001")

// Config says what a [Log] works with. All fields but Logger are required.
type Config struct {
	Pool      *pgxpool.Pool // connections in the engine role
	Registry  *Registry
	MasterKey MasterKey
	Logger    *slog.Logger
}

// Log is the event store of one installation, as one node sees it. It is safe for concurrent use.
type Log struct {
	pool        *pgxpool.Pool
	registry    *Registry
	logger      *slog.Logger
	wrapping    cipher.AEAD
	claimKey    [32]byte
	cursorKey   [32]byte
	states      *lru.Cache[stateRef, cachedState]
	subjectKeys *lru.Cache[subjectRef, cachedKey]
	erasures    atomic.Int64 // that this node committed
	turns       turns
	gates       gates
	lanes       []*lane // lane n at index n-1

	closing context.CancelFunc
	done    sync.WaitGroup
}

type lane struct {
	number  int
	queue   queue
	flusher *flusher
	tide    tide
	epoch   atomic.Int64
}

// Create makes the lanes of a new installation, or checks that the existing ones are as many.
// Their number is fixed at the first start, because a tenant's lane follows from it.
func Create(ctx context.Context, pool *pgxpool.Pool, lanes int) error {
	if lanes < 1 || lanes > 1024 {
		return fmt.Errorf("%d lanes: want 1 to 1024", lanes)
	}
	var have int
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('streamflow lanes'))`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `select count(*) from log.lane`).Scan(&have); err != nil || have > 0 {
			return err
		}
		have = lanes
		_, err := tx.Exec(ctx, `insert into log.lane (lane) select generate_series(1, $1)`, lanes)
		return err
	})
	if err != nil {
		return fmt.Errorf("create lanes: %w", err)
	}
	if have != lanes {
		return fmt.Errorf("this installation has %d lanes, not %d: their number is fixed at the first start", have, lanes)
	}
	return nil
}

// Open starts the log's flushers. [Create] must have made the lanes. Close it when done.
func Open(ctx context.Context, c Config) (*Log, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	states, err := lru.New[stateRef, cachedState](stateCacheSize)
	if err != nil {
		return nil, err
	}
	subjectKeys, err := lru.New[subjectRef, cachedKey](subjectKeyCacheSize)
	if err != nil {
		return nil, err
	}
	l := &Log{
		pool: c.Pool, registry: c.Registry, logger: c.Logger,
		wrapping: c.MasterKey.AEAD("subject keys"), claimKey: c.MasterKey.Derive("claims"), cursorKey: c.MasterKey.Derive("cursors"),
		states:      states,
		subjectKeys: subjectKeys,
		turns:       turns{tail: map[stateRef]chan struct{}{}},
		gates:       newGates(c.Pool.Config().MaxConns),
	}
	heads, err := l.Heads(ctx)
	if err != nil {
		return nil, err
	}
	if len(heads) == 0 {
		return nil, errors.New("the log has no lanes yet")
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.closing = cancel
	for n := 1; n <= len(heads); n++ {
		ln := &lane{number: n, queue: newQueue(), tide: newTide(heads[n].Position)}
		ln.epoch.Store(int64(heads[n].Epoch))
		l.lanes = append(l.lanes, ln)
		ln.flusher = &flusher{log: l, lane: ln}
		l.done.Go(func() { ln.flusher.run(running) })
	}
	return l, nil
}

// Close answers what is queued, then stops. An append after it fails with [ErrClosed].
func (l *Log) Close() {
	for _, ln := range l.lanes {
		ln.queue.close()
	}
	l.done.Wait()
	l.closing()
}

// Registry lists the event types the log was opened with.
func (l *Log) Registry() *Registry { return l.registry }

// Uses tells whether the log reads through a pool: who holds a lock that others of the pool wait for must not wait for it.
func (l *Log) Uses(pool *pgxpool.Pool) bool { return l.pool == pool }

// Lanes is how many there are; they are numbered from 1.
func (l *Log) Lanes() int { return len(l.lanes) }

// LaneOf is where a tenant lives: a pure function of its id and the number of lanes.
func (l *Log) LaneOf(tenant uuid.UUID) int {
	if tenant == ProviderSpace {
		return 1
	}
	h := fnv.New32a()
	h.Write(tenant[:])
	return 1 + int(h.Sum32()%uint32(len(l.lanes)))
}

// Epoch is the lane's epoch as this node knows it; it rises when the database went back to an older copy.
func (l *Log) Epoch(lane int) int { return int(l.lanes[lane-1].epoch.Load()) }

// RaiseEpoch records that the database went back: positions above its head once meant other events.
func (l *Log) RaiseEpoch(ctx context.Context, lane int) (int, error) {
	var epoch int
	var head int64
	err := l.pool.QueryRow(ctx, `update log.lane set epoch = epoch + 1 where lane = $1 returning epoch, head`, lane).Scan(&epoch, &head)
	if lostConnection(err) {
		return 0, fmt.Errorf("raise epoch of lane %d: %w: %w", lane, ErrUnavailable, err)
	}
	if err != nil {
		return 0, fmt.Errorf("raise epoch of lane %d: %w", lane, err)
	}
	l.lanes[lane-1].hear(Mark{Epoch: epoch, Position: head})
	return epoch, nil
}

// hear takes note of where the lane is. What this node knew of an earlier epoch, its tide too, is no more; its cached states say
// by themselves which event they saw last.
func (ln *lane) hear(m Mark) {
	for known := ln.epoch.Load(); int64(m.Epoch) > known; known = ln.epoch.Load() {
		if ln.epoch.CompareAndSwap(known, int64(m.Epoch)) {
			ln.tide.set(m.Position, true)
			return
		}
	}
}

// Known is the newest position of the lane that this node has heard of; another node may have committed more.
func (l *Log) Known(lane int) int64 { return l.lanes[lane-1].tide.height() }

// Committed returns a channel that is closed as soon as this node knows of a position above after, or that the lane went back.
// Call stop when done with it. It is a hint for speed: appends of other nodes are not heard of.
func (l *Log) Committed(lane int, after int64) (committed <-chan struct{}, stop func()) {
	return l.lanes[lane-1].tide.above(after)
}

// tide tells waiters that a number has risen above what each has seen already.
type tide struct {
	mu      sync.Mutex
	level   int64
	waiting map[*waiter]struct{}
}

type waiter struct {
	seen  int64
	risen chan struct{}
}

var closedChannel = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func newTide(level int64) tide { return tide{level: level, waiting: map[*waiter]struct{}{}} }

func (t *tide) above(level int64) (risen <-chan struct{}, stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.level > level {
		return closedChannel, func() {}
	}
	// A reader may have seen more than this node has heard of: the database shows a commit before its answer is read here, and those of
	// other nodes besides.
	w := &waiter{level, make(chan struct{})}
	t.waiting[w] = struct{}{}
	return w.risen, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.waiting, w)
	}
}

func (t *tide) height() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.level
}

// set tells those who wait below the level. It falls with a database that went back: at the old level [Log.Committed] would announce what
// is gone. Then, or where the caller knows that it begins anew, everybody is told: what they have seen may be gone.
func (t *tide) set(level int64, anew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	anew = anew || level < t.level
	t.level = level
	for w := range t.waiting {
		if anew || w.seen < level {
			close(w.risen)
			delete(t.waiting, w)
		}
	}
}
