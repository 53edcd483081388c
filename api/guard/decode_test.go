package guard_test

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamflow/streamflow/api/guard"
)

type line struct {
	Quantity   float64 `json:"quantity"`
	UnitAmount int64   `json:"unitAmount"`
}

type target struct {
	Name   string            `json:"name"`
	Lines  []line            `json:"lines"`
	Custom map[string]string `json:"custom"`
	Any    any               `json:"any"`
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, c := range []struct {
		body   string
		status int // 0: accepted
		field  string
		code   string
	}{
		{`{"name":"Ada","lines":[{"quantity":1.5,"unitAmount":100}],"custom":{"a":"b"}}`, 0, "", ""},
		{` {"name":"two\nlines\tand\ta tab\r\n"} `, 0, "", ""},
		{`{}`, 0, "", ""},
		{`{"any":{"0":[1,{"x":"y"}]}}`, 0, "", ""},
		{"", 400, "", "malformed_json"},
		{" ", 400, "", "malformed_json"},
		{`{"name":`, 400, "", "malformed_json"},
		{`{"name":"x"}}`, 400, "", "malformed_json"},
		{`{"name":"x"} {"name":"x"}`, 400, "", "malformed_json"},
		{`{"name":"x"} x`, 400, "", "malformed_json"},
		{`{"name":"a","name":"b"}`, 400, "", "malformed_json"},
		{`{"name":"a","n\u0061me":"b"}`, 400, "", "malformed_json"},
		{`{"any":{"a":1,"a":1}}`, 400, "", "malformed_json"},
		{"{\"name\":\"\xff\"}", 400, "", "malformed_json"},
		{"{\"name\":\"\xed\xa0\x80\"}", 400, "", "malformed_json"},
		{`{"name":"\ud800"}`, 400, "", "malformed_json"},
		{"\ufeff{}", 400, "", "malformed_json"},
		{`{'name':1}`, 400, "", "malformed_json"},
		{`{"name":"x",}`, 400, "", "malformed_json"},
		{`{"any":NaN}`, 400, "", "malformed_json"},
		{`{"any":01}`, 400, "", "malformed_json"},
		{"{\"name\":\"raw\nline\"}", 400, "", "malformed_json"},
		{deep, 400, "", "malformed_json"},
		{`{"name":"nul \u0000"}`, 422, "name", "control_character"},
		{`{"name":"bell \u0007"}`, 422, "name", "control_character"},
		{`{"name":"del \u007f"}`, 422, "name", "control_character"},
		{`{"name":"c1 \u0085"}`, 422, "name", "control_character"},
		{`{"any":[{"x":"\u001b"}]}`, 422, "any[0].x", "control_character"},
		{`{"custom":{"a\nb":"x"}}`, 422, "custom.a\ufffdb", "control_character"},
		{`{"Name":"x"}`, 422, "Name", "unknown"},
		{`{"nom":"x"}`, 422, "nom", "unknown"},
		{`{"lines":[{"quantity":1},{"unitamount":1}]}`, 422, "lines[1].unitamount", "unknown"},
		{`{"name":7}`, 422, "name", "wrong_type"},
		{`{"lines":{}}`, 422, "lines", "wrong_type"},
		{`{"lines":[{"unitAmount":"1"}]}`, 422, "lines[0].unitAmount", "wrong_type"},
		{`{"lines":[{"unitAmount":1.5}]}`, 422, "lines[0].unitAmount", "wrong_type"},
		{`{"lines":[{"unitAmount":9007199254740992}]}`, 422, "lines[0].unitAmount", "out_of_range"},
		{`{"lines":[{"unitAmount":-9007199254740991}]}`, 0, "", ""},
		{`{"lines":[{"quantity":1e400}]}`, 422, "lines[0].quantity", "out_of_range"},
		{`{"lines":[{"quantity":0.1234567890123456}]}`, 422, "lines[0].quantity", "out_of_range"},
		{`[]`, 422, "", "wrong_type"},
		{`"x"`, 422, "", "wrong_type"},
		{`1`, 422, "", "wrong_type"},
	} {
		var v target
		p := guard.DecodeJSON([]byte(c.body), &v)
		name := c.body[:min(len(c.body), 60)]
		switch {
		case p == nil:
			if c.status != 0 {
				t.Errorf("%q was accepted as %+v", name, v)
			}
		case p.Status != c.status:
			t.Errorf("%q: %d %v, want %d", name, p.Status, p, c.status)
		case c.status == 400 && (string(p.Code) != c.code || p.Detail == "" || len(p.Errors) > 0):
			t.Errorf("%q: %+v", name, p)
		case c.status == 422 && (len(p.Errors) != 1 || p.Errors[0].Field != c.field || p.Errors[0].Code != c.code || p.Errors[0].Message == ""):
			t.Errorf("%q: %+v", name, p.Errors)
		}
	}
}

