package main

import (
	"context"
	"fmt"
	"time"
)

func projectionsVerb(ctx context.Context, c call) error {
	args := c.args
	if len(args) == 0 {
		args = []string{"list"}
	}
	if args[0] != "list" && len(args) != 2 {
		return usageError{"name one projection"}
	}
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	switch args[0] {
	case "list":
		return n.listProjections(ctx, c)
	case "rebuild":
		start := time.Now()
		return n.projector.Rebuild(ctx, args[1], func(done, total int64) {
			rate := float64(done) / max(time.Since(start).Seconds(), 0.001)
			fmt.Fprintf(c.err, "%d of %d events, %.0f/s, %.0f s left\n", done, total, rate, float64(total-done)/rate)
		})
	case "pause", "resume":
		return n.projector.Pause(ctx, args[1], args[0] == "pause")
	case "retry":
		return n.projector.Retry(ctx, args[1])
	case "switch":
		return n.projector.SwitchBack(ctx, args[1])
	}
	return usageError{fmt.Sprintf("%q is not one of list, rebuild, pause, resume, retry, switch", args[0])}
}

func (n *node) listProjections(ctx context.Context, c call) error {
	states, err := n.projector.States(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, "projection\tlane\tgeneration\tposition\tlag\tparked\tpaused")
	for _, s := range states {
		fmt.Fprintf(c.out, "%s\t%d\t%d\t%d\t%d\t%d\t%t\n", s.Name, s.Lane, s.Generation, s.Position, s.Head-s.Position, s.Parked, s.Paused)
	}
	return nil
}
