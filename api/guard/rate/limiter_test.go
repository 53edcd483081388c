package rate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunglas/httpsfv"
)

// lender is what Postgres is, in memory and by the arithmetic of gcra.go, for tests of the nodes above it.
type lender struct {
	mu    sync.Mutex
	tats  map[string]int64
	start time.Time
	calls int
	down  error
}

func newLender() *lender { return &lender{tats: map[string]int64{}, start: time.Now()} }

func (d *lender) lease(ctx context.Context, p Policy, key string, want int) (Grant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.down != nil || ctx.Err() != nil {
		return Grant{}, errors.Join(d.down, ctx.Err())
	}
	now := int64(time.Since(d.start)) + int64(time.Hour) // another clock than the nodes'
	granted, after := p.grant(d.tats[p.Name+key], now, want)
	d.tats[p.Name+key] = after
	return Grant{Granted: granted, TAT: after, Now: now}, nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestOneNodeIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(newLender().lease, 1, quiet())
		p := mustParse(t, "20/10s", Strict)
		for i := range 20 {
			if d := l.Take(t.Context(), p, "a"); !d.Allowed || d.Remaining != 19-i || d.Refill != time.Duration(i+1)*500*time.Millisecond {
				t.Fatalf("request %d: %+v", i+1, d)
			}
		}
		d := l.Take(t.Context(), p, "a")
		if d.Allowed || d.RetryAfter != 500*time.Millisecond || d.Remaining != 0 {
			t.Fatalf("request 21: %+v", d)
		}
		if d := l.Take(t.Context(), p, "b"); !d.Allowed {
			t.Fatalf("another key: %+v", d)
		}
		time.Sleep(d.RetryAfter - 1)
		if d := l.Take(t.Context(), p, "a"); d.Allowed || d.RetryAfter != 1 {
			t.Fatalf("a nanosecond early: %+v", d)
		}
		time.Sleep(time.Nanosecond)
		if d := l.Take(t.Context(), p, "a"); !d.Allowed {
			t.Fatalf("at Retry-After: %+v", d)
		}
		time.Sleep(time.Hour)
		admitted := 0
		for range 100 {
			if l.Take(t.Context(), p, "a").Allowed {
				admitted++
			}
		}
		if admitted != 20 {
			t.Errorf("after a long pause %d were admitted", admitted)
		}
	})
}

// TestRefusalsCostNothing: a flood over the limit does not reach the lender.
func TestRefusalsCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newLender()
		l := New(d.lease, 1, quiet())
		p := mustParse(t, "10/10s", Share)
		for range 10_000 {
			l.Take(t.Context(), p, "a")
		}
		if d.calls > 12 {
			t.Errorf("%d calls for 10 tokens and 9,990 refusals", d.calls)
		}
	})
}

// TestLeasesGrowAndShrink: a busy key asks seldom, a quiet one holds nothing back for long.
func TestLeasesGrowAndShrink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newLender()
		l := New(d.lease, 1, quiet())
		p := mustParse(t, "60000/1m", Share) // 1,000/s, leases of up to 1,000
		for range 2000 {
			if !l.Take(t.Context(), p, "a").Allowed {
				t.Fatal("refused")
			}
			time.Sleep(100 * time.Microsecond)
		}
		if d.calls > 200 {
			t.Errorf("%d calls for 2,000 requests", d.calls)
		}
		b := l.buckets.get(p.Name, "a", l.now())
		grown := b.lease
		if grown < 16 {
			t.Errorf("the lease has grown to %d only", grown)
		}
		time.Sleep(2 * time.Second)
		before := d.calls
		l.Take(t.Context(), p, "a")
		if d.calls != before+1 {
			t.Error("tokens that had died were used")
		}
		if b.lease != grown && b.lease != grown/2 {
			t.Errorf("the lease went from %d to %d", grown, b.lease)
		}
		for range 10 {
			time.Sleep(2 * time.Second)
			l.Take(t.Context(), p, "a")
		}
		if b.lease != 1 {
			t.Errorf("a quiet key still leases %d", b.lease)
		}
	})
}

