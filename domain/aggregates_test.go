package domain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/series"
	"github.com/streamflow/streamflow/domain/spec"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
)

// aggregates has one line per aggregate; TestEveryAggregateIsListed finds the
// one that was forgotten.
var aggregates = []aggregate{
	of(lead.Category, lead.Stream, lead.Events),
	of(organization.Category, organization.Stream, organization.Events),
	of(contact.Category, contact.Stream, contact.Events),
	of(opportunity.Category, opportunity.Stream, opportunity.Events),
	of(tenant.Category, tenant.Stream, tenant.Events),
	of(user.Category, user.Stream, user.Events),
	of(partner.Category, partner.Stream, partner.Events),
	of(invoice.Category, invoice.Stream, invoice.Events),
	of(series.Category, series.Stream, series.Events),
	of(escalation.Category, escalation.Stream, escalation.Events),
}

var update = flag.Bool("update", false, "write the golden sample of every event type that has none")

// aggregate is what the tests need of an aggregate without its types.
type aggregate struct {
	category string
	stream   func(string) string
	events   []typed
	// evolve folds events of any kind in the order given.
	evolve func([]typed)
}

type typed interface{ Type() string }

func of[S any, E spec.Event[S]](category string, stream func(string) string, events []E) aggregate {
	out := aggregate{category: category, stream: stream}
	for _, e := range events {
		out.events = append(out.events, e)
	}
	out.evolve = func(events []typed) {
		var state S
		for _, e := range events {
			state = e.(E).Evolve(state)
		}
	}
	return out
}

func TestEveryAggregateIsListed(t *testing.T) {
	var listed []string
	for _, a := range aggregates {
		listed = append(listed, a.category)
		if got := a.stream("1"); got != a.category+"-1" {
			t.Errorf("stream of %s is %s", a.category, got)
		}
	}
	slices.Sort(listed)
	folders, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range folders {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(source, []byte("\nconst Category = ")) {
			found = append(found, filepath.Dir(file))
		}
	}
	slices.Sort(found)
	if !slices.Equal(listed, found) {
		t.Fatalf("listed %v, in the folders %v", listed, found)
	}
}

// TestGoldenEvents keeps the promise that every event ever written decodes for
// ever. A golden sample is never edited: an event that has to change becomes
// version 2 beside it, with an upcaster.
func TestGoldenEvents(t *testing.T) {
	for _, a := range aggregates {
		for _, e := range a.events {
			t.Run(e.Type(), func(t *testing.T) {
				if category, _, _ := strings.Cut(e.Type(), "."); category != a.category {
					t.Errorf("the type does not begin with %s", a.category)
				}
				want := sample(reflect.TypeOf(e))
				version := 1
				if later, ok := e.(interface{ SchemaVersion() int }); ok {
					version = later.SchemaVersion()
				}
				file := filepath.Join(a.category, "testdata", "events", e.Type()+".v"+strconv.Itoa(version)+".json")
				if _, err := os.Stat(file); err != nil && *update {
					write(t, file, want.Interface())
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("%v; go test ./domain -update writes it", err)
				}
				got := reflect.New(reflect.TypeOf(e))
				decoder := json.NewDecoder(bytes.NewReader(text))
				decoder.DisallowUnknownFields()
				if err := decoder.Decode(got.Interface()); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got.Elem().Interface(), want.Interface()) {
					t.Fatalf("decoded\n got %+v\nwant %+v", got.Elem().Interface(), want.Interface())
				}
			})
		}
	}
}

func TestEveryGoldenHasAnEvent(t *testing.T) {
	files, err := filepath.Glob("*/testdata/events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		name = name[:strings.LastIndex(name, ".v")]
		if !slices.ContainsFunc(aggregates, func(a aggregate) bool {
			return slices.ContainsFunc(a.events, func(e typed) bool { return e.Type() == name })
		}) {
			t.Errorf("%s: no aggregate lists this event any more", file)
		}
	}
}

// TestPersonalFields holds the events to what the codec can encrypt.
func TestPersonalFields(t *testing.T) {
	for _, a := range aggregates {
		for _, e := range a.events {
			subject := false
			var personal []string
			for _, f := range reflect.VisibleFields(reflect.TypeOf(e)) {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				subject = subject || (name == "subject" && f.Type.Kind() == reflect.String)
				if tag, ok := f.Tag.Lookup("personal"); ok {
					personal = append(personal, name)
					if tag != "subject" || f.Type.Kind() != reflect.String {
						t.Errorf("%s: %s is personal and not a string of subject", e.Type(), name)
					}
				}
			}
			if len(personal) > 0 && !subject {
				t.Errorf("%s has the personal fields %v and no subject", e.Type(), personal)
			}
		}
	}
}

// FuzzEvolveInAnyOrder: a fold never panics, whatever the order of the events,
// empty ones among them. Rules are for Decide; Evolve has to live with history.
func FuzzEvolveInAnyOrder(f *testing.F) {
	forward, backward := make([]byte, 64), make([]byte, 64)
	for i := range forward {
		forward[i], backward[i] = byte(i), byte(63-i)
	}
	for i := range aggregates {
		f.Add(byte(i), forward)
		f.Add(byte(i), backward)
	}
	f.Fuzz(func(_ *testing.T, which byte, order []byte) {
		a := aggregates[int(which)%len(aggregates)]
		events := make([]typed, len(order))
		for i, n := range order {
			events[i] = a.events[int(n>>1)%len(a.events)]
			if n&1 == 1 {
				events[i] = sample(reflect.TypeOf(events[i])).Interface().(typed)
			}
		}
		a.evolve(events)
	})
}

func write(t *testing.T, file string, value any) {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sample is a value of the type with every field filled, the same every time.
func sample(of reflect.Type) reflect.Value {
	out := reflect.New(of).Elem()
	fill(out, "")
	return out
}

func fill(v reflect.Value, name string) {
	switch x := v.Addr().Interface().(type) {
	case *money.Amount:
		*x = money.Of(12345, "USD")
	case *money.Decimal:
		*x, _ = money.ParseDecimal("12.5")
	case *domain.Date:
		*x = "2026-03-31"
	case *time.Time:
		*x = time.Date(2026, 3, 31, 9, 30, 0, 123456000, time.UTC)
	default:
		fillKind(v, name)
	}
}

// texts are readable values for what is known by name.
var texts = map[string]string{
	"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+14155552671", "currency": "USD",
	"company": "Analytical Engines", "severity": "high", "role": "manager", "portal": "client",
	"url": "https://example.com/log.txt", "website": "https://example.com", "reason": "no budget",
}

func fillKind(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.String:
		text := texts[name]
		switch {
		case strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "IdBefore") || name == "subject":
			text = "0198c5a0-7d3e-7000-8000-00000000" + fmt.Sprintf("%04d", len(name))
		case text == "":
			text = "some " + name
		}
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(42)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), strings.TrimSuffix(name, "s"))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"text": "value", "number": 1.5, "flag": true}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			field, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			fill(v.Field(i), field)
		}
	default:
		panic("no sample for " + v.Type().String())
	}
}
