package pgserver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakePostgres makes a folder whose programs claim to be a version.
func fakePostgres(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		script := "#!/bin/sh\necho '" + name + " (PostgreSQL) " + version + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestExplicitFolderIsTheOnlyOneConsidered(t *testing.T) {
	bin, err := Find(fakePostgres(t, t.TempDir(), "16.3 (Debian 16.3-1)"))
	if err != nil || bin.Major != 16 {
		t.Errorf("got %+v, %v", bin, err)
	}
	for want, dir := range map[string]string{
		"no such file": t.TempDir(),
		"Postgres 14":  fakePostgres(t, t.TempDir(), "14.2"),
		"not Postgres": fakePostgres(t, t.TempDir(), ""),
	} {
		if want == "not Postgres" {
			if err := os.WriteFile(filepath.Join(dir, "initdb"), []byte("#!/bin/sh\necho hello\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Find(dir)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "STREAMFLOW_POSTGRES_BIN") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestPathComesFirstAndTheDatasVersionIsPreferred(t *testing.T) {
	inPath := fakePostgres(t, t.TempDir(), "99.1")
	t.Setenv("PATH", inPath+":"+os.Getenv("PATH"))
	t.Chdir(t.TempDir())
	bin, err := Find("")
	if err != nil || bin.Major != 99 {
		t.Fatalf("got %+v, %v; want the one in PATH", bin, err)
	}
	// A bundle in the working folder, and data that it made.
	fakePostgres(t, bundlePath(), "98.0")
	if err := os.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("data", "PG_VERSION"), []byte("98\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bin, err := FindFor("", "."); err != nil || bin.Major != 98 {
		t.Errorf("got %+v, %v; want the data's version", bin, err)
	}
	if bin, err := Find(""); err != nil || bin.Major != 99 {
		t.Errorf("got %+v, %v; want the order of search", bin, err)
	}
}

func TestVersionsSortAsNumbers(t *testing.T) {
	if versionIn("/usr/lib/postgresql/9/bin") >= versionIn("/usr/lib/postgresql/18/bin") {
		t.Error("9 sorts above 18")
	}
}

func TestNotFoundNamesThePackage(t *testing.T) {
	for _, word := range []string{"apt-get install postgresql", "brew install postgresql", "STREAMFLOW_POSTGRES_BIN"} {
		if !strings.Contains(ErrNotFound.Error(), word) {
			t.Errorf("the message lacks %q", word)
		}
	}
	if errors.Is(ErrNotFound, ErrVersion) {
		t.Error("errors are mixed up")
	}
}
