package domain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/spec"
)

func TestRefusal(t *testing.T) {
	plain := domain.Refuse(domain.Conflict, "taken", "It is taken.")
	named := plain.With("existingId", "1").With("field", "email").With("field", "phone")
	if plain.Params != nil || !reflect.DeepEqual(named.Params, map[string]string{"existingId": "1", "field": "phone"}) {
		t.Errorf("params: %v and %v", plain.Params, named.Params)
	}
	if !errors.Is(named, plain) || errors.Is(named, domain.ErrArchived) || named.Error() != "It is taken." {
		t.Error("a refusal is compared by its code")
	}
	if got := domain.InvalidTransition("", "paid").Params; got["from"] != "none" || got["to"] != "paid" {
		t.Errorf("params: %v", got)
	}
}

func TestDate(t *testing.T) {
	for _, bad := range []string{"", "2026-02-30", "2026-2-1", "31.03.2026", "1899-12-31", "2200-01-01", "2026-03-31T00:00:00Z"} {
		if d, err := domain.ParseDate(bad); err == nil {
			t.Errorf("%q is read as %s", bad, d)
		}
	}
	d := domain.Date("2028-02-28")
	if got := d.AddDays(2); got != "2028-03-01" {
		t.Errorf("leap year: %s", got)
	}
	if got := domain.Date("1900-01-01").DaysUntil("2199-12-31"); got != 109572 {
		t.Errorf("longest span: %d", got)
	}
	if got := d.DaysUntil("2028-02-27"); got != -1 {
		t.Errorf("backwards: %d", got)
	}
	if domain.Date("").AddDays(1) != "" || domain.Date("").DaysUntil(d) != 0 || !domain.Date("").Time().IsZero() {
		t.Error("a date that is not given stays so")
	}
	if !d.Before("2028-03-01") || d.After("2028-03-01") || d.Month() != "2028-02" || domain.Date("").Month() != "" {
		t.Error("order or month")
	}
	west := time.FixedZone("west", -8*60*60)
	if got := domain.DateOf(time.Date(2026, 3, 31, 20, 0, 0, 0, west)); got != "2026-04-01" {
		t.Errorf("UTC day: %s", got)
	}
	if d.Or("2026-01-01") != d || domain.Date("").Or(d) != d {
		t.Error("Or")
	}
}

func TestDateJSON(t *testing.T) {
	var d domain.Date
	for text, want := range map[string]domain.Date{`"2026-03-31"`: "2026-03-31", `""`: "", `null`: ""} {
		if err := json.Unmarshal([]byte(text), &d); err != nil || d != want {
			t.Errorf("%s is read as %q, %v", text, d, err)
		}
	}
	for _, text := range []string{`"2026-13-01"`, `20260331`, `{}`} {
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is read as %s", text, d)
		}
	}
}

// A day is read the same whether the quick way or the careful one reads it.
func TestEveryDateFromJSON(t *testing.T) {
	for _, year := range []int{0, 1899, 1900, 2000, 2023, 2024, 2199, 2200, 9999} {
		for month := range 14 {
			for day := range 33 {
				text := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
				want, refused := domain.ParseDate(text)
				var got domain.Date
				if err := json.Unmarshal([]byte(`"`+text+`"`), &got); (err != nil) != (refused != nil) || got != want {
					t.Fatalf("%s is read as %q, %v; want %q, %v", text, got, err, want, refused)
				}
			}
		}
	}
	for _, text := range []string{"2024-1a-03", "2024/01/03", "20240-1-03", "2024-01-3\u0030", "2024-01-0\u0033", "+024-01-03"} {
		want, refused := domain.ParseDate(strings.NewReplacer("\u0030", "0", "\u0033", "3").Replace(text))
		var got domain.Date
		if err := json.Unmarshal([]byte(`"`+text+`"`), &got); (err != nil) != (refused != nil) || got != want {
			t.Errorf("%s is read as %q, %v; want %q, %v", text, got, err, want, refused)
		}
	}
}

