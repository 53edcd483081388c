package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Package a is covered at 75 %, package b at 0 %; the generated file counts for nothing.
const profile = `mode: atomic
github.com/streamflow/streamflow/a/x.go:1.1,2.2 3 7
github.com/streamflow/streamflow/a/y.go:1.1,2.2 1 0
github.com/streamflow/streamflow/a/z_templ.go:1.1,2.2 90 0
github.com/streamflow/streamflow/b/x.go:1.1,2.2 5 0
`

func TestRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, floors string
		earlier      []string
		err          string
	}{
		{"at the floor", "# why\na 75\nb 0\n", []string{"a 70\n", "gone 99\n"}, ""},
		{"below it", "a 76\nb 0\n", nil, "a is at 75.00 %, its floor is 76 %"},
		{"without one", "a 75\n", nil, "b has no floor"},
		{"lowered", "a 75\nb 0\n", []string{"a 60\n", "a 80\n"}, "a: the floor was 80 % before"},
		{"removed", "b 0\n", []string{"a 60\n"}, "a: the floor was 60 % before"},
		{"unreadable", "a high\nb 0\n", nil, "cannot read"},
		{"incomplete", "a\n", nil, "want a package and a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			measured, floors := files(t, c.floors)
			err := run([]string{"-floors", floors, measured}, &strings.Builder{}, func(string) ([]string, error) { return c.earlier, nil })
			if c.err == "" && err != nil {
				t.Fatal(err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestRaise(t *testing.T) {
	t.Parallel()
	measured, floors := files(t, "a 73.5\ngone 99\n")
	if err := run([]string{"-raise", "-floors", floors, measured}, &strings.Builder{}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(floors)
	if err != nil {
		t.Fatal(err)
	}
	if want := header + "a 73.5\nb 0\n"; string(got) != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestProfileUnreadable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "mode: set\n", "no profile\n", "a/x.go:1.1,2.2 three 1\n"} {
		name := filepath.Join(t.TempDir(), "profile")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := measure([]string{name}); err == nil {
			t.Errorf("%q was taken for a profile", text)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	texts, err := history(t.Context(), filepath.Join(t.TempDir(), "not in any repository"))
	if err != nil || len(texts) > 0 {
		t.Errorf("history of nothing: %q, %v", texts, err)
	}
}

func files(t *testing.T, floors string) (profileName, floorsName string) {
	t.Helper()
	dir := t.TempDir()
	profileName, floorsName = filepath.Join(dir, "profile"), filepath.Join(dir, "floors")
	for name, text := range map[string]string{profileName: profile, floorsName: floors} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return profileName, floorsName
}
