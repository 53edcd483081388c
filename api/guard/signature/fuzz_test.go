package signature

import (
	"net/http"
	"testing"
)

// FuzzSignatureInput: the parser never panics, and what it takes is written back as the same bytes.
func FuzzSignatureInput(f *testing.F) {
	in := input{components: Required("POST", true), created: 1, expires: 2, nonce: "0123456789abcdef", keyID: "k", alg: Algorithm, tag: Tag}
	params, err := in.params()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("sig1=" + params)
	f.Add(`sig1=();created=1`)
	f.Add(`sig1=("a";sf "b";key="x"), sig1=("\"")`)
	f.Fuzz(func(t *testing.T, line string) {
		p, err := parseInput(line)
		if err != nil {
			return
		}
		if Label+"="+p.params != line {
			t.Errorf("%q was read as %q", line, p.params)
		}
		if len(p.nonce) < minNonce || p.keyID == "" || p.tag != Tag || p.alg != Algorithm || len(p.components) > maxComponents {
			t.Errorf("outside the profile: %+v", p)
		}
	})
}

// FuzzSignature: exactly one text stands for each MAC.
func FuzzSignature(f *testing.F) {
	f.Add("sig1=:LQNkwue6rxiIEHwlswWW+XZWPnuTcSECph0KX71gn+k=:")
	f.Add("sig1=:LQNkwue6rxiIEHwlswWW+XZWPnuTcSECph0KX71gn+l=:")
	seen := map[string]string{}
	f.Fuzz(func(t *testing.T, line string) {
		mac, err := parseSignature(line)
		if err != nil {
			return
		}
		if len(mac) != 32 {
			t.Errorf("%d bytes", len(mac))
		}
		if other, ok := seen[string(mac)]; ok && other != line {
			t.Errorf("%q and %q are one MAC", other, line)
		}
		seen[string(mac)] = line
	})
}

// FuzzContentDigest: only a header that names the body's own digest passes.
func FuzzContentDigest(f *testing.F) {
	body := []byte("body")
	right := ContentDigest(body)
	f.Add(right, "")
	f.Add("md5=:AAAA:", right)
	f.Fuzz(func(t *testing.T, one, two string) {
		h := http.Header{"Content-Digest": {one, two}}
		if two == "" {
			h = http.Header{"Content-Digest": {one}}
		}
		if checkDigest(h, body) == nil && checkDigest(h, []byte("bodz")) == nil {
			t.Errorf("%q, %q pass with two bodies", one, two)
		}
	})
}
