package main

import (
	"strings"
	"testing"
)

const good = `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestA","Output":"pgtest: using a container\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
{"Action":"output","Package":"q","Output":"pgtest: using a container\n"}
{"Action":"skip","Package":"q"}
`

func TestGood(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(strings.NewReader(good), &out); err != nil {
		t.Fatal(err)
	}
	if want := "pgtest: using a container\nok  \tp\t0.1s\n1 tests passed in 1 packages; 0 failed, 0 skipped\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestSuiteLeavesOut(t *testing.T) {
	t.Parallel()
	in := good + `{"Action":"output","Package":"p","Test":"TestS/TestX","Output":"    test_pubsub.go:617: X is not supported yet\n"}
{"Action":"skip","Package":"p","Test":"TestS/TestX"}`
	var out strings.Builder
	if err := run(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if want := "left out by Watermill's conformance suite: X is not supported yet\n"; !strings.Contains(out.String(), want) {
		t.Errorf("printed %q, want %q in it", out.String(), want)
	}
}

func TestBad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, err, printed string }{
		{"none ran", "", "no test ran", ""},
		{"only others' words", "go: no such package\n", "no test ran", "go: no such package\n"},
		{"a test was skipped", good + `{"Action":"skip","Package":"p","Test":"TestB"}`, "skipped, which counts as failed: p TestB", ""},
		{"a test failed", good + `{"Action":"output","Package":"r","Test":"TestC","Output":"why\n"}
{"Action":"fail","Package":"r","Test":"TestC"}
{"Action":"fail","Package":"r"}`, "failed: r", "why\n1 tests passed in 1 packages; 1 failed"},
		{"a package does not build", good + `{"ImportPath":"r","Action":"build-output","Output":"syntax error\n"}
{"Action":"fail","Package":"r"}`, "failed: r", "syntax error\n"},
		{"a test was cut off", good + `{"Action":"output","Package":"r","Test":"TestC","Output":"panic: here\n"}
{"Action":"fail","Package":"r"}`, "failed: r", "panic: here\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(strings.NewReader(c.in), &out)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if !strings.Contains(out.String(), c.printed) {
				t.Errorf("printed %q, want %q in it", out.String(), c.printed)
			}
		})
	}
}
