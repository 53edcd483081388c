package rate

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// leaseTimeout bounds what a lease may add to a request before the node decides alone.
	leaseTimeout = 250 * time.Millisecond
	// restAfterOutage is how long a node then leaves the lender alone, so that an outage costs one request in a
	// second its timeout, and not every one.
	restAfterOutage = time.Second
	// tokenLife is how long leased tokens may lie unused: a longer one would let a node save up for a burst that the
	// policy does not allow.
	tokenLife = time.Second
	// busy is how soon after a lease the next must be due for the lease to double.
	busy = 100 * time.Millisecond
	// logEvery bounds the log lines of an outage.
	logEvery = time.Minute
)

// Grant is a lender's answer: how many tokens it gave, and where the bucket stands on its clock.
type Grant struct {
	Granted int
	TAT     int64 // nanoseconds
	Now     int64 // nanoseconds, the same clock
}

// Lease asks a lender for up to want tokens of the key's bucket; Postgres makes one. None granted is an answer, not
// an error.
type Lease func(ctx context.Context, p Policy, key string, want int) (Grant, error)

// Decision is the verdict on one request.
type Decision struct {
	Policy    Policy
	Allowed   bool
	Remaining int           // tokens left, as far as this node knows
	Refill    time.Duration // until the bucket is full again
	// RetryAfter is how long to wait after a refusal; a retry then is admitted unless others were faster.
	RetryAfter time.Duration
}

// Limiter decides, for one node. It is safe for concurrent use.
type Limiter struct {
	lease     Lease
	nodes     int
	log       *slog.Logger
	started   time.Time // zero of the node's clock, which is monotonic
	buckets   table
	restUntil atomic.Int64 // nanoseconds after started
	loggedAt  atomic.Int64
}

// New makes a Limiter that leases from lease; nodes (at least 1) is how many nodes share the policies while it
// cannot.
func New(lease Lease, nodes int, log *slog.Logger) *Limiter {
	l := &Limiter{lease: lease, nodes: nodes, log: log, started: time.Now()}
	l.loggedAt.Store(-int64(logEvery))
	return l
}

// now is the node's clock, in nanoseconds since it started.
func (l *Limiter) now() int64 { return int64(time.Since(l.started)) }

// Degraded reports whether the node is deciding alone because leases cannot be had.
func (l *Limiter) Degraded() bool { return l.now() < l.restUntil.Load() }

// Take takes one token of the key's bucket. It waits for the lender for at most a quarter of a second and never
// fails.
func (l *Limiter) Take(ctx context.Context, p Policy, key string) Decision {
	if p.Off() {
		return Decision{Policy: p, Allowed: true}
	}
	b := l.buckets.get(p.Name, key, l.now())
	b.mu.Lock()
	defer b.mu.Unlock()
	now := l.now() // after the lock: whoever held it may have waited for the lender
	if b.tokens > 0 && now < b.die {
		b.tokens--
		return b.allowed(p, now)
	}
	if l.Degraded() {
		return b.alone(p, l.nodes, now)
	}
	if p.wait(b.tat, now) > 0 {
		return b.refused(p, now)
	}
	b.resize(p, now)
	// Not the request's own end: a client that hangs up is no outage, and the tokens serve the next.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
	defer cancel()
	grant, err := l.lease(asking, p, key, b.lease)
	now = l.now()
	if err != nil {
		l.rest(ctx, now, err)
		return b.alone(p, l.nodes, now)
	}
	b.tokens, b.die, b.leasedAt = grant.Granted, now+int64(tokenLife), now
	b.tat = now + grant.TAT - grant.Now
	if b.tokens == 0 {
		return b.refused(p, now)
	}
	b.tokens--
	return b.allowed(p, now)
}

// Blocked reports whether the bucket is known on this node to be empty, without taking from it or asking the lender.
// It is for a gate that counts failures only: it asks Blocked before the attempt and calls Take when it has failed.
func (l *Limiter) Blocked(p Policy, key string) (Decision, bool) {
	if p.Off() {
		return Decision{Policy: p, Allowed: true}, false
	}
	now := l.now()
	b := l.buckets.get(p.Name, key, now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.Degraded() {
		alone := p.fallback(l.nodes)
		if alone.wait(b.own, now) > 0 {
			return alone.refusal(p, b.own, now), true
		}
		return Decision{Policy: p, Allowed: true}, false
	}
	if b.tokens > 0 && now < b.die || p.wait(b.tat, now) == 0 {
		return Decision{Policy: p, Allowed: true}, false
	}
	return b.refused(p, now), true
}

// rest leaves the lender alone for a while.
func (l *Limiter) rest(ctx context.Context, now int64, err error) {
	l.restUntil.Store(now + int64(restAfterOutage))
	if last := l.loggedAt.Load(); now-last >= int64(logEvery) && l.loggedAt.CompareAndSwap(last, now) {
		l.log.WarnContext(ctx, "rate limits are decided by this node alone", "error", err, "nodes", l.nodes)
	}
}

// bucket is what a node knows of one key. Times are on the node's clock.
type bucket struct {
	mu       sync.Mutex
	used     atomic.Int64 // when it was last asked for; read without mu, to find one to drop
	tokens   int          // leased and not yet used
	die      int64        // when those end
	lease    int          // how many to lease next
	leasedAt int64
	tat      int64 // the lender's TAT at the last lease; others may have moved it on since, never back
	own      int64 // TAT of the bucket that the node keeps while it decides alone
}

// resize chooses the next lease: twice the last where that was used up at once, half where some of it died, and one
// token for a key that is new.
func (b *bucket) resize(p Policy, now int64) {
	switch {
	case b.lease == 0:
		b.lease = 1
	case b.tokens > 0:
		b.lease = max(1, b.lease/2)
	case now-b.leasedAt < int64(busy):
		b.lease *= 2
	}
	b.lease = min(b.lease, p.largestLease())
}

func (b *bucket) allowed(p Policy, now int64) Decision {
	return Decision{Policy: p, Allowed: true, Remaining: min(p.Limit-1, p.free(b.tat, now)+b.tokens), Refill: p.refill(b.tat, now)}
}

func (b *bucket) refused(p Policy, now int64) Decision { return p.refusal(p, b.tat, now) }

// alone decides by the node's own bucket.
func (b *bucket) alone(p Policy, nodes int, now int64) Decision {
	fallback := p.fallback(nodes)
	granted, after := fallback.grant(b.own, now, 1)
	if granted == 0 {
		return fallback.refusal(p, b.own, now)
	}
	b.own = after
	return Decision{Policy: p, Allowed: true, Remaining: fallback.free(after, now), Refill: fallback.refill(after, now)}
}

// refusal is the verdict of p on a bucket without a token; shown is the policy as the caller knows it.
func (p Policy) refusal(shown Policy, tat, now int64) Decision {
	return Decision{Policy: shown, RetryAfter: max(1, p.wait(tat, now)), Refill: p.refill(tat, now)}
}
