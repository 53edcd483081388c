package intake

import (
	"errors"
	"io"
	"strings"
	"testing"
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
