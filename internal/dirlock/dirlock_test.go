package dirlock_test

import (
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/streamflow/streamflow/internal/dirlock"
)

func TestSecondHolderIsRefusedUntilRelease(t *testing.T) {
	dir := t.TempDir()
	first, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dirlock.Acquire(dir)
	if !errors.Is(err, dirlock.ErrHeld) {
		t.Fatalf("second Acquire: got %v, want ErrHeld", err)
	}
	if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "process") {
		t.Errorf("message %q should name the folder and the holder", err)
	}
	first.Release()
	first.Release()
	again, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatalf("after Release: %v", err)
	}
	again.Release()
}

// A child inherits the file for the moment between its fork and its exec; Release must not depend on its speed.
func TestReleaseHoldsWhileChildrenAreStarted(t *testing.T) {
	stop := make(chan struct{})
	var starters sync.WaitGroup
	defer starters.Wait()
	defer close(stop)
	for range 2 {
		starters.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		})
	}
	dir := t.TempDir()
	for range 2000 {
		lock, err := dirlock.Acquire(dir)
		if err != nil {
			t.Fatal(err)
		}
		lock.Release()
	}
}
