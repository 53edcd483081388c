package guard

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
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

// CommandID makes the id of a command from the tenant it is for, the caller (the stable id of a user, token or
// partner) and the caller's Idempotency-Key: nobody can name, and so replay, another caller's command. It is a
// UUIDv8 (RFC 9562) of SHA-256, the same on every node and after every restart.
func CommandID(tenant uuid.UUID, caller, key string) uuid.UUID {
	h := sha256.New()
	hashParts(h, []byte("cmd1"), tenant[:], []byte(caller), []byte(key))
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
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
	h := sha256.New()
	hashParts(h, []byte("req1"), []byte(method), []byte(path), []byte(form), body)
	return h.Sum(nil)
}

// hashParts writes each part behind its length, so that no two lists of parts are the same bytes.
func hashParts(h hash.Hash, parts ...[]byte) {
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:]) // a hash never fails to write
		h.Write(part)
	}
}
