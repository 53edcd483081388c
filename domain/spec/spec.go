// Package spec states a rule in three words: given these events, when this
// command, then those events or that refusal. For tests only.
package spec

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/streamflow/streamflow/domain"
)

// Event is a fact that a state evolves by.
type Event[S any] interface {
	Type() string
	Evolve(S) S
}

// Case is an aggregate with its past, and what came of the last command.
type Case[S any, E Event[S]] struct {
	state  S
	events []E
	err    error
}

// Given is an aggregate to which these events happened.
func Given[S any, E Event[S]](events ...E) Case[S, E] {
	var zero S
	return Case[S, E]{state: domain.Fold(zero, events...)}
}

// When is the case after a command; its events happened too.
func (c Case[S, E]) When(command interface{ Decide(S) ([]E, error) }) Case[S, E] {
	c.events, c.err = command.Decide(c.state)
	c.state = domain.Fold(c.state, c.events...)
	return c
}

// State is the state after everything that happened.
func (c Case[S, E]) State() S { return c.state }

// Events are the events of the last command; a refusal fails the test.
func (c Case[S, E]) Events(t *testing.T) []E {
	t.Helper()
	if c.err != nil {
		t.Fatalf("refused: %v", c.err)
	}
	return c.events
}

// Then asserts that the last command led to exactly these events; to none at
// all when it changed nothing.
func (c Case[S, E]) Then(t *testing.T, want ...E) {
	t.Helper()
	got := c.Events(t)
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("events\n got %s\nwant %s", show(got), show(want))
	}
}

// Types asserts the types of the last command's events.
func (c Case[S, E]) Types(t *testing.T, want ...string) {
	t.Helper()
	got := []string{}
	for _, e := range c.Events(t) {
		got = append(got, e.Type())
	}
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("event types: got %v, want %v", got, want)
	}
}

// Refused asserts that the last command was refused by this rule and led to no
// event.
func (c Case[S, E]) Refused(t *testing.T, want *domain.Refusal) {
	t.Helper()
	if !errors.Is(c.err, want) {
		t.Fatalf("got %v and %s, want the refusal %s", c.err, show(c.events), want.Code)
	}
	if len(c.events) > 0 {
		t.Fatalf("refused, and yet there are events: %s", show(c.events))
	}
}

// Refusal is a stand-in to compare with a refusal of this code.
func Refusal(code string) *domain.Refusal { return &domain.Refusal{Code: code} }

// Fields asserts which fields a validation found wrong; none when it must pass.
func Fields(t *testing.T, err error, want ...string) {
	t.Helper()
	var invalid domain.Invalid
	errors.As(err, &invalid)
	got := []string{}
	for _, f := range invalid {
		got = append(got, f.Field)
	}
	if (err != nil && invalid == nil) || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("invalid fields: got %v (%v), want %v", got, err, want)
	}
}

func show(events any) string {
	text, err := json.Marshal(events)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
