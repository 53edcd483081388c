package eventstore

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the log takes has to fit the bus too, where a type is part of a subject and the others are headers: one that did not would stop
// its whole lane there, long after somebody was told that all is well.
const (
	maxTypeBytes        = 64
	maxStreamBytes      = 200
	maxCorrelationBytes = 128
	maxActorBytes       = 200
)

// checkType wants "<category>.<fact>", each of lower-case letters, digits, '_' and '-', a letter first.
func checkType(name string) error {
	category, fact, ok := strings.Cut(name, ".")
	switch {
	case !ok || !isWord(category) || !isWord(fact):
		return fmt.Errorf("event type %q is not <category>.<fact> in lower-case letters, digits, '_' and '-'", name)
	case len(name) > maxTypeBytes:
		return fmt.Errorf("event type %s has more than %d bytes", name, maxTypeBytes)
	}
	return nil
}

func isWord(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '_' && c != '-') {
			return false
		}
	}
	return s != ""
}

// check wants "<category>-<id>" in visible ASCII.
func (s Stream) check() error {
	category, id, ok := strings.Cut(string(s), "-")
	switch {
	case !ok || category == "" || id == "" || !isVisible(string(s)):
		return fmt.Errorf("stream %q is not <category>-<id> in visible ASCII", string(s))
	case len(s) > maxStreamBytes:
		return fmt.Errorf("stream %.40q… has %d bytes, more than %d", string(s), len(s), maxStreamBytes)
	}
	return nil
}

// check bounds what a command says of itself.
func (c Command) check() error {
	if len(c.Correlation) > maxCorrelationBytes || !isVisible(strings.ReplaceAll(c.Correlation, " ", "")) {
		return fmt.Errorf("correlation id is not at most %d bytes of printable ASCII", maxCorrelationBytes)
	}
	for _, s := range []string{c.Actor.Kind, c.Actor.ID, c.Actor.Via} {
		if len(s) > maxActorBytes || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return fmt.Errorf("kind, id or via of the actor is not at most %d bytes of text without control characters", maxActorBytes)
		}
	}
	return nil
}

func isVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' })
}
