package intake

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

// What is asked of an import, in this order.
const (
	ActionUpload = "upload"
	ActionPlan   = "plan" // to look at every row, and change nothing
	ActionRun    = "run"
	ActionUndo   = "undo" // to take back what the run made
)

// How that is.
const (
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

const (
	// Kept is how long anything of a file is.
	Kept = 24 * time.Hour
	// atOnce is how many imports a node works on; others wait their turn.
	atOnce = 2
	// beatEvery is how often a node writes down how far an import is, and beatLimit how long it may be silent until it is taken for gone.
	beatEvery = 250 * time.Millisecond
	beatLimit = 15 * time.Second
	// endLimit bounds writing down how an import ended when its node is ending.
	endLimit   = 5 * time.Second
	sweepEvery = 10 * time.Minute
)

var (
	// ErrState: what is asked does not go with how far the import is.
	ErrState = errors.New("the import is not at that step")
	// ErrForgotten: what the file held was deleted.
	ErrForgotten = errors.New("nothing of the file is kept any more")
	// ErrBusy: the file is being received by another request, or there is too much to do.
	ErrBusy = errors.New("busy")
	// errFenced: somebody else was told to go on.
	errFenced = errors.New("another node goes on with the import")
)

// Desk takes files in, and brings their rows in when it is told to.
type Desk struct {
	use     *commands.Commands
	secrets cipher.AEAD // of what files hold
	log     *slog.Logger
	orders  chan order
	slots   chan struct{}
}

// NewDesk makes a desk. What it is told to do is done while [Desk.Run] runs.
func NewDesk(use *commands.Commands, secrets cipher.AEAD, log *slog.Logger) *Desk {
	return &Desk{use: use, secrets: secrets, log: log, orders: make(chan order, 64), slots: make(chan struct{}, atOnce)}
}

// order is an import to work on.
type order struct {
	is     Import
	worker uuid.UUID
	by     commands.Caller
}

// Plan looks at every row again, read by other options. Nothing is changed until it is run.
func (d *Desk) Plan(ctx context.Context, by commands.Caller, id uuid.UUID, o Options) (Import, error) {
	is, again, err := d.askedOfFile(ctx, by, id)
	if err != nil || again {
		return is, err
	}
	if is.Action != ActionPlan || is.State == Running {
		return is, ErrState
	}
	o.Kind, o.Form = is.Settings.Kind, is.Settings.Form
	rows, err := NewReader(d.file(ctx, id), o)
	if err != nil {
		return is, err
	}
	o.Columns = o.Kind.Guess(rows.Header(), o.Columns, o.Fixed)
	is.Settings.Options = o
	return d.begin(ctx, by, is, ActionPlan)
}

// Execute brings the rows in. Asked again it is the same run; one whose node ended goes on.
func (d *Desk) Execute(ctx context.Context, by commands.Caller, id uuid.UUID) (Import, error) {
	is, again, err := d.askedOfFile(ctx, by, id)
	switch {
	case err != nil:
		return is, err
	case is.Action == ActionUndo:
		return is, StateError{"It was taken back. Send the file again to import it again."}
	case is.Action == ActionRun && is.State != Failed:
		is.Replayed = true
		return is, nil
	case again && is.State != Failed:
		return is, nil
	case is.Action == ActionPlan && is.State != Done:
		return is, ErrState
	}
	return d.begin(ctx, by, is, ActionRun)
}

// asked is an import of which something is asked, and whether that same request was made before. Of each import the last request is known
// by its key, and the one that sent the file.
func (d *Desk) asked(ctx context.Context, by commands.Caller, id uuid.UUID) (is Import, again bool, err error) {
	is, err = d.Import(ctx, by.Tenant, id)
	if err != nil {
		return is, false, err
	}
	again = is.command == by.ID
	elsewhere, err := d.elsewhere(ctx, by, id)
	switch {
	case err != nil:
		return is, false, err
	case elsewhere, by.ID == id && !again, again && string(is.orderPrint) != string(by.Fingerprint):
		return is, false, eventstore.ErrCommandReused
	}
	is.Replayed = again
	return is, again, nil
}

// askedOfFile is asked of what the file holds.
func (d *Desk) askedOfFile(ctx context.Context, by commands.Caller, id uuid.UUID) (is Import, again bool, err error) {
	is, again, err = d.asked(ctx, by, id)
	if err == nil && is.Settings == nil && is.Action != ActionUndo && (is.State == Failed || !again && is.Action != ActionRun) { // there is nothing to begin with
		err = ErrForgotten
	}
	return is, again, err
}

// elsewhere says whether a request's key was that of another import, or of what was asked of it last.
func (d *Desk) elsewhere(ctx context.Context, by commands.Caller, id uuid.UUID) (used bool, err error) {
	if err := d.use.Pool.QueryRow(ctx, `select exists (select from app.import where tenant = $1 and (id = $2 or command_id = $2) and id <> $3)`,
		by.Tenant, by.ID, id).Scan(&used); err != nil {
		return false, fmt.Errorf("read imports: %w", err)
	}
	return used, nil
}

// begin hands an import on to be worked on. Of several that ask at once, one does; the others are told how far it is.
func (d *Desk) begin(ctx context.Context, by commands.Caller, is Import, action string) (Import, error) {
	var sealed []byte // nothing, where they stay as they are
	if is.Settings != nil && action != ActionUndo {
		var err error
		if sealed, err = d.seal(is.ID, *is.Settings); err != nil {
			return is, err
		}
	}
	o := order{worker: uuid.Must(uuid.NewV7()), by: by}
	// A run that goes on keeps its beginning: by that it knows what it brought in before.
	tag, err := d.use.Pool.Exec(ctx, `update app.import set settings = coalesce($4, settings), action = $5, state = 'running', worker = $6, command_id = $7, command_fingerprint = $8,
			begun_at = case when action = $5 and action <> 'plan' then begun_at else clock_timestamp() end, beat_at = clock_timestamp(), ended_at = null, done = 0, error = '',
			total = case $5 when 'plan' then lines when 'undo' then greatest((counts::jsonb ->> 'imported')::bigint, 1) else greatest(total, 1) end
		where tenant = $1 and id = $2 and action = $9 and (state <> 'running' or beat_at < clock_timestamp() - $3::interval)`,
		is.Tenant, is.ID, beatLimit, sealed, action, o.worker, by.ID, by.Fingerprint, is.Action)
	if err != nil {
		return is, fmt.Errorf("begin import: %w", err)
	}
	now, err := d.Import(ctx, is.Tenant, is.ID)
	if err != nil {
		return now, err
	}
	if tag.RowsAffected() == 0 {
		now.Replayed = now.Action == action
		if !now.Replayed {
			return now, ErrState
		}
		return now, nil
	}
	o.is = now
	select {
	case d.orders <- o:
		return now, nil
	default:
		return now, errors.Join(ErrBusy, d.end(context.WithoutCancel(ctx), o, now.Counts, "there was too much to do"))
	}
}

func (d *Desk) seal(id uuid.UUID, s Settings) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("settings of import: %w", err)
	}
	return eventstore.Encrypt(d.secrets, text, "import "+id.String()), nil
}

