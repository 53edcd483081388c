package guard_test

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/streamflow/streamflow/api/guard"
)

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 255)
	for _, c := range []struct {
		lines []string
		key   string // empty: refused
	}{
		{[]string{"abc"}, "abc"},
		{[]string{`"abc"`}, "abc"},
		{[]string{`  "abc"  `}, "abc"},
		{[]string{`"a\"b\\c"`}, `a"b\c`},
		{[]string{"0197a1b2-0000-7000-8000-00000000000a"}, "0197a1b2-0000-7000-8000-00000000000a"},
		{[]string{"!~,;=()"}, "!~,;=()"},
		{[]string{long}, long},
		{[]string{`"` + long + `"`}, long},
		{[]string{long + "k"}, ""},
		{[]string{`"` + long + `k"`}, ""},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{" "}, ""},
		{[]string{`""`}, ""},
		{[]string{`"`}, ""},
		{[]string{`"abc`}, ""},
		{[]string{`"abc" x`}, ""},
		{[]string{`"abc";p=1`}, ""},
		{[]string{`"a b"`}, ""},
		{[]string{"a b"}, ""},
		{[]string{"a\tb"}, ""},
		{[]string{"clé"}, ""},
		{[]string{"a\x7f"}, ""},
		{[]string{"a\x00"}, ""},
		{[]string{"abc", "abc"}, ""},
		{[]string{"abc", ""}, ""},
	} {
		h := http.Header{}
		if c.lines != nil {
			h["Idempotency-Key"] = c.lines
		}
		key, p := guard.IdempotencyKey(h)
		if key != c.key || (p == nil) != (c.key != "") {
			t.Errorf("%q: %q, %v; want %q", c.lines, key, p, c.key)
		}
		if p != nil && (p.Status != 400 || p.Code != "idempotency_key_required") {
			t.Errorf("%q: %v", c.lines, p)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	one := guard.Fingerprint("POST", "/api/v2/leads", []byte(`{"name":"Ada","tags":["a","b"],"n":1.0,"custom":{"b":null,"a":true}}`))
	if got := hex.EncodeToString(one); got != "9effbba5411ad374afc739b18a0bae17227fb4bc446e3cd57fa84d28392fe59a" {
		t.Errorf("fingerprint %s", got)
	}
	for name, body := range map[string]string{
		"order and spaces": ` { "custom" : {"a":true, "b":null}, "tags":["a","b"],"n":1e0, "name":"A\u0064a"} ` + "\n",
	} {
		if !bytes.Equal(one, guard.Fingerprint("POST", "/api/v2/leads", []byte(body))) {
			t.Errorf("%s changed the fingerprint", name)
		}
	}
	for name, other := range map[string][]byte{
		"method":        guard.Fingerprint("PUT", "/api/v2/leads", []byte(`{"name":"Ada","tags":["a","b"],"n":1.0,"custom":{"b":null,"a":true}}`)),
		"path":          guard.Fingerprint("POST", "/api/v2/lead", []byte(`{"name":"Ada","tags":["a","b"],"n":1.0,"custom":{"b":null,"a":true}}`)),
		"value":         guard.Fingerprint("POST", "/api/v2/leads", []byte(`{"name":"ada","tags":["a","b"],"n":1.0,"custom":{"b":null,"a":true}}`)),
		"order of list": guard.Fingerprint("POST", "/api/v2/leads", []byte(`{"name":"Ada","tags":["b","a"],"n":1.0,"custom":{"b":null,"a":true}}`)),
		"null dropped":  guard.Fingerprint("POST", "/api/v2/leads", []byte(`{"name":"Ada","tags":["a","b"],"n":1.0,"custom":{"a":true}}`)),
		"empty":         guard.Fingerprint("POST", "/api/v2/leads", nil),
		"not JSON":      guard.Fingerprint("POST", "/api/v2/leads", []byte("name\nAda\n")),
	} {
		if bytes.Equal(one, other) {
			t.Errorf("another %s gives the same fingerprint", name)
		}
	}
	body := []byte(` {"b":1,"a":2}`)
	guard.Fingerprint("POST", "/", body)
	if string(body) != ` {"b":1,"a":2}` {
		t.Error("the body was changed")
	}
}

// TestCanonicalForm holds the canonical form to a second implementation of RFC 8785: two bodies have one fingerprint
// exactly when that one makes them the same text.
func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one := anyJSON(t, 3)
		text, err := jcs.Transform([]byte("[" + one + "]"))
		if err != nil {
			t.Skip("not JSON for the other implementation")
		}
		if !bytes.Equal(guard.Fingerprint("POST", "/", []byte("["+one+"]")), guard.Fingerprint("POST", "/", text)) {
			t.Fatalf("%s and its canonical form %s differ", one, text)
		}
		two := anyJSON(t, 3)
		other, err := jcs.Transform([]byte("[" + two + "]"))
		if err != nil {
			t.Skip("not JSON for the other implementation")
		}
		same := bytes.Equal(guard.Fingerprint("POST", "/", []byte("["+one+"]")), guard.Fingerprint("POST", "/", []byte("["+two+"]")))
		if same != bytes.Equal(text, other) {
			t.Fatalf("%s and %s: same fingerprint %v", one, two, same)
		}
	})
}

// anyJSON draws a value in some spelling.
func anyJSON(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 && kind > 5 {
		kind = 0
	}
	switch kind {
	case 6, 7:
		var items []string
		for i := range rapid.IntRange(0, 3).Draw(t, "items") {
			item := anyJSON(t, depth-1)
			if kind == 6 {
				item = []string{`"a"`, `"\u00e9"`, "\"\U0001F600\"", `"\ufb33"`}[i] + ":" + item
			}
			items = append(items, item)
		}
		if kind == 6 {
			return "{" + space + strings.Join(items, ","+space) + "}"
		}
		return "[" + strings.Join(items, space+",") + space + "]"
	case 1:
		return rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "10e-1", "1E21", "1e20", "0.000001", "1e-7", "333333333.33333329", "9007199254740991", "4.50", "2e-3"}).Draw(t, "number") + space
	case 2:
		return rapid.SampledFrom([]string{`"a"`, `"\u0061"`, `"é"`, `"\u20ac$\u000F\nA'\u0042\u0022\u005c\\\"\/"`, `"\ud83d\ude00"`, "\"\u2028\""}).Draw(t, "string") + space
	default:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word") + space
	}
}

func FuzzIdempotencyKey(f *testing.F) {
	f.Add("abc")
	f.Add(`"a\"b"`)
	f.Fuzz(func(t *testing.T, line string) {
		key, p := guard.IdempotencyKey(http.Header{"Idempotency-Key": {line}})
		if (p == nil) == (key == "") || len(key) > 255 {
			t.Errorf("%q: %q, %v", line, key, p)
		}
		if p == nil && strings.ContainsFunc(key, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			t.Errorf("%q gives %q", line, key)
		}
	})
}
