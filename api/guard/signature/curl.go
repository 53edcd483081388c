package signature

import (
	"net/http"
	"slices"
	"strings"
)

// Curl writes req, signed, with the body that it sends, as a curl command for a POSIX shell. The headers come in
// alphabetical order. Curl sends exactly the bytes that were signed: no header of its own is covered.
func Curl(req *http.Request, body []byte) string {
	// path-as-is and globoff: curl must not tidy up a path or expand braces that have been signed.
	lines := []string{"curl --path-as-is --globoff --request " + shellQuote(req.Method) + " " + shellQuote(req.URL.String())}
	if req.Host != "" && req.Host != req.URL.Host {
		lines = append(lines, "--header "+shellQuote("Host: "+req.Host))
	}
	var names []string
	for name := range req.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range req.Header[name] {
			lines = append(lines, "--header "+shellQuote(name+": "+value))
		}
	}
	if len(body) > 0 {
		// Unlike --data-binary, --data-raw takes a body that begins with @ as it is.
		lines = append(lines, "--data-raw "+shellQuote(string(body)))
	}
	return strings.Join(lines, " \\\n  ")
}

// shellQuote makes text one word of a shell, whatever it holds.
func shellQuote(text string) string {
	if text != "" && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
