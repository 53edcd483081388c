// Package dirlock makes one process at a time the user of a folder.
//
// The lock belongs to the open file, so the kernel releases it however the process ends; there is no stale lock
// to clean up after a crash.
package dirlock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrHeld says that another process, or another part of this one, holds the folder.
var ErrHeld = errors.New("folder is in use")

// fileName is the lock's file inside the folder. It stays there when the lock is released: removing it would let
// two processes lock two different files of the same name.
const fileName = "lock"

// Lock is a held folder.
type Lock struct{ file *os.File }

// Acquire takes the folder dir, which must exist, without waiting. It returns an error that wraps ErrHeld and
// names the folder and, where known, the holder's process id when somebody else has it.
func Acquire(dir string) (*Lock, error) {
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		return nil, fmt.Errorf("%s: %w%s", dir, ErrHeld, holder(file))
	}
	// The process id is only for the message above; a failure to write it must not refuse the lock.
	if file.Truncate(0) == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return &Lock{file: file}, nil
}

// Release gives the folder back. A second call does nothing.
func (l *Lock) Release() {
	// Closing alone is not enough: a child that is being started in this moment holds a copy of the file until it
	// executes its program.
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	_ = l.file.Close()
}

func holder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return " by process " + pid
	}
	return ""
}
