package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

const (
	// MaxFile bounds a file, in bytes.
	MaxFile  = 50 << 20
	partSize = 1 << 20
	// sampled is how many of the first rows are shown.
	sampled = 5
)

// ErrTooLarge: the file is longer than [MaxFile].
var ErrTooLarge = errors.New("file is too large")

// ErrCut: the file could not be read to its end.
var ErrCut = errors.New("file ended before its end")

// parts are the pieces of a text that is kept encrypted.
type parts struct {
	desk   *Desk
	id     uuid.UUID
	holds  string
	worker uuid.UUID // who writes them; nobody where they are read
	next   int
}

func (d *Desk) partsOf(id uuid.UUID, holds string, worker uuid.UUID) *parts {
	return &parts{desk: d, id: id, holds: holds, worker: worker}
}

func (p *parts) bound() string { return fmt.Sprintf("import %s %s %d", p.id, p.holds, p.next) }

// clear forgets what an earlier try kept. One who was silent for too long, see write, clears nothing.
func (p *parts) clear(ctx context.Context) error {
	_, err := p.desk.use.Pool.Exec(ctx, `delete from app.import_part where import = $1 and holds = $2
		and exists (select from app.import where id = $1 and worker = $3)`, p.id, p.holds, p.worker)
	return err
}

// write keeps a piece, and says that its writer is there. One who was silent for so long that another began anew is fenced off: pieces of
// the two would be taken for one text.
func (p *parts) write(ctx context.Context, text []byte) error {
	tag, err := p.desk.use.Pool.Exec(ctx, `with mine as (update app.import set beat_at = clock_timestamp() where id = $1 and worker = $5 returning id)
		insert into app.import_part (import, holds, number, data) select id, $2, $3, $4 from mine`,
		p.id, p.holds, p.next, eventstore.Encrypt(p.desk.secrets, text, p.bound()), p.worker)
	if err == nil && tag.RowsAffected() == 0 {
		err = errFenced
	}
	p.next++
	return err
}

// read is the next piece; io.EOF after the last.
func (p *parts) read(ctx context.Context) ([]byte, error) {
	var sealed []byte
	err := p.desk.use.Pool.QueryRow(ctx, `select data from app.import_part where import = $1 and holds = $2 and number = $3`, p.id, p.holds, p.next).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	text, err := eventstore.Decrypt(p.desk.secrets, sealed, p.bound())
	p.next++
	return text, err
}

// stream reads the pieces as one text.
type stream struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no other way for it
	of   *parts
	rest []byte
}

func (s *stream) Read(into []byte) (int, error) {
	for len(s.rest) == 0 {
		text, err := s.of.read(s.ctx)
		if err != nil {
			return 0, err
		}
		s.rest = text
	}
	n := copy(into, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (d *Desk) file(ctx context.Context, id uuid.UUID) io.Reader {
	return &stream{ctx: ctx, of: d.partsOf(id, "file", uuid.Nil)}
}

// leftWriter keeps the rows that were not taken.
type leftWriter struct {
	parts  *parts
	buffer bytes.Buffer
}

func (l *leftWriter) add(ctx context.Context, one Left) error {
	w := csv.NewWriter(&l.buffer)
	_ = w.Write(append([]string{strconv.Itoa(one.Line), one.Reason, one.Existing}, one.Cells...)) // a buffer takes everything
	w.Flush()
	if l.buffer.Len() < partSize {
		return nil
	}
	return l.flush(ctx)
}

func (l *leftWriter) flush(ctx context.Context) error {
	if l.buffer.Len() == 0 {
		return nil
	}
	defer l.buffer.Reset()
	return l.parts.write(ctx, l.buffer.Bytes())
}

// Left gives the rows of an import that were not taken, in the order of the file, until each says that it has had enough.
func (d *Desk) Left(ctx context.Context, is Import, each func(Left) (more bool, err error)) error {
	if is.Settings == nil {
		return ErrForgotten
	}
	return d.told(ctx, is.ID, "left", each)
}

// told reads what a [leftWriter] wrote.
func (d *Desk) told(ctx context.Context, id uuid.UUID, holds string, each func(Left) (more bool, err error)) error {
	rows := csv.NewReader(&stream{ctx: ctx, of: d.partsOf(id, holds, uuid.Nil)})
	rows.FieldsPerRecord = -1
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("rows left of import %s: %w", id, err)
		}
		one := Left{Reason: cells[1], Existing: cells[2], Cells: cells[3:]}
		if one.Line, err = strconv.Atoi(cells[0]); err != nil {
			return fmt.Errorf("rows left of import %s: %w", id, err)
		}
		if more, err := each(one); err != nil || !more {
			return err
		}
	}
}

// Upload is a file as it comes in.
type Upload struct {
	Options
	Name string
	Then string // what to do with it at once: ActionPlan or ActionRun
	Body io.Reader
}

