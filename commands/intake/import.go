package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

// Import is a file that was sent, and how far it is.
type Import struct {
	ID                 uuid.UUID
	Tenant             uuid.UUID
	Kind               string
	CreatedAt          time.Time
	ExpiresAt          time.Time
	Settings           *Settings // nil once nothing of the file is kept
	Action, State      string
	BegunAt            time.Time
	EndedAt            *time.Time
	Done, Total, Lines int64
	Counts             Counts
	Cursor             string // from which on a reader sees all that the run made
	Error              string
	Replayed           bool // the same had been asked before

	fingerprint, orderPrint []byte
	command                 uuid.UUID
	gone                    bool // its node ended before it did
}

// Settings are how a file is read, and how it begins.
type Settings struct {
	Options
	Name   string     `json:"name"`
	Header []string   `json:"header"`
	Sample [][]string `json:"sample"`
}

const importColumns = `select id, tenant, kind, created_at, expires_at, case when expires_at > clock_timestamp() then settings end, action, state, begun_at, ended_at,
	done, total, lines, counts, cursor, error, fingerprint, command_fingerprint, command_id, state = 'running' and beat_at < clock_timestamp() - $1::interval from app.import `

func (d *Desk) scan(row pgx.CollectableRow) (is Import, err error) {
	var settings []byte
	var counts string
	err = row.Scan(&is.ID, &is.Tenant, &is.Kind, &is.CreatedAt, &is.ExpiresAt, &settings, &is.Action, &is.State, &is.BegunAt, &is.EndedAt,
		&is.Done, &is.Total, &is.Lines, &counts, &is.Cursor, &is.Error, &is.fingerprint, &is.orderPrint, &is.command, &is.gone)
	if err != nil {
		return is, err
	}
	if is.gone {
		is.State, is.Error = Failed, "its node ended before it did"
	}
	if err := json.Unmarshal([]byte(counts), &is.Counts); err != nil {
		return is, err
	}
	if settings == nil {
		return is, nil
	}
	text, err := eventstore.Decrypt(d.secrets, settings, "import "+is.ID.String())
	if err != nil {
		return is, fmt.Errorf("open import %s: is the master key the one it was encrypted with? %w", is.ID, err)
	}
	if err := json.Unmarshal(text, &is.Settings); err != nil {
		return is, err
	}
	is.Settings.Kind, _ = KindNamed(is.Kind)
	return is, nil
}

// Import is a tenant's import, or [commands.ErrNotFound]. One whose file is not here whole is none.
func (d *Desk) Import(ctx context.Context, in, id uuid.UUID) (Import, error) {
	is, err := d.read(ctx, in, id)
	if err == nil && is.Action == ActionUpload {
		err = commands.ErrNotFound
	}
	return is, err
}

// Newest are a tenant's last imports, the newest first.
func (d *Desk) Newest(ctx context.Context, in uuid.UUID, limit int) ([]Import, error) {
	rows, err := d.use.Pool.Query(ctx, importColumns+`where tenant = $2 and action <> 'upload' order by created_at desc, id limit $3`, beatLimit, in, limit)
	if err != nil {
		return nil, fmt.Errorf("read imports: %w", err)
	}
	all, err := pgx.CollectRows(rows, d.scan)
	if err != nil {
		return nil, fmt.Errorf("read imports: %w", err)
	}
	return all, nil
}

func (d *Desk) read(ctx context.Context, in, id uuid.UUID) (Import, error) {
	rows, err := d.use.Pool.Query(ctx, importColumns+`where tenant = $2 and id = $3`, beatLimit, in, id)
	if err != nil {
		return Import{}, fmt.Errorf("read import: %w", err)
	}
	is, err := pgx.CollectExactlyOneRow(rows, d.scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return is, commands.ErrNotFound
	}
	if err != nil {
		return is, fmt.Errorf("read import: %w", err)
	}
	return is, nil
}
