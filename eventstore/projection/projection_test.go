package projection_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

type added struct {
	Amount int `json:"amount"`
}

func (added) Type() string { return "sum.added" }

// totals adds up amounts per stream. An amount of 13 cannot be folded while superstitious is set.
func totals(version int, superstitious *bool) projection.Projection {
	return projection.Projection{
		Name: "totals", Version: version, Types: []string{"sum.added"},
		Schema: `create table total (tenant uuid not null, stream text not null, amount bigint not null, events bigint not null, primary key (tenant, stream))`,
		Fold: func(_ context.Context, _ *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
			for _, r := range batch {
				amount := r.Fact.(added).Amount
				if amount == 13 && *superstitious {
					return errors.New("thirteen")
				}
				writes.Queue(`insert into total values ($1, $2, $3, 1)
					on conflict (tenant, stream) do update set amount = total.amount + excluded.amount, events = total.events + 1`, r.Tenant, string(r.Stream), amount)
			}
			return nil
		},
	}
}

type house struct {
	t       *testing.T
	url     string
	log     *eventstore.Log
	logPool *pgxpool.Pool
	engine  *pgxpool.Pool
	reader  *projection.Reader
}

func open(t *testing.T, lanes int) *house {
	t.Helper()
	return openOn(t, pgtest.New(t, "migrated", func(ctx context.Context, url string) error { _, err := migrations.Up(ctx, url, 0); return err }), lanes)
}

