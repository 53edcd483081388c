package signature

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Errors of a key lookup. Any other error of it means that the lookup itself failed.
var (
	ErrKeyUnknown = errors.New("key is unknown")
	ErrKeyRevoked = errors.New("key is revoked, or no longer or not yet valid")
)

// Verifier holds what Verify needs from its surroundings. All fields are required; it is safe for concurrent use if
// they are.
type Verifier struct {
	// Key finds the key that an id names, or answers ErrKeyUnknown or ErrKeyRevoked. An unknown key should take as
	// long as a known one: keep both kinds of answer in the same cache.
	Key func(ctx context.Context, id string) (Key, error)
	// SpendNonce records that the key has used the nonce, of which it gets the SHA-256, on every node at once, and
	// reports whether it was the first to do so. It is called only after the signature has proved right, so that
	// nobody can spend another's. The record may be dropped at forget.
	SpendNonce func(ctx context.Context, keyID string, nonce [32]byte, forget time.Time) (first bool, err error)
	// Now is the server's clock.
	Now func() time.Time
	// Origins are the origins that this server answers to, as Origins lists them.
	Origins []string
}

// Verified is what a right signature proves.
type Verified struct {
	KeyID      string
	Created    time.Time
	Nonce      string
	Components []string // what was covered, in the signer's order
}

// dummySecret stands in for the secret of a key that does not exist, so that finding out costs the same time.
var dummySecret = NewSecret()

// Verify checks the signature of r, a server's request, and that it covers body, the exact bytes that came. A
// refusal is a *Failure; any other error means that a lookup failed and nothing is known about the signature.
//
// The cheap checks come first, and nothing is stored before the MAC has proved right. A key that is unknown costs
// the same work as a wrong MAC and gives the same answer.
func (v Verifier) Verify(ctx context.Context, r *http.Request, body []byte) (Verified, error) {
	now := v.Now()
	p, err := parse(r.Header)
	if err != nil {
		return Verified{}, refuse(ReasonMalformed, err)
	}
	if f := p.checkProfile(r, body, now); f != nil {
		return Verified{}, f
	}
	key, keyErr := v.Key(ctx, p.keyID)
	if keyErr != nil {
		if !errors.Is(keyErr, ErrKeyUnknown) && !errors.Is(keyErr, ErrKeyRevoked) {
			return Verified{}, fmt.Errorf("look up signing key: %w", keyErr)
		}
		key.Secret = dummySecret
	}
	if len(key.Secret) < minSecret {
		return Verified{}, fmt.Errorf("signing key %q has a secret of %d bytes", p.keyID, len(key.Secret))
	}
	scheme, authority, err := resolve(v.Origins, r.Host)
	if err != nil {
		return Verified{}, p.refuse(ReasonAuthority, err)
	}
	base, err := newMessage(r, scheme, authority).base(p.components, p.params)
	if err != nil {
		return Verified{}, p.refuse(ReasonComponents, err)
	}
	right := hmac.Equal(p.mac, computeMAC(key.Secret, base))
	if f := p.judgeMAC(right, keyErr, base); f != nil {
		return Verified{}, f
	}
	if err := checkDigest(r.Header, body); err != nil {
		return Verified{}, p.refuse(ReasonDigest, err)
	}
	first, err := v.SpendNonce(ctx, p.keyID, sha256.Sum256([]byte(p.nonce)), now.Add(NonceLife))
	if err != nil {
		return Verified{}, fmt.Errorf("spend nonce: %w", err)
	}
	if !first {
		return Verified{}, p.refuse(ReasonReplayed, errors.New("nonce was used before"))
	}
	return Verified{KeyID: p.keyID, Created: time.Unix(p.created, 0).UTC(), Nonce: p.nonce, Components: p.components}, nil
}

// checkProfile holds the signature to the profile and the clock.
func (p parsed) checkProfile(r *http.Request, body []byte, now time.Time) *Failure {
	for _, name := range Required(r.Method, len(body) > 0) {
		if !slices.Contains(p.components, name) {
			return p.refuse(ReasonComponents, fmt.Errorf("component %q is not covered", name))
		}
	}
	for _, name := range []string{"Content-Type", "Idempotency-Key"} {
		if len(r.Header.Values(name)) > 1 {
			return p.refuse(ReasonComponents, fmt.Errorf("%s is there more than once", name))
		}
	}
	// Whole seconds, as the parameters are: a signature lives up to and including its last second.
	age := now.Unix() - p.created
	switch {
	case age > int64(MaxAge/time.Second):
		return p.refuse(ReasonClockSkew, fmt.Errorf("created %d s ago", age))
	case age < -int64(MaxAhead/time.Second):
		return p.refuse(ReasonClockSkew, fmt.Errorf("created %d s ahead", -age))
	case p.expires < p.created || p.expires-p.created > int64(MaxLifetime/time.Second):
		return p.refuse(ReasonLifetime, fmt.Errorf("expires %d s after created", p.expires-p.created))
	case now.Unix() > p.expires:
		return p.refuse(ReasonExpired, fmt.Errorf("expired %d s ago", now.Unix()-p.expires))
	}
	return nil
}

// judgeMAC turns the outcome of the MAC and of the key's lookup into one refusal.
func (p parsed) judgeMAC(right bool, keyErr error, base string) *Failure {
	var f *Failure
	switch {
	case errors.Is(keyErr, ErrKeyRevoked):
		f = p.refuse(ReasonKeyRevoked, keyErr)
	case keyErr != nil:
		f = p.refuse(ReasonKeyUnknown, keyErr)
	case !right:
		f = p.refuse(ReasonMismatch, errors.New("signature does not match"))
	default:
		return nil
	}
	f.Base = base
	return f
}

func (p parsed) refuse(reason Reason, cause error) *Failure {
	f := refuse(reason, cause)
	f.KeyID = p.keyID
	return f
}
