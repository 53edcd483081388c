package series

import (
	"fmt"
	"testing"

	"github.com/streamflow/streamflow/domain/spec"
)

// TestNumbersAreVersions: the n-th event of a series takes the number n.
func TestNumbersAreVersions(t *testing.T) {
	c := spec.Given[State, Event]()
	for n := int64(1); n <= 100; n++ {
		id := fmt.Sprint("i", n)
		c = c.When(Take{DocumentID: id})
		c.Then(t, NumberTaken{Number: n, DocumentID: id})
	}
	if c.State().Last != 100 {
		t.Errorf("last %d", c.State().Last)
	}
}
