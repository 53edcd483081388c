package projections

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// TenantFigures is what a tenant's own log comes to, beside its name in a list.
type TenantFigures struct {
	Users   int64          `json:"userCount"`
	Leads   int64          `json:"leadsTotal"`
	Paid    []money.Amount `json:"revenuePaid"`
	Overdue []money.Amount `json:"revenueOverdue"`
}

// OfTenants answers the figures of every tenant that has any, in one snapshot.
func OfTenants(ctx context.Context, r *projection.Reader, q projection.Query, m Moment) (map[uuid.UUID]TenantFigures, eventstore.Cursor, error) {
	q.Projection = Figures.Name
	figures := map[uuid.UUID]TenantFigures{}
	cursor, err := r.Read(ctx, q, func(ctx context.Context, db *pgx.Conn) error {
		for _, s := range []struct {
			sum
			put func(*TenantFigures, money.Amount)
		}{
			{sum{measure: "users"}, func(f *TenantFigures, a money.Amount) { f.Users = a.Amount }},
			{sum{measure: "leads"}, func(f *TenantFigures, a money.Amount) { f.Leads = a.Amount }},
			{sum{measure: "paid"}, func(f *TenantFigures, a money.Amount) { f.Paid = append(f.Paid, a) }},
			{sum{measure: "receivable", overdue: true}, func(f *TenantFigures, a money.Amount) { f.Overdue = append(f.Overdue, a) }},
		} {
			if err := s.each(ctx, db, m, func(id uuid.UUID, a money.Amount) {
				f := figures[id]
				s.put(&f, a)
				figures[id] = f
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if m.At != nil {
		cursor = m.At
	}
	return figures, cursor, err
}

// each adds entries up for every tenant.
func (s sum) each(ctx context.Context, db *pgx.Conn, m Moment, put func(uuid.UUID, money.Amount)) error {
	m.upTo = m.At
	from, args := s.summed(uuid.Nil, m)
	rows, err := db.Query(ctx, `select tenant, currency, sum(delta)::bigint from `+from+`
		group by tenant, currency having sum(delta) <> 0 order by tenant, currency`, *args...)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var a money.Amount
	_, err = pgx.ForEachRow(rows, []any{&id, &a.Currency, &a.Amount}, func() error { put(id, a); return nil })
	return err
}
