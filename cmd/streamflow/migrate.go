package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/streamflow/streamflow/migrations"
)

func migrate(ctx context.Context, c call) error {
	flags := newFlags("migrate")
	until := flags.Int64("until", 0, "with up: apply no step above number `N`")
	args, err := c.parse(flags)
	if err != nil {
		return err
	}
	if len(args) != 1 || !slices.Contains([]string{"status", "plan", "up"}, args[0]) {
		return usageError{"say status, plan or up"}
	}
	n := &node{config: c.config, url: c.config.databaseURL}
	defer n.close()
	if err := n.openDatabase(ctx, true); err != nil {
		return err
	}
	if args[0] == "up" {
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
		case args[0] == "status":
			state := "pending"
			if s.Applied {
				state = "applied"
			}
			fmt.Fprintf(c.out, "%s\t%s\n", s.Name, state)
		case !s.Applied:
			fmt.Fprintf(c.out, "-- %s: locks what it alters exclusively, waits at most 5 s for it\n%s\n", s.Name, s.SQL)
		}
	}
	return nil
}
