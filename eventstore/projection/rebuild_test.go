package projection_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore/projection"
)

func nobody(int64, int64) {}

// exec is what no program does to a database, as its superuser.
func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(h.t.Context()))
	if _, err := conn.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) count(sql string) int {
	h.t.Helper()
	var n int
	if err := h.engine.QueryRow(h.t.Context(), sql).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestRebuildParksPoison(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	superstitious := false
	e, _ := h.run(nil, totals(1, &superstitious))
	h.add(a, "x", 1, 13, 2)
	h.total(a, h.add(a, "y", 7))
	superstitious = true
	if err := e.ForceRebuild(t.Context(), "totals", nobody); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, nil), "sum-x", "1/1", "sum-y", "7/1")
	states, err := e.States(t.Context())
	if err != nil || states[0].Parked != 2 {
		t.Fatalf("%d are parked (%v), want the poison and the one behind it", states[0].Parked, err)
	}
	superstitious = false
	if err := e.Retry(t.Context(), "totals"); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, nil), "sum-x", "16/3", "sum-y", "7/1")
	if left := h.count(`select count(*) from log.parked where generation = 2`); left != 0 {
		t.Fatalf("%d are still parked", left)
	}
}

func TestVerifyFindsWhatIsNotTheFold(t *testing.T) {
	for name, c := range map[string]struct {
		spoil string
		want  projection.Difference
	}{
		"nothing":        {`select 1`, projection.Difference{}},
		"a wrong value":  {`update rm_totals_1.total set amount = 0 where stream = 'sum-x'`, projection.Difference{Table: "total", Missing: 1, Extra: 1, First: `"sum-x"`}},
		"a row too many": {`insert into rm_totals_1.total select tenant, 'sum-z', 1, 1 from rm_totals_1.total limit 1`, projection.Difference{Table: "total", Extra: 1, First: `"sum-z"`}},
		"a row too few":  {`delete from rm_totals_1.total where stream = 'sum-y'`, projection.Difference{Table: "total", Missing: 1, First: `"sum-y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, 2)
			a, b := uuid.New(), uuid.New()
			e, _ := h.run(nil, totals(1, new(bool)))
			h.total(b, h.add(b, "b", 5))
			h.add(a, "x", 1, 2)
			h.total(a, h.add(a, "y", 3))
			h.exec(c.spoil)
			got, err := e.Verify(t.Context(), "totals", nobody)
			switch {
			case err != nil:
				t.Fatal(err)
			case c.want.Table == "" && len(got) != 0, c.want.Table != "" && len(got) != 1:
				t.Fatalf("differences %v, want %v", got, c.want)
			case len(got) == 1 && (got[0].Table != c.want.Table || got[0].Missing != c.want.Missing || got[0].Extra != c.want.Extra || !strings.Contains(got[0].First, c.want.First)):
				t.Fatalf("difference %v, want %v", got[0], c.want)
			}
			if schemas := h.count(`select count(*) from pg_namespace where nspname like 'rm_%'`); schemas != 1 {
				t.Fatalf("%d schemas are left, want the live one", schemas)
			}
		})
	}
}

// What the live generation folds between the filling and the comparing is caught up in the comparison's transaction.
func TestWhatIsCaughtUpIsProgressToo(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1, 2))
	if err := e.Pause(t.Context(), "totals", true); err != nil {
		t.Fatal(err)
	}
	late := h.add(a, "x", 3)
	var told [][2]int64
	err := e.Rebuild(t.Context(), "totals", func(done, total int64) {
		if told = append(told, [2]int64{done, total}); len(told) > 1 {
			return
		}
		if err := e.Pause(t.Context(), "totals", false); err != nil {
			t.Error(err)
		}
		h.total(a, late)
	})
	if want := [][2]int64{{2, 3}, {3, 3}}; err != nil || !slices.Equal(told, want) {
		t.Fatalf("%v (%v), want %v", told, err, want)
	}
	h.want(h.total(a, nil), "sum-x", "6/3")
}

// A fold that is not what it was under the same version is caught before anybody reads it.
func TestRebuildRefusesWhatDiffers(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	_, stop := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1, 2))
	stop()
	wrong := totals(1, new(bool))
	right := wrong.Fold
	wrong.Fold = func(ctx context.Context, read *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
		for i := range batch {
			batch[i].Fact = added{batch[i].Fact.(added).Amount * 2}
		}
		return right(ctx, read, batch, writes)
	}
	e, _ := h.run(nil, wrong)
	err := e.Rebuild(t.Context(), "totals", nobody)
	differs, ok := errors.AsType[*projection.DifferenceError](err)
	if !ok || differs.Differences[0].Table != "total" || !strings.Contains(err.Error(), "sum-x") {
		t.Fatalf("rebuilt: %v, want that table total differs at sum-x", err)
	}
	h.want(h.total(a, nil), "sum-x", "3/2")
	if err := e.ForceRebuild(t.Context(), "totals", nobody); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, nil), "sum-x", "6/2")
}

func TestCancelledRebuildLeavesNothing(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	for range 3 {
		h.total(a, h.add(a, "x", 1))
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.Rebuild(ctx, "totals", func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("rebuild: %v, want that it was cancelled", err)
	}
	for what, sql := range map[string]string{
		"schemas":     `select count(*) from pg_namespace where nspname like 'rm_%'`,
		"checkpoints": `select count(*) from log.checkpoint`,
	} {
		if n := h.count(sql); n != 1 {
			t.Errorf("%d %s are left, want those of the live generation", n, what)
		}
	}
	h.want(h.total(a, h.add(a, "x", 1)), "sum-x", "4/4")
}

// Old generations go when another is made, all but the one to switch back to.
func TestRebuildsLeaveOneToSwitchBackTo(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1))
	var last int64
	for range 4 {
		last = 0
		if err := e.Rebuild(t.Context(), "totals", func(done, total int64) {
			if done < last || done > total {
				t.Errorf("progress goes from %d to %d of %d", last, done, total)
			}
			last = done
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.count(`select count(*) from pg_namespace where nspname like 'rm_%'`); n != 3 {
		t.Errorf("%d schemas, want the live one, the one before, and that which the next rebuild removes", n)
	}
	h.want(h.total(a, h.add(a, "x", 1)), "sum-x", "2/2")
	if err := e.SwitchBack(t.Context(), "totals"); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, h.add(a, "x", 1)), "sum-x", "3/3")
}

func TestOnlyOneRebuildAtATime(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1))
	var second error
	if err := e.Rebuild(t.Context(), "totals", func(int64, int64) { second = e.Rebuild(t.Context(), "totals", nobody) }); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, projection.ErrRebuilding) {
		t.Fatalf("the second rebuild: %v, want that there is one", second)
	}
	if err := e.Rebuild(t.Context(), "nothing", nobody); !errors.Is(err, projection.ErrUnknown) {
		t.Fatalf("rebuild of nothing: %v", err)
	}
}

// takeover is another node that rebuilds, after the connection was cut that made the first rebuild alone.
func (h *house) takeover() {
	h.t.Helper()
	h.exec(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objsubid = 2
		and database = (select oid from pg_database where datname = current_database())`)
	other, err := projection.New(h.log, h.engine, slog.New(slog.DiscardHandler), totals(1, new(bool)))
	for err == nil {
		if err = other.Rebuild(h.t.Context(), "totals", nobody); err == nil {
			return
		}
		if errors.Is(err, projection.ErrRebuilding) { // the server has not noticed yet
			time.Sleep(time.Millisecond)
			err = nil
		}
	}
	h.t.Error(err)
}

// What another node has built meanwhile is left alone by a rebuild that has lost its lock and does not know.
func TestRebuildThatLostItsLockWhileItFolds(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1, 2, 3))
	taken := false
	err := e.Rebuild(t.Context(), "totals", func(int64, int64) {
		if !taken {
			taken = true
			h.takeover()
		}
	})
	if err == nil {
		t.Error("it ended well")
	}
	h.want(h.total(a, h.add(a, "x", 4)), "sum-x", "10/4")
}

