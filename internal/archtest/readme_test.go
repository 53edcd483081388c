package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxReadmeLines is one page.
const maxReadmeLines = 60

// checkReadmePresent wants a README in every top-level folder.
func checkReadmePresent(t *tree) []string {
	var faults []string
	for _, folder := range t.folders() {
		if !t.has(folder + "/README.md") {
			faults = append(faults, folder+" has no README.md: what it is for, what it may import, which file to open first, how to add the usual thing")
		}
	}
	return faults
}

var (
	mayImport = regexp.MustCompile(`(?im)^\W*may import\b(.*(?:\n+[^\n#*].*)*)`)
	openFirst = regexp.MustCompile("(?im)^\\W*open first\\b[^\n]*?\n*[^\n]*?[`(]([\\w./-]+)[`)]")
	toAdd     = regexp.MustCompile(`(?im)^\W*to add\b`)
)

// checkReadmeContent keeps the four answers of a README true. Their labels are "May import", "Open first" and "To add", as
// headings or in bold; what the folder is for stands above them.
func checkReadmeContent(t *tree) []string {
	var faults []string
	for _, folder := range t.folders() {
		name := folder + "/README.md"
		if !t.has(name) {
			continue
		}
		body := t.body(name)
		if lines := strings.Count(body, "\n"); lines > maxReadmeLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, a page is %d", name, lines, maxReadmeLines))
		}
		if !toAdd.MatchString(body) {
			faults = append(faults, name+` does not say how "To add" the usual thing`)
		}
		faults = append(faults, t.checkOpenFirst(folder, body)...)
		faults = append(faults, t.checkMayImport(folder, body)...)
	}
	return faults
}

func (t *tree) checkOpenFirst(folder, body string) []string {
	name := folder + "/README.md"
	found := openFirst.FindStringSubmatch(body)
	if found == nil {
		return []string{name + ` does not say which file to "Open first"`}
	}
	if file := path.Join(folder, found[1]); !t.has(file) && !t.has(found[1]) {
		return []string{fmt.Sprintf("%s says to open %s first, which does not exist", name, file)}
	}
	return nil
}

// checkMayImport compares the sentence with the layers.
func (t *tree) checkMayImport(folder, body string) []string {
	name := folder + "/README.md"
	i := slices.IndexFunc(layers, func(l layer) bool { return l.folder == folder })
	if i < 0 {
		return nil // a folder without Go code of this module imports nothing
	}
	found := mayImport.FindStringSubmatch(body)
	if found == nil {
		return []string{name + ` does not say what it "May import"`}
	}
	var faults []string
	for _, allowed := range layers[i].within {
		if !strings.Contains(found[1], "`"+allowed+"`") && !strings.Contains(found[1], "`"+allowed+"/") {
			faults = append(faults, fmt.Sprintf("%s: it may import `%s` too, and does not say so under \"May import\"", name, allowed))
		}
	}
	return faults
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)

// checkLinks wants every link to a file or folder of the repository to lead somewhere.
func checkLinks(t *tree) []string {
	var faults []string
	for _, x := range t.texts {
		if path.Ext(x.path) != ".md" {
			continue
		}
		for number, line := range numbered(x.body) {
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				if !t.has(path.Join(path.Dir(x.path), found[1])) {
					faults = append(faults, fmt.Sprintf("%s:%d links to %s, which does not exist", x.path, number, found[1]))
				}
			}
		}
	}
	return faults
}

var namedTest = regexp.MustCompile("`(Test[A-Z]\\w*)`")

// checkNamedTests wants every test that a document relies on to exist.
func checkNamedTests(t *tree) []string {
	declared := map[string]bool{}
	for _, s := range t.sources {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test {
				declared[f.Name.Name] = true
			}
		}
	}
	var faults []string
	for _, x := range t.texts {
		if path.Ext(x.path) != ".md" {
			continue
		}
		for _, found := range namedTest.FindAllStringSubmatch(x.body, -1) {
			if !declared[found[1]] {
				faults = append(faults, fmt.Sprintf("%s relies on %s, which does not exist", x.path, found[1]))
			}
		}
	}
	return faults
}
