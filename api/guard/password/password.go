// Package password hashes and checks passwords with argon2id (RFC 9106).
//
// A hash is deliberately dear: 19 MiB and some tens of milliseconds of one core. A Hasher therefore lets only as
// many run at once as there are cores, and refuses rather than queue without end: otherwise the sign-in page would
// be the cheapest way to stop the server.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost is what a new hash takes: memory, and how often it is passed over.
type Cost struct{ MemoryKiB, Passes uint32 }

// standard is OWASP's first choice for argon2id where memory is shared with other work.
var standard = Cost{MemoryKiB: 19 * 1024, Passes: 2}

// What else a new hash is made with.
const (
	lanes    = 1
	saltSize = 16 // bytes
	keySize  = 32 // bytes
)

// The limits of a password.
const (
	MinLength = 8    // characters
	MaxLength = 1024 // bytes, far above any that is typed: it bounds what a caller can make us hash
)

// waitersPerCore bounds the queue: at some 50 ms a hash, the last in it waits about a second and a half.
const waitersPerCore = 32

// Errors of this package.
var (
	// ErrBusy: too many passwords are being checked; the answer is 503 with Retry-After.
	ErrBusy = errors.New("too many passwords are being checked")
	// ErrLength: a new password is shorter than MinLength or longer than MaxLength.
	ErrLength = errors.New("password is too short or too long")
	// ErrHash: a stored hash is not an argon2id PHC string, or asks for more work than this package ever would.
	ErrHash = errors.New("stored password hash is not readable")
)

// Hasher hashes and checks passwords. It is safe for concurrent use; a process needs one.
type Hasher struct {
	cost    Cost
	slots   chan struct{}
	waiting atomic.Int64
	// nobody is the hash that a password is checked against when there is no account, so that finding out costs the
	// same work.
	nobody string
}

// New makes a Hasher for as many hashes at once as the process has cores.
func New() *Hasher { return WithCost(standard) }

// WithCost is New with another cost than the one to use: tests sign in a thousand times.
func WithCost(cost Cost) *Hasher {
	h := &Hasher{cost: cost, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails: crypto/rand aborts the program instead
	// A random key: no password has it, and nothing need be hashed to make it.
	key := make([]byte, keySize)
	rand.Read(key)
	h.nobody = format(params{cost.MemoryKiB, cost.Passes, lanes, salt, key})
	return h
}

// Hash makes the PHC string of a new password. Errors are ErrLength, ErrBusy and those of ctx.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if utf8.RuneCountInString(password) < MinLength || len(password) > MaxLength {
		return "", ErrLength
	}
	p := params{memoryKiB: h.cost.MemoryKiB, passes: h.cost.Passes, lanes: lanes, salt: make([]byte, saltSize)}
	rand.Read(p.salt)
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	p.key = p.derive(password, keySize)
	return format(p), nil
}

// Verify reports whether password is the one that stored, a PHC string, was made from. For an account that does not
// exist pass an empty stored: the answer is false, after the same work. stale asks the caller, after a right
// password, to store a new Hash, since the cost has been raised.
//
// Errors are ErrBusy, ErrHash and those of ctx; a wrong password is not an error.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, stale bool, err error) {
	if len(password) > MaxLength {
		password = "" // nobody has it, and an account and no account still cost the same
	}
	exists := stored != ""
	if !exists {
		stored = h.nobody
	}
	p, err := parse(stored)
	if err != nil {
		return false, false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	same := subtle.ConstantTimeCompare(p.derive(password, len(p.key)), p.key) == 1
	ok = same && exists && password != ""
	stale = p.memoryKiB < h.cost.MemoryKiB || p.passes < h.cost.Passes || len(p.key) < keySize
	return ok, ok && stale, nil
}

func (h *Hasher) enter(ctx context.Context) error {
	if h.waiting.Add(1) > int64(cap(h.slots)*(waitersPerCore+1)) {
		h.waiting.Add(-1)
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		h.waiting.Add(-1)
		return ctx.Err()
	}
}

func (h *Hasher) leave() {
	<-h.slots
	h.waiting.Add(-1)
}

// params is an argon2id hash taken apart.
type params struct {
	memoryKiB uint32
	passes    uint32
	lanes     uint8
	salt      []byte
	key       []byte
}

func (p params) derive(password string, size int) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.passes, p.memoryKiB, p.lanes, uint32(size))
}

// format writes the PHC string format, as the argon2 reference implementation does: $argon2id$v=19$m=…,t=…,p=…$salt$key
// in base64 without padding.
func format(p params) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memoryKiB, p.passes, p.lanes,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

func parse(text string) (params, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return params{}, ErrHash
	}
	var p params
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memoryKiB, &p.passes, &p.lanes); err != nil {
		return params{}, ErrHash
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return params{}, ErrHash
	}
	if p.key, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil {
		return params{}, ErrHash
	}
	// Written back it must be the same; and a hash brought from elsewhere may be dearer than ours, but not so dear
	// that one sign-in stops the server.
	if format(p) != text || p.memoryKiB < 8 || p.memoryKiB > 256*1024 || p.passes < 1 || p.passes > 16 || p.lanes < 1 || p.lanes > 16 ||
		len(p.salt) < 8 || len(p.salt) > 64 || len(p.key) < 16 || len(p.key) > 128 {
		return params{}, ErrHash
	}
	return p, nil
}
