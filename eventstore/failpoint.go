package eventstore

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// killAt names the point at which a test wants this process to die as if by kill -9, and killCount which time it gets there:
// "append.committed" is the first, "append.committed:25" the twenty-fifth. Empty in production.
var (
	killAt, killCount, _ = strings.Cut(os.Getenv("STREAMFLOW_FAILPOINT"), ":")
	killPasses           atomic.Int64
)

// Failpoint kills the process where a test asked for it.
func Failpoint(name string) {
	if killAt != name {
		return
	}
	if wanted, _ := strconv.ParseInt(killCount, 10, 64); killPasses.Add(1) >= wanted {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}
