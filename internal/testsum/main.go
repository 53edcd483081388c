// Command testsum reads the output of `go test -json` and prints what a person wants of it: a line for each package, the
// whole output of what failed, which Postgres the tests used, and how many tests ran.
//
// It fails when a test failed, when none ran, and when one was skipped: a missing part is no success. The one exception is
// Watermill's conformance suite, which skips what a bus does not claim to do; what that is, is printed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// event is one line of `go test -json` (go doc cmd/test2json).
type event struct {
	Action  string `json:"Action"`
	Package string `json:"Package"`
	Test    string `json:"Test"`
	Output  string `json:"Output"`
}

// suite is how the output of Watermill's conformance suite begins, in the file that holds all of it.
const suite = "test_pubsub.go:"

type summary struct {
	out                      io.Writer
	output                   map[[2]string][]string // of a test, or of a package under the empty name, until it ends
	said                     map[string]bool
	passed, failed, packages int
	skipped, brokenPackages  []string
	unclaimed                map[string]bool // what the suite's skips say
}

func run(in io.Reader, out io.Writer) error {
	s := summary{out: out, output: map[[2]string][]string{}, said: map[string]bool{}, unclaimed: map[string]bool{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(out, line) // the go command's own words
			} else {
				s.add(e)
			}
		}
		if err == io.EOF {
			return s.verdict()
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) add(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.addOutput(key, e.Output)
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "pass":
		if e.Test == "" {
			s.packages++
		} else {
			s.passed++
		}
		delete(s.output, key)
	case "fail":
		if e.Test == "" {
			s.brokenPackages = append(s.brokenPackages, e.Package)
		} else {
			s.failed++
		}
		s.print(key)
	case "skip":
		s.addSkip(key)
		delete(s.output, key)
	}
}

func (s *summary) addSkip(key [2]string) {
	if key[1] == "" {
		return // a package without tests is "skipped" too
	}
	for _, text := range s.output[key] {
		if _, why, ok := strings.Cut(text, suite); ok {
			_, why, _ = strings.Cut(why, ": ")
			s.unclaimed[strings.TrimSpace(why)] = true
			return
		}
	}
	s.skipped = append(s.skipped, key[0]+" "+key[1])
	s.print(key)
}

// addOutput prints what is of interest whatever comes of the test, and keeps the rest until that is known.
func (s *summary) addOutput(key [2]string, text string) {
	if i := strings.Index(text, "pgtest: using"); i >= 0 {
		if which := text[i:]; !s.said[which] {
			s.said[which] = true
			fmt.Fprint(s.out, which)
		}
		return
	}
	if key[1] == "" && strings.HasPrefix(text, "ok  \t") {
		fmt.Fprint(s.out, text)
		return
	}
	s.output[key] = append(s.output[key], text)
}

func (s *summary) print(key [2]string) {
	for _, text := range s.output[key] {
		if !strings.HasPrefix(text, "=== ") { // that it ran, paused and went on is no news
			fmt.Fprint(s.out, text)
		}
	}
	delete(s.output, key)
}

func (s *summary) verdict() error {
	// What never ended was cut off, by a panic or a timeout in another test: it is part of the story.
	for key := range s.output {
		for _, broken := range s.brokenPackages {
			if key[0] == broken && key[1] != "" {
				s.print(key)
			}
		}
	}
	for _, why := range slices.Sorted(maps.Keys(s.unclaimed)) {
		fmt.Fprintf(s.out, "left out by Watermill's conformance suite: %s\n", why)
	}
	fmt.Fprintf(s.out, "%d tests passed in %d packages; %d failed, %d skipped\n", s.passed, s.packages, s.failed, len(s.skipped))
	switch {
	case s.failed > 0 || len(s.brokenPackages) > 0:
		return fmt.Errorf("failed: %s", strings.Join(s.brokenPackages, " "))
	case len(s.skipped) > 0:
		return fmt.Errorf("skipped, which counts as failed: %s", strings.Join(s.skipped, ", "))
	case s.passed == 0:
		return fmt.Errorf("no test ran")
	}
	return nil
}
