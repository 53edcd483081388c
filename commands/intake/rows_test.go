package intake

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func readerOf(text string, change func(*Options)) (*Reader, error) {
	kind, _ := KindNamed("leads")
	o := Options{Kind: kind, Form: CSV, Layout: time.DateOnly}
	if change != nil {
		change(&o)
	}
	return NewReader(strings.NewReader(text), o)
}

func TestRowsSurviveWhatIsWrongWithOne(t *testing.T) {
	rows, err := readerOf("\ufeffE-Mail,name,Ignored\r\na@x.example, Ann ,1\r\nb@x.example\r\n\"c\"d,Cid,1\r\n\xff@x.example,Dee,1\r\n\r\ne@x.example,\"Eve\nEden\",1\r\n",
		func(o *Options) {
			o.Columns, o.Fixed = map[string]string{"E-Mail": "email"}, map[string]string{"source": "fair"}
		})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		line             int
		name, email, bad string
	}{
		{2, "Ann", "a@x.example", ""}, {3, "", "", "has 1 cells, and the header 3"}, {4, "", "", "is no CSV"}, {5, "", "", "not UTF-8"},
		{7, "Eve\nEden", "e@x.example", ""},
	} {
		r, err := rows.next()
		if want.bad != "" {
			if _, ok := errors.AsType[rowError](err); !ok || !strings.Contains(err.Error(), want.bad) || r.line != want.line {
				t.Errorf("line %d: %v, want line %d with %q", r.line, err, want.line, want.bad)
			}
			continue
		}
		if err != nil || r.line != want.line || r.fields["name"] != want.name || r.fields["email"] != want.email || r.fields["source"] != "fair" {
			t.Errorf("line %d: %v %v, want %+v", r.line, r.fields, err, want)
		}
	}
	if _, err := rows.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last row: %v", err)
	}
}

func TestColumnsMustBeThereAndNotFightForAField(t *testing.T) {
	for text, mapped := range map[string]map[string]string{
		"":                 nil,
		"name\n":           {"Nome": "name"},
		"a,b\n":            {"a": "name", "b": "name"},
		"Name,name\nx,y\n": nil,
	} {
		if _, err := readerOf(text, func(o *Options) { o.Columns = mapped }); err == nil {
			t.Errorf("%q with %v was taken", text, mapped)
		}
	}
}

// What spreadsheets and our own downloads write is read for what it means.
func TestATableIsReadForWhatItMeans(t *testing.T) {
	for text, want := range map[string]string{
		"name;phone\n'=Ann;'+1 212\n":     "=Ann|+1 212",
		"name\tphone\n'Ann\t5,5\n":        "'Ann|5,5",
		"name,phone\n'-,a;b\n":            "-|a;b",
		"\ufeffPHONE,name\r\n\"1\",Ann\n": "Ann|1",
	} {
		rows, err := readerOf(text, nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if r, err := rows.next(); err != nil || r.fields["name"]+"|"+r.fields["phone"] != want {
			t.Errorf("%q: %v, %v, want %s", text, r.fields, err, want)
		}
	}
}

func TestLinesAreReadAsRows(t *testing.T) {
	rows, err := readerOf("\n{\"name\":\"Ann\",\"tags\":[\"a\",\"b\"],\"value\":12.50,\"n\":null}\n[]\n{\"name\":{}}\n{\"name\":\"a\",\"name\":\"b\"}\n{} {}\n{\"email\":\"b@x.example\",\"converted\":true}",
		func(o *Options) { o.Form = NDJSON })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		line      int
		says, bad string
	}{{2, "map[converted: email: name:Ann tags:a,b value:12.50]", ""}, {3, "", "no JSON object"}, {4, "", "neither text"}, {5, "", "no JSON object"}, {6, "", "more than one"},
		{7, "map[converted:true email:b@x.example name: tags: value:]", ""}} {
		r, err := rows.next()
		switch {
		case want.bad == "" && (err != nil || fmt.Sprint(r.fields) != want.says || r.line != want.line):
			t.Errorf("line %d: %v %v, want %d %s", r.line, r.fields, err, want.line, want.says)
		case want.bad != "" && (err == nil || !strings.Contains(err.Error(), want.bad) || r.line != want.line):
			t.Errorf("line %d: %v, want %d with %s", r.line, err, want.line, want.bad)
		}
	}
	if _, err := readerOf(strings.Repeat("x", maxLine+1), func(o *Options) { o.Form = NDJSON }); !errors.As(err, new(Wrong)) {
		t.Errorf("a line without end: %v", err)
	}
}

// A file that is cut short is not taken for a whole one.
func TestPiecesTellWhatIsCut(t *testing.T) {
	text := strings.Repeat("abc", partSize)
	var got strings.Builder
	keep := func(p []byte) error { got.Write(p); return nil }
	if err := pieces(iotest.HalfReader(strings.NewReader(text)), keep); err != nil || got.String() != text {
		t.Errorf("%v, %d bytes of %d", err, got.Len(), len(text))
	}
	for _, cause := range []error{io.ErrUnexpectedEOF, errors.New("gone")} {
		if err := pieces(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(cause)), keep); !errors.Is(err, ErrCut) {
			t.Errorf("%v: %v", cause, err)
		}
	}
	if err := pieces(strings.NewReader(strings.Repeat("x", MaxFile+1)), func([]byte) error { return nil }); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}
