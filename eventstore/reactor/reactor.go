// Package reactor runs consumers of the log that have side effects: mail, webhooks, a following command.
//
// # What it promises
//
//   - Every event of a reactor's types has its effect, in the order of the lane, on one node at a time. What the bus lost, or
//     has not got yet, is read from the log: the bus only makes it fast.
//   - An effect has an id that is the same for ever, [EffectID]. It is recorded when done, and then never executed again. A
//     crash between an outside call and its record repeats the call, with the same id: the other side can tell.
//   - An effect that keeps failing is parked, visibly, and the next ones go on. [Runner.Redeliver] tries it again.
//   - A reactor that is new begins at the head of the log, unless it asks for history: to add one sends no mail about the past.
//
// It is not a projection: nothing rebuilds or replays one, and no path leads from a rebuild to here.
package reactor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
)

// Reactor is a consumer with side effects.
type Reactor struct {
	// Name is part of every effect's id: it must never change, nor be used by another reactor later.
	Name string
	// Types are the event types it acts on: "order.placed", "order.*" or "*".
	Types []string
	// History lets it begin at the first event when it is new, instead of at the head.
	History bool
	// Handle does the effect, and MUST end with its context. An error or a panic means it is tried again, with the same effect.
	Handle func(ctx context.Context, e Effect) error
}

// wants says whether the reactor acts on an event type.
func (r Reactor) wants(typ string) bool {
	return slices.ContainsFunc(r.Types, func(pattern string) bool {
		category, any := strings.CutSuffix(pattern, "*")
		return pattern == typ || any && strings.HasPrefix(typ, category)
	})
}

var (
	namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`) // names go into consumer names on the bus
	typePattern = regexp.MustCompile(`^(\*|[a-z][a-z0-9_]*\.(\*|[a-z][a-z0-9_.]*))$`)
)

func (r Reactor) check() error {
	if !namePattern.MatchString(r.Name) {
		return fmt.Errorf("reactor name %q is not of the form %s", r.Name, namePattern)
	}
	if r.Handle == nil || len(r.Types) == 0 {
		return fmt.Errorf("reactor %s has no handler or no types", r.Name)
	}
	for _, typ := range r.Types {
		if !typePattern.MatchString(typ) {
			return fmt.Errorf("reactor %s: %q is no event type, <category>.* or *", r.Name, typ)
		}
	}
	return nil
}

// Config is what reactors run on. Log, Pool and JS are required.
type Config struct {
	Log  *eventstore.Log
	Pool *pgxpool.Pool // in the engine role
	JS   jetstream.JetStream

	Tries     int           // of an effect before it is parked (5)
	WaitFirst time.Duration // after the first try, then four times as long after each (500 ms)
	WaitMax   time.Duration // between two tries at most (30 s): a failing effect holds up the ones behind it
	Timeout   time.Duration // of one try (30 s)
	Grace     time.Duration // that a try may go on when the runner stops (10 s)
	Poll      time.Duration // of silence on the bus after which the log is looked at (1 s)
	Logger    *slog.Logger
}

// Runner runs reactors.
type Runner struct {
	cfg      Config
	ledger   ledger
	reactors []Reactor
}

// New checks the reactors; it starts nothing.
func New(cfg Config, reactors ...Reactor) (*Runner, error) {
	if cfg.Log == nil || cfg.Pool == nil || cfg.JS == nil {
		return nil, errors.New("reactors need the log, a database and a bus")
	}
	cfg.Tries = cmp.Or(cfg.Tries, 5)
	cfg.WaitFirst = cmp.Or(cfg.WaitFirst, 500*time.Millisecond)
	cfg.WaitMax = cmp.Or(cfg.WaitMax, 30*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Grace = cmp.Or(cfg.Grace, 10*time.Second)
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	seen := map[string]bool{}
	for _, r := range reactors {
		if err := r.check(); err != nil {
			return nil, err
		}
		if seen[r.Name] {
			return nil, fmt.Errorf("reactor %s is listed twice", r.Name)
		}
		seen[r.Name] = true
	}
	return &Runner{cfg: cfg, ledger: ledger{cfg.Pool}, reactors: reactors}, nil
}
