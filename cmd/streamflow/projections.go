package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/streamflow/streamflow/eventstore/projection"
)

// projectionsCall is what a call of the verb asks for.
type projectionsCall struct {
	action, name       string
	json, force, quiet bool
}

var projectionActions = []string{"list", "rebuild", "pause", "resume", "retry", "switch"}

func readProjectionsCall(c call) (projectionsCall, error) {
	p := projectionsCall{action: "list"}
	flags := newFlags("projections")
	flags.BoolVar(&p.json, "json", false, "with list: print a JSON array")
	flags.BoolVar(&p.force, "force", false, "with rebuild: switch even where the new tables differ from the old")
	flags.BoolVar(&p.quiet, "quiet", false, "with rebuild: show no progress")
	words, err := c.parse(flags)
	if err != nil {
		return p, err
	}
	if len(words) > 0 {
		p.action, words = words[0], words[1:]
	}
	switch {
	case !slices.Contains(projectionActions, p.action):
		return p, usageError{fmt.Sprintf("%q is not one of %s", p.action, strings.Join(projectionActions, ", "))}
	case p.action == "list" && len(words) > 0:
		return p, usageError{"list takes no name"}
	case p.action != "list" && len(words) != 1:
		return p, usageError{"name one projection"}
	case p.json && p.action != "list":
		return p, usageError{"--json goes with list"}
	case p.force && p.action != "rebuild":
		return p, usageError{"--force goes with rebuild"}
	}
	if len(words) == 1 {
		p.name = words[0]
	}
	return p, nil
}

func projectionsVerb(ctx context.Context, c call) error {
	p, err := readProjectionsCall(c)
	if err != nil {
		return err
	}
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	if names := n.projector.Names(); p.name != "" && !slices.Contains(names, p.name) {
		return usageError{fmt.Sprintf("there is no projection %q, but %s", p.name, strings.Join(names, ", "))}
	}
	switch p.action {
	case "rebuild":
		return n.rebuildProjection(ctx, c, p)
	case "pause", "resume":
		err = n.projector.Pause(ctx, p.name, p.action == "pause")
	case "retry":
		err = n.projector.Retry(ctx, p.name)
	case "switch":
		err = n.projector.SwitchBack(ctx, p.name)
	}
	if err != nil {
		return err
	}
	return n.listProjections(ctx, c, p)
}

// rebuildProjection shows how fast it goes and how long it takes. What is parked on the way is logged as it happens, and said at the end.
func (n *node) rebuildProjection(ctx context.Context, c call, p projectionsCall) error {
	begun, bar := time.Now(), newProgress(c.err, p.quiet, "events")
	rebuild := n.projector.Rebuild
	if p.force {
		rebuild = n.projector.ForceRebuild
	}
	err := rebuild(ctx, p.name, bar.show)
	bar.end()
	if _, differs := errors.AsType[*projection.DifferenceError](err); differs {
		return fmt.Errorf("%w: --force switches to what was built", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%s is rebuilt and switched to, in %s\n", p.name, time.Since(begun).Round(time.Millisecond))
	return n.listProjections(ctx, c, p)
}

// listProjections prints a row for each projection and lane, and why the first of its parked events are.
func (n *node) listProjections(ctx context.Context, c call, p projectionsCall) error {
	states, err := n.projector.States(ctx)
	if err != nil {
		return err
	}
	if p.name != "" {
		states = slices.DeleteFunc(states, func(s projection.State) bool { return s.Name != p.name })
	}
	if p.json {
		if states == nil {
			states = []projection.State{}
		}
		return json.NewEncoder(c.out).Encode(states)
	}
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "projection\tlane\tgeneration\tposition\tlag\tseconds\tparked\tpaused")
	for _, s := range states {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%.1f\t%d\t%t\n", s.Name, s.Lane, s.Generation, s.Position, s.Lag(), s.LagSeconds, s.Parked, s.Paused)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range states {
		for _, reason := range s.Reasons {
			fmt.Fprintf(c.out, "parked in %s, lane %d, position %s\n", s.Name, s.Lane, reason)
		}
	}
	return nil
}
