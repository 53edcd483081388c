// Package pgtest gives tests real Postgres databases.
//
// Every test gets a database of its own, cloned in milliseconds from a template that was prepared once in the test
// process. The server behind it is, in this order: the one that STREAMFLOW_TEST_DATABASE_URL names; a container
// (image postgres:18, or STREAMFLOW_TEST_POSTGRES_IMAGE, and then nothing else) where a Docker engine answers; the Postgres that is
// installed here. Without any a test fails; it is never skipped.
//
// A package that uses it has one line:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// Prepare makes a template's content, as migrations do. It gets the address of an empty database as its owner: a
// login role that is no superuser but may create roles, as the program has in production.
type Prepare func(ctx context.Context, ownerURL string) error

// prepareLimit bounds a Prepare and everything else that is done for one test.
const prepareLimit = 2 * time.Minute

// Main runs a package's tests, ends the server that they shared, removes its folder and exits. Without it both
// still go when the process ends, only not before it ends.
func Main(m *testing.M) {
	code := m.Run()
	closeShared()
	os.Exit(code)
}

// URL returns the address of an empty database of the test's own.
func URL(t testing.TB) string {
	t.Helper()
	return New(t, "", nil)
}

// New returns the address of a database of the test's own that holds what prepare made. prepare runs once in the
// test process for each key; a nil prepare makes nothing. The login role owns the database and is no superuser.
// The database is dropped at the end of the test unless it failed.
func New(t testing.TB, key string, prepare Prepare) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	// From here on: the first test also waits for the server, which has limits of its own.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), prepareLimit)
	defer cancel()
	template, err := s.template(ctx, key, prepare)
	if err != nil {
		t.Fatalf("pgtest: prepare the template %q: %v", key, err)
	}
	name := s.nextName()
	if err := s.clone(ctx, template, name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() && s.outlivesProcess {
			t.Logf("pgtest: the failed test's database is kept as %s", name)
			return
		}
		if t.Failed() {
			return // it ends with its server; dropping it would only take time
		}
		ctx, cancel := context.WithTimeout(context.Background(), prepareLimit)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return s.ownerURL(name)
}

// AdminURL returns the address of the database at url, which New or URL gave, for the server's administrator: for a
// test that plays one, by tampering with what nobody else may change.
func AdminURL(t testing.TB, url string) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	admin, err := withDatabaseOf(s.admin, url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return admin
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "pgtest: "+format+"\n", args...)
}
