package rate

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// exactBucket is a token bucket in exact fractions, written from the definition: it holds at most limit tokens and
// gains one an interval.
type exactBucket struct {
	limit, interval int64
	tokens          *big.Rat
	at              int64
}

func (b *exactBucket) take(now int64, want int) int {
	b.tokens.Add(b.tokens, big.NewRat(now-b.at, b.interval))
	b.at = now
	if full := big.NewRat(b.limit, 1); b.tokens.Cmp(full) > 0 {
		b.tokens.Set(full)
	}
	granted := 0
	for one := big.NewRat(1, 1); granted < want && b.tokens.Cmp(one) >= 0; granted++ {
		b.tokens.Sub(b.tokens, one)
	}
	return granted
}

// TestGCRAIsATokenBucket takes a million random requests, over several policies, and wants the same verdict each time.
func TestGCRAIsATokenBucket(t *testing.T) {
	t.Parallel()
	policies := []string{"1200/1m", "20/10s", "1000/10m", "6000/1m", "1/1s", "7/3s", "1000000/1s", "3/24h"}
	for i, text := range policies {
		p := mustParse(t, text, Share)
		random := rand.New(rand.NewPCG(7, uint64(i)))
		exact := &exactBucket{limit: int64(p.Limit), interval: p.interval(), tokens: big.NewRat(int64(p.Limit), 1)}
		tat, now, admitted, refused := int64(0), int64(0), 0, 0
		for step := range 1_000_000 / len(policies) {
			switch random.IntN(10) {
			case 0: // a pause
				now += random.Int64N(2*p.capacity() + 1)
			case 1: // at the same moment
			case 2: // exactly when a token comes back, or a nanosecond off
				now = max(now, tat-p.capacity()+p.interval()+random.Int64N(3)-1)
			default:
				now += random.Int64N(2*p.interval() + 1)
			}
			want := 1 + random.IntN(3)
			free, wait := p.free(tat, now), p.wait(tat, now)
			granted, after := p.grant(tat, now, want)
			if expected := exact.take(now, want); granted != expected {
				t.Fatalf("%s, step %d: granted %d of %d, the bucket %d", text, step, granted, want, expected)
			}
			if granted != min(free, want) || (free == 0) != (wait > 0) {
				t.Fatalf("%s, step %d: free %d, wait %v, granted %d", text, step, free, wait, granted)
			}
			if granted == 0 {
				if refused++; p.free(tat, now+int64(wait)) != 1 || p.free(tat, now+int64(wait)-1) != 0 {
					t.Fatalf("%s, step %d: wait %v is not exact", text, step, wait)
				}
			}
			admitted += granted
			tat = after
		}
		if admitted == 0 || refused == 0 && p.Limit < 1000 {
			t.Errorf("%s: %d admitted, %d refused: nothing was tested", text, admitted, refused)
		}
	}
}

func TestSmallerPolicy(t *testing.T) {
	t.Parallel()
	large, small := mustParse(t, "1000/1m", Share), mustParse(t, "10/1m", Share)
	_, tat := large.grant(0, 0, 1000)
	if free := small.free(tat, 0); free != 0 {
		t.Errorf("free %d", free)
	}
	if granted, after := small.grant(tat+int64(time.Hour), 0, 1); granted != 0 || after < tat {
		t.Errorf("granted %d, TAT %d", granted, after)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Policy{
		"1200/1m": {"api", 1200, time.Minute, Strict},
		"20/10s":  {"api", 20, 10 * time.Second, Strict},
		" off ":   {"api", 0, 0, Strict},
		"1/24h":   {"api", 1, 24 * time.Hour, Strict},
	} {
		if got, err := Parse("api", text, Strict); err != nil || got != want || got.Off() != (want.Limit == 0) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if got := mustParse(t, want.String(), Strict); got.Limit != want.Limit || got.Window != want.Window {
			t.Errorf("%v written and read back: %v", want, got)
		}
	}
	for _, bad := range []string{"", "on", "1200", "/1m", "0/1m", "-1/1m", "1.5/1m", "1000001/1m", "20/10", "20/500ms", "20/1.5s", "20/25h", "20/-1s", "20/", "20/1m/2"} {
		if got, err := Parse("api", bad, Share); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
	for _, bad := range []string{"", "API", `a"b`, "a b"} {
		if _, err := Parse(bad, "1/1s", Share); err == nil {
			t.Errorf("name %q was accepted", bad)
		}
	}
}

func TestLargestLease(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"1200/1m": 20, "20/10s": 1, "6000/1m": 100, "1000/10m": 1, "1/1s": 1, "160/1s": 10} {
		if got := mustParse(t, text, Share).largestLease(); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

func mustParse(t testing.TB, text string, outage Outage) Policy {
	t.Helper()
	p, err := Parse("api", text, outage)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
