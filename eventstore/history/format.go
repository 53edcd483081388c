package history

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Encoder writes items in one format. After Flush the reader has all of them, as far as the format allows; Close ends what is written,
// and leaves the writer open.
type Encoder interface {
	Write(Item) error
	Flush() error
	Close() error
}

// Formats are the names that [NewEncoder] knows.
var Formats = []string{"ndjson", "csv", "cloudevents", "cloudevents-batch", "parquet"}

// NewEncoder makes the encoder of a format: "ndjson", one item a line; "csv", with data as JSON text; "cloudevents", one CloudEvents 1.0 event
// in JSON a line; "cloudevents-batch", an array of these; "parquet". Source names the installation in CloudEvents.
func NewEncoder(format string, w io.Writer, source string) (Encoder, error) {
	switch format {
	case "ndjson":
		return &lines{out: bufio.NewWriter(w), form: func(i Item) any { return i }}, nil
	case "cloudevents":
		return &lines{out: bufio.NewWriter(w), form: func(i Item) any { return cloudEventOf(i, source) }}, nil
	case "cloudevents-batch":
		return &batch{out: bufio.NewWriter(w), source: source}, nil
	case "csv":
		return &table{out: csv.NewWriter(w)}, nil
	case "parquet":
		return newParquet(w), nil
	}
	return nil, fmt.Errorf("%q is not one of %s", format, strings.Join(Formats, ", "))
}

// lines writes one JSON object a line.
type lines struct {
	out  *bufio.Writer
	form func(Item) any
}

func (l *lines) Write(i Item) error {
	if err := json.MarshalWrite(l.out, l.form(i)); err != nil {
		return err
	}
	return l.out.WriteByte('\n')
}

func (l *lines) Flush() error { return l.out.Flush() }
func (l *lines) Close() error { return l.out.Flush() }

// batch writes a JSON array of CloudEvents (JSON event format, section 4).
type batch struct {
	out    *bufio.Writer
	source string
	begun  bool
}

func (b *batch) Write(i Item) error {
	separator := byte('[')
	if b.begun {
		separator = ','
	}
	b.begun = true
	if err := b.out.WriteByte(separator); err != nil {
		return err
	}
	return json.MarshalWrite(b.out, cloudEventOf(i, b.source))
}

func (b *batch) Flush() error { return b.out.Flush() }

func (b *batch) Close() error {
	end := "]\n"
	if !b.begun {
		end = "[]\n"
	}
	if _, err := b.out.WriteString(end); err != nil {
		return err
	}
	return b.out.Flush()
}

// CloudEvent is an item as a CloudEvents 1.0 event with JSON data. Extension names have no capitals, and a position is a text because
// the specification's integers have 32 bits.
type CloudEvent struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject"`
	Time            time.Time      `json:"time"`
	DataContentType string         `json:"datacontenttype"`
	TenantID        string         `json:"tenantid"`
	Lane            int            `json:"lane"`
	Position        string         `json:"position"`
	Cursor          string         `json:"cursor"`
	StreamVersion   int            `json:"streamversion"`
	SchemaVersion   int            `json:"schemaversion"`
	EffectiveTime   *time.Time     `json:"effectivetime,omitzero"`
	CommandID       string         `json:"commandid"`
	CorrelationID   string         `json:"correlationid,omitempty"`
	CausationID     string         `json:"causationid,omitempty"`
	ActorKind       string         `json:"actorkind,omitempty"`
	ActorID         string         `json:"actorid,omitempty"`
	ActorVia        string         `json:"actorvia,omitempty"`
	Data            jsontext.Value `json:"data"`
}

func cloudEventOf(i Item, source string) CloudEvent {
	e := CloudEvent{
		SpecVersion: "1.0", ID: i.ID.String(), Source: source, Type: i.Type, Subject: string(i.Stream), Time: i.RecordedAt,
		DataContentType: "application/json", TenantID: i.TenantID.String(), Lane: i.Lane, Position: strconv.FormatInt(i.Position, 10),
		Cursor: i.Cursor, StreamVersion: i.Version, SchemaVersion: i.SchemaVersion, EffectiveTime: i.EffectiveAt, CommandID: i.CommandID.String(),
		CorrelationID: i.CorrelationID, ActorKind: i.Actor.Kind, ActorID: i.Actor.ID, ActorVia: i.Actor.Via, Data: i.Data,
	}
	if i.CausationID != nil {
		e.CausationID = i.CausationID.String()
	}
	return e
}

// table writes CSV (RFC 4180); its first line names the columns, also where there are no items.
type table struct {
	out   *csv.Writer
	begun bool
}

var columns = []string{
	"id", "cursor", "lane", "position", "tenantId", "stream", "version", "type", "schemaVersion", "recordedAt", "effectiveAt",
	"actorKind", "actorId", "actorVia", "commandId", "correlationId", "causationId", "data",
}

func (t *table) begin() error {
	if t.begun {
		return nil
	}
	t.begun = true
	return t.out.Write(columns)
}

func (t *table) Write(i Item) error {
	if err := t.begin(); err != nil {
		return err
	}
	effective, causation := "", ""
	if i.EffectiveAt != nil {
		effective = i.EffectiveAt.Format(time.RFC3339Nano)
	}
	if i.CausationID != nil {
		causation = i.CausationID.String()
	}
	return t.out.Write([]string{
		i.ID.String(), i.Cursor, strconv.Itoa(i.Lane), strconv.FormatInt(i.Position, 10), i.TenantID.String(), string(i.Stream),
		strconv.Itoa(i.Version), i.Type, strconv.Itoa(i.SchemaVersion), i.RecordedAt.Format(time.RFC3339Nano), effective,
		i.Actor.Kind, i.Actor.ID, i.Actor.Via, i.CommandID.String(), i.CorrelationID, causation, string(i.Data),
	})
}

func (t *table) Flush() error {
	t.out.Flush()
	return t.out.Error()
}

func (t *table) Close() error {
	if err := t.begin(); err != nil {
		return err
	}
	return t.Flush()
}

// Streams tells whether a format can be read while it is written.
func Streams(format string) bool {
	return slices.Contains([]string{"ndjson", "csv", "cloudevents"}, format)
}
