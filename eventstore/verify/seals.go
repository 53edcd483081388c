package verify

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/seal"
)

// seals checks I11: every seal is signed and extends the one before it, and every event is the leaf that was sealed.
type seals struct {
	key   seal.Key
	found *findings
	next  func() (seal.Seal, error, bool)
	close func()

	newest int64 // size of the newest seal when the check began
	count  int
	hasher seal.Hasher
	last   seal.Seal // the one that holds the leaf of at, or the one before
	sound  bool      // last can be believed
	at     int64     // position of the last event
}

func (c Config) openSeals(ctx context.Context, lane int, found *findings) (*seals, error) {
	newest, err := c.Seals.Newest(ctx, lane)
	if err != nil {
		return nil, err
	}
	s := &seals{key: c.Seals.Key(), found: found, newest: newest.Size}
	s.next, s.close = iter.Pull2(c.Seals.Covering(ctx, lane, newest.Size))
	return s, nil
}

// advance checks the next seal; ok is false when there is none.
func (s *seals) advance() (ok bool, err error) {
	next, err, ok := s.next()
	if err != nil || !ok {
		return false, err
	}
	s.count++
	s.sound = true
	for _, err := range []error{next.Check(s.key), next.Extends(s.last)} {
		if err != nil {
			s.sound = false
			s.found.add(Broken, next.Size, fmt.Sprintf("%v (it covers positions from %d)", err, next.Previous+1))
		}
	}
	s.last = next
	return true, nil
}

func (s *seals) event(e eventstore.Event) error {
	if e.Position > s.at+1 {
		s.gone(s.at + 1)
	}
	s.at = e.Position
	for s.last.Size < e.Position {
		if ok, err := s.advance(); err != nil || !ok {
			return err
		}
	}
	if !s.sound || e.Position <= s.last.Previous {
		return nil
	}
	if hash := s.hasher.Hash(e); !bytes.Equal(hash[:], s.last.Leaf(e.Position)) {
		s.found.add(Changed, e.Position, fmt.Sprintf("event %s is not what was sealed", e.ID))
	}
	return nil
}

// gone is told of a position without an event.
func (s *seals) gone(position int64) {
	if position <= s.newest {
		s.found.add(Changed, position, fmt.Sprintf("an event was sealed here and is gone; seals reach to %d", s.newest))
	}
}

func (s *seals) end() error {
	s.gone(s.at + 1)
	for {
		if ok, err := s.advance(); err != nil || !ok {
			return err
		}
	}
}
