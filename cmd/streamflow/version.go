package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

func version(_ context.Context, c call) error {
	flags := newFlags("version")
	asJSON := flags.Bool("json", false, "print a JSON object")
	if err := c.parseOnly(flags); err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(c.out).Encode(map[string]string{"commit": revision(), "go": runtime.Version()})
	}
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
