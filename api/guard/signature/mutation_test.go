package signature_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// wire is a signed request as bytes, one header a line, so that a mutant is what an attacker between could send.
func wire(t testing.TB, method, target, body string) string {
	t.Helper()
	r := signed(t, method, target, body)
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	for _, name := range []string{"Content-Type", "Content-Digest", "Idempotency-Key", "Signature-Input", "Signature"} {
		if value := r.Header.Get(name); value != "" {
			fmt.Fprintf(&out, "%s: %s\r\n", name, value)
		}
	}
	if body != "" {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	}
	return out.String() + "\r\n" + body
}

// meaning is what a handler could act upon, and the signature as net/http reads it; two requests of one meaning are
// one request.
func meaning(r *http.Request, body []byte) string {
	text := fmt.Sprintf("%s %s %s?%s", r.Method, strings.ToLower(r.Host), r.URL.EscapedPath(), r.URL.RawQuery)
	for _, name := range []string{"Content-Type", "Idempotency-Key", "Content-Digest", "Signature-Input", "Signature"} {
		for _, line := range r.Header.Values(name) {
			text += "\n" + strings.Trim(line, " \t")
		}
	}
	return text + "\n" + string(body)
}

// try reads text as a server would and reports whether it verifies, and what it means.
func try(t testing.TB, text string) (accepted bool, means string) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return false, ""
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return false, ""
	}
	_, err = newServer(noon).Verify(t.Context(), r, body)
	return err == nil, meaning(r, body)
}

var originals = [][3]string{
	{"POST", leads + "?a=1", lead},
	{"GET", "https://flow.example.com/api/federation/escalations/0197?incidentId=x%20y", ""},
	{"DELETE", "http://127.0.0.1:8080/api/federation/x", ""},
}

// TestEveryByte changes every byte of the request, drops it, doubles it and swaps it with the next. What still
// verifies must mean the same: the case of a header's name, the space around a value, a folded line.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	mutants, same := 0, 0
	for _, o := range originals {
		text := wire(t, o[0], o[1], o[2])
		ok, original := try(t, text)
		if !ok {
			t.Fatalf("the original is refused:\n%s", text)
		}
		judge := func(mutant string) {
			if mutant == text {
				return
			}
			mutants++
			if accepted, means := try(t, mutant); accepted {
				same++
				if means != original {
					t.Errorf("accepted:\n%s", mutant)
				}
			}
		}
		for i := range len(text) {
			before, after := text[:i], text[i+1:]
			for bit := range 8 {
				judge(before + string([]byte{text[i] ^ 1<<bit}) + after)
			}
			for _, c := range []byte("\x00\t\n\r \"'(),.;:=?&%/\\0aAzZ~\x7f\x80\xff") {
				judge(before + string([]byte{c}) + after)
				judge(before + string([]byte{c}) + text[i:])
			}
			judge(before + after)
			judge(text[:i+1] + text[i:])
			if after != "" {
				judge(before + after[:1] + text[i:i+1] + after[1:])
			}
		}
	}
	t.Logf("%d mutants, %d of the same meaning accepted", mutants, same)
	if mutants < 50_000 {
		t.Errorf("only %d mutants", mutants)
	}
}

// TestEveryPart drops, doubles, moves and renames each component, parameter and header, with the signature left as
// it was: all of them must be refused.
func TestEveryPart(t *testing.T) {
	t.Parallel()
	text := wire(t, "POST", leads+"?a=1", lead)
	parts := regexp.MustCompile(`"[@a-z-]{5,}"|;[a-z]+=(?:"[^"]*"|[0-9]+)|sig1`).FindAllStringIndex(text, -1)
	if len(parts) != 7+6+2 {
		t.Fatalf("found %d parts in\n%s", len(parts), text)
	}
	mutants := map[string]string{}
	for i, p := range parts {
		before, part, after := text[:p[0]], text[p[0]:p[1]], text[p[1]:]
		at := fmt.Sprintf("%s at %d", part, p[0])
		mutants["drop "+at] = before + part[:0] + after
		mutants["double "+at] = before + part + part + after
		mutants["double with a space "+at] = before + part + " " + part + after
		mutants["rename "+at] = before + strings.Replace(part, part[1:3], "zz", 1) + after
		mutants["upper case "+at] = before + strings.ToUpper(part) + after
		mutants["parameter on "+at] = before + part + ";sf" + after
		if part != "sig1" { // before it, the space is that around a header's value
			mutants["space before "+at] = before + " " + part + after
		}
		if i > 0 {
			last := parts[i-1]
			mutants["swap "+at] = text[:last[0]] + part + text[last[1]:p[0]] + text[last[0]:last[1]] + after
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^(Content-Type|Content-Digest|Idempotency-Key|Signature-Input|Signature): .*\r\n`).FindAllString(text, -1) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		mutants["drop "+name] = strings.Replace(text, line, "", 1)
		mutants["double "+name] = strings.Replace(text, line, line+line, 1)
		mutants["double in the line "+name] = strings.Replace(text, line, name+": "+value+", "+value+"\r\n", 1)
		mutants["empty line first "+name] = strings.Replace(text, line, name+":\r\n"+line, 1)
		mutants["empty "+name] = strings.Replace(text, line, name+":\r\n", 1)
	}
	mutants["relabel"] = strings.ReplaceAll(text, "sig1", "sig2")
	mutants["absolute form of another host"] = strings.Replace(text, "POST /", "POST http://evil.example/", 1)
	mutants["method override"] = strings.Replace(text, "POST", "PATCH", 1)
	for name, mutant := range mutants {
		if mutant == text {
			continue
		}
		if accepted, _ := try(t, mutant); accepted {
			t.Errorf("%s was accepted:\n%s", name, mutant)
		}
	}
	t.Logf("%d mutants", len(mutants))
}

func FuzzVerify(f *testing.F) {
	var inputs []string
	for _, o := range originals {
		text := wire(f, o[0], o[1], o[2])
		inputs = append(inputs, text)
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		if _, err := newServer(noon).Verify(t.Context(), r, body); err != nil {
			return
		}
		got := meaning(r, body)
		for _, known := range inputs {
			if _, means := try(t, known); means == got {
				return
			}
		}
		t.Errorf("forged:\n%s", text)
	})
}
