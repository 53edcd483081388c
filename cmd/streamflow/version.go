package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

func version(_ context.Context, c call) error {
	_, err := fmt.Fprintf(c.out, "streamflow, commit %s, %s\n", revision(), runtime.Version())
	return err
}

// revision is the commit that the program was built from.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
