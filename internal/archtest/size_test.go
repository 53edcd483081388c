package archtest

import (
	"fmt"
	"go/ast"
)

// A function or file above these is an alarm: it does more than one thing. Tests may be long where they tell one story.
const (
	maxFunctionLines = 70
	maxFileLines     = 600
)

// checkFunctionSize measures functions from the line of "func" to that of the closing brace.
func checkFunctionSize(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := t.fset.Position(f.Pos()), t.fset.Position(f.End())
			if lines := to.Line - from.Line + 1; lines > maxFunctionLines {
				faults = append(faults, fmt.Sprintf("%s: %s has %d lines, the limit is %d", from, f.Name.Name, lines, maxFunctionLines))
			}
		}
	}
	return faults
}

func checkFileSize(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		if s.lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, the limit is %d", s.path, s.lines, maxFileLines))
		}
	}
	return faults
}

// checkPackageDoc wants one file of every package to say what the package is.
func checkPackageDoc(t *tree) []string {
	documented, first := map[string]bool{}, map[string]string{}
	var dirs []string
	for _, s := range t.sources {
		if s.test {
			continue
		}
		if first[s.dir] == "" {
			first[s.dir] = s.path
			dirs = append(dirs, s.dir)
		}
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil
	}
	var faults []string
	for _, dir := range dirs {
		if !documented[dir] {
			faults = append(faults, fmt.Sprintf("package %s has no comment that says what it is (for example in %s)", dir, first[dir]))
		}
	}
	return faults
}
