package projection

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// State is where a projection stands in one lane.
type State struct {
	Name           string
	Lane           int
	Generation     int
	Position, Head int64
	Parked         int64 // events, those that only wait included
	Paused         bool
}

// States lists every projection in every lane.
func (e *Engine) States(ctx context.Context) ([]State, error) {
	rows, err := e.pool.Query(ctx, `select p.name, c.lane, p.generation, c.position, l.head,
			(select count(*) from log.parked k where k.projection = p.name and k.generation = p.generation and k.lane = c.lane), p.paused
		from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane
		order by p.name, c.lane`)
	if err != nil {
		return nil, fmt.Errorf("projection states: %w", err)
	}
	states, err := pgx.CollectRows(rows, pgx.RowToStructByPos[State])
	if err != nil {
		return nil, fmt.Errorf("projection states: %w", err)
	}
	return states, nil
}
