package verify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/seal"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// The log that every test begins with: events alternate between two streams, seals are of 20, 40 and 60, and the last four have none.
const (
	sealedSizes = 3
	sealedEach  = 20
	sealed      = sealedSizes * sealedEach
	head        = sealed + 4
)

var (
	tenant = uuid.MustParse("018f0000-0000-7000-8000-000000000001")
	quiet  = slog.New(slog.DiscardHandler)
)

type noted struct {
	Text string `json:"text"`
}

func (noted) Type() string { return "note.taken" }

type testLog struct {
	t   testing.TB
	url string
	Config
}

// openLog is a log of the test's own.
func openLog(t testing.TB) *testLog {
	t.Helper()
	url := pgtest.New(t, "verify", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		if err == nil {
			err = prepare(ctx, url)
		}
		return err
	})
	c, closeAll, err := openAt(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return &testLog{t: t, url: url, Config: c}
}

func openAt(ctx context.Context, url string) (c Config, closeAll func(), err error) {
	pool, err := migrations.Role(ctx, url, "engine", nil)
	if err != nil {
		return c, nil, err
	}
	if err := eventstore.Create(ctx, pool, 2); err != nil {
		return c, nil, err
	}
	registry, err := eventstore.NewRegistry(noted{})
	if err != nil {
		return c, nil, err
	}
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, Logger: quiet})
	if err != nil {
		return c, nil, err
	}
	key, err := seal.NewKey(eventstore.MasterKey{1}, "here.example")
	return Config{Log: l, Pool: pool, Seals: seal.NewStore(pool, key), Source: "here.example"}, func() { l.Close(); pool.Close() }, err
}

// prepare makes the log.
func prepare(ctx context.Context, url string) error {
	c, closeAll, err := openAt(ctx, url)
	if err != nil {
		return err
	}
	defer closeAll()
	for version := range head / 2 {
		if err := appendPair(ctx, c.Log, version); err != nil {
			return err
		}
		if size := 2 * (version + 1); size <= sealed && size%sealedEach == 0 {
			if err := sealAll(ctx, c, int64(size)); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendPair adds an event to each of the two streams.
func appendPair(ctx context.Context, l *eventstore.Log, version int) error {
	facts := []eventstore.Fact{noted{fmt.Sprintf("note %d", version)}}
	_, err := l.Append(ctx, eventstore.Append{
		Command: eventstore.Command{
			Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "test",
			Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"},
		},
		At:     map[eventstore.Stream]int{"note-a": version, "note-b": version},
		Writes: []eventstore.Write{{Stream: "note-a", Facts: facts}, {Stream: "note-b", Facts: facts}},
	})
	return err
}

// sealAll runs a sealer until a seal of the size is there.
func sealAll(ctx context.Context, c Config, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sealing, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	s := seal.New(seal.Config{Log: c.Log, Store: c.Seals, Lane: testLane(c.Log), Logger: quiet})
	go func() { done <- s.Run(sealing) }()
	for s.Status().Size < size && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		return err
	}
	return ctx.Err()
}

// testLane is the one of two that the tenant is in.
func testLane(l *eventstore.Log) int { return l.LaneOf(tenant) }

// tamper does as the administrator what nobody else can.
func (l *testLog) tamper(sql string, args ...any) {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), pgtest.AdminURL(l.t, l.url))
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close(l.t.Context())
	if _, err := conn.Exec(l.t.Context(), sql, args...); err != nil {
		l.t.Fatal(err)
	}
}

// found are the faults, as kind@position.
func (l *testLog) found() (faults []string, of Lane) {
	l.t.Helper()
	report, err := Run(l.t.Context(), l.Config)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range report.Faults {
		if f.Lane != testLane(l.Log) || f.Invariant == "" || f.What == "" {
			l.t.Errorf("fault %+v", f)
		}
		l.t.Log(f)
		faults = append(faults, fmt.Sprintf("%s@%d", f.Kind, f.Position))
	}
	slices.Sort(faults)
	return faults, report.Lanes[testLane(l.Log)-1]
}
