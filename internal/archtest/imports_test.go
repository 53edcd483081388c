package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// layer says what the code of one top-level folder may import.
type layer struct {
	folder string
	within []string // folders of this module; its own is always allowed
	// Set where the folder is pure: nothing of the standard library that touches the world, and of others only these.
	pure     bool
	external []string
	tests    []string // folders that its tests may import too, besides testMay
}

// layers is the import direction of the whole module. A folder of Go code that is not here is a fault.
var layers = []layer{
	{folder: "domain", pure: true, external: []string{"github.com/govalues/decimal", "github.com/nyaruka/phonenumbers"}},
	{folder: "migrations"},
	{folder: "eventstore", within: []string{"internal"}},
	{folder: "internal", within: []string{"eventstore", "migrations"}},
	// A read model's test makes its events as they are made in life, through commands.
	{folder: "projections", within: []string{"domain", "eventstore"}, tests: []string{"commands"}},
	{folder: "commands", within: []string{"domain", "eventstore"}},
	{folder: "api", within: []string{"commands", "domain", "eventstore", "internal", "migrations", "projections"}},
	{folder: "web", within: []string{"commands", "domain", "eventstore", "internal", "migrations", "projections"}},
	{folder: "cmd", within: []string{"api", "commands", "domain", "eventstore", "internal", "migrations", "projections", "web"}},
}

// testMay is what every test may import beyond its folder's layer: the means of running against a real database and bus.
var testMay = []string{"eventstore", "internal", "migrations"}

// worldly is what a pure folder must not import: context, clock (see clock_test.go), random numbers and I/O.
var worldly = []string{
	"context", "crypto/rand", "database", "io/fs", "io/ioutil", "log", "math/rand", "net", "os", "plugin", "runtime", "syscall", "unsafe",
}

// pureAnyway lies below something worldly and touches nothing: it only parses.
var pureAnyway = []string{"net/mail", "net/netip", "net/url"}

// checkImports holds every folder to its layer.
func checkImports(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		if s.nested {
			continue // a module of its own stands outside and may look at anything
		}
		folder, _, _ := strings.Cut(s.dir, "/")
		i := slices.IndexFunc(layers, func(l layer) bool { return l.folder == folder })
		if i < 0 {
			faults = append(faults, fmt.Sprintf("%s: folder %s has no layer: say in internal/archtest what it may import", s.path, folder))
			continue
		}
		for _, imported := range s.imports {
			if why := layers[i].refuses(imported, s.test); why != "" {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", s.path, imported, why))
			}
		}
	}
	return faults
}

// refuses says why the layer must not import something, or nothing.
func (l layer) refuses(imported string, test bool) string {
	if dir, ok := ours(imported); ok {
		folder, _, _ := strings.Cut(dir, "/")
		switch {
		case folder == l.folder, slices.Contains(l.within, folder):
			return ""
		case test && !l.pure && slices.Contains(testMay, folder), test && slices.Contains(l.tests, folder):
			return ""
		}
		return fmt.Sprintf("%s may import %s", l.folder, l.allowed())
	}
	if !l.pure || test {
		return ""
	}
	if !standard(imported) {
		if slices.ContainsFunc(l.external, func(m string) bool { return inside(imported, m) }) {
			return ""
		}
		return l.folder + " is pure and this is not one of its named libraries"
	}
	touches := slices.ContainsFunc(worldly, func(w string) bool { return inside(imported, w) })
	if touches && !slices.Contains(pureAnyway, imported) {
		return l.folder + " is pure: no context, clock, random numbers or I/O"
	}
	return ""
}

func (l layer) allowed() string {
	if len(l.within) == 0 {
		return "nothing else of this module"
	}
	return "only " + strings.Join(l.within, ", ")
}

// portals have one folder each below web. What two of them share belongs in web/ui, web/theme, web/charts or web/live.
var portals = []string{"accountant", "client", "developer", "provider"}

// checkPortals keeps portals apart, and what they share independent of them.
func checkPortals(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		if !inside(s.dir, "web") || s.dir == "web" {
			continue
		}
		own := portalOf(s.dir)
		for _, imported := range s.imports {
			dir, _ := ours(imported)
			if other := portalOf(dir); inside(dir, "web") && other != "" && other != own {
				faults = append(faults, fmt.Sprintf("%s imports the %s portal: move what both need to web/ui", s.path, other))
			}
		}
	}
	return faults
}

func portalOf(dir string) string {
	for element := range strings.SplitSeq(dir, "/") {
		if slices.Contains(portals, element) {
			return element
		}
	}
	return ""
}

// checkTestParts keeps test databases and containers out of the program: testcontainers brings some 60 modules.
func checkTestParts(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		for _, imported := range s.imports {
			if strings.HasPrefix(imported, "github.com/testcontainers/") && s.dir != "internal/pgtest" {
				faults = append(faults, fmt.Sprintf("%s imports %s: only internal/pgtest may", s.path, imported))
			}
			dir, _ := ours(imported)
			testOnly := strings.HasSuffix(dir, "/pgtest") || strings.HasSuffix(dir, "/natstest")
			if testOnly && !s.test && !inside(s.dir, "internal") && !s.nested {
				faults = append(faults, fmt.Sprintf("%s imports %s, which is for tests", s.path, imported))
			}
		}
	}
	return faults
}
