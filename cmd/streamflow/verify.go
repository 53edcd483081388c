package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/streamflow/streamflow/eventstore/verify"
)

// verifyVerb checks what is promised of the log on the data that is there.
func verifyVerb(ctx context.Context, c call) error {
	flags := newFlags("verify")
	lane := flags.Int("lane", 0, "check lane `N` only")
	asJSON := flags.Bool("json", false, "print a JSON object")
	quiet := flags.Bool("quiet", false, "show no progress")
	if err := c.parseOnly(flags); err != nil {
		return err
	}
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	if *lane < 0 || *lane > n.log.Lanes() {
		return usageError{fmt.Sprintf("--lane is a number from 1 to %d", n.log.Lanes())}
	}
	if err := n.joinBus(); err != nil {
		return err
	}
	bar := newProgress(c.err, *quiet, "events")
	report, err := verify.Run(ctx, verify.Config{
		Log: n.log, Pool: n.engine, Seals: n.seals, Conn: n.nc, Source: n.source, Lane: *lane, Projector: n.projector, Progress: bar.show,
	})
	bar.end()
	if err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(c.out).Encode(report)
	} else {
		err = printReport(c.out, report)
	}
	if err == nil && len(report.Faults) > 0 {
		err = fmt.Errorf("%d faults, the first: %s", len(report.Faults), report.Faults[0])
	}
	return err
}

func printReport(out io.Writer, r verify.Report) (err error) {
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(out, format+"\n", args...)
		}
	}
	for _, l := range r.Lanes {
		say("lane %d\t%d events\t%d sealed by %d seals\tbus has %d of %d..%d", l.Lane, l.Head, l.Sealed, l.Seals, l.Bus.Messages, l.Bus.First, l.Bus.Last)
		say("lane %d\tkey of its seals\t%s", l.Lane, l.VerifierKey)
	}
	for _, name := range r.Projections {
		say("projection %s\tcompared with the log", name)
	}
	for _, f := range r.Faults {
		say("WRONG\t%s", f)
	}
	if len(r.Faults) == 0 {
		say("nothing is wrong")
	}
	return err
}
