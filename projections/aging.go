package projections

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Age is a bucket of the aging report: the open invoices that are so far past due, and what is owed of them, per currency.
type Age struct {
	Bucket   string         `json:"bucket"`
	Invoices int64          `json:"invoices"`
	Amounts  []money.Amount `json:"amounts"`
}

// Aging answers what is owed as of a moment by how late it is, for one tenant or with uuid.Nil for all, and its sum. Both are sums of the
// entries that the figure receivables is made of.
func Aging(ctx context.Context, r *projection.Reader, q projection.Query, m Moment) (ages []Age, total Age, cursor eventstore.Cursor, err error) {
	for _, name := range invoice.Buckets {
		ages = append(ages, Age{Bucket: name, Amounts: []money.Amount{}})
	}
	total = Age{Bucket: "total", Amounts: []money.Amount{}}
	q.Projection = Figures.Name
	cursor, err = r.Read(ctx, q, func(ctx context.Context, db *pgx.Conn) error {
		if err := m.pin(ctx, db); err != nil {
			return err
		}
		for _, measure := range []string{"open", "receivable"} {
			from, args := sum{measure: measure}.summed(q.Tenant, m)
			rows, err := db.Query(ctx, `select anchor_on, currency, sum(delta)::bigint from `+from+` group by anchor_on, currency having sum(delta) <> 0 order by currency`, *args...)
			if err != nil {
				return err
			}
			var due time.Time
			var owed money.Amount
			if _, err := pgx.ForEachRow(rows, []any{&due, &owed.Currency, &owed.Amount}, func() error {
				bucket := invoice.AgeBucket(domain.DateOf(due), m.On)
				i := slices.IndexFunc(ages, func(a Age) bool { return a.Bucket == bucket })
				if err := ages[i].add(measure, owed); err != nil {
					return err
				}
				return total.add(measure, owed)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if m.At != nil {
		cursor = m.At
	}
	return ages, total, cursor, err
}

// add counts a number of invoices, or an amount into that of its currency.
func (a *Age) add(measure string, owed money.Amount) (err error) {
	if measure == "open" {
		a.Invoices += owed.Amount
		return nil
	}
	for i := range a.Amounts {
		if a.Amounts[i].Currency == owed.Currency {
			a.Amounts[i], err = a.Amounts[i].Add(owed)
			return err
		}
	}
	a.Amounts = append(a.Amounts, owed)
	return nil
}
