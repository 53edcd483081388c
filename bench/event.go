package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// qualified is the event of the append benchmarks: 400 bytes of JSON, the same as in the comparison with other stores.
type qualified struct {
	LeadID   string   `json:"leadId"`
	TenantID string   `json:"tenantId"`
	Amount   int64    `json:"amount"`
	Currency string   `json:"currency"`
	Source   string   `json:"source"`
	Campaign string   `json:"campaign"`
	Owner    string   `json:"owner"`
	Email    string   `json:"email"` // in the clear: what others store is too
	Score    int      `json:"score"`
	Stage    string   `json:"stage"`
	Tags     []string `json:"tags"`
	Note     string   `json:"note"`
}

const eventBytes = 400

// Type names the event.
func (qualified) Type() string { return "bench.qualified" }

// counted is the state that a hot stream is folded into.
type counted int

// Evolve counts.
func (qualified) Evolve(n counted) counted { return n + 1 }

// newRandom gives the same numbers at every run, so that all runs do the same.
func newRandom(seed int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), 1)) //nolint:gosec // data to measure with is no secret
}

func newQualified(r *rand.Rand) qualified {
	q := qualified{
		LeadID: uuid.NewString(), TenantID: fmt.Sprintf("tenant-%02d", r.IntN(50)), Amount: r.Int64N(10_000), Currency: "EUR", Source: "web-form",
		Campaign: fmt.Sprintf("spring-%02d", r.IntN(40)), Owner: fmt.Sprintf("user-%04d", r.IntN(10_000)),
		Email: fmt.Sprintf("person.%06d@example.test", r.IntN(1_000_000)), Score: r.IntN(100), Stage: "qualified",
		Tags: []string{"inbound", "priority", "newsletter"},
	}
	q.Note = strings.Repeat("lorem ipsum ", 20)[:eventBytes-len(q.json())]
	return q
}

// json is what the log stores of it; TestEventIsWhatTheLogStores compares.
func (q qualified) json() string {
	return fmt.Sprintf(`{"leadId":"%s","tenantId":"%s","amount":%d,"currency":"%s","source":"%s","campaign":"%s","owner":"%s","email":"%s","score":%d,"stage":"%s","tags":["%s"],"note":"%s"}`,
		q.LeadID, q.TenantID, q.Amount, q.Currency, q.Source, q.Campaign, q.Owner, q.Email, q.Score, q.Stage, strings.Join(q.Tags, `","`), q.Note)
}

// supply is events made beforehand, so that making them is no part of any measurement; or fresh ones, where the rules of a
// comparison ask for that.
type supply struct {
	fresh   bool
	tenants []uuid.UUID
	facts   []qualified
	texts   []string
}

func newSupply() *supply {
	s, r := &supply{}, newRandom(1)
	for range 50 {
		s.tenants = append(s.tenants, uuid.New())
	}
	for range 2000 {
		q := newQualified(r)
		s.facts, s.texts = append(s.facts, q), append(s.texts, q.json())
	}
	return s
}

// writer walks through streams of ten appends each, as one caller does.
type writer struct {
	*supply
	random  *rand.Rand
	tenant  uuid.UUID
	stream  eventstore.Stream
	version int
	node    bool // which of two nodes the last call went through
}

const streamLength = 10

func (w *writer) fact() qualified {
	if w.fresh {
		return newQualified(w.random)
	}
	return w.facts[w.random.IntN(len(w.facts))]
}

func (s *supply) writer(i int) *writer {
	return &writer{supply: s, random: newRandom(i), version: 1 << 30}
}

// next moves on by n events and says at which version the stream is before them; after ten times it is another stream.
func (w *writer) next(n int) (before int) {
	if w.version+n > streamLength*n {
		w.tenant, w.stream, w.version = w.tenants[w.random.IntN(len(w.tenants))], eventstore.Stream("lead-"+uuid.NewString()), 0
	}
	before = w.version
	w.version += n
	return before
}

func (w *writer) command() eventstore.Command {
	return eventstore.Command{Tenant: w.tenant, ID: uuid.New(), Fingerprint: fingerprint, Correlation: correlation, Actor: actor}
}

var (
	fingerprint = make([]byte, 32)
	actor       = eventstore.Actor{Kind: "user", ID: "0198c0de-0000-7000-8000-000000000001", Via: "client"}
)

const correlation = "0198c0de-0000-7000-8000-000000000002"
