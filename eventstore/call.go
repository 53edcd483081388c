package eventstore

import (
	"context"
	"errors"
	"time"

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
	failed   []int32 // from 1, in the order of the batch
	reasons  []int16
	details  []string
}

// call runs the batch in the database. A batch of one plain event, which is what a quiet system sends, has a function of its
// own: decoding arrays and starting the plans that unnest them costs more there than everything else.
func (f *flusher) call(ctx context.Context, batch []*pending) (r result, err error) {
	if len(batch) == 1 && batch[0].append.isPlain() {
		return f.callOne(ctx, batch[0].append)
	}
	fresh := f.doubts == 0
	r, err = f.callAll(ctx, batch, fresh)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" && fresh {
		f.doubts = doubtful
		r, err = f.callAll(ctx, batch, false)
	}
	f.doubts = max(f.doubts-1, 0)
	return r, err
}

func (f *flusher) callAll(ctx context.Context, batch []*pending, fresh bool) (r result, err error) {
	err = f.conn.QueryRow(ctx, appendSQL, appendArguments(f.lane.number, batch, fresh)...).Scan(&r.head, &r.epoch, &r.recorded, &r.failed, &r.reasons, &r.details)
	return r, err
}

// isPlain: one event, the version of its own stream as the only condition, and nothing else.
func (e *encoded) isPlain() bool {
	return len(e.events) == 1 && len(e.conditions) == 1 && len(e.Takes)+len(e.Drops)+len(e.Held)+len(e.keys) == 0
}

func (f *flusher) callOne(ctx context.Context, e *encoded) (r result, err error) {
	c, v := e.Command, e.events[0]
	var reason int16
	err = f.conn.QueryRow(ctx, `select head, epoch, recorded, failed from log.append_one($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		int16(f.lane.number), pgUUID(c.Tenant), pgUUID(c.ID), c.Fingerprint, pgtype.Text{String: string(e.Params), Valid: len(e.Params) > 0},
		string(v.stream), int32(e.conditions[0].version), pgUUID(e.conditions[0].last), pgUUID(v.id), v.typ, int16(v.schema), v.data,
		c.Correlation, pgUUID(c.Causation), c.Actor.Kind, c.Actor.ID, c.Actor.Via,
		pgNullTime(v.effectiveAt)).Scan(&r.head, &r.epoch, &r.recorded, &reason)
	if reason != 0 {
		r.failed, r.reasons, r.details = []int32{1}, []int16{reason}, []string{string(v.stream)}
	}
	return r, err
}
