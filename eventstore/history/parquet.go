package history

import (
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
)

const (
	// A row group is what writing holds in memory, and what a reader can skip: whichever of these comes first ends it.
	rowGroupRows  = 50_000
	rowGroupBytes = 16 << 20 // of data
)

// parquetRow is an item as a row. What repeats is kept as a dictionary; ids are text, as in the other formats.
type parquetRow struct {
	ID            string    `parquet:"id"`
	Cursor        string    `parquet:"cursor"`
	Lane          int32     `parquet:"lane"`
	Position      int64     `parquet:"position,delta"`
	TenantID      string    `parquet:"tenantId,dict"`
	Stream        string    `parquet:"stream"`
	Version       int32     `parquet:"version"`
	Type          string    `parquet:"type,dict"`
	SchemaVersion int32     `parquet:"schemaVersion"`
	RecordedAt    time.Time `parquet:"recordedAt,timestamp(microsecond)"`
	// EffectiveAt and CausationID are null where there is none.
	EffectiveAt   *time.Time `parquet:"effectiveAt,optional,timestamp(microsecond)"`
	ActorKind     string     `parquet:"actorKind,dict"`
	ActorID       string     `parquet:"actorId,dict"`
	ActorVia      string     `parquet:"actorVia,dict"`
	CommandID     string     `parquet:"commandId"`
	CorrelationID string     `parquet:"correlationId"`
	CausationID   *string    `parquet:"causationId,optional"`
	Data          string     `parquet:"data,json"`
}

// parquetFile writes Parquet, zstd-compressed, a row group at a time.
type parquetFile struct {
	out         *parquet.GenericWriter[parquetRow]
	rows, bytes int // in the group that is being written
}

func newParquet(w io.Writer) *parquetFile {
	return &parquetFile{out: parquet.NewGenericWriter[parquetRow](w, parquet.Compression(&parquet.Zstd))}
}

func (p *parquetFile) Write(i Item) error {
	row := parquetRow{
		ID: i.ID.String(), Cursor: i.Cursor, Lane: int32(i.Lane), Position: i.Position, TenantID: i.TenantID.String(), Stream: string(i.Stream),
		Version: int32(i.Version), Type: i.Type, SchemaVersion: int32(i.SchemaVersion), RecordedAt: i.RecordedAt, EffectiveAt: i.EffectiveAt,
		ActorKind: i.Actor.Kind, ActorID: i.Actor.ID, ActorVia: i.Actor.Via, CommandID: i.CommandID.String(), CorrelationID: i.CorrelationID,
		Data: string(i.Data),
	}
	if i.CausationID != nil {
		causation := i.CausationID.String()
		row.CausationID = &causation
	}
	if _, err := p.out.Write([]parquetRow{row}); err != nil {
		return err
	}
	p.rows++
	p.bytes += len(i.Data)
	if p.rows < rowGroupRows && p.bytes < rowGroupBytes {
		return nil
	}
	p.rows, p.bytes = 0, 0
	return p.out.Flush()
}

// Flush does nothing: a group that is not full is worth nothing to a reader before the file's end.
func (p *parquetFile) Flush() error { return nil }

func (p *parquetFile) Close() error { return p.out.Close() }
