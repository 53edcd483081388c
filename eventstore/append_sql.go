package eventstore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Reasons that log.append gives; their numbers stand in the migration.
const (
	reasonRepeat  = 1
	reasonVersion = 2
)

var errEOF, errUnexpectedEOF = io.EOF, io.ErrUnexpectedEOF

const appendSQL = `select head, epoch, recorded, failed, reason, detail from log.append($1,
	$2, $3, $4, $5, $6, $7, $8, $9,
	$10, $11, $12, $13, $14,
	$15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27,
	$28, $29, $30, $31, $32, $33, $34, $35, $36,
	$37, $38, $39, $40, $41)`

// rows are what a batch says to log.append, which takes them as parallel arrays, because a function can take rows no other way that is as
// cheap to send and to read.
type rows struct {
	appends             []*encoded
	conditions          []row[condition]
	events              []row[encodedEvent]
	takes, drops, holds []row[encodedClaim]
	keys                []row[encodedKey]
}

// row is something that an append of the batch says.
type row[T any] struct {
	append int32 // which, from 1
	after  int32 // of a condition: the append of the batch that adds the event it names; else 0
	of     *encoded
	is     *T
}

// rowsOf leaves out the conditions that are known to hold.
func rowsOf(batch []*pending, known *heads) (r rows) {
	adds := map[uuid.UUID]int32{} // which append adds the event
	for i, p := range batch {
		e, ord := p.append, int32(i+1)
		r.appends = append(r.appends, e)
		for i := range e.conditions {
			c := &e.conditions[i]
			if known.holds(e.Command.Tenant, c) {
				continue
			}
			r.conditions = append(r.conditions, row[condition]{append: ord, after: adds[c.last], of: e, is: c})
		}
		for i := range e.events {
			adds[e.events[i].id] = ord
		}
		r.events = addRows(r.events, ord, e, e.events)
		r.takes, r.drops, r.holds = addRows(r.takes, ord, e, e.takes), addRows(r.drops, ord, e, e.drops), addRows(r.holds, ord, e, e.holds)
		r.keys = addRows(r.keys, ord, e, e.keys)
	}
	return r
}

func addRows[T any](rows []row[T], ord int32, of *encoded, are []T) []row[T] {
	for i := range are {
		rows = append(rows, row[T]{append: ord, of: of, is: &are[i]})
	}
	return rows
}

// column is one array: what each row has there, nil for null. It is written straight from the rows (a pgtype.ArrayGetter), with no slice of its own.
type column[R any] struct {
	rows []R
	is   func(R) any
}

func (c column[R]) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(c.rows)), LowerBound: 1}}
}

func (c column[R]) Index(i int) any { return c.is(c.rows[i]) }
func (c column[R]) IndexType() any  { return nil } // each element tells

// columns lets a list of rows say several things.
func columns[R any](rows []R, say ...func(R) any) []any {
	all := make([]any, len(say))
	for i, is := range say {
		all[i] = column[R]{rows, is}
	}
	return all
}

func pgUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: id != uuid.Nil} }

func appendArguments(lane int, batch []*pending, fresh bool, known *heads) []any {
	r := rowsOf(batch, known)
	return slices.Concat([]any{int16(lane)},
		columns(r.appends,
			func(e *encoded) any { return pgUUID(e.Command.Tenant) },
			func(e *encoded) any { return pgUUID(e.Command.ID) },
			func(e *encoded) any { return e.Command.Fingerprint },
			func(e *encoded) any { return int16(e.Verdict) },
			func(e *encoded) any { return e.Code },
			func(e *encoded) any { return pgtype.Text{String: string(e.Params), Valid: len(e.Params) > 0} },
			func(e *encoded) any { return int32(len(e.events)) },
			func(e *encoded) any { return pgtype.UUID{Bytes: e.call, Valid: len(e.events) == 0} }), // else its first event tells
		columns(r.conditions, func(c row[condition]) any { return c.append }), conditionColumns(r.conditions),
		columns(r.conditions, func(c row[condition]) any { return pgtype.Int4{Int32: c.after, Valid: c.after > 0} }),
		columns(r.events,
			func(e row[encodedEvent]) any { return e.append },
			func(e row[encodedEvent]) any { return string(e.is.stream) },
			func(e row[encodedEvent]) any { return int32(e.is.version) },
			func(e row[encodedEvent]) any { return pgUUID(e.is.id) },
			func(e row[encodedEvent]) any { return e.is.typ },
			func(e row[encodedEvent]) any { return int16(e.is.schema) },
			func(e row[encodedEvent]) any { return e.is.data },
			func(e row[encodedEvent]) any { return e.of.Command.Correlation },
			func(e row[encodedEvent]) any { return pgUUID(e.of.Command.Causation) },
			func(e row[encodedEvent]) any { return e.of.Command.Actor.Kind },
			func(e row[encodedEvent]) any { return e.of.Command.Actor.ID },
			func(e row[encodedEvent]) any { return e.of.Command.Actor.Via },
			func(e row[encodedEvent]) any { return pgNullTime(e.is.effectiveAt) }),
		claimColumns(r.takes), claimColumns(r.drops), claimColumns(r.holds),
		keyColumns(r.keys),
		[]any{fresh, pgUUID(known.asOf())})
}