// Receive keeps a file and begins to look at its rows, or to bring them in. The same request again is the same import. A file that cannot be read at all is a [Wrong],
// and nothing of it is kept.
func (d *Desk) Receive(ctx context.Context, by commands.Caller, u Upload) (Import, error) {
	if err := u.Check(); err != nil {
		return Import{}, err
	}
	switch used, err := d.elsewhere(ctx, by, by.ID); {
	case err != nil:
		return Import{}, err
	case used:
		return Import{}, eventstore.ErrCommandReused
	}
	worker := uuid.Must(uuid.NewV7())
	before, err := d.open(ctx, by, u.Kind.Name, worker)
	if err != nil {
		return Import{}, err
	}
	if before != nil {
		return d.sameAs(ctx, by, *before, u)
	}
	is, err := d.keep(ctx, by, u, worker)
	if errors.Is(err, errFenced) {
		return Import{}, ErrBusy
	}
	if err != nil {
		// Whoever sent it has gone, perhaps; what came of it must not stay.
		_, forgot := d.use.Pool.Exec(context.WithoutCancel(ctx), `delete from app.import where id = $1 and worker = $2 and action = 'upload'`, by.ID, worker)
		return Import{}, errors.Join(err, forgot)
	}
	return d.begin(ctx, by, is, u.Then)
}

// open makes the import, or gives the one that there is by that id. One whose file never came to its end is begun anew.
func (d *Desk) open(ctx context.Context, by commands.Caller, kind string, worker uuid.UUID) (*Import, error) {
	if _, err := d.use.Pool.Exec(ctx, `delete from app.import where id = $1 and action = 'upload' and beat_at < clock_timestamp() - $2::interval`, by.ID, beatLimit); err != nil {
		return nil, fmt.Errorf("open import: %w", err)
	}
	tag, err := d.use.Pool.Exec(ctx, `insert into app.import (id, tenant, kind, fingerprint, asked_by, created_at, expires_at, command_id, command_fingerprint, worker, begun_at, beat_at)
		select $1, $2, $3, '', $4, t, t + $5::interval, $1, '', $6, t, t from clock_timestamp() t on conflict do nothing`, by.ID, by.Tenant, kind, by.Actor.ID, Kept, worker)
	if err != nil {
		return nil, fmt.Errorf("open import: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return nil, nil
	}
	is, err := d.read(ctx, by.Tenant, by.ID)
	if err == nil && is.Action == ActionUpload {
		err = ErrBusy
	}
	return &is, err
}

// sameAs is the import that the same request made before.
func (d *Desk) sameAs(ctx context.Context, by commands.Caller, is Import, u Upload) (Import, error) {
	hash := sha256.New()
	if err := pieces(u.Body, func(piece []byte) error { hash.Write(piece); return ctx.Err() }); err != nil {
		return is, err
	}
	if string(d.print(by, u, hash.Sum(nil))) != string(is.fingerprint) {
		return is, eventstore.ErrCommandReused
	}
	is.Replayed = true
	return is, nil
}

// print identifies what a request asks for. It is keyed: a bare hash of a file about people could be guessed by whoever reads the table.
func (d *Desk) print(by commands.Caller, u Upload, body []byte) []byte {
	asked, _ := json.Marshal([]any{u.Options, u.Name, u.Then}) // texts and maps of texts are always fit
	return d.use.Log.ClaimKey(by.Tenant, "import "+string(eventstore.HashParts(by.Fingerprint, asked, body)))
}

// keep stores the file, piece by piece, and what it begins with.
func (d *Desk) keep(ctx context.Context, by commands.Caller, u Upload, worker uuid.UUID) (Import, error) {
	hash, lines, to := sha256.New(), int64(0), d.partsOf(by.ID, "file", worker)
	var last byte
	err := pieces(u.Body, func(piece []byte) error {
		hash.Write(piece)
		lines, last = lines+int64(bytes.Count(piece, []byte("\n"))), piece[len(piece)-1]
		return to.write(ctx, piece)
	})
	if err != nil {
		return Import{}, err
	}
	if last != '\n' {
		lines++
	}
	rows, err := NewReader(d.file(ctx, by.ID), u.Options)
	if err != nil {
		return Import{}, err
	}
	s := Settings{Options: u.Options, Name: u.Name, Header: rows.Header()}
	s.Columns = u.Kind.Guess(s.Header, u.Columns, u.Fixed)
	if s.Sample, err = rows.Sample(sampled); err != nil {
		return Import{}, err
	}
	if u.Form == CSV {
		lines-- // the one that names the columns
	}
	tag, err := d.use.Pool.Exec(ctx, `update app.import set fingerprint = $2, lines = $3, state = 'done' where id = $1 and worker = $4`,
		by.ID, d.print(by, u, hash.Sum(nil)), max(lines, 1), worker)
	if err == nil && tag.RowsAffected() == 0 {
		err = errFenced
	}
	return Import{ID: by.ID, Tenant: by.Tenant, Kind: u.Kind.Name, Action: ActionUpload, Settings: &s}, err
}

// pieces reads a text in pieces of one size. That it was cut short is told from its end: the next pieces would be missed by nobody.
func pieces(in io.Reader, each func([]byte) error) error {
	piece, filled, size := make([]byte, partSize), 0, 0
	for {
		n, err := in.Read(piece[filled:])
		filled += n
		if size += n; size > MaxFile {
			return ErrTooLarge
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(ErrCut, err)
		}
		ended := err != nil
		if filled > 0 && (ended || filled == len(piece)) {
			if err := each(piece[:filled]); err != nil {
				return err
			}
			filled = 0
		}
		if ended {
			return nil
		}
	}
}
