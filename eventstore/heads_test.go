package eventstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// TestWhatOthersWriteIsNotOverlooked: a node that has been alone leaves out guards that it knows to hold. Once another one has written, it
// is told, and looks.
func TestWhatOthersWriteIsNotOverlooked(t *testing.T) {
	s := newStore(t, 1)
	alone := s.node(nil)
	tenant, guard := uuid.New(), eventstore.Stream("note-guard")
	s.must(notes(tenant, guard, 0, "1"))
	writes := 0
	guarded := func(version int) error {
		writes++
		a := notes(tenant, eventstore.Stream(fmt.Sprint("note-", writes)), 0, "x", "y") // two events: a batch of one that is not simple
		a.At[guard] = version
		_, err := alone.Append(t.Context(), a)
		return err
	}
	for version := range 3 {
		for range 20 {
			if err := guarded(version + 1); err != nil {
				t.Fatal(err)
			}
		}
		if alone.Remembered() < 10 {
			t.Errorf("after 20 batches it knows %d streams", alone.Remembered())
		}
		s.must(notes(tenant, guard, version+1, "more"))
		for range 2 {
			if err := guarded(version + 1); !errors.As(err, new(*eventstore.ConflictError)) {
				t.Errorf("a guard that another node moved: %v", err)
			}
			if alone.Remembered() > 0 {
				t.Error("it builds on what it knew before another node wrote")
			}
		}
	}
}
