// Command coverfloor holds the coverage of each package to a floor that only rises.
//
//	coverfloor profile...          fails where a package is below its floor or has none
//	coverfloor -raise profile...   writes floors: the old or two points below what is measured, whichever is higher
//
// The floors stand in coverage.floor. A floor that is lower there than in an earlier commit fails too.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// slack is how many points a raised floor stays below the measurement: timing decides whether a few branches are taken.
const slack = 2.0

// historyLimit bounds the reading of earlier floors, a few milliseconds for each commit that raised one.
const historyLimit = time.Minute

const header = "# Statement coverage, in per cent, below which `make check` fails. Raise with `make cover-raise`; never lower by hand.\n"

func main() {
	ctx, stop := context.WithTimeout(context.Background(), historyLimit)
	earlier := func(file string) ([]string, error) { return history(ctx, file) }
	err := run(os.Args[1:], os.Stdout, earlier)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer, earlier func(file string) ([]string, error)) error {
	flags := flag.NewFlagSet("coverfloor", flag.ContinueOnError)
	raise := flags.Bool("raise", false, "write higher floors")
	file := flags.String("floors", "coverage.floor", "file that holds the floors")
	if err := flags.Parse(args); err != nil {
		return err
	}
	measured, err := measure(flags.Args())
	if err != nil {
		return err
	}
	text, err := os.ReadFile(*file)
	if firstRaise := *raise && os.IsNotExist(err); err != nil && !firstRaise {
		return err
	}
	floors, err := parseFloors(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", *file, err)
	}
	if *raise {
		return os.WriteFile(*file, []byte(format(raised(floors, measured))), 0o644)
	}
	before, err := earlier(*file)
	if err != nil {
		return err
	}
	faults, err := compare(measured, floors, before)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return fmt.Errorf("coverage:\n  %s", strings.Join(faults, "\n  "))
	}
	fmt.Fprintf(out, "coverage: %d packages at or above their floors\n", len(measured))
	return nil
}

// compare lists what is wrong with the measurement, and with the floors against those of earlier commits.
func compare(measured, floors map[string]float64, earlier []string) ([]string, error) {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(measured)) {
		floor, ok := floors[name]
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("%s has no floor: run make cover-raise", name))
		case measured[name] < floor:
			faults = append(faults, fmt.Sprintf("%s is at %.2f %%, its floor is %g %%", name, measured[name], floor))
		}
	}
	highest := map[string]float64{}
	for _, text := range earlier {
		old, err := parseFloors(text)
		if err != nil {
			return nil, fmt.Errorf("earlier floors: %w", err)
		}
		for name, floor := range old {
			highest[name] = max(highest[name], floor)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(highest)) {
		floor, ok := floors[name]
		if _, exists := measured[name]; exists && (!ok || floor < highest[name]) {
			faults = append(faults, fmt.Sprintf("%s: the floor was %g %% before; a floor only rises", name, highest[name]))
		}
	}
	return faults, nil
}

func raised(floors, measured map[string]float64) map[string]float64 {
	result := map[string]float64{}
	for name, percent := range measured { // a package that is gone takes its floor with it
		result[name] = max(floors[name], math.Floor(percent-slack), 0)
	}
	return result
}

// history returns the floors of every earlier commit. Where there is no history to read there is none to fall behind.
func history(ctx context.Context, file string) ([]string, error) {
	list, err := exec.CommandContext(ctx, "git", "log", "--format=%H", "--", file).Output()
	if err != nil {
		return nil, nil
	}
	var texts []string
	for commit := range strings.FieldsSeq(string(list)) {
		// The commit that removed the file has none to show.
		if text, err := exec.CommandContext(ctx, "git", "show", commit+":./"+file).Output(); err == nil {
			texts = append(texts, string(text))
		}
	}
	return texts, nil
}
