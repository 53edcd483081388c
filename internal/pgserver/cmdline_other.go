//go:build !linux

package pgserver

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
)

// commandLine returns the arguments of a process, each followed by a space; empty when it is gone.
func commandLine(ctx context.Context, pid int) string {
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out)) + " "
}
