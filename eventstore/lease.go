package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// leaseTTL is how long a job rests when the node that had it dies.
	leaseTTL = 10 * time.Second
	// resignLimit bounds how long a node that stops waits for the database to hear of it.
	resignLimit = 2 * time.Second
)

// ErrLeaseLost is why the context of a job ends whose lease another node may have by now.
var ErrLeaseLost = errors.New("lease is lost")

// Lease is the right to a job that one node does at a time.
//
// It is only a hint for speed: clocks stop and processes sleep, so for a moment two nodes may both believe that they hold it.
// Whatever the job writes to MUST refuse the second writer by itself.
type Lease struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
	name   string
	holder uuid.UUID
	ttl    time.Duration
	term   atomic.Int64
}

// Lease names a job. The holder MUST be unique to this process: two processes with the same one would share the lease.
func (l *Log) Lease(name string, holder uuid.UUID) *Lease {
	return &Lease{pool: l.pool, logger: l.logger, name: name, holder: holder, ttl: leaseTTL}
}

// Term numbers the present holding, or is 0 while this process does not hold the lease. It rises with every change of holder.
func (l *Lease) Term() int64 { return l.term.Load() }

// Hold waits for the lease, does the job while it is held, and begins again when it was lost. It returns what do returned by
// itself, or nil when ctx ended before the lease was had.
//
// The context of do ends when ctx does, or with the cause [ErrLeaseLost]. Hold always waits for do, and then resigns, so that
// the next node need not wait until the lease lapses.
func (l *Lease) Hold(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		until, ok := l.await(ctx)
		if !ok {
			return nil
		}
		lost, err := l.work(ctx, until, do)
		if !lost {
			return err
		}
		l.logger.WarnContext(ctx, "lease lost", "lease", l.name)
	}
}

// await asks until the lease is free. It asks by reading, so that waiting writes nothing.
func (l *Lease) await(ctx context.Context) (until time.Time, ok bool) {
	for {
		until, term, err := l.take(ctx)
		switch {
		case ctx.Err() != nil:
			return time.Time{}, false
		case err != nil:
			l.logger.WarnContext(ctx, "lease cannot be asked for", "lease", l.name, "error", err)
		case term > 0:
			l.term.Store(term)
			return until, true
		}
		select {
		case <-ctx.Done():
			return time.Time{}, false
		case <-time.After(l.ttl / 10):
		}
	}
}

// work does the job and keeps the lease meanwhile.
func (l *Lease) work(ctx context.Context, until time.Time, do func(ctx context.Context) error) (lost bool, err error) {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.resign(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- do(working) }()
	for pause := l.ttl / 3; ; {
		select {
		case err := <-done:
			return false, err
		case <-time.After(min(pause, time.Until(until))):
		}
		asking, stop := context.WithDeadline(ctx, until)
		next, term, err := l.take(asking)
		stop()
		switch {
		case err == nil && term == l.term.Load():
			until, pause = next, l.ttl/3
		case err == nil || time.Now().After(until): // another has it, or had it meanwhile, or may have it by now
			if term > 0 { // what is had in a new term is to be resigned, too: the job begins anew, and does not rest until it lapses
				l.term.Store(term)
			}
			cancel(ErrLeaseLost)
			<-done //nolint:errcheck // the job was told to end; its next holder begins it afresh
			return true, nil
		default:
			pause = l.ttl / 10
		}
	}
}

// take gets the lease, or renews it in the term that this node holds. The term is 0 when another node holds it; what is taken anew has a
// new one, also by who had it before. The local deadline ends a fifth before the database's,
// and counts from before the question, so that this node stops first whatever the answer's way took.
func (l *Lease) take(ctx context.Context) (until time.Time, term int64, err error) {
	asked := time.Now()
	err = l.pool.QueryRow(ctx, `
		with renewed as (
			update log.lease set holder = $2, term = term + (holder <> $2 or term <> $4)::integer, until = clock_timestamp() + $3
			where name = $1 and (holder = $2 and term = $4 or until < clock_timestamp()) returning term
		), made as (
			insert into log.lease (name, holder, term, until) select $1, $2, 1, clock_timestamp() + $3
			where not exists (select from log.lease where name = $1) on conflict do nothing returning term
		)
		select term from renewed union all select term from made`, l.name, l.holder, l.ttl, l.term.Load()).Scan(&term)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return time.Time{}, 0, nil
	case err != nil:
		return time.Time{}, 0, fmt.Errorf("lease %s: %w", l.name, err)
	}
	return asked.Add(l.ttl - l.ttl/5), term, nil
}

// resign lets the lease lapse at once, if it is still this holding.
func (l *Lease) resign(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, resignLimit)
	defer cancel()
	_, err := l.pool.Exec(ctx, `update log.lease set until = clock_timestamp() where name = $1 and holder = $2 and term = $3`,
		l.name, l.holder, l.term.Swap(0))
	if err != nil {
		l.logger.WarnContext(ctx, "lease not resigned, it lapses by itself", "lease", l.name, "error", err)
	}
}
