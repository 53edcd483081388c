package eventstore_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/streamflow/streamflow/eventstore"
)

// noted is the plain fact of these tests.
type noted struct {
	Text string    `json:"text"`
	On   time.Time `json:"on,omitzero"`
}

func (noted) Type() string           { return "note.written" }
func (n noted) Effective() time.Time { return n.On }

// board is the state that notes add up to.
type board struct {
	Notes int
	Last  string
}

func (n noted) Evolve(b board) board { return board{b.Notes + 1, n.Text} }

// named has personal fields.
type named struct {
	Subject string `json:"subject"`
	Name    string `json:"name" personal:"subject"`
	Email   string `json:"email,omitempty" personal:"subject"`
	Colour  string `json:"colour,omitempty"`
}

func (named) Type() string { return "person.named" }

func (n named) Evolve(b board) board { return board{b.Notes + 1, n.Name} }

// forgotten says that a person was erased.
type forgotten struct {
	Subject string `json:"subject"`
}

func (forgotten) Type() string { return "person.forgotten" }

func (f forgotten) Evolve(b board) board { return board{Notes: b.Notes + 1} }

// measured is at its third form: version 1 had inches, version 2 centimetres, version 3 has millimetres and a name.
type measured struct {
	Name        string `json:"name"`
	Millimetres int    `json:"millimetres"`
}

func (measured) Type() string       { return "part.measured" }
func (measured) SchemaVersion() int { return 3 }

func inchesToCentimetres(data []byte) ([]byte, error) {
	var v struct {
		Inches float64 `json:"inches"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"centimetres":%g}`, v.Inches*2.54), nil
}

func centimetresToMillimetres(data []byte) ([]byte, error) {
	var v struct {
		Centimetres float64 `json:"centimetres"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"name":"unnamed","millimetres":%d}`, int(v.Centimetres*10+0.5)), nil
}

func testRegistry(t testing.TB) *eventstore.Registry {
	t.Helper()
	r, err := newTestRegistry()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newTestRegistry() (*eventstore.Registry, error) {
	r, err := eventstore.NewRegistry(noted{}, named{}, forgotten{}, measured{})
	if err != nil {
		return nil, err
	}
	if err := r.Upcast("part.measured", 1, inchesToCentimetres); err != nil {
		return nil, err
	}
	return r, r.Upcast("part.measured", 2, centimetresToMillimetres)
}
