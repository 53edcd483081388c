package intake

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
)

// Each file that is none is told what it is, in words that say what to do.
func TestAFileThatIsNoneIsToldWhatItIs(t *testing.T) {
	for _, c := range []struct{ form, text, says string }{
		{CSV, "", "is empty"},
		{CSV, "\xff\xfea\x00", "UTF-16"},
		{CSV, "\xfe\xff\x00a", "UTF-16"},
		{CSV, "PK\x03\x04....", "spreadsheet"},
		{CSV, "\xd0\xcf\x11\xe0....", "spreadsheet"},
		{CSV, "\x1f\x8b\x08\x00", "packed"},
		{CSV, "na\xffme\n", "not UTF-8"},
		{CSV, "na\x00me\n", "not text"},
		{CSV, " , \n", "first line is empty"},
		{CSV, "a\"b,c\n", "no CSV"},
		{CSV, strings.Repeat("a,", maxColumns) + "a\n", "too long"},
		{CSV, strings.Repeat("a", maxHeader+1) + "\n", "too long"},
		{NDJSON, "", "is empty"},
		{NDJSON, "\xff\xfea\x00", "UTF-16"},
		{NDJSON, "[]\n12\n", "none of the first lines"},
		{NDJSON, `{"a":` + strings.Repeat(" ", maxLine) + "1}", "longer than"},
	} {
		_, err := readerOf(c.text, func(o *Options) { o.Form = c.form })
		bad, ok := errors.AsType[Wrong](err)
		if !ok || bad.Field != "file" || !strings.Contains(bad.Error(), c.says) {
			t.Errorf("%s %.20q: %v, want %q", c.form, c.text, err, c.says)
		}
	}
	gone := errors.New("gone")
	for _, form := range []string{CSV, NDJSON} {
		kind, _ := KindNamed("leads")
		if _, err := NewReader(iotest.ErrReader(gone), Options{Kind: kind, Form: form, Layout: time.DateOnly}); !errors.Is(err, gone) {
			t.Errorf("%s that cannot be read: %v", form, err)
		}
	}
}

func TestOptionsNameOnlyWhatThereIs(t *testing.T) {
	for says, change := range map[string]func(*Options){
		`"nickname" is not one of the fields`: func(o *Options) { o.Columns = map[string]string{"a": "nickname", "b": ""} },
		`"custom." is not one of the fields`:  func(o *Options) { o.Fixed = map[string]string{"custom.": "x"} },
		"is no way to write a day":            func(o *Options) { o.Layout = "2006-01" },
		`"b" is no column of the file`:        func(o *Options) { o.Columns = map[string]string{"b": "name"} },
		"only one column, or fixed value":     func(o *Options) { o.Columns, o.Fixed = map[string]string{"a": "name"}, map[string]string{"name": "x"} },
	} {
		if _, err := readerOf("a\n", change); !errors.As(err, new(Wrong)) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	if _, ok := KindNamed("wishes"); ok {
		t.Error("wishes are imported")
	}
	rows, err := readerOf("a,NAME\n", func(o *Options) { o.Columns = map[string]string{"a": "custom.size"} })
	if err != nil || !slices.Equal(rows.Header(), []string{"a", "NAME"}) || !slices.Equal(rows.fieldOf, []string{"custom.size", "name"}) {
		t.Errorf("%v: columns mean %q", err, rows.fieldOf)
	}
}

// A column that has the field's own name comes before one that is only like it, and what was said is kept.
func TestColumnsAreGuessed(t *testing.T) {
	kind, _ := KindNamed("leads")
	header := []string{"Full Name", "name", " E-Mail ", "Lead-Source", "Shoe size", "Phone"}
	got := kind.Guess(header, map[string]string{"Shoe size": "custom.shoe", "Phone": ""}, map[string]string{"source": "fair"})
	want := map[string]string{"Full Name": "", "name": "name", "E-Mail": "email", "Lead-Source": "", "Shoe size": "custom.shoe", "Phone": ""}
	if !maps.Equal(got, want) {
		t.Errorf("guessed %v, want %v", got, want)
	}
}

func TestASampleLeavesOutWhatCannotBeRead(t *testing.T) {
	rows, err := readerOf("name\na\n\"b\"x\nc\nd\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Sample(2); err != nil || len(got) != 2 || got[0][0] != "a" || got[1][0] != "c" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := rows.Sample(2); err != nil || len(got) != 1 {
		t.Errorf("at the end: %v, %v", got, err)
	}
	gone := errors.New("gone")
	kind, _ := KindNamed("leads")
	rows, err = NewReader(io.MultiReader(strings.NewReader("name\na\n"), iotest.ErrReader(gone)), Options{Kind: kind, Form: CSV, Layout: time.DateOnly})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Sample(2); !errors.Is(err, gone) {
		t.Errorf("a file that breaks off: %v", err)
	}
}

// asked is what a kind makes of one row with these fields.
func asked(kind Kind, fields map[string]string) (item, error) {
	use := &commands.Commands{Now: func() time.Time { return time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC) }}
	return kind.open(use, commands.Caller{Tenant: uuid.Max}).read(row{fields: fields, layout: time.DateOnly})
}

// with is a row that is right, but for one field.
func with(right map[string]string, field, value string) map[string]string {
	changed := maps.Clone(right)
	changed[field] = value
	return changed
}

