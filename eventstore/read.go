package eventstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// pageSize is how many events a scan reads at a time: past a few thousand a larger page reads no faster.
const pageSize = 5000

const eventColumns = `lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id, causation_id,
	actor_kind, actor_id, actor_via, recorded_at, effective_at`

// ReadLane returns up to limit events of a lane with positions above after, in order. Fewer than limit means the end was reached.
func (l *Log) ReadLane(ctx context.Context, lane int, after int64, limit int) ([]Event, error) {
	return l.query(ctx, `select `+eventColumns+` from log.event where lane = $1 and position > $2 order by position limit $3`, int16(lane), after, limit)
}

// ReadRange returns the events of a lane with positions above after, up to and including until, in order: those of some types, those
// of bare types without their data, and always the last.
func (l *Log) ReadRange(ctx context.Context, lane int, after, until int64, types, bare []string) ([]Event, error) {
	columns := strings.Replace(eventColumns, " data,", " case when not type = any($5) then data end,", 1)
	// Planned anew each time: only of types that the planner knows does it make a hash table, and else compares each event's with all.
	return l.query(ctx, `select `+columns+` from log.event where lane = $1 and position > $2 and position <= $3
		and (type = any($4) or position = $3) order by position`, pgx.QueryExecModeCacheDescribe, int16(lane), after, until, slices.Concat(types, bare), append([]string{}, bare...))
}

// ReadStream returns the events of a stream in order; until > 0 leaves out what was recorded after that position of its lane.
func (l *Log) ReadStream(ctx context.Context, tenant uuid.UUID, stream Stream, until int64) ([]Event, error) {
	if until > 0 {
		// The sum hides the position from the planner. By the index of tenants it would read all that the tenant ever did, and it takes that
		// one where its statistics are of a small table.
		return l.query(ctx, `select `+eventColumns+` from log.event where tenant = $1 and stream = $2 and position + 0 <= $3 order by version`, tenant, string(stream), until)
	}
	return l.query(ctx, `select `+eventColumns+` from log.event where tenant = $1 and stream = $2 order by version`, tenant, string(stream))
}

// ReadTenant returns up to limit events of a tenant with positions above after, in order.
func (l *Log) ReadTenant(ctx context.Context, tenant uuid.UUID, after int64, limit int) ([]Event, error) {
	return l.query(ctx, `select `+eventColumns+` from log.event where tenant = $1 and position > $2 order by position limit $3`, tenant, after, limit)
}

// ErrNoSuchEvent: no event has that id.
var ErrNoSuchEvent = errors.New("no such event")

// ReadEvent returns one event by its id, or [ErrNoSuchEvent].
func (l *Log) ReadEvent(ctx context.Context, id uuid.UUID) (Event, error) {
	events, err := l.query(ctx, `select `+eventColumns+` from log.event where id = $1`, id)
	if err == nil && len(events) == 0 {
		err = ErrNoSuchEvent
	}
	if err != nil {
		return Event{}, err
	}
	return events[0], nil
}

// Scan reads a lane from above after up to and including until, a page at a time, and stops at the first error.
func (l *Log) Scan(ctx context.Context, lane int, after, until int64) iter.Seq2[[]Event, error] {
	return func(yield func([]Event, error) bool) {
		for after < until {
			page, err := l.ReadLane(ctx, lane, after, int(min(pageSize, until-after)))
			if err == nil && len(page) == 0 {
				err = fmt.Errorf("lane %d ends at %d, before %d", lane, after, until)
			}
			if !yield(page, err) || err != nil {
				return
			}
			after = page[len(page)-1].Position
		}
	}
}

// StreamVersion is how many events a stream has.
func (l *Log) StreamVersion(ctx context.Context, tenant uuid.UUID, stream Stream) (int, error) {
	v, _, err := l.streamEnd(ctx, tenant, stream)
	return v, err
}

// streamEnd is a stream's version and its newest event, uuid.Nil where there is none.
func (l *Log) streamEnd(ctx context.Context, tenant uuid.UUID, stream Stream) (version int, last uuid.UUID, err error) {
	err = l.pool.QueryRow(ctx, `select version, id from log.event where tenant = $1 and stream = $2 order by version desc limit 1`,
		tenant, string(stream)).Scan(&version, &last)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, uuid.Nil, readError("version of "+string(stream), err)
	}
	return version, last, nil
}

// Holder names the stream that holds a claim, or "".
func (l *Log) Holder(ctx context.Context, tenant uuid.UUID, c Claim) (Stream, error) {
	holders, err := l.Holders(ctx, tenant, []Claim{c})
	if err != nil {
		return "", err
	}
	return holders[0], nil
}