// TestNodesTogether: four nodes under ten times the limit never admit more than the policy, and hardly less.
func TestNodesTogether(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1200/1m", "60000/1m", "20/10s", "6000/1m"} {
		synctest.Test(t, func(t *testing.T) {
			d := newLender()
			p := mustParse(t, text, Share)
			var nodes []*Limiter
			for range 4 {
				nodes = append(nodes, New(d.lease, 4, quiet()))
			}
			start, admitted := time.Now(), 0
			step := time.Duration(p.interval() / 10)
			for i := 0; time.Since(start) < p.Window; i++ {
				if nodes[i%4].Take(t.Context(), p, "hot").Allowed {
					admitted++
				}
				time.Sleep(step)
			}
			most := p.Limit + int(int64(time.Since(start))/p.interval())
			if admitted > most || admitted < most*98/100-1 {
				t.Errorf("%s: %d admitted, at most %d", text, admitted, most)
			}
		})
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outage Outage
		nodes  int
		want   int
	}{{Share, 1, 20}, {Share, 4, 5}, {Strict, 1, 5}, {Strict, 4, 1}, {Strict, 100, 1}} {
		synctest.Test(t, func(t *testing.T) {
			d := newLender()
			d.down = errors.New("connection refused")
			var logged bytes.Buffer
			l := New(d.lease, c.nodes, slog.New(slog.NewTextHandler(&logged, nil)))
			p := mustParse(t, "20/10s", c.outage)
			admitted := 0
			var last Decision
			for range 50 {
				if last = l.Take(t.Context(), p, "a"); last.Allowed {
					admitted++
				}
			}
			if admitted != c.want || last.Allowed || last.RetryAfter <= 0 || last.Policy != p || !l.Degraded() {
				t.Errorf("%+v: %d admitted, last %+v", c, admitted, last)
			}
			if _, blocked := l.Blocked(p, "a"); !blocked {
				t.Error("the empty bucket is not known to be empty")
			}
			if d.calls != 1 {
				t.Errorf("%d calls to a lender that is down", d.calls)
			}
			time.Sleep(30 * time.Second)
			l.Take(t.Context(), p, "b")
			if got := strings.Count(logged.String(), "decided by this node alone"); got != 1 {
				t.Errorf("%d log lines in half a minute", got)
			}
			d.down = nil
			time.Sleep(restAfterOutage)
			if d := l.Take(t.Context(), p, "c"); !d.Allowed || l.Degraded() || d.Remaining != 19 {
				t.Errorf("after the outage: %+v", d)
			}
		})
	}
}

// TestSlowLender: a lender that hangs costs one request its timeout, and a client that hung up none at all.
func TestSlowLender(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(func(ctx context.Context, _ Policy, _ string, _ int) (Grant, error) {
			<-ctx.Done()
			return Grant{}, ctx.Err()
		}, 1, quiet())
		p := mustParse(t, "20/10s", Share)
		start := time.Now()
		for range 10 {
			if !l.Take(t.Context(), p, "a").Allowed {
				t.Error("refused")
			}
		}
		if took := time.Since(start); took != leaseTimeout {
			t.Errorf("ten requests took %v", took)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		l = New(newLender().lease, 1, quiet())
		if d := l.Take(gone, p, "a"); !d.Allowed || l.Degraded() {
			t.Errorf("a client that hung up: %+v", d)
		}
	})
}

