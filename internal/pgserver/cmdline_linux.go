package pgserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
)

// commandLine returns the arguments of a process, each followed by a space; empty when it is gone.
func commandLine(_ context.Context, pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
}