// Holders is [Log.Holder] for many claims at once, in their order.
func (l *Log) Holders(ctx context.Context, tenant uuid.UUID, claims []Claim) ([]Stream, error) {
	digests := make([]uuid.UUID, len(claims))
	for i, c := range claims {
		digests[i] = c.digest(tenant)
	}
	// One lookup in the index for each, whatever the plan was made for; see outcomeSQL.
	rows, err := l.pool.Query(ctx, `select coalesce((select c.stream from log.claim c where c.digest = w.digest limit 1), '')
		from unnest($1::uuid[]) with ordinality w(digest, ord) order by w.ord`, digests)
	if err != nil {
		return nil, readError("claims", err)
	}
	holders, err := pgx.CollectRows(rows, pgx.RowTo[Stream])
	if err != nil {
		return nil, readError("claims", err)
	}
	return holders, nil
}

// Heads is the cursor of everything committed by now.
func (l *Log) Heads(ctx context.Context) (Cursor, error) {
	heads, err := l.cursor(ctx, `select lane, epoch, head from log.lane`)
	for _, ln := range l.lanes {
		ln.hear(heads[ln.number])
	}
	return heads, err
}

// AsOf is the cursor of everything recorded at or before a time.
func (l *Log) AsOf(ctx context.Context, at time.Time) (Cursor, error) {
	return l.cursor(ctx, `select lane, epoch, log.position_at(lane, $1) from log.lane`, at)
}

func (l *Log) cursor(ctx context.Context, sql string, args ...any) (Cursor, error) {
	rows, err := l.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, readError("heads", err)
	}
	c := Cursor{}
	var lane int
	var m Mark
	_, err = pgx.ForEachRow(rows, []any{&lane, &m.Epoch, &m.Position}, func() error { c[lane] = m; return nil })
	if err != nil {
		return nil, readError("heads", err)
	}
	return c, nil
}

// Decode gives the events' Go forms, with personal fields in the clear, or [Erased].
func (l *Log) Decode(ctx context.Context, events []Event) ([]Fact, error) {
	facts := make([]Fact, len(events))
	values := make([]reflect.Value, len(events))
	types := make([]*eventType, len(events))
	var refs []subjectRef
	for i, e := range events {
		var err error
		if values[i], types[i], err = l.registry.decode(e); err != nil {
			return nil, err
		}
		for _, s := range types[i].subjectsOf(values[i]) {
			id, err := uuid.Parse(s)
			if err != nil {
				return nil, fmt.Errorf("event %d/%d: data subject: %w", e.Lane, e.Position, err)
			}
			refs = append(refs, subjectRef{e.Tenant, id})
		}
	}
	keys, err := l.loadSubjectKeys(ctx, refs)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		err := types[i].reveal(values[i], placeOf(e.Tenant, e.ID), func(subject string) (subjectKey, bool) {
			id, err := uuid.Parse(subject)
			key, ok := keys[subjectRef{e.Tenant, id}]
			return key, ok && err == nil
		})
		if err != nil {
			return nil, fmt.Errorf("event %d/%d: %w", e.Lane, e.Position, err)
		}
		facts[i] = values[i].Interface().(Fact)
	}
	return facts, nil
}

func (l *Log) query(ctx context.Context, sql string, args ...any) ([]Event, error) {
	rows, err := l.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, readError("events", err)
	}
	defer rows.Close()
	var events []Event
	for rows.Next() {
		events = append(events, scanEvent(rows.RawValues()))
	}
	if err := rows.Err(); err != nil {
		return nil, readError("events", err)
	}
	return events, nil
}

// readError says what could not be read, and whether that is because the database is away.
func readError(what string, err error) error {
	if lostConnection(err) {
		return fmt.Errorf("read %s: %w: %w", what, ErrUnavailable, err)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// scanEvent reads the row's binary form itself: going through a type map for 17 columns costs more than all the rest of a scan.
func scanEvent(raw [][]byte) Event {
	id := func(b []byte) (u uuid.UUID) { copy(u[:], b); return u }
	return Event{
		Lane: int(binary.BigEndian.Uint16(raw[0])), Position: int64(binary.BigEndian.Uint64(raw[1])),
		Tenant: id(raw[2]), Stream: Stream(raw[3]), Version: int(binary.BigEndian.Uint32(raw[4])), ID: id(raw[5]),
		Type: string(raw[6]), SchemaVersion: int(binary.BigEndian.Uint16(raw[7])), Data: append([]byte(nil), raw[8]...),
		CommandID: id(raw[9]), CorrelationID: string(raw[10]), CausationID: id(raw[11]),
		Actor:      Actor{Kind: string(raw[12]), ID: string(raw[13]), Via: string(raw[14])},
		RecordedAt: pgTime(raw[15]), EffectiveAt: pgTime(raw[16]),
	}
}

// pgEpoch is where Postgres counts microseconds from.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func pgTime(b []byte) time.Time {
	if b == nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b)) + pgEpoch).UTC()
}
