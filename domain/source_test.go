package domain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// folder is what the source of one package declares.
type folder struct {
	methods map[string][]string // receiver type to its methods
	files   map[string]*ast.File
}

func read(t *testing.T, dir string) folder {
	t.Helper()
	out := folder{methods: map[string][]string{}, files: map[string]*ast.File{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		out.files[name] = file
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				if receiver, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
					out.methods[receiver.Name] = append(out.methods[receiver.Name], f.Name.Name)
				}
			}
		}
	}
	return out
}

// with are the types that have all of these methods.
func (f folder) with(methods ...string) []string {
	var out []string
	for name, has := range f.methods {
		if !slices.ContainsFunc(methods, func(m string) bool { return !slices.Contains(has, m) }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// TestEventsListed finds the event that is declared and not in its Events list,
// which would be written and could never be read.
func TestEventsListed(t *testing.T) {
	for _, a := range aggregates {
		var listed []string
		for _, e := range a.events {
			listed = append(listed, reflect.TypeOf(e).Name())
		}
		slices.Sort(listed)
		if declared := read(t, a.category).with("Type", "Evolve"); !slices.Equal(listed, declared) {
			t.Errorf("%s: Events lists %v, declared are %v", a.category, listed, declared)
		}
	}
}

// TestCommandsComplete: what decides can also be normalised and validated.
func TestCommandsComplete(t *testing.T) {
	for _, a := range aggregates {
		source := read(t, a.category)
		if all, whole := source.with("Decide"), source.with("Decide", "Normalize", "Validate"); !slices.Equal(all, whole) {
			t.Errorf("%s: commands %v, complete are %v", a.category, all, whole)
		}
	}
}

// TestPure: the domain reads no clock, no chance and no outside world.
func TestPure(t *testing.T) {
	forbidden := []string{"context", "os", "net", "database", "math/rand", "crypto/rand", "syscall", "io"}
	// No aggregate imports another: what crosses streams is the commands' business.
	const module = "github.com/streamflow/streamflow/domain"
	own := []string{module, module + "/money"}
	allowed := []string{"github.com/govalues/decimal", "github.com/nyaruka/phonenumbers"}
	for _, dir := range packages(t) {
		for name, file := range read(t, dir).files {
			for _, spec := range file.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				under := func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
				outside := strings.Contains(path, ".") &&
					!slices.Contains(own, path) && !slices.ContainsFunc(allowed, under)
				if outside || slices.ContainsFunc(forbidden, under) {
					t.Errorf("%s imports %s", name, path)
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Now" {
					if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "time" {
						t.Errorf("%s reads the clock", name)
					}
				}
				return true
			})
		}
	}
}

// TestDocumented: everything exported says what it means.
func TestDocumented(t *testing.T) {
	for _, dir := range packages(t) {
		for name, file := range read(t, dir).files {
			for _, d := range file.Decls {
				if missing := undocumented(d); missing != "" {
					t.Errorf("%s: %s has no comment", name, missing)
				}
			}
		}
	}
}

func undocumented(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil {
			return d.Name.Name
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					return s.Name.Name
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil {
					return s.Names[0].Name
				}
			}
		}
	}
	return ""
}

func packages(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"."}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" {
			out = append(out, e.Name())
		}
	}
	return out
}