func TestRebuildThatLostItsLockBeforeItSwitches(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1, 2, 3))
	gate, err := pgx.Connect(t.Context(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close(t.Context())
	if _, err := gate.Exec(t.Context(), `select pg_advisory_lock(4711)`); err != nil {
		t.Fatal(err)
	}
	p := totals(1, new(bool))
	p.Indexes = `select pg_advisory_xact_lock(4711)`
	slow, err := projection.New(h.log, h.engine, slog.New(slog.DiscardHandler), p)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- slow.Rebuild(t.Context(), "totals", nobody) }()
	for h.count(`select count(*) from pg_locks where locktype = 'advisory' and not granted`) == 0 {
		time.Sleep(time.Millisecond)
	}
	h.takeover()
	if _, err := gate.Exec(t.Context(), `select pg_advisory_unlock(4711)`); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("it ended well")
	}
	h.want(h.total(a, h.add(a, "x", 4)), "sum-x", "10/4")
}

// The number of a generation that was removed is given again, so one that failed long ago may have that of the live one.
func TestWhatIsReadIsNotRemoved(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, _ := h.run(nil, totals(1, new(bool)))
	h.total(a, h.add(a, "x", 1))
	if err := e.Rebuild(t.Context(), "totals", nobody); err != nil {
		t.Fatal(err)
	}
	for generation := range 3 {
		if err := e.Drop(t.Context(), "totals", generation); err != nil {
			t.Fatal(err)
		}
	}
	h.want(h.total(a, h.add(a, "x", 1)), "sum-x", "2/2")
	if err := e.SwitchBack(t.Context(), "totals"); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, h.add(a, "x", 1)), "sum-x", "3/3")
}

// Lanes that wait for the checkpoints a rebuild holds have all of the projector's connections, and the rebuild reads the log all the same.
func TestRebuildUnderLoadOfMoreLanesThanConnections(t *testing.T) {
	h := open(t, 8)
	e, _ := h.run(nil, totals(1, new(bool)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := projection.New(h.log, h.logPool, slog.New(slog.DiscardHandler), totals(1, new(bool))); err == nil {
		t.Error("a projector takes the log's connections")
	}
	var appending sync.WaitGroup
	ended := make(chan struct{})
	for range 8 {
		appending.Go(func() {
			for tenant := uuid.New(); ; h.add(tenant, "x", 1) {
				select {
				case <-ended:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	for range 3 {
		if err := e.Rebuild(ctx, "totals", nobody); err != nil {
			t.Error(err)
		}
	}
	close(ended)
	appending.Wait()
}

// A fold that panics parks what it cannot fold, as one that fails does, and ends nobody's program.
func TestAFoldThatPanicsParks(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	p := totals(1, new(bool))
	fold := p.Fold
	p.Fold = func(ctx context.Context, read *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
		for _, r := range batch {
			if r.Fact.(added).Amount == 13 {
				panic("thirteen")
			}
		}
		return fold(ctx, read, batch, writes)
	}
	e, _ := h.run(nil, p)
	h.add(a, "x", 1, 13, 2)
	h.want(h.total(a, h.add(a, "y", 7)), "sum-x", "1/1", "sum-y", "7/1")
	states, err := e.States(t.Context())
	if err != nil || states[0].Parked != 2 || !strings.Contains(states[0].Reasons[0], "thirteen") {
		t.Errorf("%+v, %v", states, err)
	}
}