// Run works on what is ordered, and forgets what was kept long enough, until the context ends.
func (d *Desk) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-d.orders:
			working.Go(func() { d.work(ctx, o) })
		case <-sweep.C:
			if err := d.Forget(ctx); err != nil && ctx.Err() == nil {
				d.log.WarnContext(ctx, "old imports were not forgotten", "error", err)
			}
		}
	}
}

// Forget deletes what was kept long enough of files.
func (d *Desk) Forget(ctx context.Context) error {
	if _, err := d.use.Pool.Exec(ctx, `delete from app.import_part where holds = 'kept'
			and import in (select id from app.import where ended_at < clock_timestamp() - $1::interval)`, Kept); err != nil {
		return err
	}
	_, err := d.use.Pool.Exec(ctx, `with old as (update app.import set settings = null where expires_at < clock_timestamp() and settings is not null
			and (state <> 'running' or beat_at < clock_timestamp() - $1::interval) returning id)
		delete from app.import_part where import in (select id from old) and holds <> 'kept'`, beatLimit)
	return err
}

// work does what was ordered, and writes down how far it is and how it ended.
func (d *Desk) work(ctx context.Context, o order) {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done atomic.Int64
	var beating sync.WaitGroup
	beating.Go(func() { d.beat(working, cancel, o, &done) })
	counts, err := d.bring(working, o, &done)
	fenced := errors.Is(err, errFenced) || errors.Is(context.Cause(working), errFenced)
	cancel(nil)
	beating.Wait()
	if fenced {
		return
	}
	why := ""
	switch {
	case ctx.Err() != nil:
		why = "its node ended before it did"
	case err != nil:
		why = "it could not go on; asked for again, it goes on where it stopped"
		d.log.ErrorContext(ctx, "import failed", "import", o.is.ID, "action", o.is.Action, "error", err)
	}
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer stop()
	if err := d.end(ending, o, counts, why); err != nil {
		d.log.ErrorContext(ctx, "how an import ended was not written down", "import", o.is.ID, "error", err)
	}
}

