package eventstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// doubtful is for how many batches a flusher looks before it writes, after it was told of a repeat or a claim that is held: where
// there is one, there are often more.
const doubtful = 32

// result is what the database says of a batch: the head before it, the lane's epoch, its recorded time, and which appends failed and why.
type result struct {
	head     int64
	epoch    int
	recorded time.Time
	inLine   bool    // it was written right after the event that the flusher knew to be the newest
	failed   []int32 // from 1, in the order of the batch
	reasons  []int16
	details  []string
}

// call runs the batch in the database. A batch of one simple append, which is what a quiet system sends, has a function of its
// own: decoding arrays and starting the plans that unnest them costs more there than everything else.
func (f *flusher) call(ctx context.Context, batch []*pending) (r result, err error) {
	fresh := f.doubts == 0
	f.doubts = max(f.doubts-1, 0)
	if one := batch[0].append; len(batch) == 1 && one.isSimple() && (fresh || len(one.takes) == 0) {
		r, err = f.callOne(ctx, one)
	} else {
		r, err = f.callAll(ctx, batch, fresh)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" && fresh {
		f.doubts = doubtful - 1
		r, err = f.callAll(ctx, batch, false)
	}
	if err == nil {
		f.heads.learn(batch, r)
	}
	return r, err
}

func (f *flusher) callAll(ctx context.Context, batch []*pending, fresh bool) (r result, err error) {
	for known := &f.heads; ; known = nil { // again with everything, where somebody else has written
		var recorded *time.Time
		err = f.conn.QueryRow(ctx, appendSQL, appendArguments(f.lane.number, batch, fresh, known)...).Scan(&r.head, &r.epoch, &recorded, &r.failed, &r.reasons, &r.details)
		switch {
		case err != nil:
			return r, err
		case recorded != nil:
			r.recorded, r.inLine = *recorded, known.asOf() != uuid.Nil
			return r, nil
		}
	}
}

// isSimple: one event, and nothing dropped, relied on or erased.
func (e *encoded) isSimple() bool {
	return len(e.events) == 1 && len(e.drops)+len(e.holds)+len(e.Destroy) == 0
}

const (
	appendOneSQL = `select head, epoch, recorded, reason, moved from log.append_one(
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`
	appendGuardedSQL = `select head, epoch, recorded, reason, moved from log.append_one(
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`
)

func (f *flusher) callOne(ctx context.Context, e *encoded) (r result, err error) {
	own := slices.IndexFunc(e.conditions, func(c condition) bool { return c.written })
	c, v, at := e.Command, e.events[0], e.conditions[own]
	sql, args := appendOneSQL, []any{
		int16(f.lane.number), pgUUID(c.Tenant), pgUUID(c.ID), c.Fingerprint, pgtype.Text{String: string(e.Params), Valid: len(e.Params) > 0},
		string(v.stream), int32(at.version), pgUUID(at.last), pgUUID(v.id), v.typ, int16(v.schema), v.data,
		c.Correlation, pgUUID(c.Causation), c.Actor.Kind, c.Actor.ID, c.Actor.Via, pgNullTime(v.effectiveAt)}
	if len(e.conditions) > 1 || len(e.takes)+len(e.keys) > 0 {
		rows := rowsOf([]*pending{{append: e}}, nil)
		guards := slices.Delete(rows.conditions, own, own+1)
		sql, args = appendGuardedSQL, slices.Concat(args, conditionColumns(guards), claimColumns(rows.takes)[1:], keyColumns(rows.keys)[1:])
	}
	var reason *int16
	var moved *string
	err = f.conn.QueryRow(ctx, sql, args...).Scan(&r.head, &r.epoch, &r.recorded, &reason, &moved)
	if err == nil && reason != nil {
		r.failed, r.reasons, r.details = []int32{1}, []int16{*reason}, []string{""}
		if moved != nil {
			r.details[0] = *moved
		}
	}
	return r, err
}
