package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/streamflow/streamflow"

// tree is the repository as the rules see it.
type tree struct {
	fset    *token.FileSet
	sources []source
	texts   []text
	paths   map[string]bool // every file and folder
}

// source is one Go file that somebody wrote.
type source struct {
	path    string // "eventstore/log.go"
	dir     string // "eventstore"
	test    bool
	nested  bool // in a module of its own
	file    *ast.File
	lines   int
	imports []string
}

// text is any file that a rule reads as text: Go and SQL sources, templates, scripts, documents.
type text struct {
	path string
	body string
}

// generated matches the line by which the Go tools know a generated file.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// skipped are folders in which nothing is ours: what a build, a run or a package manager leaves behind.
var skipped = []string{"bin", "data", "node_modules", "testdata", "vendor"}

var textEndings = []string{".go", ".mod", ".sql", ".templ", ".sh", ".md", ".yaml", ".yml", ".css", ".js"}

func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), paths: map[string]bool{}}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains(skipped, entry.Name())) {
				return fs.SkipDir
			}
			t.paths[name] = true
			return nil
		}
		t.paths[name] = true
		if !slices.Contains(textEndings, path.Ext(name)) {
			return nil
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil || generated.Match(body) {
			return err
		}
		t.texts = append(t.texts, text{name, string(body)})
		if path.Ext(name) == ".go" {
			return t.addSource(name, body)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, s := range t.sources {
		for dir := s.dir; dir != "."; dir = path.Dir(dir) {
			t.sources[i].nested = t.sources[i].nested || t.has(path.Join(dir, "go.mod"))
		}
	}
	return t, nil
}

func (t *tree) addSource(name string, body []byte) error {
	file, err := parser.ParseFile(t.fset, name, body, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s := source{
		path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		file: file, lines: bytes.Count(body, []byte("\n")),
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		s.imports = append(s.imports, imported)
	}
	t.sources = append(t.sources, s)
	return nil
}

func (t *tree) has(name string) bool { return t.paths[name] }

func (t *tree) body(name string) string {
	for _, x := range t.texts {
		if x.path == name {
			return x.body
		}
	}
	return ""
}

// folders lists the top-level folders that hold anything.
func (t *tree) folders() []string {
	var folders []string
	for _, x := range t.texts {
		if folder, _, nested := strings.Cut(x.path, "/"); nested && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return folders
}

// inside says whether dir is folder or below it.
func inside(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

// ours is the folder in this module that an import path names.
func ours(imported string) (dir string, ok bool) { return strings.CutPrefix(imported, module+"/") }

// standard says whether the import path is of the standard library: its first element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}
