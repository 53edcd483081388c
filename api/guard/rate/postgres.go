package rate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// leaseSQL takes up to $3 tokens of a bucket whose tokens come back every $4 ns and which fills in $5 ns. One
// statement, so the row's lock makes it exact. The clock is read before the lock is had; greatest() with the row's
// last time keeps it from running backwards for whoever waited.
const leaseSQL = `
insert into app.rate_lease as l (policy, key, tat, granted, at)
select $1, $2, clock.at + $3::bigint * $4::bigint, $3, clock.at
from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000 as at) as clock
on conflict (policy, key) do update set
	at = greatest(l.at, excluded.at),
	granted = greatest(0, least($3, (greatest(l.at, excluded.at) + $5::bigint - greatest(l.tat, l.at, excluded.at)) / $4)),
	tat = greatest(l.tat, l.at, excluded.at)
		+ $4 * greatest(0, least($3, (greatest(l.at, excluded.at) + $5 - greatest(l.tat, l.at, excluded.at)) / $4))
returning granted, tat, at`

// Postgres makes a Lease from the table app.rate_lease. The pool's role needs to select, insert and update there.
func Postgres(pool *pgxpool.Pool) Lease {
	return func(ctx context.Context, p Policy, key string, want int) (Grant, error) {
		var g Grant
		err := pool.QueryRow(ctx, leaseSQL, p.Name, key, int64(min(want, p.Limit)), p.interval(), p.capacity()).Scan(&g.Granted, &g.TAT, &g.Now)
		if err != nil {
			return Grant{}, fmt.Errorf("lease rate tokens: %w", err)
		}
		return g, nil
	}
}

// Sweep deletes the rows of full buckets, which say no more than no row does. Call it every few minutes; it needs to
// delete from app.rate_lease. It returns how many there were.
func Sweep(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	tag, err := pool.Exec(ctx, `delete from app.rate_lease where tat < (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000 - 60000000000`)
	if err != nil {
		return 0, fmt.Errorf("sweep rate leases: %w", err)
	}
	return tag.RowsAffected(), nil
}
