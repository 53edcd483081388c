package web

import (
	"slices"
	"testing"
)

func TestScreensAreThoseThatCanBeRead(t *testing.T) {
	t.Parallel()
	all := Screens()
	has := func(path string) bool {
		return slices.ContainsFunc(all, func(s Screen) bool { return s.Path == path })
	}
	if !has("/leads/{id}") || !has("/login") || has("/logout") {
		t.Errorf("the screens that can be read: %+v", all)
	}
}
