package projection

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// State is where a projection stands in one lane.
type State struct {
	Name       string  `json:"name"`
	Lane       int     `json:"lane"`
	Generation int     `json:"generation"`
	Position   int64   `json:"position"`
	Head       int64   `json:"head"`
	LagSeconds float64 `json:"lagSeconds"` // for how long the first event that is not folded has been in the log
	Parked     int64   `json:"parked"`     // events, those that only wait included
	// Reasons are why the first events that do not only wait are parked, "<position>: <error>", at most three.
	Reasons []string `json:"reasons"`
	Paused  bool     `json:"paused"`
}

// Lag is how many events of the lane are not folded.
func (s State) Lag() int64 { return max(s.Head-s.Position, 0) }

// Names are the projections that the engine knows.
func (e *Engine) Names() []string {
	names := make([]string, len(e.projections))
	for i, p := range e.projections {
		names[i] = p.Name
	}
	return names
}

// States lists every projection in every lane.
func (e *Engine) States(ctx context.Context) ([]State, error) {
	rows, err := e.pool.Query(ctx, `select p.name, c.lane, p.generation, c.position, l.head,
			coalesce((select greatest(extract(epoch from clock_timestamp() - e.recorded_at), 0) from log.event e where e.lane = c.lane and e.position = c.position + 1), 0)::float8,
			(select count(*) from log.parked k where k.projection = p.name and k.generation = p.generation and k.lane = c.lane),
			array(select k.position || ': ' || k.error from log.parked k where k.projection = p.name and k.generation = p.generation and k.lane = c.lane
				and k.error not like $1 order by k.position limit 3), p.paused
		from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane
		order by p.name, c.lane`, waitsBehind+"%")
	if err != nil {
		return nil, fmt.Errorf("projection states: %w", err)
	}
	states, err := pgx.CollectRows(rows, pgx.RowToStructByPos[State])
	if err != nil {
		return nil, fmt.Errorf("projection states: %w", err)
	}
	return states, nil
}
