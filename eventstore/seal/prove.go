package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrNotSealed: a proof was asked for what no seal covers.
var ErrNotSealed = errors.New("not sealed")

// Inclusion proves that an event is in the tree over positions 1..size of its lane (RFC 6962, 2.1.1): with the leaf
// hash of the event it gives the root. It is the proof of what was sealed, so an event that was changed since fails it. It says
// [ErrNotSealed] when no seal covers size. It costs a reading of the lane's leaf hashes, 32 bytes an event.
func (s *Store) Inclusion(ctx context.Context, lane int, position, size int64) ([][]byte, error) {
	if position < 1 || position > size {
		return nil, fmt.Errorf("%w: position %d in a tree of %d", ErrNotSealed, position, size)
	}
	nodes, err := proof.Inclusion(uint64(position-1), uint64(size))
	if err != nil {
		return nil, err
	}
	return s.prove(ctx, lane, size, nodes)
}

// Consistency proves that the tree over positions 1..to begins with the one over 1..from (RFC 6962, 2.1.2): nothing of
// that was changed. Errors and cost are those of [Store.Inclusion].
func (s *Store) Consistency(ctx context.Context, lane int, from, to int64) ([][]byte, error) {
	if from < 1 || from > to {
		return nil, fmt.Errorf("%w: a tree of %d in one of %d", ErrNotSealed, from, to)
	}
	nodes, err := proof.Consistency(uint64(from), uint64(to))
	if err != nil {
		return nil, err
	}
	return s.prove(ctx, lane, to, nodes)
}

// prove builds the tree over 1..size once more and keeps the nodes that the proof is made of.
func (s *Store) prove(ctx context.Context, lane int, size int64, nodes proof.Nodes) ([][]byte, error) {
	found := make([][]byte, len(nodes.IDs))
	keep := func(id compact.NodeID, hash []byte) {
		if i := slices.Index(nodes.IDs, id); i >= 0 {
			found[i] = slices.Clone(hash)
		}
	}
	tree := ranges.NewEmptyRange(0)
	for one, err := range s.Covering(ctx, lane, size) {
		if err != nil {
			return nil, err
		}
		for position := one.Previous + 1; position <= min(one.Size, size); position++ {
			if err := tree.Append(one.Leaf(position), keep); err != nil {
				return nil, err
			}
		}
	}
	if int64(tree.End()) != size {
		return nil, fmt.Errorf("%w: lane %d beyond %d", ErrNotSealed, lane, tree.End())
	}
	return nodes.Rehash(found, rfc6962.DefaultHasher.HashChildren)
}
