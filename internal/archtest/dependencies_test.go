package archtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const dependencyRecord = "docs/decisions/0003-dependencies.md"

var (
	required = regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+) v\S+`)
	recorded = regexp.MustCompile("(?m)^\\| `([a-z0-9.-]+\\.[a-z]+/\\S+)` \\| ?(.*?) ?\\|")
)

// checkDependencies wants a reason for each module that our code imports, and no reason for one that is gone.
func checkDependencies(t *tree) []string {
	reasons := map[string]string{}
	for _, row := range recorded.FindAllStringSubmatch(t.body(dependencyRecord), -1) {
		reasons[row[1]] = row[2]
	}
	var modules []string
	for _, line := range required.FindAllStringSubmatch(t.body("go.mod"), -1) {
		modules = append(modules, line[1])
	}
	used := map[string]string{}
	for _, s := range t.sources {
		for _, imported := range s.imports {
			if m := moduleOf(modules, imported); m != "" && !s.nested {
				used[m] = s.path
			}
		}
	}
	var faults []string
	for m, user := range used {
		if reasons[m] == "" {
			faults = append(faults, fmt.Sprintf("%s is imported (%s) and %s gives no reason for it", m, user, dependencyRecord))
		}
	}
	for m := range reasons {
		if !slices.Contains(modules, m) {
			faults = append(faults, fmt.Sprintf("%s gives a reason for %s, which go.mod does not require", dependencyRecord, m))
		}
	}
	slices.Sort(faults)
	return faults
}

// moduleOf is the longest module path that an import path lies in.
func moduleOf(modules []string, imported string) string {
	longest := ""
	for _, m := range modules {
		if inside(imported, m) && len(m) > len(longest) {
			longest = m
		}
	}
	if strings.HasPrefix(imported, module) {
		return ""
	}
	return longest
}
