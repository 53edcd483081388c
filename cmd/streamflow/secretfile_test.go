package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that is full when a secret is made leaves none behind: an empty one would be taken for it at every later start.
func TestAFullDiskLeavesNoHalfSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	full := before
	full.Cur = 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	_, failed := secretFile(path)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if failed == nil {
		t.Error("the secret was made on a full disk")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	made, err := secretFile(path)
	if err != nil || len(made) != 44 {
		t.Fatalf("made %q, %v", made, err)
	}
	if again, err := secretFile(path); err != nil || again != made {
		t.Errorf("%q became %q, %v", made, again, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
