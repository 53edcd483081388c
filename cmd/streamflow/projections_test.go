package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestProjectionsUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"projections paint", `"paint" is not one of list, rebuild`},
		{"projections rebuild", "name one projection"},
		{"projections rebuild a b", "name one projection"},
		{"projections list a", "list takes no name"},
		{"projections pause figures --json", "--json goes with list"},
		{"projections retry --force figures", "--force goes with rebuild"},
		{"projections list --colour", "colour"},
	} {
		var out bytes.Buffer
		if code := run(strings.Fields(c.args), nil, &out, &out); code != 2 || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: exit %d, want 2 with %q:\n%s", c.args, code, c.says, &out)
		}
	}
}
