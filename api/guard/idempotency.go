package guard

import (
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/eventstore"
)

// IdempotencyHeader carries the caller's key for one intention.
const IdempotencyHeader = "Idempotency-Key"

// maxKeyLength bounds the key, in bytes.
const maxKeyLength = 255

// IdempotencyKey reads the key of a write: 1 to 255 visible ASCII characters, bare, or quoted as the string of a
// structured field (RFC 9651), which is the same key. Anything else is the problem idempotency_key_required; two
// header lines are too, because which of them counts would depend on who reads them.
func IdempotencyKey(h http.Header) (string, *problem.Problem) {
	lines := h.Values(IdempotencyHeader)
	if len(lines) == 0 {
		return "", keyProblem("The header is missing.")
	}
	if len(lines) > 1 {
		return "", keyProblem("The header is there more than once.")
	}
	key := strings.Trim(lines[0], " \t")
	if strings.HasPrefix(key, `"`) {
		item, err := httpsfv.UnmarshalItem([]string{key})
		if err != nil || len(item.Params.Names()) > 0 {
			return "", keyProblem("The quoted key is not a structured-field string.")
		}
		key = item.Value.(string) // an item that begins with a quote is nothing else
	}
	if key == "" || len(key) > maxKeyLength || !visibleASCII(key) {
		return "", keyProblem("The key is empty, longer than 255 characters, or holds characters other than visible ASCII.")
	}
	return key, nil
}

func keyProblem(detail string) *problem.Problem {
	return problem.New(problem.IdempotencyKeyRequired, detail)
}

func visibleASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// Fingerprint identifies what a request asks for: SHA-256 over its method, path (as it came, escaped) and body. A
// JSON body is taken in canonical form (RFC 8785), so that neither spaces nor the order of members matter; any other
// body is taken as it is. Pass JSON through CheckJSON first: it refuses the numbers that the canonical form, which
// knows only IEEE doubles, would confuse.
func Fingerprint(method, path string, body []byte) []byte {
	form := "empty"
	if len(body) > 0 {
		canonical := jsontext.Value(body).Clone()
		if canonical.Canonicalize() == nil {
			form, body = "json", canonical
		} else {
			form = "bytes"
		}
	}
	return eventstore.HashParts([]byte("req1"), []byte(method), []byte(path), []byte(form), body)
}