func conditionColumns(conditions []row[condition]) []any {
	return columns(conditions,
		func(c row[condition]) any { return string(c.is.stream) },
		func(c row[condition]) any { return int32(c.is.version) },
		func(c row[condition]) any { return pgUUID(c.is.last) }) // null: any event at that version
}

func keyColumns(keys []row[encodedKey]) []any {
	return columns(keys,
		func(k row[encodedKey]) any { return k.append },
		func(k row[encodedKey]) any { return pgUUID(k.is.subject) },
		func(k row[encodedKey]) any { return k.is.wrapped })
}

func claimColumns(claims []row[encodedClaim]) []any {
	return columns(claims,
		func(c row[encodedClaim]) any { return c.append },
		func(c row[encodedClaim]) any { return pgUUID(c.is.digest) },
		func(c row[encodedClaim]) any { return string(c.is.Stream) })
}

func pgNullTime(t time.Time) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}
}

// claimedError reads "<digest> <holder>" of an append.
func (e *encoded) claimedError(detail string) error {
	digest, holder, _ := strings.Cut(detail, " ")
	for _, c := range slices.Concat(e.takes, e.holds) {
		if c.digest.String() == digest {
			return &ClaimedError{Claim: c.Claim, Holder: Stream(holder)}
		}
	}
	return fmt.Errorf("verdict on a claim that the append does not name: %s", detail)
}

// outcomeSQL probes once per command, as log.append does, and for the same reason.
const outcomeSQL = `select c.tenant, c.id, c.fingerprint, c.outcome, c.code, c.params, c.lane, c.first_position, c.events, c.recorded_at, coalesce(e.id, c.call)
	from unnest($1::uuid[], $2::uuid[]) w(tenant, id)
	cross join lateral (select * from log.command c where c.tenant = w.tenant and c.id = w.id limit 1) c
	left join lateral (select e.id from log.event e where c.events > 0 and e.lane = c.lane and e.position = c.first_position limit 1) e on true`

func scanOutcomes(rows pgx.Rows) (map[commandRef]recordedOutcome, error) {
	found := map[commandRef]recordedOutcome{}
	var ref commandRef
	var o recordedOutcome
	var lane int16
	var at time.Time
	var call *uuid.UUID
	_, err := pgx.ForEachRow(rows, []any{&ref.tenant, &ref.id, &o.fingerprint, &o.Verdict, &o.Code, &o.Params, &lane, &o.First, &o.Events, &at, &call}, func() error {
		o.Lane, o.RecordedAt = int(lane), at.UTC()
		if call != nil {
			o.call = *call
		}
		found[ref] = o
		o = recordedOutcome{}
		return nil
	})
	return found, err
}

// Recorded returns the outcome a command has, without deciding anything. ok is false where it has none yet;
// [ErrCommandReused] where its request had another fingerprint.
func (l *Log) Recorded(ctx context.Context, c Command) (o Outcome, ok bool, err error) {
	found, err := l.Recall(ctx, []Command{c})
	if err != nil || found[0] == (Recalled{}) {
		return Outcome{}, false, err
	}
	if found[0].Reused {
		return Outcome{}, false, ErrCommandReused
	}
	return *found[0].Outcome, true, nil
}

// Recalled is what is known of a command: its outcome, or that its id was used by another request; nothing where it has none yet.
type Recalled struct {
	Outcome *Outcome
	Reused  bool
}

// Recall is [Log.Recorded] for many commands at once, in their order.
func (l *Log) Recall(ctx context.Context, commands []Command) ([]Recalled, error) {
	tenants, ids := make([]uuid.UUID, len(commands)), make([]uuid.UUID, len(commands))
	for i, c := range commands {
		tenants[i], ids[i] = c.Tenant, c.ID
	}
	rows, err := l.pool.Query(ctx, outcomeSQL, tenants, ids)
	if err != nil {
		return nil, readError("outcomes", err)
	}
	found, err := scanOutcomes(rows)
	if err != nil {
		return nil, readError("outcomes", err)
	}
	recalled := make([]Recalled, len(commands))
	for i, c := range commands {
		r, ok := found[commandRef{c.Tenant, c.ID}]
		switch {
		case !ok:
		case string(r.fingerprint) != string(c.Fingerprint):
			recalled[i].Reused = true
		default:
			r.Replayed = true
			recalled[i].Outcome = &r.Outcome
		}
	}
	return recalled, nil
}
