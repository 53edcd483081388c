package eventstore_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// tenantIn is a tenant that lives in a lane.
func tenantIn(l *eventstore.Log, lane int) uuid.UUID {
	for {
		if id := uuid.New(); l.LaneOf(id) == lane {
			return id
		}
	}
}

func positions(events []eventstore.Event) (all []int64) {
	for _, e := range events {
		all = append(all, e.Position)
	}
	return all
}

func TestReads(t *testing.T) {
	s := newStore(t, 2)
	ctx := t.Context()
	a, b, elsewhere := tenantIn(s.log, 1), tenantIn(s.log, 1), tenantIn(s.log, 2)
	s.must(notes(a, "note-1", 0, "1", "2"))      // 1, 2
	s.must(notes(b, "note-1", 0, "3"))           // 3
	s.must(notes(elsewhere, "note-1", 0, "x"))   // 1 of lane 2
	s.must(notes(a, "note-1", 2, "4"))           // 4
	s.must(notes(a, "note-2", 0, "5", "6", "7")) // 5, 6, 7

	for name, c := range map[string]struct {
		read func() ([]eventstore.Event, error)
		want []int64
	}{
		"lane":                {func() ([]eventstore.Event, error) { return s.log.ReadLane(ctx, 1, 0, 100) }, []int64{1, 2, 3, 4, 5, 6, 7}},
		"lane, a page":        {func() ([]eventstore.Event, error) { return s.log.ReadLane(ctx, 1, 2, 3) }, []int64{3, 4, 5}},
		"lane, past its end":  {func() ([]eventstore.Event, error) { return s.log.ReadLane(ctx, 1, 7, 3) }, nil},
		"stream":              {func() ([]eventstore.Event, error) { return s.log.ReadStream(ctx, a, "note-1", 0) }, []int64{1, 2, 4}},
		"stream, as of 3":     {func() ([]eventstore.Event, error) { return s.log.ReadStream(ctx, a, "note-1", 3) }, []int64{1, 2}},
		"stream of another":   {func() ([]eventstore.Event, error) { return s.log.ReadStream(ctx, b, "note-2", 0) }, nil},
		"tenant":              {func() ([]eventstore.Event, error) { return s.log.ReadTenant(ctx, a, 1, 3) }, []int64{2, 4, 5}},
		"tenant, other lane":  {func() ([]eventstore.Event, error) { return s.log.ReadTenant(ctx, elsewhere, 0, 9) }, []int64{1}},
		"tenant, unknown one": {func() ([]eventstore.Event, error) { return s.log.ReadTenant(ctx, uuid.New(), 0, 9) }, nil},
	} {
		if events, err := c.read(); err != nil || !slices.Equal(positions(events), c.want) {
			t.Errorf("%s: %v, %v, want %v", name, positions(events), err, c.want)
		}
	}
	if events, err := s.log.ReadRange(ctx, 1, 2, 6, nil, nil); err != nil || !slices.Equal(positions(events), []int64{6}) {
		t.Errorf("a range of no types: %v, %v, want its last", positions(events), err)
	}
	whole, err := s.log.ReadRange(ctx, 1, 2, 6, []string{"note.written"}, nil)
	if err != nil || !slices.Equal(positions(whole), []int64{3, 4, 5, 6}) || len(whole[0].Data) == 0 {
		t.Errorf("a range: %v, %v", positions(whole), err)
	}
	bare, err := s.log.ReadRange(ctx, 1, 2, 6, nil, []string{"note.written"})
	if err != nil || !slices.Equal(positions(bare), []int64{3, 4, 5, 6}) || len(bare[0].Data) != 0 || bare[0].ID != whole[0].ID {
		t.Errorf("a bare range: %v, %v", bare, err)
	}
	if n, err := s.log.StreamVersion(ctx, a, "note-1"); n != 3 || err != nil {
		t.Errorf("version %d, %v", n, err)
	}
	if n, err := s.log.StreamVersion(ctx, a, "note-3"); n != 0 || err != nil {
		t.Errorf("version %d of no stream, %v", n, err)
	}
	heads, err := s.log.Heads(ctx)
	if want := (eventstore.Cursor{1: {1, 7}, 2: {1, 1}}); err != nil || !maps.Equal(heads, want) {
		t.Errorf("heads %v, %v", heads, err)
	}
}

func TestScan(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	s.must(notes(tenant, "note-1", 0, make([]string, 12_000)...))
	var pages []int
	var seen []eventstore.Event
	for page, err := range s.log.Scan(t.Context(), 1, 100, 11_900) {
		if err != nil {
			t.Fatal(err)
		}
		pages, seen = append(pages, len(page)), append(seen, page...)
	}
	if len(seen) != 11_800 || seen[0].Position != 101 || seen[len(seen)-1].Position != 11_900 || len(pages) != 3 {
		t.Errorf("%d events in pages of %v", len(seen), pages)
	}
	var last error
	for _, err := range s.log.Scan(t.Context(), 1, 11_999, 12_001) {
		last = err
	}
	if last == nil {
		t.Error("a scan past the head ends without an error")
	}
	for _, err := range s.log.Scan(t.Context(), 1, 0, 12_000) {
		if err != nil {
			t.Error(err)
		}
		break // leaves early
	}
}

