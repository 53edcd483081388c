package seal

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	leafFormat   = 1
	hasEffective = 1 << 0
	hasCausation = 1 << 1
)

// AppendLeaf adds the canonical bytes of an event to b; the package's documentation has the layout.
func AppendLeaf(b []byte, e eventstore.Event) []byte {
	b = append(b, leafFormat)
	b = binary.BigEndian.AppendUint16(b, uint16(e.Lane))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Position))
	b = append(b, e.Tenant[:]...)
	b = append(b, e.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(e.Version))
	b = binary.BigEndian.AppendUint16(b, uint16(e.SchemaVersion))
	b = binary.BigEndian.AppendUint64(b, uint64(e.RecordedAt.UnixMicro()))
	var flags byte
	if !e.EffectiveAt.IsZero() {
		flags |= hasEffective
	}
	if e.CausationID != uuid.Nil {
		flags |= hasCausation
	}
	b = append(b, flags)
	if flags&hasEffective != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(e.EffectiveAt.UnixMicro()))
	}
	b = append(b, e.CommandID[:]...)
	if flags&hasCausation != 0 {
		b = append(b, e.CausationID[:]...)
	}
	for _, text := range []string{string(e.Stream), e.Type, e.CorrelationID, e.Actor.Kind, e.Actor.ID, e.Actor.Via} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Data)))
	return append(b, e.Data...)
}

// Hash is of a leaf, a node or a root.
type Hash = [sha256.Size]byte

// Hasher hashes events one after another, in one buffer. It is not safe for concurrent use.
type Hasher struct{ buffer []byte }

// Hash is the leaf hash of an event.
func (h *Hasher) Hash(e eventstore.Event) Hash {
	h.buffer = AppendLeaf(append(h.buffer[:0], 0), e) // RFC 6962, 2.1: a leaf is told from a node by the byte before it
	return sha256.Sum256(h.buffer)
}
