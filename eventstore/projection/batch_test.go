package projection_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore/projection"
)

// journal keeps a row for each batch: which rows there are is chance, what they hold together is not.
func journal() projection.Projection {
	return projection.Projection{
		Name: "totals", Version: 1, Types: []string{"sum.added"},
		Schema:   `create table total (tenant uuid not null, lane smallint not null, positions bigint[] not null, amounts bigint[] not null)`,
		Compared: map[string]string{"total": `select b.tenant, b.lane, u.position, u.amount from %s b, unnest(b.positions, b.amounts) u(position, amount)`},
		Fold: func(_ context.Context, _ *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
			var positions, amounts []int64
			for _, r := range batch {
				positions, amounts = append(positions, r.Position), append(amounts, int64(r.Fact.(added).Amount))
			}
			writes.Queue(`insert into total values ($1, $2, $3, $4)`, batch[0].Tenant, batch[0].Lane, positions, amounts)
			return nil
		},
	}
}

// What is compared of a table does not depend on how its events came, but on every one of them.
func TestVerifyComparesWhatBatchesHold(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	e, stop := h.run(nil, journal())
	read := func(context.Context, *pgx.Conn) error { return nil }
	for i := range 5 {
		cursor := h.add(a, "x", i, 10*i)
		if _, err := h.reader.Read(t.Context(), projection.Query{Projection: "totals", Tenant: a, After: cursor, Wait: 10 * time.Second}, read); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if n := h.count(`select count(*) from rm_totals_1.total`); n != 5 {
		t.Fatalf("%d batches, want one for each append", n)
	}
	if differences, err := e.Verify(t.Context(), "totals", nobody); err != nil || len(differences) != 0 {
		t.Fatalf("differences %v, error %v: want none, although the fold took them all at once", differences, err)
	}
	h.exec(`update rm_totals_1.total set amounts[2] = 7 where positions[1] = 5`)
	differences, err := e.Verify(t.Context(), "totals", nobody)
	want := projection.Difference{Table: "total", Missing: 1, Extra: 1, First: `{"lane": 1, "tenant": "` + a.String() + `", "position": 6}`}
	if err != nil || len(differences) != 1 || differences[0] != want {
		t.Fatalf("differences %v, error %v: want %v", differences, err, want)
	}
	if err := e.ForceRebuild(t.Context(), "totals", nobody); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`select count(*) from rm_totals_2.total, unnest(amounts) amount where amount = 7`); n != 0 {
		t.Fatal("the wrong amount outlived a rebuild")
	}
}

// Of a bare type only matters that an event is there: what it says is not even read.
func TestBareEventsAreNotDecoded(t *testing.T) {
	h := open(t, 1)
	a := uuid.New()
	counting := projection.Projection{
		Name: "totals", Version: 1, Bare: []string{"sum.added"},
		Schema: `create table total (tenant uuid not null, stream text not null, amount bigint not null, events bigint not null, primary key (tenant, stream))`,
		Fold: func(_ context.Context, _ *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
			for _, r := range batch {
				writes.Queue(`insert into total values ($1, $2, 0, 1)
					on conflict (tenant, stream) do update set events = total.events + 1`, r.Tenant, string(r.Stream))
			}
			return nil
		},
	}
	cursor := h.add(a, "x", 1, 2, 3)
	h.exec(`update log.event set data = '"no amount"'`)
	e, _ := h.run(nil, counting)
	h.want(h.total(a, cursor), "sum-x", "0/3")
	if err := e.Rebuild(t.Context(), "totals", nobody); err != nil {
		t.Fatal(err)
	}
	h.want(h.total(a, cursor), "sum-x", "0/3")
	if n := h.count(`select count(*) from log.parked`); n != 0 {
		t.Fatalf("%d events are parked", n)
	}
}