// beat says that the node is there, and how far it is.
func (d *Desk) beat(ctx context.Context, fence context.CancelCauseFunc, o order, done *atomic.Int64) {
	every := time.NewTicker(beatEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		tag, err := d.use.Pool.Exec(ctx, `update app.import set done = $3, beat_at = clock_timestamp() where id = $1 and worker = $2`, o.is.ID, o.worker, done.Load())
		if err == nil && tag.RowsAffected() == 0 {
			fence(errFenced)
		}
	}
}

// bring goes over the file.
func (d *Desk) bring(ctx context.Context, o order, done *atomic.Int64) (Counts, error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return o.is.Counts, context.Cause(ctx)
	}
	if o.is.Action == ActionUndo {
		return d.takeBack(ctx, o, done)
	}
	if o.is.Settings == nil { // since it was asked for
		return o.is.Counts, ErrForgotten
	}
	rows, err := NewReader(d.file(ctx, o.is.ID), o.is.Settings.Options)
	if err != nil {
		return Counts{}, err
	}
	left := leftWriter{parts: d.partsOf(o.is.ID, "left", o.worker)}
	if err := left.parts.clear(ctx); err != nil {
		return Counts{}, err
	}
	by := o.by
	by.Correlation = o.is.correlation()
	w := Work{Use: d.use, By: by, Reader: rows, Look: o.is.Action == ActionPlan, Done: done.Store, Left: func(one Left) error { return left.add(ctx, one) }}
	if !w.Look {
		w.Since = o.is.BegunAt
	}
	err = w.Run(ctx)
	return w.Counts, errors.Join(err, left.flush(ctx))
}

// end writes down how it ended. What ran to its end needs the file no more.
func (d *Desk) end(ctx context.Context, o order, counts Counts, why string) error {
	state := Done
	if why != "" {
		state = Failed
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return err
	}
	heads, err := d.use.Log.Heads(ctx)
	if err != nil {
		return err
	}
	rows := counts.Rows
	if o.is.Action == ActionUndo {
		rows = counts.TakenBack + counts.Kept
	}
	return pgx.BeginFunc(ctx, d.use.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update app.import set state = $3, error = $4, counts = $5, cursor = $6, ended_at = clock_timestamp(),
				done = case when $3 = 'done' then $7 else done end, total = case when $3 = 'done' then $7 else total end
			where id = $1 and worker = $2`, o.is.ID, o.worker, state, why, string(text), d.use.Log.Token(heads), rows)
		if err != nil || tag.RowsAffected() == 0 || o.is.Action != ActionRun || state != Done {
			return err
		}
		_, err = tx.Exec(ctx, `delete from app.import_part where import = $1 and holds = 'file'`, o.is.ID)
		return err
	})
}
