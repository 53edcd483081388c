package pgtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// scratch is a folder for one server that goes away with the test process, however that ends: a test binary exits
// without running anything deferred, and a time limit kills it.
type scratch struct {
	dir     string
	hold    io.Closer
	janitor *exec.Cmd
}

// janitorScript waits for the end of its input, which the kernel brings about when the test process is gone. Then
// it ends a Postgres that still runs in the folder and removes the folder.
const janitorScript = `
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
runs() {
	[ -n "$pid" ] && { grep -qaF "$1" "/proc/$pid/cmdline" || ps -o args= -p "$pid" | grep -qF "$1"; } 2>/dev/null
}
runs "$1" && kill -QUIT "$pid"
tries=0
while runs "$1"; do
	tries=$((tries + 1))
	[ "$tries" -eq 100 ] && kill -KILL "$pid"
	sleep 0.05
done
tries=0
while [ -e "$1" ] && [ "$tries" -lt 100 ]; do
	rm -rf "$1" 2>/dev/null || sleep 0.05
	tries=$((tries + 1))
done
`

func newScratch() (*scratch, error) {
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	// Postgres may run as another account, which must be able to pass; the folders inside are closed.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	janitor := exec.Command("/bin/sh", "-c", janitorScript, "pgtest-janitor", dir)
	janitor.Dir = "/"
	// A session of its own: what ends the test's process group must not end the janitor too.
	janitor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	hold, err := janitor.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := janitor.Start(); err != nil {
		_ = os.Remove(dir)
		return nil, fmt.Errorf("start the janitor: %w", err)
	}
	return &scratch{dir: dir, hold: hold, janitor: janitor}, nil
}

// remove returns when the folder, and any server in it, is gone. A second call does nothing.
func (s *scratch) remove() {
	_ = s.hold.Close()
	_ = s.janitor.Wait()
}