// TestAsOf: for every moment, the cursor names exactly what was recorded by then.
func TestAsOf(t *testing.T) {
	s := newStore(t, 2)
	tenant := tenantIn(s.log, 1)
	var events []eventstore.Event
	for i := range 40 {
		s.must(notes(tenant, eventstore.Stream(fmt.Sprint("note-", i)), 0, make([]string, 1+i%3)...))
	}
	events, err := s.log.ReadLane(t.Context(), 1, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	moments := []time.Time{events[0].RecordedAt.Add(-time.Hour), time.Now().Add(time.Hour)}
	for _, e := range events {
		moments = append(moments, e.RecordedAt, e.RecordedAt.Add(-time.Microsecond), e.RecordedAt.Add(time.Microsecond))
	}
	for _, at := range moments {
		c, err := s.log.AsOf(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		for _, e := range events {
			if !e.RecordedAt.After(at) {
				want = e.Position
			}
		}
		if c[1].Position != want || c[2].Position != 0 {
			t.Fatalf("as of %v: %v, want %d", at, c, want)
		}
	}
}

func TestLanes(t *testing.T) {
	s := newStore(t, 4)
	ctx := t.Context()
	if err := eventstore.Create(ctx, s.pool, 4); err != nil {
		t.Errorf("the same number again: %v", err)
	}
	for _, n := range []int{3, 5, 0, 1025} {
		if err := eventstore.Create(ctx, s.pool, n); err == nil {
			t.Errorf("%d lanes were taken for 4", n)
		}
	}
	if s.log.LaneOf(eventstore.ProviderSpace) != 1 || s.log.Lanes() != 4 {
		t.Error("provider space is not in lane 1 of 4")
	}
	seen := map[int]int{}
	for range 4000 {
		id := uuid.Must(uuid.NewV7())
		lane := s.log.LaneOf(id)
		seen[lane]++
		if s.node(nil).LaneOf(id) != lane {
			t.Fatal("two nodes disagree about a tenant's lane")
		}
		if len(seen) == 4 && seen[1]+seen[2]+seen[3]+seen[4] > 20 {
			break
		}
	}
	if len(seen) != 4 {
		t.Errorf("tenants live in %v", seen)
	}
	out := s.must(notes(tenantIn(s.log, 3), "note-1", 0, "x"))
	if c := s.log.CursorOf(out); !maps.Equal(c, eventstore.Cursor{3: {1, 1}}) {
		t.Errorf("cursor of an outcome in lane 3: %v", c)
	}
	if epoch, err := s.log.RaiseEpoch(ctx, 3); epoch != 2 || err != nil || s.log.Epoch(3) != 2 || s.node(nil).Epoch(3) != 2 || s.log.Epoch(2) != 1 {
		t.Errorf("epoch %d, %v", epoch, err)
	}
}

func TestCommittedTells(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	committed := func(after int64) <-chan struct{} {
		c, stop := s.log.Committed(1, after)
		t.Cleanup(stop)
		return c
	}
	quiet := func(what string, committed <-chan struct{}) {
		t.Helper()
		select {
		case <-committed:
			t.Errorf("%s is said to be committed", what)
		default:
		}
	}
	first := committed(0)
	quiet("something in an empty lane", first)
	s.must(notes(tenant, "note-1", 0, "1", "2"))
	<-first
	<-committed(1)
	if s.log.Known(1) != 2 {
		t.Errorf("knows %d", s.log.Known(1))
	}
	// Who saw more than this node has heard of, because the database showed it first, is told of what comes behind that alone.
	third, fourth := committed(2), committed(3)
	quiet("position 3", third)
	s.must(notes(tenant, "note-1", 2, "3"))
	<-third
	quiet("position 4", fourth)
	s.must(notes(tenant, "note-1", 3, "4"))
	<-fourth
}

// Who has seen what is gone is told that the lane went back, wherever it stands, and however little its node had heard of.
func TestCommittedTellsThatTheLaneWentBack(t *testing.T) {
	s := newStore(t, 1)
	reader := s.node(nil)
	s.must(notes(uuid.New(), "note-1", 0, "1", "2", "3"))
	for _, sql := range []string{`delete from log.event where position > 1`, `update log.lane set head = 1`} {
		if _, err := s.admin().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	here, stop := s.log.Committed(1, 3)
	defer stop()
	elsewhere, stop := reader.Committed(1, 3)
	defer stop()
	if _, err := s.log.RaiseEpoch(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Heads(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, told := range map[string]<-chan struct{}{"the node that wrote": here, "the node that only read": elsewhere} {
		select {
		case <-told:
		default:
			t.Errorf("%s is not told", name)
		}
	}
}

// Nothing is kept of a reader that is done, also where its node never hears of as much as it has read.
func TestCommittedForgetsWhoIsDone(t *testing.T) {
	s := newStore(t, 1)
	for after := range int64(100) {
		_, stop := s.log.Committed(1, after)
		stop()
	}
	if n := s.log.Waiting(1); n != 0 {
		t.Errorf("%d still wait", n)
	}
}
