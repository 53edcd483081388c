package eventstore

import (
	"context"
	"encoding/hex"
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
	$10, $11, $12, $13, $14, $15,
	$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30,
	$31, $32, $33, $34, $35, $36,
	$37, $38, $39, $40, $41)`

// appendArrays are the parameters of log.append: parallel arrays, because a function can take a batch of rows no other way
// that is as cheap to send and to read.
type appendArrays struct {
	tenant, command []pgtype.UUID
	fingerprint     [][]byte
	outcome         []int16
	code            []string
	params          []pgtype.Text
	events          []int32
	call            []pgtype.UUID // null where an event tells

	cAppend  []int32
	cTenant  []pgtype.UUID
	cStream  []string
	cVersion []int32
	cLast    []pgtype.UUID // null: any event at that version
	cAfter   []pgtype.Int4 // null: no append of the batch adds that event

	eAppend                         []int32
	eTenant                         []pgtype.UUID
	eStream                         []string
	eVersion                        []int32
	eID                             []pgtype.UUID
	eType                           []string
	eSchema                         []int16
	eData                           []string
	eCommand                        []pgtype.UUID
	eCorrelation                    []string
	eCausation                      []pgtype.UUID
	eActorKind, eActorID, eActorVia []string
	eEffective                      []pgtype.Timestamptz

	kAppend []int32
	kTenant []pgtype.UUID
	kScope  []string
	kKey    [][]byte
	kStream []string
	kTake   []pgtype.Bool // null: must be held

	sAppend  []int32
	sTenant  []pgtype.UUID
	sSubject []pgtype.UUID
	sWrapped [][]byte

	adds map[uuid.UUID]int32 // which append adds the event
}

func pgUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: id != uuid.Nil} }

func appendArguments(lane int, batch []*pending, fresh bool) []any {
	a := appendArrays{adds: map[uuid.UUID]int32{}}
	for i, p := range batch {
		a.add(int32(i+1), p.append)
	}
	return []any{int16(lane),
		a.tenant, a.command, a.fingerprint, a.outcome, a.code, a.params, a.events, a.call,
		a.cAppend, a.cTenant, a.cStream, a.cVersion, a.cLast, a.cAfter,
		a.eAppend, a.eTenant, a.eStream, a.eVersion, a.eID, a.eType, a.eSchema, a.eData, a.eCommand, a.eCorrelation, a.eCausation,
		a.eActorKind, a.eActorID, a.eActorVia, a.eEffective,
		a.kAppend, a.kTenant, a.kScope, a.kKey, a.kStream, a.kTake,
		a.sAppend, a.sTenant, a.sSubject, a.sWrapped,
		fresh}
}

func (a *appendArrays) add(ord int32, e *encoded) {
	c := e.Command
	tenant, command, causation := pgUUID(c.Tenant), pgUUID(c.ID), pgUUID(c.Causation)
	a.tenant, a.command, a.fingerprint = append(a.tenant, tenant), append(a.command, command), append(a.fingerprint, c.Fingerprint)
	a.outcome, a.code, a.events = append(a.outcome, int16(e.Verdict)), append(a.code, e.Code), append(a.events, int32(len(e.events)))
	a.params = append(a.params, pgtype.Text{String: string(e.Params), Valid: len(e.Params) > 0})
	if len(e.events) > 0 {
		a.call = append(a.call, pgtype.UUID{})
	} else {
		a.call = append(a.call, pgUUID(e.call))
	}
	for _, v := range e.conditions {
		a.cAppend, a.cTenant = append(a.cAppend, ord), append(a.cTenant, tenant)
		a.cStream, a.cVersion = append(a.cStream, string(v.stream)), append(a.cVersion, int32(v.version))
		after, chained := a.adds[v.last]
		a.cLast, a.cAfter = append(a.cLast, pgUUID(v.last)), append(a.cAfter, pgtype.Int4{Int32: after, Valid: chained})
	}
	for _, v := range e.events {
		a.adds[v.id] = ord
		a.eAppend, a.eTenant, a.eCommand = append(a.eAppend, ord), append(a.eTenant, tenant), append(a.eCommand, command)
		a.eStream, a.eVersion, a.eID = append(a.eStream, string(v.stream)), append(a.eVersion, int32(v.version)), append(a.eID, pgUUID(v.id))
		a.eType, a.eSchema, a.eData = append(a.eType, v.typ), append(a.eSchema, int16(v.schema)), append(a.eData, v.data)
		a.eCorrelation, a.eCausation = append(a.eCorrelation, c.Correlation), append(a.eCausation, causation)
		a.eActorKind, a.eActorID, a.eActorVia = append(a.eActorKind, c.Actor.Kind), append(a.eActorID, c.Actor.ID), append(a.eActorVia, c.Actor.Via)
		a.eEffective = append(a.eEffective, pgtype.Timestamptz{Time: v.effectiveAt, Valid: !v.effectiveAt.IsZero()})
	}
	claim := func(h Holding, take pgtype.Bool) {
		a.kAppend, a.kTenant, a.kTake = append(a.kAppend, ord), append(a.kTenant, tenant), append(a.kTake, take)
		a.kScope, a.kKey, a.kStream = append(a.kScope, h.Scope), append(a.kKey, h.Key), append(a.kStream, string(h.Stream))
	}
	for _, h := range e.Drops {
		claim(h, pgtype.Bool{Valid: true})
	}
	for i, h := range e.Takes {
		if !slices.ContainsFunc(e.Takes[:i], h.sameClaim) { // the same stream may say it twice
			claim(h, pgtype.Bool{Bool: true, Valid: true})
		}
	}
	for _, h := range e.Held {
		claim(h, pgtype.Bool{})
	}
	for _, k := range e.keys {
		a.sAppend, a.sTenant = append(a.sAppend, ord), append(a.sTenant, tenant)
		a.sSubject, a.sWrapped = append(a.sSubject, pgUUID(k.subject)), append(a.sWrapped, k.wrapped)
	}
}

func (h Holding) sameClaim(o Holding) bool {
	return h.Scope == o.Scope && string(h.Key) == string(o.Key)
}

// claimedError reads "<scope> <key in hex> <holder>".
func claimedError(detail string) error {
	scope, rest, _ := strings.Cut(detail, " ")
	key, holder, _ := strings.Cut(rest, " ")
	raw, err := hex.DecodeString(key)
	if err != nil {
		return fmt.Errorf("verdict on a claim: %w", err)
	}
	return &ClaimedError{Claim: Claim{Scope: scope, Key: raw}, Holder: Stream(holder)}
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
