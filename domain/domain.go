// Package domain holds what every aggregate below it shares: how a rule says
// no, what a field may not be, a date, a merge patch. The aggregates are pure
// deciders: State and events in, events or a refusal out. Nothing here knows a
// clock, a database, a tenant or another process; ids, times and dates are
// fields that the caller fills in.
package domain

import "fmt"

// Kind says what sort of "no" a refusal is.
type Kind int

// The kinds of refusal.
const (
	// Conflict: the command is well made but the record is not in a state for it.
	Conflict Kind = iota + 1
	// Unprocessable: no state of this record would accept the values given.
	Unprocessable
)

// Refusal is a rule's "no": expected, typed, shown to the caller and recorded
// as the command's outcome. It is never a fault.
type Refusal struct {
	Kind Kind
	// Code is stable snake_case, the name of a problem page.
	Code string
	// Text is one sentence for a person. It holds no personal data.
	Text string
	// Params are the values that make this refusal specific (from, to,
	// existingId …). They hold no personal data.
	Params map[string]string
}

// Refuse makes a refusal.
func Refuse(kind Kind, code, text string) *Refusal {
	return &Refusal{Kind: kind, Code: code, Text: text}
}

// With is a copy of the refusal that also names a value.
func (r *Refusal) With(key, value string) *Refusal {
	out := &Refusal{Kind: r.Kind, Code: r.Code, Text: r.Text, Params: map[string]string{key: value}}
	for k, v := range r.Params {
		if k != key {
			out.Params[k] = v
		}
	}
	return out
}

// Error is the refusal's sentence.
func (r *Refusal) Error() string { return r.Text }

// Is makes errors.Is compare refusals by code, whatever their parameters.
func (r *Refusal) Is(target error) bool {
	other, ok := target.(*Refusal)
	return ok && other.Code == r.Code
}

// The refusals that every aggregate gives in the same words.
var (
	// ErrExists: a create command reached a stream that has events.
	ErrExists = Refuse(Conflict, "already_exists", "A record with this id exists already.")
	// ErrArchived: an archived record is read only until it is restored.
	ErrArchived = Refuse(Conflict, "archived", "The record is archived; restore it first.")
	// ErrErased: the person's data was erased and cannot be written again.
	ErrErased = Refuse(Conflict, "person_erased", "The personal data of this record was erased.")
	// ErrInUse: the record cannot be archived while others point at it.
	ErrInUse = Refuse(Conflict, "in_use", "The record is in use and cannot be archived.")
	// ErrMergeWithItself: the winner and the loser of a merge are one record.
	ErrMergeWithItself = Refuse(Unprocessable, "merge_with_itself", "A record cannot be merged with itself.")
	// ErrAlreadyMerged: the loser of a merge already went into another record.
	ErrAlreadyMerged = Refuse(Conflict, "already_merged", "The record was already merged into another one.")
)

// InvalidTransition refuses a step that the status does not allow.
func InvalidTransition(from, to string) *Refusal {
	if from == "" {
		from = "none"
	}
	text := fmt.Sprintf("A record that is %s cannot become %s.", from, to)
	return Refuse(Conflict, "invalid_transition", text).With("from", from).With("to", to)
}

// Erased is what a personal field reads as once its subject was erased.
const Erased = "erased"

// Fold is the state after these events, starting from the given one.
func Fold[S any, E interface{ Evolve(S) S }](state S, events ...E) S {
	for _, e := range events {
		state = e.Evolve(state)
	}
	return state
}
