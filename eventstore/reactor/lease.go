package reactor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// lease keeps a reactor to one node per lane, so that two do not make the same outside call. It is only a hint: what a node
// writes stays true when it overlaps with another.
type lease struct {
	pool   *pgxpool.Pool
	name   string
	holder uuid.UUID
	ttl    time.Duration
	log    *slog.Logger
}

// while runs work whenever the lease is held, until ctx ends. work's context ends with the lease.
func (l lease) while(ctx context.Context, work func(ctx context.Context)) {
	for {
		held, err := l.take(ctx)
		if err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "cannot take lease", "lease", l.name, "error", err)
		}
		if held {
			l.term(ctx, work)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(l.ttl / 5):
		}
	}
}

// term runs work while renewing. The local deadline is shorter than the database's, so that work ends before another
// node's begins.
func (l lease) term(ctx context.Context, work func(ctx context.Context)) {
	working, end := context.WithCancel(ctx)
	deadline := time.AfterFunc(l.ttl*2/3, end)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		ticker := time.NewTicker(l.ttl / 5)
		defer ticker.Stop()
		for {
			select {
			case <-working.Done():
				return
			case <-ticker.C:
			}
			asked := time.Now()
			held, err := l.take(working)
			switch {
			case err == nil && held:
				deadline.Reset(time.Until(asked.Add(l.ttl * 2 / 3)))
			case err == nil:
				end()
			}
		}
	}()
	work(working)
	end()
	deadline.Stop()
	<-renewing
	// The next node need not wait. Where this does not arrive, it does.
	giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.ttl/5)
	defer cancel()
	_, _ = l.pool.Exec(giving, `update log.lease set until = clock_timestamp() where name = $1 and holder = $2`, l.name, l.holder)
}

// take gets the lease, or renews it.
func (l lease) take(ctx context.Context) (bool, error) {
	tag, err := l.pool.Exec(ctx, `insert into log.lease as l (name, holder, term, until) values ($1, $2, 1, clock_timestamp() + $3)
		on conflict (name) do update set holder = $2, until = excluded.until, term = l.term + (l.holder <> $2)::int
		where l.holder = $2 or l.until < clock_timestamp()`, l.name, l.holder, l.ttl)
	if err != nil {
		return false, fmt.Errorf("take lease %s: %w", l.name, err)
	}
	return tag.RowsAffected() == 1, nil
}
