package seal

import (
	"errors"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// stored is the tree of another implementation, golang.org/x/mod/sumdb/tlog, over the same leaves.
type stored []tlog.Hash

func (h stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = h[index]
	}
	return out, nil
}

// TestProofsConvinceTwoVerifiers proves every event in every tree, and every tree in every later one, of sizes around all the
// shapes that trees have; two verifiers that know nothing of each other or of us believe them, and neither believes a forged one.
func TestProofsConvinceTwoVerifiers(t *testing.T) {
	const size = 21
	l := openLog(t)
	s, last := l.sealer(Config{}), Seal{}
	for _, n := range []int{1, 6, 9, 5} { // seals whose ends are no borders of the tree
		l.fill(n)
		var err error
		if last, err = s.extend(t.Context(), last, 1); err != nil {
			t.Fatal(err)
		}
	}
	var other stored
	var leaves []tlog.Hash
	roots := []tlog.Hash{{}}
	for i, e := range l.events() {
		leaf := AppendLeaf(nil, e)
		more, err := tlog.StoredHashes(int64(i), leaf, other)
		if err != nil {
			t.Fatal(err)
		}
		other, leaves = append(other, more...), append(leaves, tlog.RecordHash(leaf))
		root, err := tlog.TreeHash(int64(i)+1, other)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
	}
	if tlog.Hash(last.Root) != roots[size] {
		t.Fatalf("sealed root %x, want %x", last.Root, roots[size])
	}
	for to := int64(1); to <= size; to++ {
		for n := int64(1); n <= to; n++ {
			l.proveInclusion(t, n, to, leaves, roots)
			l.proveConsistency(t, n, to, roots)
		}
	}
}

func (l *testLog) proveInclusion(t *testing.T, position, size int64, leaves, roots []tlog.Hash) {
	t.Helper()
	path, err := l.store.Inclusion(t.Context(), 1, position, size)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range []int64{position, position%size + 1} {
		hash := leaves[leaf-1]
		theirs := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(position-1), uint64(size), hash[:], path, roots[size][:])
		others := tlog.CheckRecord(hashes(path), size, roots[size], position-1, hash)
		if right := leaf == position; (theirs == nil) != right || (others == nil) != right {
			t.Errorf("event %d as %d in %d: %v, %v", leaf, position, size, theirs, others)
		}
	}
}

func (l *testLog) proveConsistency(t *testing.T, from, to int64, roots []tlog.Hash) {
	t.Helper()
	path, err := l.store.Consistency(t.Context(), 1, from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []int64{from, from%to + 1} {
		theirs := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(to), path, roots[old][:], roots[to][:])
		others := tlog.CheckTree(hashes(path), to, roots[to], from, roots[old])
		if right := old == from; (theirs == nil) != right || (others == nil) != right {
			t.Errorf("tree %d as %d in %d: %v, %v", old, from, to, theirs, others)
		}
	}
}

func hashes(path [][]byte) []tlog.Hash {
	var out []tlog.Hash
	for _, h := range path {
		out = append(out, tlog.Hash(h))
	}
	return out
}

func TestNothingUnsealedIsProved(t *testing.T) {
	l := openLog(t)
	l.fill(9)
	if _, err := l.store.Inclusion(t.Context(), 1, 1, 9); !errors.Is(err, ErrNotSealed) {
		t.Errorf("without a seal: %v", err)
	}
	if _, err := l.sealer(Config{}).extend(t.Context(), Seal{}, 1); err != nil {
		t.Fatal(err)
	}
	l.fill(1)
	for _, pair := range [][2]int64{{0, 5}, {-1, 5}, {6, 5}, {3, 10}} {
		if _, err := l.store.Inclusion(t.Context(), 1, pair[0], pair[1]); !errors.Is(err, ErrNotSealed) {
			t.Errorf("inclusion of %v: %v", pair, err)
		}
		if _, err := l.store.Consistency(t.Context(), 1, pair[0], pair[1]); !errors.Is(err, ErrNotSealed) {
			t.Errorf("consistency of %v: %v", pair, err)
		}
	}
	if _, err := l.store.Inclusion(t.Context(), 2, 1, 1); !errors.Is(err, ErrNotSealed) {
		t.Errorf("another lane: %v", err)
	}
}
