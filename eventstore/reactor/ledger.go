package reactor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

// ledger is what reactors remember, in Postgres.
type ledger struct{ pool *pgxpool.Pool }

// state is how far an effect has got.
type state int

const (
	open state = iota
	parked
	done
)

// mark is a reactor's place in a lane. The epoch tells whether the log is still the one it was read from.
type mark struct {
	position int64
	epoch    int
}

// start reads where a reactor is in a lane; a new one is put at the head, or before the first event.
func (l ledger) start(ctx context.Context, reactor string, lane int, history bool) (mark, error) {
	var m mark
	err := l.pool.QueryRow(ctx, `with made as (
			insert into log.reactor_checkpoint (reactor, lane, position)
			select $1, lane, case when $3 then 0 else head end from log.lane where lane = $2
			on conflict do nothing returning lane, position)
		select coalesce(made.position, c.position), l.epoch from log.lane l
		left join made using (lane)
		left join log.reactor_checkpoint c on c.lane = l.lane and c.reactor = $1
		where l.lane = $2 and coalesce(made.position, c.position) is not null`,
		reactor, lane, history).Scan(&m.position, &m.epoch)
	if err != nil {
		return mark{}, fmt.Errorf("find place of reactor %s in lane %d: %w", reactor, lane, err)
	}
	return m, nil
}

// errWentBack: the log is not the one that the position was read from, but an older copy.
var errWentBack = errors.New("the log went back to an older copy")

// head is the lane's newest position.
func (l ledger) head(ctx context.Context, lane int, m mark) (int64, error) {
	var head int64
	var epoch int
	err := l.pool.QueryRow(ctx, `select head, epoch from log.lane where lane = $1`, lane).Scan(&head, &epoch)
	if err != nil {
		return 0, fmt.Errorf("read head of lane %d: %w", lane, err)
	}
	if epoch != m.epoch || head < m.position {
		return 0, fmt.Errorf("%w: lane %d was at %d in epoch %d, and is at %d in epoch %d", errWentBack, lane, m.position, m.epoch, head, epoch)
	}
	return head, nil
}

// moveCheckpoint never moves back, nor on in a log that went back: two nodes that overlap, or one that has not noticed, do
// no harm. Parameters 1 to 3 are reactor, lane and position.
const moveCheckpoint = `update log.reactor_checkpoint c set position = $3 from log.lane l
	where c.reactor = $1 and c.lane = $2 and c.position < $3 and l.lane = $2 and l.head >= $3`

// move remembers that nothing up to a position is left to do.
func (l ledger) move(ctx context.Context, reactor string, lane int, m mark) error {
	if _, err := l.pool.Exec(ctx, moveCheckpoint+` and l.epoch = $4`, reactor, lane, m.position, m.epoch); err != nil {
		return fmt.Errorf("move reactor %s in lane %d to %d: %w", reactor, lane, m.position, err)
	}
	return nil
}

// state looks an effect up.
func (l ledger) state(ctx context.Context, e Effect) (state, error) {
	var s state
	err := l.pool.QueryRow(ctx, `select case
			when exists (select from log.effect where reactor = $1 and effect = $2) then $3::int
			when exists (select from log.parked_effect where reactor = $1 and effect = $2) then $4::int
			else $5::int end`, e.reactor, e.ID, done, parked, open).Scan(&s)
	if err != nil {
		return open, fmt.Errorf("look up effect %s: %w", e.ID, err)
	}
	return s, nil
}

// record remembers for ever that an effect was done.
func (l ledger) record(ctx context.Context, e Effect) error {
	_, err := l.pool.Exec(ctx, `with recorded as (
			insert into log.effect (reactor, effect, lane, position, done_at) values ($1, $4, $2, $3, clock_timestamp())
			on conflict do nothing),
		unparked as (delete from log.parked_effect where reactor = $1 and effect = $4) `+moveCheckpoint,
		e.reactor, e.Event.Lane, e.Event.Position, e.ID)
	if err != nil {
		return fmt.Errorf("record effect %s: %w", e.ID, err)
	}
	return nil
}

// reasonLimit bounds a stored reason in bytes: enough for an error and the top of a stack.
const reasonLimit = 4000

// park puts an effect aside that cannot be done now; one that was done meanwhile, on another node, is not.
func (l ledger) park(ctx context.Context, e Effect, reason string, tries int) error {
	// A text that Postgres refuses would make the effect one that can be neither done nor parked.
	reason = strings.ReplaceAll(strings.ToValidUTF8(reason, "\uFFFD"), "\x00", "\uFFFD")
	for len(reason) > reasonLimit || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, reasonLimit)]
	}
	_, err := l.pool.Exec(ctx, `with parked as (
			insert into log.parked_effect as p (reactor, effect, lane, position, error, tries, parked_at)
			select $1, $4, $2, $3, $5, $6, clock_timestamp()
			where not exists (select from log.effect where reactor = $1 and effect = $4)
			on conflict (reactor, effect) do update set error = excluded.error, tries = p.tries + excluded.tries, parked_at = excluded.parked_at) `+moveCheckpoint,
		e.reactor, e.Event.Lane, e.Event.Position, e.ID, reason, tries)
	if err != nil {
		return fmt.Errorf("park effect %s: %w", e.ID, err)
	}
	return nil
}

// findParked is the lane and position of a parked effect.
func (l ledger) findParked(ctx context.Context, reactor string, effect uuid.UUID) (lane int, position int64, err error) {
	err = l.pool.QueryRow(ctx, `select lane, position from log.parked_effect where reactor = $1 and effect = $2`, reactor, effect).Scan(&lane, &position)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotParked
	}
	if err != nil {
		return 0, 0, fmt.Errorf("find parked effect %s of %s: %w", effect, reactor, err)
	}
	return lane, position, nil
}

// Known is what the ledger tells of one effect.
type Known struct {
	Reactor string    `json:"reactor"`
	ID      uuid.UUID `json:"id"`
	State   string    `json:"state"` // done or parked
	At      time.Time `json:"at"`    // when it was recorded, or parked
	Tries   int       `json:"tries,omitempty"`
	Error   string    `json:"error,omitempty"` // why the last try failed; for operators only
}

// EffectsOf lists the recorded and the parked effects of an event; pool is in the engine or the staff role.
func EffectsOf(ctx context.Context, pool *pgxpool.Pool, event eventstore.Event) ([]Known, error) {
	rows, err := pool.Query(ctx, `select reactor, effect, 'done', done_at, 0, '' from log.effect where lane = $1 and position = $2
		union all select reactor, effect, 'parked', parked_at, tries, error from log.parked_effect where lane = $1 and position = $2
		order by 1, 2`, event.Lane, event.Position)
	if err != nil {
		return nil, fmt.Errorf("effects of event %s: %w", event.ID, err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Known])
}