func openOn(t *testing.T, url string, lanes int) *house {
	t.Helper()
	ctx := t.Context()
	pools := map[string]*pgxpool.Pool{}
	for name, role := range map[string]string{"log": "engine", "engine": "engine", "app": "app", "staff": "staff"} {
		pool, err := migrations.Role(ctx, url, role, func(c *pgxpool.Config) { c.MaxConns = 4 }) // the least that a node has
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		pools[name] = pool
	}
	if err := eventstore.Create(ctx, pools["engine"], lanes); err != nil {
		t.Fatal(err)
	}
	registry, err := eventstore.NewRegistry(added{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pools["log"], Registry: registry, MasterKey: eventstore.NewMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return &house{t, url, l, pools["log"], pools["engine"], projection.NewReader(pools["app"], pools["staff"])}
}

// add appends amounts to a stream and returns where the last is visible.
func (h *house) add(tenant uuid.UUID, stream string, amounts ...int) eventstore.Cursor {
	h.t.Helper()
	s := eventstore.Stream("sum-" + stream)
	out, err := h.log.Update(h.t.Context(), eventstore.Command{Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c"}, []eventstore.Stream{s},
		func(ctx context.Context, d *eventstore.Decision) error {
			if _, err := d.Version(ctx, s); err != nil {
				return err
			}
			for _, a := range amounts {
				d.Append(s, added{a})
			}
			return nil
		})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.log.CursorOf(out)
}

// run projects until the test ends or stop is called; prepare, where there is one, sees the engine first.
func (h *house) run(prepare func(*projection.Engine), p ...projection.Projection) (e *projection.Engine, stop func()) {
	h.t.Helper()
	e, err := projection.New(h.log, h.engine, slog.New(slog.DiscardHandler), p...)
	if err != nil {
		h.t.Fatal(err)
	}
	if prepare != nil {
		prepare(e)
	}
	if err := e.Install(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return e, h.background(e.Run)
}

// total reads "amount/events" of every stream of a tenant (uuid.Nil: all) once the cursor is passed.
func (h *house) total(tenant uuid.UUID, after eventstore.Cursor) map[string]string {
	h.t.Helper()
	got := map[string]string{}
	_, err := h.reader.Read(h.t.Context(), projection.Query{Projection: "totals", Tenant: tenant, After: after, Wait: 10 * time.Second}, func(ctx context.Context, db *pgx.Conn) error {
		rows, err := db.Query(ctx, `select stream, amount, events from total`)
		if err != nil {
			return err
		}
		var stream string
		var amount, events int
		_, err = pgx.ForEachRow(rows, []any{&stream, &amount, &events}, func() error { got[stream] = fmt.Sprintf("%d/%d", amount, events); return nil })
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

// read waits until a projection has passed the cursor.
func (h *house) read(name string, tenant uuid.UUID, after eventstore.Cursor) {
	h.t.Helper()
	if _, err := h.reader.Read(h.t.Context(), projection.Query{Projection: name, Tenant: tenant, After: after, Wait: 10 * time.Second},
		func(context.Context, *pgx.Conn) error { return nil }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) want(got map[string]string, want ...string) {
	h.t.Helper()
	if len(got) != len(want)/2 {
		h.t.Fatalf("got %v, want %v", got, want)
	}
	for i := 0; i < len(want); i += 2 {
		if got[want[i]] != want[i+1] {
			h.t.Fatalf("%s is %q, want %q", want[i], got[want[i]], want[i+1])
		}
	}
}

func TestFoldsBacklogThenLive(t *testing.T) {
	for _, lanes := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d lanes", lanes), func(t *testing.T) {
			h := open(t, lanes)
			a := uuid.New()
			h.add(a, "x", 1, 2, 3)
			_, stop := h.run(nil, totals(1, new(bool)))
			h.want(h.total(a, h.add(a, "x", 4)), "sum-x", "10/4")
			stop()
			cursor := h.add(a, "y", 5)
			h.run(nil, totals(1, new(bool)))
			h.want(h.total(a, cursor), "sum-x", "10/4", "sum-y", "5/1")
		})
	}
}

func TestReadersSeeOneTenant(t *testing.T) {
	h := open(t, 1)
	a, b := uuid.New(), uuid.New()
	h.run(nil, totals(1, new(bool)))
	h.add(a, "x", 1)
	cursor := h.add(b, "y", 2)
	h.want(h.total(a, cursor), "sum-x", "1/1")
	h.want(h.total(b, cursor), "sum-y", "2/1")
	h.want(h.total(uuid.Nil, cursor), "sum-x", "1/1", "sum-y", "2/1")
}

func TestTwoProjectorsFoldOnce(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	h.run(nil, totals(1, new(bool)))
	h.run(nil, totals(1, new(bool)))
	var cursor eventstore.Cursor
	for range 300 {
		cursor = h.add(a, "x", 1)
	}
	h.want(h.total(a, cursor), "sum-x", "300/300")
}

func TestPoisonParksItsStreamInOrder(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	superstitious := true
	e, _ := h.run(nil, totals(1, &superstitious))
	h.add(a, "x", 1)
	h.add(a, "x", 13)
	h.add(a, "x", 2)
	cursor := h.add(a, "y", 7)
	h.want(h.total(a, cursor), "sum-x", "1/1", "sum-y", "7/1")
	states, err := e.States(h.t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if states[0].Parked != 2 {
		t.Fatalf("%d events are parked, want the poison and the one behind it", states[0].Parked)
	}
	// What fails again is told as it fails now, whatever it was parked for.
	if _, err := h.engine.Exec(t.Context(), `update log.parked set error = 'waits behind position 1'`); err != nil {
		t.Fatal(err)
	}
	if err := e.Retry(t.Context(), "totals"); err != nil {
		t.Fatal(err)
	}
	all, err := e.Conditions(t.Context())
	if err != nil || all[0].Parked != 2 || len(all[0].ParkedKeys) != 1 || strings.Contains(all[0].ParkedKeys[0].Reason, "waits behind") {
		t.Errorf("tried in vain: %+v, %v", all, err)
	}
	if got, want := all[0].Lanes, []projection.LanePlace{{Lane: 1, Position: 4, Head: 4}}; !slices.Equal(got, want) {
		t.Errorf("it is at %v, want %v", got, want)
	}
	superstitious = false
	if err := e.Retry(h.t.Context(), "totals"); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, h.add(a, "x", 4)), "sum-x", "20/4", "sum-y", "7/1")
}

func TestRebuildEqualsLiveAndSwitchesBack(t *testing.T) {
	h := open(t, 4)
	tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	e, _ := h.run(nil, totals(1, new(bool)))
	for i := range 50 {
		h.add(tenants[i%5], "x", i)
	}
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- e.Rebuild(h.t.Context(), "totals", func(int64, int64) {}) }()
	for i := range 50 {
		h.add(tenants[i%5], "x", i)
	}
	if err := <-rebuilt; err != nil {
		t.Fatal(err)
	}
	for i, tenant := range tenants {
		sum := 0
		for n := i; n < 50; n += 5 {
			sum += 2 * n
		}
		h.want(h.total(tenant, h.add(tenant, "z", 1)), "sum-x", fmt.Sprintf("%d/20", sum), "sum-z", "1/1")
	}
	if err := e.SwitchBack(h.t.Context(), "totals"); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(tenants[0], h.add(tenants[0], "z", 1)), "sum-x", "450/20", "sum-z", "2/2")
}

func TestNewVersionIsBuiltAnew(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	_, stop := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1))
	stop()
	e, _ := h.run(nil, totals(2, new(bool)))
	h.want(h.total(a, h.add(a, "x", 1)), "sum-x", "2/2")
	if err := e.SwitchBack(t.Context(), "totals"); !errors.Is(err, projection.ErrNoPrevious) {
		t.Errorf("what the version before left is switched back to: %v", err)
	}
}

func TestPausedProjectionStaysWhereItIs(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1))
	if err := e.Pause(h.t.Context(), "totals", true); err != nil {
		t.Fatal(err)
	}
	cursor := h.add(a, "x", 1)
	_, err := h.reader.Read(h.t.Context(), projection.Query{Projection: "totals", Tenant: a, After: cursor, Wait: 300 * time.Millisecond},
		func(context.Context, *pgx.Conn) error { return nil })
	if !errors.Is(err, projection.ErrBehind) {
		t.Fatalf("a paused projection answered %v, want that it is behind", err)
	}
	if err := e.Pause(h.t.Context(), "totals", false); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, cursor), "sum-x", "2/2")
}
