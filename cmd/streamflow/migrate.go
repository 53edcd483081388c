package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/streamflow/streamflow/migrations"
)

func migrate(ctx context.Context, c call) error {
	if len(c.args) == 0 {
		return usageError{"say status, plan or up"}
	}
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	until := flags.Int64("until", 0, "")
	if err := flags.Parse(c.args[1:]); err != nil {
		return usageError{err.Error()}
	}
	n := &node{config: c.config, url: c.config.databaseURL}
	defer n.close()
	if err := n.openDatabase(ctx, true); err != nil {
		return err
	}
	if c.args[0] == "up" {
		applied, err := migrations.Up(ctx, n.url, *until)
		fmt.Fprintf(c.err, "%d applied\n", applied)
		return err
	}
	steps, err := migrations.Status(ctx, n.url)
	if err != nil {
		return err
	}
	for _, s := range steps {
		switch {
		case c.args[0] == "status":
			state := "pending"
			if s.Applied {
				state = "applied"
			}
			fmt.Fprintf(c.out, "%s\t%s\n", s.Name, state)
		case c.args[0] != "plan":
			return usageError{"say status, plan or up"}
		case !s.Applied:
			fmt.Fprintf(c.out, "-- %s: locks what it alters exclusively, waits at most 5 s for it\n%s\n", s.Name, s.SQL)
		}
	}
	return nil
}
