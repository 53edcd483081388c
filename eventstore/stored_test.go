package eventstore_test

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// storedLog is what the database holds.
type storedLog struct {
	lanes    map[int][]eventstore.Event
	fates    []storedFate
	holders  map[heldRef]eventstore.Stream
	subjects map[uuid.UUID]bool // true: alive
}

// storedFate is the recorded outcome of a command.
type storedFate struct {
	eventstore.Outcome
	tenant, command uuid.UUID
	fingerprint     string
}

// load reads everything, through a node that has seen none of it before.
func (s *store) load() *storedLog {
	s.t.Helper()
	ctx := s.t.Context()
	fresh := s.node(nil)
	heads, err := fresh.Heads(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	stored := &storedLog{lanes: map[int][]eventstore.Event{}, holders: map[heldRef]eventstore.Stream{}, subjects: map[uuid.UUID]bool{}}
	for lane := range heads {
		for page, err := range fresh.Scan(ctx, lane, 0, heads[lane].Position) {
			if err != nil {
				s.t.Fatal(err)
			}
			stored.lanes[lane] = append(stored.lanes[lane], page...)
		}
		s.checkDense(stored.lanes[lane], heads[lane].Position)
		if beyond, err := fresh.ReadLane(ctx, lane, heads[lane].Position, 1); err != nil || len(beyond) > 0 {
			s.t.Fatalf("I3: lane %d has events above its head %d: %v, %v", lane, heads[lane].Position, beyond, err)
		}
	}
	stored.fates = collect(s, `select tenant, id, convert_from(fingerprint, 'utf8'), outcome, code, coalesce(params::text, ''), lane, first_position, events,
		recorded_at from log.command order by lane, first_position, id`, func(row pgx.CollectableRow) (f storedFate, err error) {
		var params string
		err = row.Scan(&f.tenant, &f.command, &f.fingerprint, &f.Verdict, &f.Code, &params, &f.Lane, &f.First, &f.Events, &f.RecordedAt)
		f.Params = []byte(params)
		return f, err
	})
	for _, c := range collect(s, `select tenant, digest, stream from log.claim`, pgx.RowToStructByPos[struct {
		Tenant, Digest uuid.UUID
		Stream         string
	}]) {
		stored.holders[heldRef{c.Tenant, c.Digest}] = eventstore.Stream(c.Stream)
	}
	for _, k := range collect(s, `select subject, wrapped is not null from log.subject_key`, func(row pgx.CollectableRow) (k struct {
		subject uuid.UUID
		alive   bool
	}, err error) {
		err = row.Scan(&k.subject, &k.alive)
		return k, err
	}) {
		stored.subjects[k.subject] = k.alive
	}
	return stored
}

func collect[T any](s *store, sql string, scan pgx.RowToFunc[T]) []T {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), sql)
	if err != nil {
		s.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, scan)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return all
}

// checkDense wants positions and versions without a gap, and recorded times that never fall (I3, I4).
func (s *store) checkDense(events []eventstore.Event, head int64) {
	s.t.Helper()
	versions := map[streamRef]int{}
	var before time.Time
	for i, e := range events {
		ref := streamRef{e.Tenant, e.Stream}
		versions[ref]++
		switch {
		case e.Position != int64(i)+1:
			s.t.Fatalf("I3: position %d follows %d", e.Position, i)
		case e.Version != versions[ref]:
			s.t.Fatalf("I4: at position %d stream %s has version %d, want %d", e.Position, e.Stream, e.Version, versions[ref])
		case e.RecordedAt.Before(before):
			s.t.Fatalf("recorded time falls at position %d", e.Position)
		}
		before = e.RecordedAt
	}
	if int64(len(events)) != head {
		s.t.Fatalf("I3: the lane has %d events, its head is %d", len(events), head)
	}
}
