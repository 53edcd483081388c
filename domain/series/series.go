// Package series numbers documents without a gap. Each series is one stream;
// the version of its next event is the next number, so two documents cannot
// take one number and no number can go missing: the event that takes it is
// appended together with the document that bears it.
package series

// Category is the stream category and the first part of every event type.
const Category = "series"

// The series of a tenant.
const (
	Invoices    = "invoice"
	CreditNotes = "credit-note"
)

// Stream is the name of a series' stream.
func Stream(name string) string { return Category + "-" + name }

// State is a series as its events left it.
type State struct {
	// Last is the number taken last; 0 before the first.
	Last int64 `json:"last"`
}

// Event is a fact about a series.
type Event interface {
	Type() string
	Evolve(State) State
}

// NumberTaken is the fact that a document bears a number.
type NumberTaken struct {
	Number     int64  `json:"number"`
	DocumentID string `json:"documentId"`
}

// Type names the event.
func (NumberTaken) Type() string { return "series.number_taken" }

// Evolve moves on to the number.
func (e NumberTaken) Evolve(State) State { return State{Last: e.Number} }

// Events lists every event type of a series.
var Events = []Event{NumberTaken{}}

// Take takes the next number for a document.
type Take struct {
	DocumentID string `json:"-"`
}

// Normalize has nothing to trim.
func (c Take) Normalize() Take { return c }

// Validate accepts: the document's own command was validated.
func (c Take) Validate() error { return nil }

// Decide takes the number after the last.
func (c Take) Decide(s State) ([]Event, error) {
	return []Event{NumberTaken{Number: s.Last + 1, DocumentID: c.DocumentID}}, nil
}
