package eventstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// TestGoldenSamples: every version that was ever written decodes for ever.
func TestGoldenSamples(t *testing.T) {
	r := testRegistry(t)
	for _, sample := range []struct {
		typ     string
		version int
		data    string
		want    eventstore.Fact
	}{
		{"note.written", 1, `{"text":"hello"}`, noted{Text: "hello"}},
		{"note.written", 1, `{"text":"hello","on":"2026-02-03T04:05:06Z"}`, noted{"hello", time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}},
		{"note.written", 1, `{"text":"a field that came and went","was":1}`, noted{Text: "a field that came and went"}},
		{"part.measured", 1, `{"inches":2}`, measured{"unnamed", 51}},
		{"part.measured", 2, `{"centimetres":5.1}`, measured{"unnamed", 51}},
		{"part.measured", 3, `{"name":"bolt","millimetres":51}`, measured{"bolt", 51}},
		{"person.named", 1, `{"subject":"` + uuid.Nil.String() + `","name":"enc.v1.AAAA"}`, named{Subject: uuid.Nil.String(), Name: eventstore.Encrypted}},
	} {
		got, err := r.Decode(eventstore.Event{Type: sample.typ, SchemaVersion: sample.version, Data: json.RawMessage(sample.data)})
		if err != nil || got != sample.want {
			t.Errorf("%s version %d %s: %+v, %v", sample.typ, sample.version, sample.data, got, err)
		}
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	r := testRegistry(t)
	broken := func([]byte) ([]byte, error) { return nil, errStop }
	b, err := eventstore.NewRegistry(measured{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Upcast("part.measured", 1, broken)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    *eventstore.Registry
		e    eventstore.Event
		want string
	}{
		{r, eventstore.Event{Type: "note.torn", SchemaVersion: 1}, "unknown type note.torn"},
		{r, eventstore.Event{Type: "note.written", SchemaVersion: 2}, "no way from version 2"},
		{r, eventstore.Event{Type: "part.measured", SchemaVersion: 4}, "no way from version 4"},
		{r, eventstore.Event{Type: "part.measured", SchemaVersion: 0}, "no way from version 0"},
		{b, eventstore.Event{Type: "part.measured", SchemaVersion: 2}, "no way from version 2"},
		{b, eventstore.Event{Type: "part.measured", SchemaVersion: 1}, "upcast part.measured from version 1"},
		{r, eventstore.Event{Type: "note.written", SchemaVersion: 1, Data: []byte(`{"text":`)}, "decode note.written"},
	} {
		if f, err := c.r.Decode(c.e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s version %d: %+v, %v", c.e.Type, c.e.SchemaVersion, f, err)
		}
	}
}

type (
	noCategory struct{}
	called     struct{ name string }
	pointer    struct{}
	orphan     struct {
		Name string `json:"name" personal:"subject"`
	}
	numeric struct {
		Subject string `json:"subject"`
		Age     int    `json:"age" personal:"subject"`
	}
	deep struct {
		Inner struct {
			Subject string `json:"subject"`
			Name    string `json:"name" personal:"subject"`
		} `json:"inner"`
	}
	listed struct {
		All []named `json:"all"`
	}
	detail struct {
		Subject string `json:"subject"`
		Name    string `json:"name" personal:"subject"`
	}
	embedding struct{ detail }
)

func (c called) Type() string   { return c.name }
func (noCategory) Type() string { return "happened" }
func (*pointer) Type() string   { return "a.pointed" }
func (orphan) Type() string     { return "a.orphaned" }
func (numeric) Type() string    { return "a.counted" }
func (deep) Type() string       { return "a.buried" }
func (listed) Type() string     { return "a.listed" }
func (embedding) Type() string  { return "a.embedded" }

func TestRegistryRefuses(t *testing.T) {
	for _, c := range []struct {
		want  string
		facts []eventstore.Fact
	}{
		{"not <category>.<fact>", []eventstore.Fact{noCategory{}}},
		{"listed twice", []eventstore.Fact{noted{}, noted{}}},
		{"not a struct", []eventstore.Fact{&pointer{}}},
		{`subject "subject" must be strings`, []eventstore.Fact{orphan{}}},
		{"must be strings", []eventstore.Fact{numeric{}}},
		{"tagged personal", []eventstore.Fact{deep{}}},
		{"tagged personal", []eventstore.Fact{listed{}}},
	} {
		if _, err := eventstore.NewRegistry(c.facts...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: %v", c.facts[0], err)
		}
	}
	if _, err := eventstore.NewRegistry(embedding{}); err != nil {
		t.Errorf("personal fields of an embedded struct: %v", err)
	}
	for typ, want := range map[string]string{
		"a.b": "", "order2.line_added-again": "", "a." + strings.Repeat("b", 62): "",
		"a." + strings.Repeat("b", 63): "more than 64 bytes",
		"A.b":                          "is not", "a.B": "is not", "a.b.c": "is not", ".b": "is not", "a.": "is not", "1.b": "is not", "a._b": "is not", "a b.c": "is not",
		"a.*": "is not", "a.>": "is not", "a.ü": "is not", "a.b\n": "is not", "": "is not",
	} {
		_, err := eventstore.NewRegistry(called{typ})
		if ok := want == ""; ok != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", typ, err)
		}
	}
	r := testRegistry(t)
	for _, from := range []int{0, 3} {
		if err := r.Upcast("part.measured", from, inchesToCentimetres); err == nil {
			t.Errorf("an upcaster from version %d was taken", from)
		}
	}
	if got := fmt.Sprint(r.Types()); got != "[note.written part.measured person.forgotten person.named]" {
		t.Error(got)
	}
	if form, version, ok := r.Form("part.measured"); !ok || version != 3 || form.Name() != "measured" {
		t.Error(form, version, ok)
	}
	if _, _, ok := r.Form("note.torn"); ok {
		t.Error("an unknown type has a form")
	}
}

// TestEnvelope: what an append says comes back as it was said, byte for byte.
func TestEnvelope(t *testing.T) {
	s := newStore(t, 1)
	tenant, cause := uuid.New(), uuid.New()
	on := time.Date(2026, 2, 3, 4, 5, 6, 7000, time.FixedZone("somewhere", 3600))
	text := "quotes \" and \\ and \u2028 and \x00 and 😀 and  two  spaces"
	a := notes(tenant, "note-1", 0)
	a.Command.Causation, a.Command.Correlation = cause, "the conversation"
	a.Writes[0].Facts = []eventstore.Fact{noted{Text: text, On: on}, measured{"bolt", 3}}
	before := time.Now().Add(-time.Second)
	out := s.must(a)
	events, err := s.log.ReadLane(t.Context(), 1, 0, 10)
	if err != nil || len(events) != 2 {
		t.Fatal(len(events), err)
	}
	e := events[0]
	id := e.ID
	if id.Version() != 7 || e.RecordedAt.Before(before) || !e.RecordedAt.Equal(out.RecordedAt) {
		t.Errorf("id %s, recorded at %s, answered %s", id, e.RecordedAt, out.RecordedAt)
	}
	if f := decode(t, s.log, e).(noted); f.Text != text || !f.On.Equal(on) {
		t.Errorf("decoded %+v", f)
	}
	e.ID, e.RecordedAt, e.Data = uuid.Nil, time.Time{}, nil
	want := eventstore.Event{
		Lane: 1, Position: 1, Tenant: tenant, Stream: "note-1", Version: 1, Type: "note.written", SchemaVersion: 1,
		CommandID: a.Command.ID, CorrelationID: "the conversation", CausationID: cause, Actor: a.Command.Actor, EffectiveAt: on.UTC(),
	}
	if fmt.Sprintf("%+v", e) != fmt.Sprintf("%+v", want) {
		t.Errorf("envelope %+v\nwant     %+v", e, want)
	}
	if events[1].SchemaVersion != 3 || !events[1].EffectiveAt.IsZero() || string(events[1].Data) != `{"name":"bolt","millimetres":3}` {
		t.Errorf("second event %+v", events[1])
	}
	if got, err := s.log.ReadEvent(t.Context(), id); err != nil || got.Position != 1 {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if _, err := s.log.ReadEvent(t.Context(), uuid.New()); !errors.Is(err, eventstore.ErrNoSuchEvent) {
		t.Errorf("by an id that is none: %v", err)
	}
}
