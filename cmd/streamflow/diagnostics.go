package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/api"
)

// diagnose measures how the installation is, as this node sees it. What is down is told, and is no error.
func (n *node) diagnose(ctx context.Context) (api.Diagnostics, error) {
	told := api.Diagnostics{Time: time.Now().UTC(), Versions: map[string]string{"streamflow": revision(), "go": runtime.Version()},
		Projections: []api.ProjectionLag{}, Lanes: []api.LaneHead{}}
	told.Components = []api.Component{
		api.Measured(ctx, "database", func(ctx context.Context) error {
			var version string
			err := n.engine.QueryRow(ctx, `show server_version`).Scan(&version)
			told.Versions["postgres"] = version
			return err
		}),
		api.Measured(ctx, "projections", func(ctx context.Context) error {
			states, err := n.projector.States(ctx)
			for _, s := range states {
				told.Projections = append(told.Projections, api.ProjectionLag{Name: s.Name, Lane: s.Lane, Position: s.Position,
					Lag: max(0, s.Head-s.Position), Parked: s.Parked, Paused: s.Paused})
			}
			return err
		}),
	}
	if n.nc != nil {
		told.Components = append(told.Components, api.Measured(ctx, "bus", func(context.Context) error {
			if !n.nc.IsConnected() {
				return errors.New("not connected")
			}
			told.Versions["nats"] = n.nc.ConnectedServerVersion()
			_, err := n.nc.RTT()
			return err
		}))
	}
	if told.Components[0].State == "down" {
		return told, nil // nothing more can be known
	}
	rows, err := n.engine.Query(ctx, `select l.lane, l.epoch, l.head, s.size, s.sealed_at from log.lane l
		left join lateral (select size, sealed_at from log.seal where lane = l.lane order by size desc limit 1) s on true order by l.lane`)
	if err != nil {
		return told, fmt.Errorf("read lanes: %w", err)
	}
	told.Lanes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l api.LaneHead, err error) {
		var size *int64
		var at *time.Time
		if err = row.Scan(&l.Lane, &l.Epoch, &l.Head, &size, &at); err == nil && size != nil {
			l.Seal = &api.SealHead{Size: *size, SealedAt: at.UTC()}
		}
		return l, err
	})
	if err != nil {
		return told, fmt.Errorf("read lanes: %w", err)
	}
	return told, nil
}
