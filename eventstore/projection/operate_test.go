package projection_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// A node that ends takes its rebuild with it, and says so; one that is killed leaves a job that nobody runs.
func TestARebuildEndsWithItsNode(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	never, folding := false, make(chan struct{}, 1)
	var block atomic.Bool
	slow := totals(1, &never)
	fold := slow.Fold
	slow.Fold = func(ctx context.Context, read *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
		if block.Load() {
			folding <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		return fold(ctx, read, batch, writes)
	}
	e, _ := h.run(nil, slow)
	tenant := uuid.New()
	before := h.total(tenant, h.add(tenant, "a", 1, 2))
	order := projection.Order{ID: uuid.New(), Projection: "totals", Action: projection.ActionRebuild, By: "test", Fingerprint: []byte("f")}
	if _, err := e.Do(t.Context(), order); !errors.Is(err, projection.ErrBusy) {
		t.Fatalf("where nobody rebuilds: %v", err)
	}
	stop := h.background(e.Operate)
	block.Store(true)
	if _, err := e.Do(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	<-folding
	if j, err := e.Job(t.Context(), order.ID); err != nil || j.State() != projection.JobRunning {
		t.Errorf("while it is at work: %+v, %v", j, err)
	}
	stop()
	block.Store(false)
	if j, err := e.Job(t.Context(), order.ID); err != nil || j.State() != projection.JobFailed || j.EndedAt == nil || j.Error == "" || j.Result == nil || j.Result.Generation != 1 {
		t.Errorf("after the node ended: %+v, %v", j, err)
	}
	if after := h.total(tenant, nil); after["sum-a"] != before["sum-a"] {
		t.Errorf("%v, before %v", after, before)
	}
	if _, err := e.Do(t.Context(), projection.Order{ID: order.ID, Projection: "totals", Action: projection.ActionPause, Fingerprint: []byte("g")}); !errors.Is(err, eventstore.ErrCommandReused) {
		t.Errorf("another order under the same id: %v", err)
	}

	killed := uuid.New()
	if _, err := h.engine.Exec(t.Context(), `insert into log.job (id, projection, action, asked_by, fingerprint, correlation) values ($1, 'totals', 'rebuild', 'x', '', '')`, killed); err != nil {
		t.Fatal(err)
	}
	if j, err := e.Job(t.Context(), killed); err != nil || j.State() != projection.JobFailed {
		t.Errorf("a job that nobody runs: %+v, %v", j, err)
	}
}

// A rebuild that ends while it is looked at is never taken for one whose node died.
func TestAnEndingRebuildIsNotLost(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	never := false
	e, _ := h.run(nil, totals(1, &never))
	h.total(uuid.New(), h.add(uuid.New(), "a", 1))
	h.background(e.Operate)
	for range 20 {
		order := projection.Order{ID: uuid.New(), Projection: "totals", Action: projection.ActionRebuild, By: "test", Fingerprint: []byte("f")}
		if _, err := e.Do(t.Context(), order); err != nil {
			t.Fatal(err)
		}
		for state := projection.JobRunning; state == projection.JobRunning; {
			c, err := e.Condition(t.Context(), "totals")
			if err != nil {
				t.Fatal(err)
			}
			if state = c.Rebuild.State; state == projection.JobFailed {
				t.Fatalf("the list: %+v", c.Rebuild)
			}
			if j, err := e.Job(t.Context(), order.ID); err != nil || j.State() == projection.JobFailed {
				t.Fatalf("the job: %+v, %v", j, err)
			}
		}
	}
}

func TestParkedKeysAreShown(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	superstitious := true
	e, _ := h.run(nil, totals(1, &superstitious))
	tenant := uuid.New()
	h.total(tenant, h.add(tenant, "bad", 13, 1, 2))
	c, err := e.Condition(t.Context(), "totals")
	if err != nil || c.Parked != 3 || len(c.ParkedKeys) != 1 || c.State != projection.StateLive || c.Lag != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	if k := c.ParkedKeys[0]; k.Events != 3 || k.Position != 1 || k.Stream != "sum-bad" || k.TenantID != tenant || k.Reason != "thirteen" {
		t.Errorf("%+v", k)
	}
	if _, err := e.Condition(t.Context(), "nosuch"); !errors.Is(err, projection.ErrUnknown) {
		t.Errorf("of none: %v", err)
	}
}
