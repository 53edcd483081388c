package projection

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

// The actions that can be asked of a projection.
const (
	ActionRebuild = "rebuild"
	ActionPause   = "pause"
	ActionResume  = "resume"
	ActionRetry   = "retry"
	ActionSwitch  = "switch"
)

const (
	// tellEvery is how often a rebuild writes down how far it is.
	tellEvery = 250 * time.Millisecond
	// endLimit bounds writing down how a job ended when its node is ending.
	endLimit = 5 * time.Second
)

// ErrNoJob: no job has that id.
var ErrNoJob = errors.New("no such job")

// Order is what is asked of a projection, under an id that is asked once.
type Order struct {
	ID                 uuid.UUID
	Projection, Action string
	By                 string // who asks
	Fingerprint        []byte // of the request
	Correlation        string
	Force              bool // a rebuild switches to what differs, too
}

// Job is what became of an order.
type Job struct {
	ID          uuid.UUID
	Projection  string
	Action      string
	Correlation string
	BegunAt     time.Time
	EndedAt     *time.Time
	Done, Total int64 // events of a rebuild
	Refused     bool  // the state of the projection did not allow it: Error says why
	Error       string
	Result      *Condition // the projection as it was left; nil where it was not changed
	Running     bool       // false without an end: the node that ran it ended first
	Replayed    bool       // the order had been given before
	fingerprint []byte
}

// lost tells whether a job has neither an end nor a node. Where that is read for the first time it may also be ending: locks are read as
// they are, and rows as they were when the snapshot was taken. Its end was there before its lock was gone, so a second look, in a
// snapshot of its own, is right.
func (j Job) lost() bool { return j.EndedAt == nil && !j.Running }

// The states of a job.
const (
	JobRunning = "running"
	JobDone    = "done"
	JobFailed  = "failed"
)

// State is one of the states of a job.
func (j Job) State() string {
	switch {
	case j.Running:
		return JobRunning
	case j.EndedAt == nil || j.Error != "":
		return JobFailed
	}
	return JobDone
}

// lockHeld tells whether the node that runs a job is there: its connection holds the job's lock until its end is written down.
const lockHeld = `exists (select from pg_locks l where l.locktype = 'advisory' and l.granted
	and l.database = (select oid from pg_database where datname = current_database())
	and l.classid = (hashtext('streamflow job')::bigint & 4294967295)::oid and l.objid = (hashtext(job.id::text)::bigint & 4294967295)::oid)`

const jobColumns = `select id, projection, action, correlation, begun_at, ended_at, done, total, refused, error, result, fingerprint,
	ended_at is null and ` + lockHeld + ` from log.job `

func scanJob(row pgx.CollectableRow) (j Job, err error) {
	var result string
	err = row.Scan(&j.ID, &j.Projection, &j.Action, &j.Correlation, &j.BegunAt, &j.EndedAt, &j.Done, &j.Total, &j.Refused, &j.Error, &result, &j.fingerprint, &j.Running)
	if err == nil && result != "" {
		err = json.Unmarshal([]byte(result), &j.Result)
	}
	return j, err
}

// Job is what became of an order, or [ErrNoJob].
func (e *Engine) Job(ctx context.Context, id uuid.UUID) (Job, error) {
	return readJob(ctx, e.pool, id)
}

// readJob reads a job outside of any older snapshot.
func readJob(ctx context.Context, q querier, id uuid.UUID) (j Job, err error) {
	for range 2 {
		rows, err := q.Query(ctx, jobColumns+`where id = $1`, id)
		if err != nil {
			return Job{}, fmt.Errorf("read job: %w", err)
		}
		j, err = pgx.CollectExactlyOneRow(rows, scanJob)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return j, ErrNoJob
		case err != nil:
			return j, fmt.Errorf("read job: %w", err)
		case !j.lost():
			return j, nil
		}
	}
	return j, nil
}

// newestRebuilds are the last rebuild of each projection that had one.
func newestRebuilds(ctx context.Context, q querier) (map[string]Job, error) {
	rows, err := q.Query(ctx, `select distinct on (projection) * from (`+jobColumns+`where action = 'rebuild' and not refused) j order by projection, begun_at desc`)
	if err != nil {
		return nil, err
	}
	jobs, err := pgx.CollectRows(rows, scanJob)
	byName := map[string]Job{}
	for _, j := range jobs {
		byName[j.Projection] = j
	}
	return byName, err
}

// begin writes an order down. Where it was given before, the job that it was is returned.
func begin(ctx context.Context, q querier, o Order) (before *Job, err error) {
	rows, err := q.Query(ctx, `insert into log.job (id, projection, action, asked_by, fingerprint, correlation) values ($1, $2, $3, $4, $5, $6)
		on conflict do nothing`, o.ID, o.Projection, o.Action, o.By, o.Fingerprint, o.Correlation)
	if err != nil {
		return nil, err
	}
	rows.Close()
	if err := rows.Err(); err != nil || rows.CommandTag().RowsAffected() == 1 {
		return nil, err
	}
	j, err := readJob(ctx, q, o.ID)
	if err == nil && !bytes.Equal(j.fingerprint, o.Fingerprint) {
		err = eventstore.ErrCommandReused
	}
	j.Replayed = true
	return &j, err
}

// beginOn is begin on the connection that is to run the job, and holds its lock from then on.
func beginOn(ctx context.Context, conn *pgxpool.Conn, o Order) (before *Job, err error) {
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext('streamflow job'), hashtext($1))`, o.ID.String()); err != nil {
		return nil, err
	}
	return begin(ctx, conn, o)
}

// end writes down how a job ended, and what it left.
func (e *Engine) end(ctx context.Context, tx pgx.Tx, o Order, refused bool, cause error) error {
	why := ""
	if cause != nil {
		why = cause.Error()
	}
	if _, err := tx.Exec(ctx, `update log.job set ended_at = clock_timestamp(), refused = $2, error = $3 where id = $1`, o.ID, refused, why); err != nil || refused {
		return err
	}
	condition, err := e.condition(ctx, tx, o.Projection)
	if err != nil {
		return err
	}
	result, err := json.Marshal(condition)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update log.job set result = $2 where id = $1`, o.ID, string(result))
	return err
}

// runJob rebuilds for an order that is written down, and keeps account of it. The caller is alone with the projection, which is let
// go before the end is told: who hears of it may rebuild again.
func (e *Engine) runJob(ctx context.Context, r rebuilding, progress func(done, total int64)) error {
	var told time.Time
	err := e.rebuild(ctx, r.projection, r.Force, func(done, total int64) {
		progress(done, total)
		if now := time.Now(); now.Sub(told) >= tellEvery || done == total {
			told = now
			// It is only told; the next one tells it better.
			_, _ = e.pool.Exec(ctx, `update log.job set done = $2, total = $3 where id = $1`, r.ID, done, total)
		}
	})
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	cause := err
	if ctx.Err() != nil {
		cause = errors.New("the node ended before it did")
	}
	_, unlock := r.conn.Exec(ending, `select pg_advisory_unlock(hashtext('streamflow rebuild'), hashtext($1))`, r.Projection)
	return errors.Join(err, unlock, pgx.BeginFunc(ending, r.conn, func(tx pgx.Tx) error { return e.end(ending, tx, r.Order, false, cause) }))
}
