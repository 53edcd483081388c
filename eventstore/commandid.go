package eventstore

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// CommandID makes the id of a command from the tenant it is for, the caller (the stable id of a user, token, partner or job) and
// the caller's own key for it: nobody can name, and so replay, another caller's command. It is a UUIDv8 (RFC 9562) of SHA-256, the
// same on every node and after every restart.
func CommandID(tenant uuid.UUID, caller, key string) uuid.UUID {
	id := uuid.UUID(HashParts([]byte("cmd1"), tenant[:], []byte(caller), []byte(key))[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// HashParts is SHA-256 of parts, each behind its length, so that no two lists of parts are the same bytes.
func HashParts(parts ...[]byte) []byte {
	h := sha256.New()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:]) // a hash never fails to write
		h.Write(part)
	}
	return h.Sum(nil)
}
