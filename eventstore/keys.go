package eventstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MasterKey is the one secret of an installation (32 bytes); every other key is derived from it or wrapped by it.
type MasterKey [32]byte

// NewMasterKey makes one.
func NewMasterKey() MasterKey {
	var k MasterKey
	rand.Read(k[:]) // never fails: crypto/rand aborts the program instead
	return k
}

// Derive gives a 32-byte key for one purpose (HKDF-SHA256, RFC 5869).
func (k MasterKey) Derive(purpose string) [32]byte {
	b, err := hkdf.Key(sha256.New, k[:], nil, "streamflow "+purpose, 32)
	if err != nil {
		panic(fmt.Sprintf("derive key: %v", err)) // only an impossible length gets here
	}
	return [32]byte(b)
}

type subjectKey struct{ aead cipher.AEAD }

type cachedKey struct {
	subjectKey
	until time.Time
}

// placeOf is what a personal field is encrypted for, besides its subject.
func placeOf(tenant, event uuid.UUID) string { return tenant.String() + event.String() }

// personalPrefix marks an encrypted text and its scheme: AES-256-GCM, 12-byte random nonce before the ciphertext, base64.
const personalPrefix = "enc.v1."

func newAEAD(key [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // a 32-byte key is always valid
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// encrypt binds the text to what surrounds it, so that a ciphertext moved to another event or person does not decrypt.
func (k subjectKey) encrypt(text, bound string) string {
	return personalPrefix + base64.RawStdEncoding.EncodeToString(Encrypt(k.aead, []byte(text), bound))
}

func (k subjectKey) decrypt(stored, bound string) (string, error) {
	encoded, ok := strings.CutPrefix(stored, personalPrefix)
	if !ok {
		return "", errors.New("not an encrypted text")
	}
	raw, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return "", err
	}
	text, err := Decrypt(k.aead, raw, bound)
	return string(text), err
}

// Encrypt seals text with a random nonce in front, bound to the given context (AES-256-GCM, NIST SP 800-38D).
func Encrypt(aead cipher.AEAD, text []byte, bound string) []byte {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, text, []byte(bound))
}

// Decrypt opens what [Encrypt] made; another context, key or a changed byte is an error.
func Decrypt(aead cipher.AEAD, raw []byte, bound string) ([]byte, error) {
	if len(raw) < aead.NonceSize() {
		return nil, errors.New("ciphertext is too short")
	}
	return aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(bound))
}

// AEAD is the cipher for secrets of one purpose that are kept outside the log.
func (k MasterKey) AEAD(purpose string) cipher.AEAD { return newAEAD(k.Derive(purpose)) }

// ClaimKey turns a personal value into a claim's key: an HMAC keyed by tenant, so that nobody who reads the table can
// guess the value, or see that two tenants know the same person.
func (l *Log) ClaimKey(tenant uuid.UUID, value string) []byte {
	mac := hmac.New(sha256.New, l.claimKey[:])
	mac.Write(tenant[:])
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

func (l *Log) newSubjectKey(tenant, subject uuid.UUID) (wrapped []byte, key subjectKey) {
	var raw [32]byte
	rand.Read(raw[:])
	return Encrypt(l.wrapping, raw[:], tenant.String()+subject.String()), subjectKey{newAEAD(raw)}
}

type subjectRef struct{ tenant, subject uuid.UUID }

// loadSubjectKeys returns the keys that still exist; a subject without one was erased or never had one.
// Keys are cached only as long as erasure may take to be complete ([subjectKeyTTL]).
func (l *Log) loadSubjectKeys(ctx context.Context, refs []subjectRef) (map[subjectRef]subjectKey, error) {
	found := make(map[subjectRef]subjectKey, len(refs))
	var tenants, subjects []uuid.UUID
	for _, ref := range refs {
		if cached, ok := l.subjectKeys.Get(ref); ok && time.Now().Before(cached.until) {
			found[ref] = cached.subjectKey
		} else {
			tenants, subjects = append(tenants, ref.tenant), append(subjects, ref.subject)
		}
	}
	if len(tenants) == 0 {
		return found, nil
	}
	until := time.Now().Add(subjectKeyTTL)
	rows, err := l.pool.Query(ctx, `select k.tenant, k.subject, k.wrapped from unnest($1::uuid[], $2::uuid[]) w(tenant, subject)
		cross join lateral (select * from log.subject_key k where k.tenant = w.tenant and k.subject = w.subject limit 1) k
		where k.wrapped is not null`, tenants, subjects)
	if err != nil {
		return nil, readError("subject keys", err)
	}
	var ref subjectRef
	var wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{&ref.tenant, &ref.subject, &wrapped}, func() error {
		raw, err := Decrypt(l.wrapping, wrapped, ref.tenant.String()+ref.subject.String())
		if err != nil || len(raw) != 32 {
			return fmt.Errorf("unwrap key of subject %s: is the master key the one it was wrapped with? %w", ref.subject, err)
		}
		found[ref] = subjectKey{newAEAD([32]byte(raw))}
		l.subjectKeys.Add(ref, cachedKey{found[ref], until})
		return nil
	})
	if err != nil {
		return nil, readError("subject keys", err)
	}
	return found, nil
}

// keep takes note of the people whom a committed append made known, whose records are most often read next, and drops what this
// node still holds of those it erased. Cached states may have their data anywhere inside, and erasure is rare, so all of them go.
// Sent is when the append went to the database: nobody was erased before.
func (l *Log) keep(a *encoded, sent time.Time) {
	for _, k := range a.keys {
		ref := subjectRef{a.Command.Tenant, k.subject}
		if k.wrapped != nil {
			l.subjectKeys.Add(ref, cachedKey{k.key, sent.Add(subjectKeyTTL)})
			continue
		}
		l.subjectKeys.Remove(ref)
		l.erasures.Add(1) // a state that was read before and is on its way to the cache does not stay there
		l.states.Purge()
	}
}