// TestDetails: each kind of malformed body is told apart, in words that quote nothing.
func TestDetails(t *testing.T) {
	t.Parallel()
	for body, detail := range map[string]string{
		"": "The body is empty.", " \n": "The body is empty.", `{} {}`: "There is data after the value.", `{"a":1,"a":1}`: "An object names a member twice.",
		`{"a":`: "The body ends early.", "[\"\xff\"]": "A string is not valid UTF-8.", "hunter2": "The body is not one well-formed JSON value.",
	} {
		if p := guard.CheckJSON([]byte(body)); p == nil || p.Detail != detail {
			t.Errorf("%q: %v", body, p)
		}
	}
}

func TestFindsAllAndNoMore(t *testing.T) {
	t.Parallel()
	p := guard.CheckJSON([]byte(`{"a":"\u0000","b":[1e400,"\u0001"]}`))
	if p == nil || len(p.Errors) != 3 {
		t.Errorf("found %+v", p)
	}
	p = guard.CheckJSON([]byte("[" + strings.Repeat(`"\u0000",`, 5000) + "1]"))
	if p == nil || len(p.Errors) != 20 {
		t.Errorf("found %d", len(p.Errors))
	}
	p = guard.CheckJSON([]byte(`{"` + strings.Repeat("é", 5000) + `":"\u0000"}`))
	if p == nil || len(p.Errors[0].Field) > 200 || strings.Contains(p.Errors[0].Field, "\ufffd") {
		t.Errorf("field %+v", p)
	}
}

// TestNeverEchoes: no value of a refused body comes back.
func TestNeverEchoes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"name":"hunter2\u0000"}`, `{"name":["hunter2"]}`, `{"lines":"hunter2"}`, `{"name":"hunter2","name":"hunter2"}`,
		`{"name":"hunter2`, `{"any":hunter2}`, "{\"name\":\"hunter2\xff\"}", `{"lines":[{"unitAmount":"hunter2"}]}`, `hunter2`,
	} {
		var v target
		p := guard.DecodeJSON([]byte(body), &v)
		var out bytes.Buffer
		if err := guard.MarshalJSON(&out, p); err != nil || p == nil {
			t.Fatal(body, err)
		}
		for _, leak := range []string{"hunter2", "target", "guard", "int64", "Go ", "jsontext"} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%s\nanswers %s", body, out.String())
			}
		}
	}
}

func TestUnmarshalJSONIsNilError(t *testing.T) {
	t.Parallel()
	var v target
	if err := guard.UnmarshalJSON([]byte(`{}`), &v); err != nil { // a nil *Problem in an error would not be nil
		t.Error(err)
	}
	if err := guard.UnmarshalJSON([]byte(`{`), &v); err == nil {
		t.Error("accepted")
	}
}

// TestNumbersStayApart: two numbers that are accepted and differ also differ as doubles, so the canonical form never
// takes two requests for one.
func TestNumbersStayApart(t *testing.T) {
	t.Parallel()
	digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?`)
	rapid.Check(t, func(t *rapid.T) {
		one := digits.Draw(t, "one")
		two := digits.Draw(t, "two")
		if rapid.Bool().Draw(t, "neighbour") && len(one) > 0 {
			i := rapid.IntRange(0, len(one)-1).Draw(t, "at")
			if c := one[i]; c >= '1' && c < '9' {
				two = one[:i] + string([]byte{c + 1}) + one[i+1:]
			}
		}
		if guard.CheckJSON([]byte(one)) != nil || guard.CheckJSON([]byte(two)) != nil {
			return
		}
		a, okA := new(big.Rat).SetString(one)
		b, okB := new(big.Rat).SetString(two)
		x, errX := strconv.ParseFloat(one, 64)
		y, errY := strconv.ParseFloat(two, 64)
		if !okA || !okB || errX != nil || errY != nil {
			t.Fatalf("%s or %s was accepted and is no number", one, two)
		}
		if (a.Cmp(b) == 0) != (x == y) {
			t.Fatalf("%s and %s: equal %v, as doubles %v", one, two, a.Cmp(b) == 0, x == y)
		}
	})
}

func FuzzCheckJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"b\u0000",{"c":null}]}`))
	f.Add([]byte(`{"a":1}{"b":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p := guard.CheckJSON(body)
		if p != nil && p.Status != 400 && p.Status != 422 {
			t.Errorf("%q: %v", body, p)
		}
		var v any
		if q := guard.DecodeJSON(body, &v); (p == nil) != (q == nil) {
			t.Errorf("%q: checked %v, decoded into anything %v", body, p, q)
		}
	})
}
