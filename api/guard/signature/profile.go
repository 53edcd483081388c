package signature

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// The profile's fixed words.
const (
	Label     = "sig1"
	Tag       = "streamflow"
	Algorithm = "hmac-sha256"
)

// The profile's limits.
const (
	// MaxAge is how long before the server's time a signature may have been created.
	MaxAge = 300 * time.Second
	// MaxAhead is how far after the server's time: clocks differ.
	MaxAhead = 60 * time.Second
	// MaxLifetime bounds expires - created.
	MaxLifetime = 300 * time.Second
	// NonceLife is how long a spent nonce must be remembered, from the moment it is spent: no signature that carries
	// it is accepted for longer than MaxAhead + MaxLifetime, and nodes may differ in their clocks by as much again.
	NonceLife = 15 * time.Minute

	minNonce      = 16 // characters
	maxNonce      = 128
	maxHeader     = 8 << 10 // bytes of Signature, Signature-Input and Content-Digest together
	maxComponents = 16
	secretSize    = 64 // bytes, the block size of SHA-256: longer would only be hashed down
	minSecret     = 32 // bytes; RFC 2104 advises no less than the hash's own length
)

var (
	always   = []string{"@method", "@authority", "@path", "@query"}
	withBody = []string{"content-type", "content-digest"}
	onWrite  = []string{"idempotency-key"}
)

// Key is a partner's secret and the id that names it, version included.
type Key struct {
	ID     string
	Secret []byte
}

// String keeps the secret out of logs.
func (k Key) String() string { return "key " + k.ID }

// GoString keeps the secret out of %#v too.
func (k Key) GoString() string { return k.String() }

// NewSecret makes a secret of 64 random bytes.
func NewSecret() []byte {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails: crypto/rand aborts the program instead
	return secret
}

// EncodeSecret gives the form in which a secret is shown, once: standard base64 with padding.
func EncodeSecret(secret []byte) string { return base64.StdEncoding.EncodeToString(secret) }

// DecodeSecret reads what EncodeSecret wrote. A secret of fewer than 32 bytes is refused.
func DecodeSecret(text string) ([]byte, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("signing secret: not base64") // the library's message would quote a byte of it
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("signing secret: %d bytes, needs at least %d", len(secret), minSecret)
	}
	return secret, nil
}

// NewNonce makes a nonce of 128 random bits, 22 characters.
func NewNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Required lists the components that a request must cover, in the order in which Sign covers them.
func Required(method string, hasBody bool) []string {
	components := slices.Clone(always)
	if hasBody {
		components = append(components, withBody...)
	}
	if isWrite(method) {
		components = append(components, onWrite...)
	}
	return components
}

func isWrite(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}
