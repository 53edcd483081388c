package archtest

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// rules are all there are. Each needs at least one tree in broken that it finds fault with.
var rules = map[string]func(*tree) []string{
	"imports":        checkImports,
	"portals":        checkPortals,
	"test parts":     checkTestParts,
	"clock":          checkClock,
	"engine words":   checkEngineWords,
	"unfinished":     checkUnfinished,
	"skips":          checkSkips,
	"function size":  checkFunctionSize,
	"file size":      checkFileSize,
	"package doc":    checkPackageDoc,
	"readme present": checkReadmePresent,
	"readme content": checkReadmeContent,
	"links":          checkLinks,
	"named tests":    checkNamedTests,
	"dependencies":   checkDependencies,
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	repository, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(repository.sources) < 50 {
		t.Fatalf("only %d Go files found: the rules would hold of nothing", len(repository.sources))
	}
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fault := range check(repository) {
				t.Error(fault)
			}
		})
	}
}

// TestRulesFail feeds each rule trees that break it, and trees that look as if they did.
func TestRulesFail(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, c := range broken {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			check, ok := rules[c.rule]
			if !ok {
				t.Fatalf("no rule is called %q", c.rule)
			}
			faults := check(loadText(t, c.files))
			switch {
			case c.fault == "" && len(faults) > 0:
				t.Errorf("found fault with a good tree: %q", faults)
			case c.fault != "" && len(faults) != 1:
				t.Errorf("%d faults, want one: %q", len(faults), faults)
			case c.fault != "" && !strings.Contains(faults[0], c.fault):
				t.Errorf("fault %q does not say %q", faults[0], c.fault)
			}
		})
		if c.fault != "" {
			shown[c.rule] = true
		}
	}
	for name := range rules {
		if !shown[name] {
			t.Errorf("rule %q was never seen to fail: add a tree that breaks it", name)
		}
	}
}

func loadText(t *testing.T, files map[string]string) *tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: fs.FileMode(0o644)}
	}
	loaded, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}
