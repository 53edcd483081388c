//go:build !linux

package pgserver

import "syscall"

const namespaceSupported = false

// setDeathSignal does nothing: only Linux tells a child of its parent's death. The orphan is found by its pid file
// at the next start.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

func setNamespace(*syscall.SysProcAttr) {}