var (
	rightLead = map[string]string{
		"name": "Ann", "email": "ANN@x.example", "externalId": "7", "tags": "a,b", "value": "12.50", "currency": "EUR", "custom.size": "9",
		"createdOn": "2025-01-02", "converted": "yes", "convertedOn": "2025-02-03",
	}
	rightInvoice = map[string]string{
		"organization": " Acme  Ltd ", "externalNumber": "F-1", "issueDate": "2025-01-02", "dueDate": "2025-02-01", "amount": "12.50", "currency": "EUR",
		"disputed": "n", "settledOn": "2025-01-20",
	}
)

func TestARowThatAsksForWhatCannotBeIsTold(t *testing.T) {
	leads, _ := KindNamed("leads")
	invoices, _ := KindNamed("invoices")
	for _, c := range []struct {
		kind               Kind
		right              map[string]string
		field, value, says string
	}{
		{leads, rightLead, "currency", "", "currency: is required with a value"},
		{leads, rightLead, "value", "much", "value: "},
		{leads, rightLead, "createdOn", "2.1.2025", `createdOn: "2.1.2025" is not a date like 2006-01-02`},
		{leads, rightLead, "createdOn", "9999-01-01", "createdOn"},
		{leads, rightLead, "convertedOn", "soon", "convertedOn: "},
		{leads, rightLead, "converted", "perhaps", `converted: "perhaps" is neither yes nor no`},
		{leads, rightLead, "email", "ann", "email"},
		{invoices, rightInvoice, "organization", " ", "organization: is required"},
		{invoices, rightInvoice, "externalNumber", " ", "externalNumber: is required"},
		{invoices, rightInvoice, "amount", "1.234", "amount: "},
		{invoices, rightInvoice, "currency", "QQQ", "amount: "},
		{invoices, rightInvoice, "issueDate", "", "issueDate: is required"},
		{invoices, rightInvoice, "issueDate", "x", "issueDate: "},
		{invoices, rightInvoice, "dueDate", "x", "dueDate: "},
		{invoices, rightInvoice, "dueDate", "2024-12-31", "dueDate"},
		{invoices, rightInvoice, "settledOn", "x", "settledOn: "},
		{invoices, rightInvoice, "disputed", "x", "disputed: "},
	} {
		_, err := asked(c.kind, with(c.right, c.field, c.value))
		bad, isFault := faultOf(err)
		if !isFault || !strings.Contains(bad.Error(), c.says) {
			t.Errorf("%s %s=%q: %v, want %q", c.kind.Name, c.field, c.value, err, c.says)
		}
	}
	if _, isFault := faultOf(io.ErrUnexpectedEOF); isFault {
		t.Error("a broken connection is taken for a row's fault")
	}
	refused := &domain.Refusal{Text: "exists", Params: map[string]string{"existingId": "x"}}
	if bad, isFault := faultOf(refused); !isFault || bad.existing != "x" {
		t.Errorf("a refusal is the fault %+v, %v", bad, isFault)
	}
}

// The steps of a row have the same ids in every run, and each is told apart by what it alone depends on.
func TestStepsOfARowAreKnownAgain(t *testing.T) {
	leads, _ := KindNamed("leads")
	invoices, _ := KindNamed("invoices")
	stepsOf := func(kind Kind, fields map[string]string) []commands.Caller {
		t.Helper()
		made, err := asked(kind, fields)
		if err != nil {
			t.Fatal(err)
		}
		return made.steps
	}
	for _, c := range []struct {
		kind         Kind
		right        map[string]string
		field, value string
		steps        int
		changed      []bool // whether the step is told apart from the right row's
	}{
		{leads, rightLead, "notes", "more", 2, []bool{true, false}},
		{leads, rightLead, "convertedOn", "2025-02-04", 2, []bool{false, true}},
		{leads, rightLead, "converted", "no", 1, []bool{false}},
		{invoices, rightInvoice, "amount", "13", 3, []bool{true, false, false}},
		{invoices, rightInvoice, "settledOn", "2025-01-21", 3, []bool{false, false, true}},
		{invoices, rightInvoice, "settledOn", "", 2, []bool{false, false}},
	} {
		first, then := stepsOf(c.kind, c.right), stepsOf(c.kind, with(c.right, c.field, c.value))
		if len(then) != c.steps {
			t.Errorf("%s=%q: %d steps, want %d", c.field, c.value, len(then), c.steps)
			continue
		}
		for n := range then {
			if then[n].ID != first[n].ID || (string(then[n].Fingerprint) != string(first[n].Fingerprint)) != c.changed[n] {
				t.Errorf("%s=%q, step %d: id %v, told apart %v", c.field, c.value, n, then[n].ID == first[n].ID, !c.changed[n])
			}
		}
	}
	if another := stepsOf(leads, with(rightLead, "externalId", "8")); another[0].ID == stepsOf(leads, rightLead)[0].ID {
		t.Error("two leads are one")
	}
	made, err := asked(leads, with(rightLead, "externalId", ""))
	if err != nil || !slices.Equal(made.keys, []string{"email\nann@x.example"}) {
		t.Errorf("keys are %q, %v", made.keys, err)
	}
}

func TestWhatWasRefusedIsTheRowsFault(t *testing.T) {
	if _, err := outcomeOf(eventstore.Outcome{}, eventstore.ErrCommandReused); !errors.Is(err, errChanged) {
		t.Errorf("a row that was another one before: %v", err)
	}
	gone := errors.New("gone")
	if _, err := outcomeOf(eventstore.Outcome{}, gone); !errors.Is(err, gone) {
		t.Errorf("a server that is gone: %v", err)
	}
}