// TestBlocked is the gate that counts failures: nothing is taken by looking.
func TestBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(newLender().lease, 1, quiet())
		p := mustParse(t, "3/10s", Strict)
		for i := range 3 {
			if d, blocked := l.Blocked(p, "a"); blocked {
				t.Fatalf("blocked after %d failures: %+v", i, d)
			}
			l.Take(t.Context(), p, "a")
		}
		l.Take(t.Context(), p, "a")
		d, blocked := l.Blocked(p, "a")
		if !blocked || d.Allowed || d.RetryAfter <= 0 {
			t.Fatalf("not blocked after 4 failures: %+v", d)
		}
		if _, blocked := l.Blocked(p, "b"); blocked {
			t.Error("another key is blocked")
		}
		time.Sleep(d.RetryAfter)
		if _, blocked := l.Blocked(p, "a"); blocked {
			t.Error("blocked after Retry-After")
		}
		// Leases of 1 and then 2: with 32 of 33 used, the last token is in this node's hand and the bucket is empty.
		p = mustParse(t, "33/10s", Strict)
		for range 32 {
			l.Take(t.Context(), p, "c")
		}
		if d, blocked := l.Blocked(p, "c"); blocked {
			t.Errorf("blocked with a token in hand: %+v", d)
		}
	})
}

func TestOff(t *testing.T) {
	t.Parallel()
	l := New(func(context.Context, Policy, string, int) (Grant, error) { return Grant{}, errors.New("asked") }, 1, quiet())
	p := mustParse(t, "off", Strict)
	h := http.Header{}
	for range 100 {
		d := l.Take(t.Context(), p, "a")
		if d.SetHeaders(h); !d.Allowed || len(h) != 0 {
			t.Fatalf("%+v %v", d, h)
		}
	}
	if _, blocked := l.Blocked(p, "a"); blocked || l.Degraded() {
		t.Error("a policy that is off asked the lender")
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	var table table
	kept := table.get("api", "busy", 0)
	for i := range 3 * shards * perShard {
		table.get("api", strconv.Itoa(i), int64(i))
		if i%100 == 0 {
			table.get("api", "busy", int64(i))
		}
	}
	total := 0
	for i := range table.shards {
		total += len(table.shards[i].buckets)
	}
	if total > shards*perShard {
		t.Errorf("%d buckets", total)
	}
	if table.get("api", "busy", 0) != kept {
		t.Error("a busy bucket was dropped for a stale one")
	}
	if first := table.get("a", "b\x00c", 0); first != table.get("a", "b\x00c", 0) || table.get("a", "b", 0) == table.get("b", "b", 0) {
		t.Error("keys of two policies are one bucket, or one key is two")
	}
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(newLender().lease, 1, quiet())
		auth, err := Parse("auth", "2/10s", Strict)
		if err != nil {
			t.Fatal(err)
		}
		h := l.Limit(mustParse(t, "1200/1m", Share), func(*http.Request) string { return "user" })(
			l.Limit(auth, func(r *http.Request) string { return r.Header.Get("X-From") })(
				http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })))
		get := func(from string) *httptest.ResponseRecorder {
			r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			r.Header.Set("X-From", from)
			h.ServeHTTP(w, r)
			return w
		}
		get("a")
		w := get("a")
		if w.Code != 200 || w.Header().Get("RateLimit-Policy") != `"api";q=1200;w=60, "auth";q=2;w=10` || w.Header().Get("RateLimit") != `"api";r=1198;t=1, "auth";r=0;t=10` {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		w = get("a")
		if w.Code != 429 || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), `"code":"rate_limited"`) {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if w.Header().Get("RateLimit") != `"api";r=1197;t=1, "auth";r=0;t=5` {
			t.Errorf("RateLimit %s", w.Header().Get("RateLimit"))
		}
		for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
			list, err := httpsfv.UnmarshalList(w.Header().Values(name))
			if err != nil || len(list) != 2 {
				t.Errorf("%s: %v, %v", name, list, err)
			}
		}
		time.Sleep(5 * time.Second)
		if w := get("a"); w.Code != 200 {
			t.Errorf("after Retry-After: %d", w.Code)
		}
		if w := get(""); w.Code != 200 || strings.Contains(w.Header().Get("RateLimit"), "auth") {
			t.Errorf("without a key: %d %v", w.Code, w.Header())
		}
	})
}
