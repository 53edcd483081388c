package archtest

import (
	"fmt"
	"go/ast"
	"slices"
)

// timeless are the folders whose result depends on their input alone: a replay next year has to give the same.
var timeless = []string{"domain", "projections"}

// ambient names what reads the clock, waits for it or draws a random number, by import path.
var ambient = map[string][]string{
	"time":                   {"Now", "Since", "Until", "After", "AfterFunc", "NewTicker", "NewTimer", "Sleep", "Tick"},
	"math/rand":              nil, // nil: all of it
	"math/rand/v2":           nil,
	"crypto/rand":            nil,
	"github.com/google/uuid": {"New", "NewString", "NewUUID", "NewV6", "NewV7", "NewRandom"},
}

// checkClock keeps the clock and random numbers out of decisions and read models. Time is a field or a parameter there.
func checkClock(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		if s.test || !slices.ContainsFunc(timeless, func(folder string) bool { return inside(s.dir, folder) }) {
			continue
		}
		names := importNames(s)
		ast.Inspect(s.file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := selector.X.(*ast.Ident)
			if !ok {
				return true
			}
			banned, ok := ambient[names[x.Name]]
			if ok && (banned == nil || slices.Contains(banned, selector.Sel.Name)) {
				faults = append(faults, fmt.Sprintf("%s: %s.%s: a replay would give another result; take it as a value",
					t.fset.Position(n.Pos()), x.Name, selector.Sel.Name))
			}
			return true
		})
	}
	return faults
}

// importNames maps the name by which a file knows a package to its import path.
func importNames(s source) map[string]string {
	names := map[string]string{}
	for i, spec := range s.file.Imports {
		imported := s.imports[i]
		switch {
		case spec.Name != nil:
			names[spec.Name.Name] = imported
		case imported == "math/rand/v2":
			names["rand"] = imported
		default:
			names[lastElement(imported)] = imported
		}
	}
	return names
}
