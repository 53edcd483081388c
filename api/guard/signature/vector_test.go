package signature

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/dunglas/httpsfv"
)

// TestVectorB25 rebuilds RFC 9421 appendix B.2.5, the RFC's own hmac-sha256 signature.
func TestVectorB25(t *testing.T) {
	t.Parallel()
	secret, err := DecodeSecret("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("POST", "https://example.com/foo?param=Value&Pet=dog", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
	r.Header.Set("Content-Type", "application/json")
	const params = `("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`
	base, err := newMessage(r, "https", "example.com").base([]string{"date", "@authority", "content-type"}, params)
	if err != nil {
		t.Fatal(err)
	}
	const want = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n\"@signature-params\": " + params
	if base != want {
		t.Errorf("base\n%s\nwant\n%s", base, want)
	}
	if got := base64.StdEncoding.EncodeToString(computeMAC(secret, base)); got != "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=" {
		t.Errorf("MAC %s", got)
	}
	// The parser gives the same parameters back, which is what the base is built from.
	dictionary, err := httpsfv.UnmarshalDictionary([]string{"sig-b25=" + params})
	if err != nil {
		t.Fatal(err)
	}
	list, _ := dictionary.Get("sig-b25")
	if got, err := marshalInnerList(list.(httpsfv.InnerList)); err != nil || got != params {
		t.Errorf("parameters written back: %q, %v", got, err)
	}
}

// TestDerivedComponents follows the examples of RFC 9421 section 2.2.
func TestDerivedComponents(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("POST", "https://www.example.com/path?param=value", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMessage(r, "https", "www.example.com")
	for name, want := range map[string]string{
		"@method": "POST", "@target-uri": "https://www.example.com/path?param=value", "@authority": "www.example.com",
		"@scheme": "https", "@request-target": "/path?param=value", "@path": "/path", "@query": "?param=value",
	} {
		if got, err := m.component(name); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for target, want := range map[string][3]string{ // @path, @query, @request-target
		"https://h":            {"/", "?", "/"},
		"https://h/":           {"/", "?", "/"},
		"https://h/?":          {"/", "?", "/?"},
		"https://h/a%2Fb%20c/": {"/a%2Fb%20c/", "?", "/a%2Fb%20c/"},
		"https://h/a%2fb":      {"/a%2fb", "?", "/a%2fb"},
		"https://h/é?q=%7e~ü":  {"/%C3%A9", "?q=%7e~ü", "/%C3%A9?q=%7e~ü"},
		"https://h/a/../b":     {"/a/../b", "?", "/a/../b"},
		"https://h//x?a=1&a=2": {"//x", "?a=1&a=2", "//x?a=1&a=2"},
	} {
		r, err := http.NewRequest("GET", target, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := newMessage(r, "https", "h")
		for i, name := range []string{"@path", "@query", "@request-target"} {
			if got, err := m.component(name); err != nil || got != want[i] {
				t.Errorf("%s of %s: %q, %v; want %q", name, target, got, err, want[i])
			}
		}
	}
	for _, name := range []string{"@status", "@query-param", "@signature-params", "@", "x-missing"} {
		if _, err := m.component(name); err == nil {
			t.Errorf("component %s has a value", name)
		}
	}
	m.header = http.Header{"X-Ows": {"  one ", "two\t"}, "X-Bad": {"a\nb"}, "X-Latin": {"\xe9"}, "X-Empty": {""}}
	if got, _ := m.component("x-ows"); got != "one, two" { // section 2.1
		t.Errorf("two lines combined: %q", got)
	}
	if got, err := m.component("x-empty"); got != "" || err != nil {
		t.Errorf("an empty field: %q, %v", got, err)
	}
	for _, name := range []string{"x-bad", "x-latin"} {
		if _, err := m.component(name); err == nil {
			t.Errorf("%s was taken into a signature base", name)
		}
	}
}

// TestContentDigest uses the values of RFC 9530 appendix D.
func TestContentDigest(t *testing.T) {
	t.Parallel()
	body := []byte(`{"hello": "world"}`)
	const (
		sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
		sha512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
		wrong  = "sha-256=:AAAE9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
	)
	if got := ContentDigest(body); got != sha256 {
		t.Errorf("digest %s", got)
	}
	for _, c := range []struct {
		name  string
		lines []string
		body  []byte
		ok    bool
	}{
		{"sha-256", []string{sha256}, body, true},
		{"sha-512", []string{sha512}, body, true},
		{"both", []string{sha256 + ", " + sha512}, body, true},
		{"both, two lines", []string{sha256, sha512}, body, true},
		{"unknown beside", []string{"md5=:AAAA:, " + sha256}, body, true},
		{"no body, none", nil, nil, true},
		{"no body, of nothing", []string{ContentDigest(nil)}, nil, true},
		{"no body, of another", []string{sha256}, nil, false},
		{"missing", nil, body, false},
		{"wrong", []string{wrong}, body, false},
		{"wrong beside right", []string{wrong + ", " + sha512}, body, false},
		{"right beside wrong", []string{sha256 + ", sha-512=:AAAA:"}, body, false},
		{"right, then wrong again", []string{sha256 + ", " + wrong}, body, false},
		{"wrong, then right again", []string{wrong + "," + sha256}, body, false},
		{"again in another line", []string{wrong, sha256}, body, false},
		{"unknown only", []string{"md5=:AAAA:"}, body, false},
		{"token", []string{"sha-256=abc"}, body, false},
		{"inner list", []string{"sha-256=(:AAAA:)"}, body, false},
		{"not a dictionary", []string{"sha-256=:"}, body, false},
		{"empty", []string{""}, body, false},
		{"other body", []string{sha256}, []byte(`{"hello": "World"}`), false},
	} {
		h := http.Header{}
		if c.lines != nil {
			h["Content-Digest"] = c.lines
		}
		if err := checkDigest(h, c.body); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		public, listen, host string
		scheme, authority    string // empty: refused
	}{
		{"https://Flow.Example.com", "0.0.0.0:8080", "flow.example.com", "https", "flow.example.com"},
		{"https://flow.example.com", "0.0.0.0:8080", "FLOW.example.com:443", "https", "flow.example.com"},
		{"https://flow.example.com:443/", "", "flow.example.com", "https", "flow.example.com"},
		{"https://flow.example.com", "0.0.0.0:8080", "flow.example.com:80", "", ""},
		{"https://flow.example.com", "0.0.0.0:8080", "localhost:8080", "", ""},
		{"https://flow.example.com", "0.0.0.0:8080", "evil.example", "", ""},
		{"https://flow.example.com", "0.0.0.0:8080", "", "", ""},
		{"http://flow.example.com:8080", "", "flow.example.com:8080", "http", "flow.example.com:8080"},
		{"http://flow.example.com:8080", "", "flow.example.com", "", ""},
		{"https://flow.example.com", "127.0.0.1:8080", "localhost:8080", "http", "localhost:8080"},
		{"", "127.0.0.1:8080", "[::1]:8080", "http", "[::1]:8080"},
		{"", "127.0.0.1:8080", "127.0.0.1:8080", "http", "127.0.0.1:8080"},
		{"", "127.0.0.1:8080", "127.0.0.1:8081", "", ""},
		{"", "127.0.0.1:8080", "localhost", "", ""},
		{"", "localhost:80", "localhost", "http", "localhost"},
	} {
		origins, err := Origins(c.public, c.listen)
		if err != nil {
			t.Fatal(err)
		}
		scheme, authority, err := resolve(origins, c.host)
		if scheme != c.scheme || authority != c.authority || (err != nil) != (c.authority == "") {
			t.Errorf("%+v: %q %q %v", c, scheme, authority, err)
		}
	}
	for _, bad := range [][2]string{{"flow.example.com", ""}, {"ftp://x", ""}, {"https://", ""}, {"", "8080"}} {
		if _, err := Origins(bad[0], bad[1]); err == nil {
			t.Errorf("Origins(%q, %q) was accepted", bad[0], bad[1])
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	secret := NewSecret()
	got, err := DecodeSecret(EncodeSecret(secret))
	if err != nil || string(got) != string(secret) || len(secret) != 64 {
		t.Errorf("secret of %d bytes came back as %x, %v", len(secret), got, err)
	}
	for _, bad := range []string{"", "AAAA", "not base64!", EncodeSecret(secret)[1:]} {
		if _, err := DecodeSecret(bad); err == nil {
			t.Errorf("secret %q was accepted", bad)
		}
	}
	if a, b := NewNonce(), NewNonce(); a == b || len(a) < minNonce || len(a) > maxNonce {
		t.Errorf("nonces %q, %q", a, b)
	}
}
