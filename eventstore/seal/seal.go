package seal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrBroken: the log or its seals are not what was sealed. Somebody tampered with them, or the database lost a part of itself.
var ErrBroken = errors.New("the seal is broken")

// Seal is a signed tree head over positions 1..Size of a lane.
type Seal struct {
	Lane     int
	Epoch    int   // of the lane when it was sealed
	Size     int64 // positions from 1
	Previous int64 // size of the seal that it extends, 0 for the first
	Root     []byte
	Note     string   // the head as a signed checkpoint
	Hashes   [][]byte // compact range of the tree
	Leaves   []byte   // leaf hashes of Previous+1..Size, one after another
	SealedAt time.Time
}

// Leaf is the leaf hash of a position among those that the seal adds, Previous+1..Size.
func (s Seal) Leaf(position int64) []byte {
	at := (position - s.Previous - 1) * sha256.Size
	return s.Leaves[at : at+sha256.Size]
}

// Check tells whether the seal is one that this installation signed, by itself. The error wraps [ErrBroken].
func (s Seal) Check(key Key) error {
	if err := s.check(key); err != nil {
		return fmt.Errorf("%w: seal %d/%d: %w", ErrBroken, s.Lane, s.Size, err)
	}
	return nil
}

func (s Seal) check(key Key) error {
	if s.Size <= s.Previous || int64(len(s.Leaves)) != (s.Size-s.Previous)*sha256.Size {
		return fmt.Errorf("it has %d bytes of leaf hashes for positions %d..%d", len(s.Leaves), s.Previous+1, s.Size)
	}
	if err := key.open(s.Note, s.Lane, s.Epoch, s.Size, s.Root); err != nil {
		return err
	}
	t, err := s.tree()
	if err != nil {
		return err
	}
	if root, err := t.GetRootHash(nil); err != nil || !bytes.Equal(root, s.Root) {
		return errors.New("its compact range does not have its root")
	}
	return nil
}

// Extends tells whether the seal adds exactly its leaves to the tree of the one before it, the zero Seal for the first. Both have
// passed [Seal.Check]. The error wraps [ErrBroken].
func (s Seal) Extends(before Seal) error {
	if s.Previous != before.Size {
		return fmt.Errorf("%w: seal %d/%d extends one of %d, the one before it is of %d", ErrBroken, s.Lane, s.Size, s.Previous, before.Size)
	}
	if s.Epoch < before.Epoch {
		return fmt.Errorf("%w: seal %d/%d is of epoch %d, the one before it of %d", ErrBroken, s.Lane, s.Size, s.Epoch, before.Epoch)
	}
	t, err := before.tree()
	if err == nil {
		err = grow(t, s.Leaves)
	}
	if err != nil {
		return fmt.Errorf("%w: seal %d/%d: %w", ErrBroken, s.Lane, s.Size, err)
	}
	if !slices.EqualFunc(t.Hashes(), s.Hashes, bytes.Equal) {
		return fmt.Errorf("%w: the leaf hashes that seal %d/%d has do not add up to its root", ErrBroken, s.Lane, s.Size)
	}
	return nil
}

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// tree is a copy of the seal's tree, to go on from.
func (s Seal) tree() (*compact.Range, error) {
	return ranges.NewRange(0, uint64(s.Size), slices.Clone(s.Hashes))
}

func grow(t *compact.Range, leaves []byte) error {
	for leaf := range slices.Chunk(leaves, sha256.Size) {
		if err := t.Append(leaf, nil); err != nil {
			return err
		}
	}
	return nil
}
