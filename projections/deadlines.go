package projections

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Missed is an escalation with a deadline that ran out and that, as far as the read model has come, is not recorded as missed.
type Missed struct {
	Tenant   uuid.UUID
	ID       string
	Deadline time.Time
}

// MissedBy answers up to limit of those by a time, behind one (nil: from the start), the longest ago first. It is where to look:
// whether a deadline was missed is decided on the escalation's own stream.
func MissedBy(ctx context.Context, r *projection.Reader, now time.Time, behind *Missed, limit int) ([]Missed, error) {
	sql, args := `select tenant, id::text, next_breach from item where until is null and next_breach is not null and next_breach < $1`, []any{now, limit}
	if behind != nil {
		sql += ` and (next_breach, id) > ($3, $4::text::uuid)`
		args = append(args, behind.Deadline, behind.ID)
	}
	var found []Missed
	_, err := r.Read(ctx, projection.Query{Projection: Records.Name}, func(ctx context.Context, db *pgx.Conn) error {
		rows, err := db.Query(ctx, sql+` order by next_breach, item.id limit $2`, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Missed])
		return err
	})
	return found, err
}

// deadlines is the state of an escalation, as far as its deadlines follow from it.
func (f facets) deadlines() escalation.State {
	return escalation.State{Status: f.Status, RespondBy: f.RespondBy.UTC(), ResolveBy: f.ResolveBy.UTC(),
		ResponseBreached: f.ResponseBreached, ResolveBreached: f.ResolveBreached}
}

// orNever is a time to sort by: what is not due stands behind all that is.
func orNever(t time.Time) pgtype.Timestamptz {
	if t.IsZero() {
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: t, Valid: true}
}
