package projection_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore/projection"
)

// shares keeps what a hundred divided by each amount is: of none, the server cannot tell.
func shares() projection.Projection {
	return projection.Projection{
		Name: "shares", Version: 1, Types: []string{"sum.added"},
		Schema: `create table share (tenant uuid not null, position bigint primary key, share bigint not null)`,
		Fold: func(_ context.Context, _ *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
			for _, r := range batch {
				writes.Queue(`insert into share values ($1, $2, 100 / $3::bigint)`, r.Tenant, r.Position, r.Fact.(added).Amount)
			}
			return nil
		},
	}
}

// What projections write is sent together: what the server refuses of one of them is parked for that one, and nothing is missing in the others.
func TestOneProjectionsRefusedWriteIsItsOwn(t *testing.T) {
	for _, order := range [][]projection.Projection{{shares(), totals(1, new(bool))}, {totals(1, new(bool)), shares()}} {
		t.Run(order[0].Name+" first", func(t *testing.T) {
			h := open(t, 1)
			a := uuid.New()
			h.add(a, "x", 1, 0, 3)
			h.add(a, "y", 5)
			e, _ := h.run(nil, order...)
			h.want(h.total(a, h.add(a, "x", 7)), "sum-x", "11/4", "sum-y", "5/1")
			h.read("shares", a, h.add(a, "y", 1))
			states, err := e.States(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range states {
				if want := map[string]int64{"totals": 0, "shares": 3}[s.Name]; s.Parked != want || s.Position != 6 {
					t.Errorf("%s: %d events parked at %d, want %d at 6", s.Name, s.Parked, s.Position, want)
				}
			}
			if n := h.count(`select count(*) from rm_shares_1.share`); n != 3 {
				t.Errorf("%d shares, want those before the refused one and of the other stream", n)
			}
		})
	}
}

func TestProjectionsShareNoTable(t *testing.T) {
	h := open(t, 1)
	twin := totals(1, new(bool))
	twin.Name = "twin"
	e, err := projection.New(h.log, h.engine, slog.New(slog.DiscardHandler), totals(1, new(bool)), twin)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "totals and twin both have a table total") {
		t.Errorf("installed two projections with one table: %v", err)
	}
}
