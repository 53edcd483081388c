package eventstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Filter lets some events through; a field that is zero lets all.
type Filter struct {
	Tenant uuid.UUID
	Stream Stream
	Types  []string // in full

	Command     uuid.UUID // that made them
	Correlation string
	Cause       uuid.UUID // the event that led to their command
}

// Find returns up to limit events of a lane that a filter lets through, from above after up to and including until, in order. It may
// read all that lies between, so a caller keeps that bounded.
func (l *Log) Find(ctx context.Context, lane int, after, until int64, limit int, f Filter) ([]Event, error) {
	return l.find(ctx, lane, after, until, limit, f, `position`)
}

// FindLatest is [Log.Find] from until downwards, the newest first.
func (l *Log) FindLatest(ctx context.Context, lane int, after, until int64, limit int, f Filter) ([]Event, error) {
	return l.find(ctx, lane, after, until, limit, f, `position desc`)
}

func (l *Log) find(ctx context.Context, lane int, after, until int64, limit int, f Filter, order string) ([]Event, error) {
	sql := `select ` + eventColumns + ` from log.event where lane = $1 and position > $2 and position <= $3`
	args := []any{int16(lane), after, until, limit}
	narrow := func(asked bool, condition string, arg any) {
		if asked {
			args = append(args, arg)
			sql += fmt.Sprintf(condition, len(args))
		}
	}
	narrow(f.Tenant != uuid.Nil, ` and tenant = $%d`, f.Tenant)
	narrow(f.Stream != "", ` and stream = $%d`, string(f.Stream))
	narrow(f.Types != nil, ` and type = any($%d)`, f.Types)
	narrow(f.Command != uuid.Nil, ` and command_id = $%d`, f.Command)
	narrow(f.Correlation != "", ` and correlation_id = $%d`, f.Correlation)
	narrow(f.Cause != uuid.Nil, ` and causation_id = $%d`, f.Cause)
	return l.query(ctx, sql+` order by `+order+` limit $4`, args...)
}

// MadeBy is where the events of a tenant's command lie: in one lane, side by side, from above after up to and including until. A command
// that made none, or is not known, has none there either.
func (l *Log) MadeBy(ctx context.Context, tenant, command uuid.UUID) (lane int, after, until int64, err error) {
	var events int64
	err = l.pool.QueryRow(ctx, `select lane, first_position - 1, events from log.command where tenant = $1 and id = $2`, tenant, command).Scan(&lane, &after, &events)
	if errors.Is(err, pgx.ErrNoRows) {
		return l.LaneOf(tenant), 0, 0, nil
	}
	if err != nil {
		return 0, 0, 0, readError("command "+command.String(), err)
	}
	return lane, after, after + events, nil
}

// Shown gives the events' data for readers outside: in the present form of each type, and a personal text as {"encrypted": true}, or in
// the clear where reveal says so. A text whose key was destroyed is {"erased": true} for everybody. The versions are those of the forms.
func (l *Log) Shown(ctx context.Context, events []Event, reveal bool) (data []jsontext.Value, versions []int, err error) {
	data, versions = make([]jsontext.Value, len(events)), make([]int, len(events))
	var refs []subjectRef
	objects := make([]object, len(events))
	for i, e := range events {
		t := l.registry.types[e.Type]
		data[i] = jsontext.Value(e.Data)
		if t == nil || e.SchemaVersion != t.schema {
			value, _, err := l.registry.decode(e) // says what is wrong with an unknown type, too
			if err != nil {
				return nil, nil, err
			}
			if data[i], err = json.Marshal(value.Interface(), json.Deterministic(true)); err != nil {
				return nil, nil, fmt.Errorf("event %d/%d: %w", e.Lane, e.Position, err)
			}
		}
		versions[i] = t.schema
		if len(t.personal) == 0 {
			continue
		}
		if objects[i], err = readObject(data[i]); err != nil {
			return nil, nil, fmt.Errorf("event %d/%d: %w", e.Lane, e.Position, err)
		}
		for _, p := range t.personal {
			if subject, err := uuid.Parse(objects[i].text(t.jsonName(p.subject))); err == nil {
				refs = append(refs, subjectRef{e.Tenant, subject})
			}
		}
	}
	keys, err := l.loadSubjectKeys(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	for i, e := range events {
		if objects[i] == nil {
			continue
		}
		if err := l.registry.types[e.Type].show(objects[i], e, keys, reveal); err != nil {
			return nil, nil, fmt.Errorf("event %d/%d: %w", e.Lane, e.Position, err)
		}
		data[i] = objects[i].write()
	}
	return data, versions, nil
}

// show replaces the personal texts of an event's data.
func (t *eventType) show(o object, e Event, keys map[subjectRef]subjectKey, reveal bool) error {
	for _, p := range t.personal {
		stored, subject := o.text(t.jsonName(p.text)), o.text(t.jsonName(p.subject))
		if stored == "" {
			continue
		}
		id, err := uuid.Parse(subject)
		key, ok := keys[subjectRef{e.Tenant, id}]
		shown := any(map[string]bool{Encrypted: true})
		switch {
		case err != nil || !ok:
			shown = map[string]bool{Erased: true}
		case reveal:
			if shown, err = key.decrypt(stored, placeOf(e.Tenant, e.ID)+subject); err != nil {
				return fmt.Errorf("decrypt %s: %w", t.name, err)
			}
		}
		value, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		o.set(t.jsonName(p.text), value)
	}
	return nil
}

func (t *eventType) jsonName(index []int) string {
	name, _, _ := strings.Cut(t.form.FieldByIndex(index).Tag.Get("json"), ",")
	return name
}

// object is a JSON object's members in their order.
type object []member

type member struct {
	name  string
	value jsontext.Value
}

func readObject(data []byte) (object, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, fmt.Errorf("data is no JSON object: %w", err)
	}
	o := object{}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // before the next read: a token is only lent
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		o = append(o, member{key, slices.Clone(value)})
	}
	_, err := d.ReadToken()
	return o, err
}

func (o object) index(name string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.name == name })
}

// text is a member's string, or "" where there is none.
func (o object) text(name string) string {
	i := o.index(name)
	if i < 0 {
		return ""
	}
	var s string
	if json.Unmarshal(o[i].value, &s) != nil {
		return ""
	}
	return s
}

func (o object) set(name string, value jsontext.Value) { o[o.index(name)].value = value }

func (o object) write() jsontext.Value {
	out := jsontext.Value{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		name, _ := jsontext.AppendQuote(nil, m.name) // it was read from JSON, so it is valid
		out = append(append(append(out, name...), ':'), m.value...)
	}
	return append(out, '}')
}
