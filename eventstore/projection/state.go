package projection

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
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

// The states of a projection.
const (
	StateLive       = "live"
	StatePaused     = "paused"     // an operator stopped it
	StateRebuilding = "rebuilding" // and is live meanwhile
	StateOutdated   = "outdated"   // of another version than this program folds
)

// parkedShown is how many parked keys of a projection are listed.
const parkedShown = 100

// Condition is how a projection is, over all lanes.
type Condition struct {
	Name       string      `json:"name"`
	Version    int         `json:"version"`
	Generation int         `json:"generation"`
	Previous   *int        `json:"previousGeneration" doc:"What a switch goes back to"`
	State      string      `json:"state" enum:"live,paused,rebuilding,outdated"`
	Checkpoint string      `json:"checkpoint" doc:"The cursor of what is folded"`
	Lanes      []LanePlace `json:"lanes" doc:"How far it is in each lane"`
	Lag        int64       `json:"lag" doc:"Events that are not folded"`
	LagMS      int64       `json:"lagMs" doc:"For how long the oldest of them has been in the log"`
	Parked     int64       `json:"parked" doc:"Events that could not be folded, those that only wait behind one included"`
	ParkedKeys []ParkedKey `json:"parkedKeys" doc:"The first streams that wait, at most 100"`
	Rebuild    *Rebuilding `json:"rebuild" doc:"The newest rebuild"`
}

// LanePlace is how far a projection is in a lane.
type LanePlace struct {
	Lane     int   `json:"lane"`
	Position int64 `json:"position"`
	Head     int64 `json:"head" doc:"The lane's newest position"`
}

// ParkedKey is a stream whose events wait behind one that could not be folded.
type ParkedKey struct {
	Lane     int       `json:"lane"`
	Position int64     `json:"position"`
	TenantID uuid.UUID `json:"tenantId"`
	Stream   string    `json:"stream"`
	Reason   string    `json:"reason"`
	Events   int64     `json:"events"`
	ParkedAt time.Time `json:"parkedAt"`
}

// Rebuilding is how far a rebuild is.
type Rebuilding struct {
	JobID   uuid.UUID `json:"jobId"`
	State   string    `json:"state" enum:"running,done,failed"`
	Done    int64     `json:"done"`
	Total   int64     `json:"total"`
	BegunAt time.Time `json:"begunAt"`
	lost    bool
}

// Conditions tells how every projection is, by name.
func (e *Engine) Conditions(ctx context.Context) (all []Condition, err error) {
	for range 2 {
		err = pgx.BeginTxFunc(ctx, e.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			all, err = e.conditions(ctx, tx)
			return err
		})
		if err != nil || !slices.ContainsFunc(all, func(c Condition) bool { return c.Rebuild != nil && c.Rebuild.lost }) {
			break
		}
	}
	return all, err
}

// Condition tells how one projection is, or [ErrUnknown].
func (e *Engine) Condition(ctx context.Context, name string) (Condition, error) {
	all, err := e.Conditions(ctx)
	if err != nil {
		return Condition{}, err
	}
	return named(all, name)
}

func (e *Engine) condition(ctx context.Context, tx pgx.Tx, name string) (Condition, error) {
	all, err := e.conditions(ctx, tx)
	if err != nil {
		return Condition{}, err
	}
	return named(all, name)
}

func named(all []Condition, name string) (Condition, error) {
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	return Condition{}, fmt.Errorf("%w: %s", ErrUnknown, name)
}

func (e *Engine) conditions(ctx context.Context, tx pgx.Tx) ([]Condition, error) {
	rows, err := tx.Query(ctx, `select p.name, p.version, p.generation, p.previous, p.paused, c.lane, l.epoch, c.position, l.head,
			coalesce((select greatest(extract(epoch from clock_timestamp() - e.recorded_at), 0) * 1000 from log.event e where e.lane = c.lane and e.position = c.position + 1), 0)::bigint
		from log.projection p join log.checkpoint c on c.projection = p.name and c.generation = p.generation join log.lane l on l.lane = c.lane
		order by p.name, c.lane`)
	if err != nil {
		return nil, fmt.Errorf("projection conditions: %w", err)
	}
	all, cursor := []Condition{}, eventstore.Cursor{}
	var s Condition
	var lane int
	var m eventstore.Mark
	var head, late int64
	var paused bool
	_, err = pgx.ForEachRow(rows, []any{&s.Name, &s.Version, &s.Generation, &s.Previous, &paused, &lane, &m.Epoch, &m.Position, &head, &late}, func() error {
		p, err := e.find(s.Name)
		if err != nil {
			return nil // of a program that had others
		}
		if len(all) == 0 || all[len(all)-1].Name != s.Name {
			cursor = eventstore.Cursor{}
			all = append(all, Condition{Name: s.Name, Version: s.Version, Generation: s.Generation, Previous: s.Previous, State: StateLive, ParkedKeys: []ParkedKey{}})
		}
		cursor[lane] = m
		one := &all[len(all)-1]
		one.Checkpoint = e.log.Token(cursor)
		one.Lanes = append(one.Lanes, LanePlace{Lane: lane, Position: m.Position, Head: head})
		one.Lag += max(head-m.Position, 0)
		one.LagMS = max(one.LagMS, late)
		switch {
		case s.Version != p.Version:
			one.State = StateOutdated
		case paused:
			one.State = StatePaused
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("projection conditions: %w", err)
	}
	return all, e.addParkedAndRebuilds(ctx, tx, all)
}

func (e *Engine) addParkedAndRebuilds(ctx context.Context, tx pgx.Tx, all []Condition) error {
	rebuilds, err := newestRebuilds(ctx, tx)
	if err != nil {
		return fmt.Errorf("projection conditions: %w", err)
	}
	rows, err := tx.Query(ctx, `select * from (select k.projection, k.lane, min(k.position) as first, k.tenant, k.stream, (array_agg(k.error order by k.position))[1], count(*), min(k.parked_at),
			row_number() over (partition by k.projection order by k.lane, min(k.position)), sum(count(*)) over (partition by k.projection)::bigint
		from log.parked k join log.projection p on p.name = k.projection and p.generation = k.generation
		group by k.projection, k.lane, k.tenant, k.stream) keys(projection, lane, first, tenant, stream, error, events, parked_at, number, parked)
		where number <= $1 order by projection, number`, parkedShown)
	if err != nil {
		return fmt.Errorf("projection conditions: %w", err)
	}
	byName := map[string]*Condition{}
	for i := range all {
		s := &all[i]
		byName[s.Name] = s
		if j, ok := rebuilds[s.Name]; ok {
			s.Rebuild = &Rebuilding{JobID: j.ID, State: j.State(), Done: j.Done, Total: j.Total, BegunAt: j.BegunAt.UTC(), lost: j.lost()}
			if j.Running && s.State == StateLive {
				s.State = StateRebuilding
			}
		}
	}
	var name string
	var k ParkedKey
	var number, parked int64
	_, err = pgx.ForEachRow(rows, []any{&name, &k.Lane, &k.Position, &k.TenantID, &k.Stream, &k.Reason, &k.Events, &k.ParkedAt, &number, &parked}, func() error {
		if s := byName[name]; s != nil {
			s.Parked, s.ParkedKeys = parked, append(s.ParkedKeys, k)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("projection conditions: %w", err)
	}
	return nil
}
