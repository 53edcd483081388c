package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

type written struct {
	Text string `json:"text"`
}

func (written) Type() string { return "note.written" }

type torn struct {
	At time.Time `json:"at"`
}

func (torn) Type() string           { return "note.torn" }
func (t torn) Effective() time.Time { return t.At }

func open(t *testing.T, lanes int) *eventstore.Log {
	t.Helper()
	url := pgtest.New(t, "history", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	pool, err := migrations.Role(t.Context(), url, "engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	registry, err := eventstore.NewRegistry(written{}, torn{})
	if err != nil {
		t.Fatal(err)
	}
	if err := eventstore.Create(t.Context(), pool, lanes); err != nil {
		t.Fatal(err)
	}
	log, err := eventstore.Open(t.Context(), eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func add(t *testing.T, log *eventstore.Log, tenant uuid.UUID, fact eventstore.Fact) {
	t.Helper()
	stream := eventstore.Stream("note-" + uuid.NewString())
	_, err := log.Append(t.Context(), eventstore.Append{
		Command: eventstore.Command{Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c", Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "v"}},
		At:      map[eventstore.Stream]int{stream: 0}, Writes: []eventstore.Write{{Stream: stream, Facts: []eventstore.Fact{fact}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, log *eventstore.Log, q history.Query) []history.Item {
	t.Helper()
	var items []history.Item
	for item, err := range history.Read(t.Context(), log, q) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	return items
}

func TestLanesAreToldInOrderAndEveryCursorGoesOnExactly(t *testing.T) {
	t.Parallel()
	log := open(t, 3)
	for range 60 {
		add(t, log, uuid.New(), written{"x"})
		add(t, log, uuid.New(), torn{time.Unix(0, 0).UTC()})
	}
	all := read(t, log, history.Query{})
	inOrder := func(a, b history.Item) int {
		if byTime := a.RecordedAt.Compare(b.RecordedAt); byTime != 0 {
			return byTime
		}
		return a.Lane - b.Lane
	}
	if len(all) != 120 || !slices.IsSortedFunc(all, inOrder) {
		t.Fatalf("%d events, in order: %v", len(all), slices.IsSortedFunc(all, inOrder))
	}
	ids := func(items []history.Item) (found []uuid.UUID) {
		for _, i := range items {
			found = append(found, i.ID)
		}
		return found
	}
	if latest := readLatest(t, log, history.Query{}, 7); !slices.Equal(told(latest), told(all)) {
		t.Errorf("newest first, %d events, and not the same", len(latest))
	}
	for i, item := range all {
		after, err := log.ParseToken(item.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		if rest := read(t, log, history.Query{After: after}); !slices.Equal(ids(rest), ids(all[i+1:])) {
			t.Fatalf("after event %d of lane %d, %d events are told, want %d", i, item.Lane, len(rest), len(all)-i-1)
		}
		e, err := log.ReadEvent(t.Context(), item.ID)
		if err != nil {
			t.Fatal(err)
		}
		if one, err := history.One(t.Context(), log, e, false); err != nil || one.Cursor != item.Cursor {
			t.Fatalf("event %d alone has another cursor, %v", i, err)
		}
	}
	// What a filter skips is still to come for another one.
	torn := eventstore.Filter{Types: []string{"note.torn"}}
	only := read(t, log, history.Query{Filter: torn})
	if len(only) != 60 {
		t.Fatalf("%d torn", len(only))
	}
	for k, item := range only {
		after, err := log.ParseToken(item.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		if rest := read(t, log, history.Query{Filter: torn, After: after}); !slices.Equal(ids(rest), ids(only[k+1:])) {
			t.Fatalf("after torn %d, %d are told, want %d", k, len(rest), len(only)-k-1)
		}
		rest := ids(read(t, log, history.Query{After: after}))
		told := slices.Index(ids(all), item.ID)
		for _, id := range ids(all[told+1:]) {
			if !slices.Contains(rest, id) {
				t.Fatalf("the cursor of torn %d skips an event that the filter did", k)
			}
		}
		for _, id := range ids(only[:k+1]) {
			if slices.Contains(rest, id) {
				t.Fatalf("after torn %d, one before it is told again", k)
			}
		}
	}
	if _, _, err := history.Page(t.Context(), log, history.Query{After: eventstore.Cursor{1: {Epoch: 1, Position: 999}}}, 1); !errors.Is(err, eventstore.ErrCursor) {
		t.Errorf("a cursor beyond the log: %v", err)
	}
}

// readLatest goes through all pages from the newest item to the oldest, and returns them the other way round.
func readLatest(t *testing.T, log *eventstore.Log, q history.Query, limit int) (items []history.Item) {
	t.Helper()
	for {
		page, next, err := history.Latest(t.Context(), log, q, limit)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page...)
		if next == nil {
			slices.Reverse(items)
			return items
		}
		if len(page) > limit || len(items) > 1000 {
			t.Fatalf("a page of %d, and %d in all", len(page), len(items))
		}
		q.Until = next
	}
}

// told are the ids of items, each with its cursor.
func told(items []history.Item) (all []string) {
	for _, i := range items {
		all = append(all, i.ID.String()+" "+i.Cursor)
	}
	return all
}

func TestAPartIsToldInBothDirections(t *testing.T) {
	t.Parallel()
	log := open(t, 2)
	tenant, command, cause := uuid.New(), uuid.New(), uuid.New()
	for range 5 {
		add(t, log, tenant, written{"x"})
		add(t, log, uuid.New(), torn{time.Unix(0, 0).UTC()})
	}
	first, second := eventstore.Stream("note-1"), eventstore.Stream("note-2")
	if _, err := log.Append(t.Context(), eventstore.Append{
		Command: eventstore.Command{Tenant: tenant, ID: command, Fingerprint: []byte("f"), Correlation: "mine", Causation: cause, Actor: eventstore.Actor{Kind: "system", ID: "u", Via: "v"}},
		At:      map[eventstore.Stream]int{first: 0, second: 0}, Writes: []eventstore.Write{{Stream: first, Facts: []eventstore.Fact{written{"1"}}}, {Stream: second, Facts: []eventstore.Fact{written{"2"}}}},
	}); err != nil {
		t.Fatal(err)
	}
	add(t, log, tenant, torn{time.Unix(0, 0).UTC()})
	all := read(t, log, history.Query{Filter: eventstore.Filter{Tenant: tenant}})
	at := func(i int) eventstore.Cursor {
		c, err := log.ParseToken(all[i].Cursor)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct {
		q    history.Query
		want []history.Item
	}{
		"a tenant":                 {history.Query{Filter: eventstore.Filter{Tenant: tenant}}, all},
		"between two":              {history.Query{Filter: eventstore.Filter{Tenant: tenant}, After: at(1), Until: at(5)}, all[2:6]},
		"a stream":                 {history.Query{Filter: eventstore.Filter{Tenant: tenant, Stream: second}}, all[6:7]},
		"a type":                   {history.Query{Filter: eventstore.Filter{Tenant: tenant, Types: []string{"note.torn"}}}, all[7:]},
		"a command":                {history.Query{Filter: eventstore.Filter{Tenant: tenant, Command: command}}, all[5:7]},
		"a command of any tenant":  {history.Query{Filter: eventstore.Filter{Command: command}}, all[5:7]},
		"a command's end":          {history.Query{Filter: eventstore.Filter{Tenant: tenant, Command: command}, After: at(5)}, all[6:7]},
		"a command of nobody":      {history.Query{Filter: eventstore.Filter{Tenant: tenant, Command: uuid.New()}}, nil},
		"a command of somebody":    {history.Query{Filter: eventstore.Filter{Tenant: uuid.New(), Command: command}}, nil},
		"what one event led to":    {history.Query{Filter: eventstore.Filter{Cause: cause}}, all[5:7]},
		"a conversation":           {history.Query{Filter: eventstore.Filter{Correlation: "mine"}}, all[5:7]},
		"what is not in the range": {history.Query{Filter: eventstore.Filter{Correlation: "mine"}, Until: at(4)}, nil},
	} {
		ids := func(items []history.Item) (found []uuid.UUID) {
			for _, i := range items {
				found = append(found, i.ID)
			}
			return found
		}
		if got := ids(read(t, log, c.q)); !slices.Equal(got, ids(c.want)) {
			t.Errorf("%s: %v, want %v", name, got, ids(c.want))
		}
		for _, limit := range []int{1, 2, 100} {
			if got := ids(readLatest(t, log, c.q, limit)); !slices.Equal(got, ids(c.want)) {
				t.Errorf("%s, newest first by %d: %v, want %v", name, limit, got, ids(c.want))
			}
		}
	}
	if _, _, err := history.Latest(t.Context(), log, history.Query{Until: eventstore.Cursor{1: {Epoch: 1, Position: 999}}}, 1); !errors.Is(err, eventstore.ErrCursor) {
		t.Errorf("a cursor beyond the log: %v", err)
	}
}

func TestFollowTellsWhatIsCommittedAndEnds(t *testing.T) {
	t.Parallel()
	log := open(t, 2)
	add(t, log, uuid.New(), written{"one"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told, idle := 0, 0
	enough := errors.New("enough")
	var last error
	for item, err := range history.Follow(ctx, log, history.Query{}, func() error {
		if idle++; idle <= 3 {
			add(t, log, uuid.New(), written{"more"})
			return nil
		}
		if told == 4 {
			return enough
		}
		return nil
	}) {
		if last = err; err == nil && item.Position > 0 {
			told++
		}
	}
	if told != 4 || !errors.Is(last, enough) {
		t.Errorf("%d events told, ended by %v", told, last)
	}
}

// TestParquetIsReadBack: more rows than a row group has, and nothing is lost on the way.
func TestParquetIsReadBack(t *testing.T) {
	t.Parallel()
	const rows = 50_000 + 1
	var file bytes.Buffer
	encoder, err := history.NewEncoder("parquet", &file, "urn:test")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	cause := uuid.New()
	for i := range rows {
		item := history.Item{ID: uuid.UUID{byte(i >> 16), byte(i >> 8), byte(i)}, Lane: 1, Position: int64(i + 1), Type: "note.written", RecordedAt: at, Data: []byte(`{"text":"ü"}`)}
		if i%2 == 0 {
			item.EffectiveAt, item.CausationID = &at, &cause
		}
		if err := encoder.Write(item); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	opened, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || len(opened.RowGroups()) != 2 {
		t.Fatalf("%d row groups, %v", len(opened.RowGroups()), err)
	}
	type row struct {
		ID          string     `parquet:"id"`
		Position    int64      `parquet:"position"`
		RecordedAt  time.Time  `parquet:"recordedAt"`
		EffectiveAt *time.Time `parquet:"effectiveAt,optional,timestamp(microsecond)"`
		CausationID *string    `parquet:"causationId,optional"`
		Data        string     `parquet:"data"`
	}
	back, err := parquet.Read[row](bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || len(back) != rows {
		t.Fatalf("%d rows are read back, %v", len(back), err)
	}
	for i, r := range back {
		odd := r.EffectiveAt == nil && r.CausationID == nil
		even := r.EffectiveAt != nil && r.EffectiveAt.Equal(at) && r.CausationID != nil && *r.CausationID == cause.String()
		if r.Position != int64(i+1) || r.Data != `{"text":"ü"}` || i%2 == 0 && !even || i%2 == 1 && !odd {
			t.Fatalf("row %d is %+v", i, r)
		}
	}
}

func TestLinesAreCloudEvents(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	encoder, err := history.NewEncoder("cloudevents", &out, "urn:test")
	if err != nil {
		t.Fatal(err)
	}
	item := history.Item{ID: uuid.UUID{1}, Lane: 1, Position: 1 << 40, Type: "note.written", Stream: "note-1", Data: []byte(`{"text":"<x>"}`)}
	if err := errors.Join(encoder.Write(item), encoder.Close()); err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(out.Bytes(), &event); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"specversion": "1.0", "source": "urn:test", "type": "note.written", "subject": "note-1", "position": "1099511627776"} {
		if event[name] != want {
			t.Errorf("%s is %v, want %v", name, event[name], want)
		}
	}
	if _, empty := event["causationid"]; empty {
		t.Error("an attribute without a value is there")
	}
}
