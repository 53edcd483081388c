package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/streamflow/streamflow/"

// measure reads coverage profiles (go help testflag) and returns each package's share of covered statements in per cent.
// Templates are left out: their Go form is generated.
func measure(profiles []string) (map[string]float64, error) {
	covered, all := map[string]int{}, map[string]int{}
	for _, name := range profiles {
		if err := readProfile(name, covered, all); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no coverage in %q", profiles)
	}
	result := map[string]float64{}
	for name, statements := range all {
		result[name] = 100 * float64(covered[name]) / float64(statements)
	}
	return result, nil
}

func readProfile(name string, covered, all map[string]int) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode:") {
			continue
		}
		// github.com/streamflow/streamflow/eventstore/log.go:12.3,14.5 2 1
		source, block, ok := strings.Cut(line, ":")
		fields := strings.Fields(block)
		if !ok || len(fields) != 3 {
			return fmt.Errorf("%s: cannot read %q", name, line)
		}
		statements, err := strconv.Atoi(fields[1])
		if err != nil {
			return fmt.Errorf("%s: cannot read %q", name, line)
		}
		dir := strings.TrimPrefix(path.Dir(source), module)
		if strings.HasSuffix(source, "_templ.go") || statements == 0 {
			continue
		}
		all[dir] += statements
		if fields[2] != "0" {
			covered[dir] += statements
		}
	}
	return lines.Err()
}

// parseFloors reads lines of package and per cent. A line that begins with # is a comment.
func parseFloors(text string) (map[string]float64, error) {
	floors := map[string]float64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("cannot read %q: want a package and a number", line)
		}
		floor, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read %q: %w", line, err)
		}
		floors[fields[0]] = floor
	}
	return floors, nil
}

func format(floors map[string]float64) string {
	var b strings.Builder
	b.WriteString(header)
	for _, name := range slices.Sorted(maps.Keys(floors)) {
		fmt.Fprintf(&b, "%s %g\n", name, floors[name])
	}
	return b.String()
}