func TestPhone(t *testing.T) {
	for text, want := range map[string]string{
		"(415) 555-2671": "+14155552671", "+44 20 7946 0958": "+442079460958", "+15550100001": "+15550100001",
		" 4155552671 ": "+14155552671", "": "", "call me": "call me", "12": "12", "555-0100": "555-0100",
	} {
		if got := domain.Phone(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestCheck gives every check one value that is right and some that are wrong.
func TestCheck(t *testing.T) {
	today := domain.Date("2026-03-31")
	now := today.Time()
	for name, c := range map[string]struct {
		wrong int
		run   func(*domain.Check)
	}{
		"required":  {1, func(c *domain.Check) { c.Required("f", "x"); c.Required("f", "") }},
		"line":      {4, func(c *domain.Check) { lines(c.Line) }},
		"block":     {3, func(c *domain.Check) { lines(c.Block) }},
		"id":        {3, func(c *domain.Check) { each(c.ID, "0198-a_b", "", "a b", "é", strings.Repeat("x", 129)) }},
		"e-mail":    {10, func(c *domain.Check) { emails(c) }},
		"phone":     {3, func(c *domain.Check) { each(c.Phone, "+14155552671", "", "4155552671", "+1415x", "+1") }},
		"currency":  {2, func(c *domain.Check) { each(c.Currency, "USD", "", "usd", "XXX") }},
		"amount":    {4, func(c *domain.Check) { amounts(c) }},
		"labels":    {2, func(c *domain.Check) { labels(c) }},
		"custom":    {4, func(c *domain.Check) { custom(c) }},
		"document":  {3, func(c *domain.Check) { documents(c) }},
		"one of":    {1, func(c *domain.Check) { c.OneOf("f", "a", "a", "b"); c.OneOf("f", ""); c.OneOf("f", "c", "a") }},
		"date":      {1, func(c *domain.Check) { c.Date("f", today); c.Date("f", ""); c.Date("f", "2026-02-30") }},
		"no future": {2, func(c *domain.Check) { days(c, today) }},
		"moment":    {3, func(c *domain.Check) { moments(c, now) }},
		"address": {5, func(c *domain.Check) {
			for _, u := range []string{"https://x.io/a", "", "http://x", "ftp://x", "https://", "x.io", "https://a b"} {
				c.URL("f", u, "https")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var check domain.Check
			c.run(&check)
			var found domain.Invalid
			err := check.Err()
			errors.As(err, &found)
			if len(found) != c.wrong {
				t.Fatalf("found %d, want %d: %v", len(found), c.wrong, err)
			}
		})
	}
}

func each(check func(field, value string), values ...string) {
	for _, v := range values {
		check("f", v)
	}
}

func lines(check func(string, string, int)) {
	for _, v := range []string{"fine é", "", "two\nlines", "nul\x00", "\xff", "much too long"} {
		check("f", v, 10)
	}
}

func emails(c *domain.Check) {
	each(c.Email, "ada@example.com", "a.b+c@sub.example.co", "", "ada", "ada@", "@example.com", "ada@localhost",
		"ada@example..com", "a da@example.com", "a@b@example.com", "ada@.com", "ada@example.", strings.Repeat("a", 250)+"@b.co")
}

func amounts(c *domain.Check) {
	for _, a := range []money.Amount{
		{}, money.Of(0, "USD"), money.Of(-1, "USD"), money.Of(5, ""), money.Of(5, "XXX"), money.Of(money.MaxMinor+1, "USD"),
	} {
		c.Amount("f", a)
	}
}

func labels(c *domain.Check) {
	c.Labels("f", []string{"a", strings.Repeat("x", 51)})
	c.Labels("f", make([]string, 51))
}

func custom(c *domain.Check) {
	c.Custom("f", map[string]any{"a": "x", "b": 1.5, "c": true})
	c.Custom("f", map[string]any{"": "x"})
	c.Custom("f", map[string]any{"a": []any{"x"}, "b": strings.Repeat("x", 501), "c": "bell\a"})
}

func documents(c *domain.Check) {
	c.Document("f", map[string]any{"a": map[string]any{"b": 1.5}})
	c.Document("f", map[string]any{"a": strings.Repeat("x", 40_000)}) // too large, and too long a text
	c.Document("f", map[string]any{"a\x00": "x"})
}

func days(c *domain.Check, today domain.Date) {
	for _, d := range []domain.Date{today, today.AddDays(1), today.AddDays(2), ""} {
		c.NotFuture("f", d, today)
	}
}

func moments(c *domain.Check, now time.Time) {
	for _, m := range []time.Time{now, now.Add(23 * time.Hour), now.Add(25 * time.Hour), {}, time.Unix(-1e11, 0)} {
		c.Moment("f", m, now)
	}
}

type record struct {
	Name string         `json:"name,omitempty" personal:"subject"`
	Tags []string       `json:"tags,omitempty"`
	Due  domain.Date    `json:"due,omitempty"`
	More map[string]any `json:"more,omitempty"`
}

func TestPatch(t *testing.T) {
	var p domain.Patch[record]
	if err := json.Unmarshal([]byte(`{"tags": null, "name": "b"}`), &p); err != nil {
		t.Fatal(err)
	}
	got, changed := p.Apply(record{Name: "a", Tags: []string{"x"}, Due: "2026-03-31"})
	if !reflect.DeepEqual(got, record{Name: "b", Due: "2026-03-31"}) || !reflect.DeepEqual(changed, []string{"name", "tags"}) {
		t.Errorf("got %+v, changed %v", got, changed)
	}
	if _, again := p.Apply(got); again != nil {
		t.Errorf("a second time it changes %v", again)
	}
	if text, err := json.Marshal(p); string(text) != `{"name":"b","tags":null}` || err != nil {
		t.Errorf("written %s, %v", text, err)
	}
	err := json.Unmarshal([]byte(`{"Name": "b", "due": "yesterday", "no": 1}`), &p)
	spec.Fields(t, err, "Name", "due", "no")
	if err := json.Unmarshal([]byte(`[]`), &p); err == nil {
		t.Error("a list is no patch")
	}
}

func TestFillBlanks(t *testing.T) {
	got, filled := domain.FillBlanks(record{Name: "a"}, record{Name: "b", Due: "2026-03-31"})
	if !reflect.DeepEqual(got, record{Name: "a", Due: "2026-03-31"}) || !reflect.DeepEqual(filled, []string{"due"}) {
		t.Errorf("got %+v, filled %v", got, filled)
	}
	if domain.IsErased(got) || !domain.IsErased(record{Name: domain.Erased}) {
		t.Error("erased")
	}
}

func TestNormalize(t *testing.T) {
	if got := domain.Labels([]string{" a ", "a", "", "b"}); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("labels: %v", got)
	}
	got := domain.Custom(map[string]any{" a ": " x ", "b": "  ", "c": nil, "d": 1.5})
	if !reflect.DeepEqual(got, map[string]any{"a": "x", "d": 1.5}) || domain.Custom(map[string]any{"b": ""}) != nil {
		t.Errorf("custom: %v", got)
	}
	if domain.Block(" a\r\nb ") != "a\nb" || domain.Email(" A@B.Co ") != "a@b.co" {
		t.Error("block or e-mail")
	}
}
