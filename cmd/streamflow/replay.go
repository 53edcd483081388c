package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

// catchUp is how long replay waits for the read models of an installation that nobody serves.
const catchUp = time.Minute

// replay prints every dashboard figure as it stood at a time, by what the log knew then.
func replay(ctx context.Context, c call) error {
	flags := newFlags("replay")
	asOf := flags.String("as-of", "", "`TIME` (RFC 3339) or cursor that the figures are told as of; needed")
	on := flags.String("on", "", "`DATE` on which money and windows end, by what was known then (the day of --as-of)")
	portal := flags.String("portal", "", "print one `PORTAL`'s figures only: provider, developer, accountant or client")
	tenant := flags.String("tenant", "", "`ID` of the tenant whose figures are told (all together)")
	asJSON := flags.Bool("json", false, "print one JSON object, by portal and figure")
	if err := c.parseOnly(flags); err != nil {
		return err
	}
	portals := user.Portals
	if *portal != "" {
		if !slices.Contains(portals, *portal) {
			return usageError{fmt.Sprintf("%q is no portal", *portal)}
		}
		portals = []string{*portal}
	}
	var who uuid.UUID
	if *tenant != "" {
		var err error
		if who, err = uuid.Parse(*tenant); err != nil {
			return usageError{"--tenant is the id of one"}
		}
	}
	if *asOf == "" {
		return usageError{"--as-of names a time or a cursor"}
	}
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	m, err := n.momentOf(ctx, *asOf, *on)
	if err != nil {
		return err
	}
	projecting, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = n.projector.Run(projecting) }() // beside a running serve it is fenced, and idle
	return n.printFigures(ctx, c.out, portals, who, m, *asJSON)
}

// momentOf reads what replay's flags ask for. A time that is yet to come is refused: the log cannot know it.
func (n *node) momentOf(ctx context.Context, asOf, on string) (projections.Moment, error) {
	m := projections.Moment{On: domain.DateOf(time.Now())}
	if at, err := time.Parse(time.RFC3339, asOf); err == nil {
		if at.After(time.Now()) {
			return m, usageError{"--as-of is in the future"}
		}
		m.On = domain.DateOf(at)
	}
	if on != "" {
		day, err := domain.ParseDate(on)
		if err != nil {
			return m, usageError{"--on: " + err.Error()}
		}
		m.On = day
	}
	cursor, err := n.cursor(ctx, asOf)
	m.At = cursor
	return m, err
}

func (n *node) printFigures(ctx context.Context, out io.Writer, portals []string, tenant uuid.UUID, m projections.Moment, asJSON bool) error {
	all := map[string]map[string]projections.Figure{}
	for _, portal := range portals {
		figures, _, err := projections.Stats(ctx, n.reader, portal, projection.Query{Tenant: tenant, After: m.At, Wait: catchUp}, m)
		if err != nil {
			return err
		}
		all[portal] = figures
	}
	if asJSON {
		return json.NewEncoder(out).Encode(all)
	}
	for _, portal := range portals {
		for _, name := range slices.Sorted(maps.Keys(all[portal])) {
			f := all[portal][name]
			value, err := json.Marshal(f.Value)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", portal, name, value, f.Unit, f.Reason)
		}
	}
	return nil
}
