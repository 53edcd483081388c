package eventstore

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// What a personal field decodes to when its text cannot be had.
const (
	Erased    = "erased"    // the subject's key was destroyed
	Encrypted = "encrypted" // the caller did not ask for the text
)

// Upcaster turns the stored form of one schema version into the next one's.
type Upcaster func(data []byte) ([]byte, error)

// Registry knows every event type: its Go form, its versions, and which fields are personal.
//
// A field is personal when it is a string tagged `personal:"subject"`, where subject is the JSON name of the string field of
// the same struct that holds the data subject's id. The tag is for the event's own fields and those of structs embedded in it;
// anywhere deeper it is an error, because it would protect nothing.
type Registry struct {
	types map[string]*eventType
}

type eventType struct {
	name     string
	form     reflect.Type
	schema   int
	upcast   map[int]Upcaster // from version
	personal []personalField
}

type personalField struct{ text, subject []int } // reflect index paths

// NewRegistry lists the event types; a zero value of each stands for it.
func NewRegistry(facts ...Fact) (*Registry, error) {
	r := &Registry{types: make(map[string]*eventType, len(facts))}
	for _, f := range facts {
		t := &eventType{name: f.Type(), form: reflect.TypeOf(f), schema: schemaVersion(f), upcast: map[int]Upcaster{}}
		if err := checkType(t.name); err != nil {
			return nil, err
		}
		if r.types[t.name] != nil {
			return nil, fmt.Errorf("event type %s is listed twice", t.name)
		}
		if t.form.Kind() != reflect.Struct {
			return nil, fmt.Errorf("event type %s is a %s, not a struct", t.name, t.form.Kind())
		}
		if err := t.findPersonal(); err != nil {
			return nil, err
		}
		r.types[t.name] = t
	}
	return r, nil
}

// Upcast registers how data of one schema version becomes the next version's.
func (r *Registry) Upcast(typ string, from int, up Upcaster) error {
	t := r.types[typ]
	if t == nil || from < 1 || from >= t.schema {
		return fmt.Errorf("no event type %s with a version above %d", typ, from)
	}
	t.upcast[from] = up
	return nil
}

// Types lists the registered event types in alphabetical order.
func (r *Registry) Types() []string {
	names := make([]string, 0, len(r.types))
	for name := range r.types {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Form is the Go type and the present schema version of an event type.
func (r *Registry) Form(typ string) (reflect.Type, int, bool) {
	t := r.types[typ]
	if t == nil {
		return nil, 0, false
	}
	return t.form, t.schema, true
}

func schemaVersion(f Fact) int {
	if v, ok := f.(Versioned); ok {
		return v.SchemaVersion()
	}
	return 1
}

func (t *eventType) findPersonal() error {
	subjects := map[string][]int{}
	for _, f := range reflect.VisibleFields(t.form) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		subjects[name] = f.Index
	}
	for _, f := range reflect.VisibleFields(t.form) {
		tag, ok := f.Tag.Lookup("personal")
		if !ok {
			continue
		}
		subject, known := subjects[tag]
		if f.Type.Kind() != reflect.String || !known || t.form.FieldByIndex(subject).Type.Kind() != reflect.String {
			return fmt.Errorf("event type %s: personal field %s and its subject %q must be strings of the same struct", t.name, f.Name, tag)
		}
		t.personal = append(t.personal, personalField{text: f.Index, subject: subject})
	}
	return t.findMisplaced(t.form, map[reflect.Type]bool{})
}

// findMisplaced looks for personal tags where findPersonal does not see them.
func (t *eventType) findMisplaced(form reflect.Type, seen map[reflect.Type]bool) error {
	switch form.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return t.findMisplaced(form.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	if seen[form] {
		return nil
	}
	seen[form] = true
	for f := range form.Fields() {
		if _, tagged := f.Tag.Lookup("personal"); tagged && !t.knows(form, f) {
			return fmt.Errorf("event type %s: field %s of %s is tagged personal, but it is no field of the event itself", t.name, f.Name, form)
		}
		if err := t.findMisplaced(f.Type, seen); err != nil {
			return err
		}
	}
	return nil
}

// knows tells whether a field of a struct is one of the personal fields that were found.
func (t *eventType) knows(owner reflect.Type, f reflect.StructField) bool {
	return slices.ContainsFunc(t.personal, func(p personalField) bool {
		holder := t.form
		for _, i := range p.text[:len(p.text)-1] {
			holder = holder.Field(i).Type
		}
		return holder == owner && holder.Field(p.text[len(p.text)-1]).Name == f.Name
	})
}

// encode gives the bytes to store: personal fields encrypted with the subject's key, which lookup returns, for this place
// ([placeOf]) alone.
func (r *Registry) encode(f Fact, place string, lookup func(subject string) (subjectKey, error)) ([]byte, int, error) {
	t := r.types[f.Type()]
	if t == nil || reflect.TypeOf(f) != t.form {
		return nil, 0, fmt.Errorf("event type %s (%T) is not registered", f.Type(), f)
	}
	value := reflect.New(t.form).Elem()
	value.Set(reflect.ValueOf(f))
	for _, p := range t.personal {
		text, subject := value.FieldByIndex(p.text), value.FieldByIndex(p.subject).String()
		if text.String() == "" {
			continue
		}
		key, err := lookup(subject)
		if err != nil {
			return nil, 0, fmt.Errorf("encrypt %s: %w", t.name, err)
		}
		text.SetString(key.encrypt(text.String(), place+subject))
	}
	data, err := json.Marshal(value.Interface(), json.Deterministic(true))
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", t.name, err)
	}
	if len(data) > MaxEventBytes {
		return nil, 0, fmt.Errorf("event %s has %d bytes, more than %d", t.name, len(data), MaxEventBytes)
	}
	return data, t.schema, nil
}

// Decode gives an event's Go form in its present version; personal fields hold [Encrypted].
// An event of an unknown type, or of a version that this program does not know yet, is an error.
func (r *Registry) Decode(e Event) (Fact, error) {
	value, t, err := r.decode(e)
	if err != nil {
		return nil, err
	}
	for _, p := range t.personal {
		if text := value.FieldByIndex(p.text); text.String() != "" {
			text.SetString(Encrypted)
		}
	}
	return value.Interface().(Fact), nil
}

func (r *Registry) decode(e Event) (reflect.Value, *eventType, error) {
	t := r.types[e.Type]
	if t == nil {
		return reflect.Value{}, nil, fmt.Errorf("event %d/%d has the unknown type %s", e.Lane, e.Position, e.Type)
	}
	data := []byte(e.Data)
	for v := e.SchemaVersion; v != t.schema; v++ {
		up := t.upcast[v]
		if up == nil {
			return reflect.Value{}, nil, fmt.Errorf("event %d/%d: no way from version %d of %s to %d", e.Lane, e.Position, v, e.Type, t.schema)
		}
		var err error
		if data, err = up(data); err != nil {
			return reflect.Value{}, nil, fmt.Errorf("event %d/%d: upcast %s from version %d: %w", e.Lane, e.Position, e.Type, v, err)
		}
	}
	value := reflect.New(t.form)
	if err := json.Unmarshal(data, value.Interface()); err != nil {
		return reflect.Value{}, nil, fmt.Errorf("event %d/%d: decode %s: %w", e.Lane, e.Position, e.Type, err)
	}
	return value.Elem(), t, nil
}

// subjectsOf names the data subjects whose keys the event's text needs.
func (t *eventType) subjectsOf(value reflect.Value) []string {
	var subjects []string
	for _, p := range t.personal {
		if s := value.FieldByIndex(p.subject).String(); s != "" && value.FieldByIndex(p.text).String() != "" && !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	return subjects
}

// reveal replaces the personal fields by their text, or by [Erased] where the key is gone.
func (t *eventType) reveal(value reflect.Value, place string, key func(subject string) (subjectKey, bool)) error {
	for _, p := range t.personal {
		text, subject := value.FieldByIndex(p.text), value.FieldByIndex(p.subject).String()
		if text.String() == "" {
			continue
		}
		k, ok := key(subject)
		if !ok {
			text.SetString(Erased)
			continue
		}
		plain, err := k.decrypt(text.String(), place+subject)
		if err != nil {
			return fmt.Errorf("decrypt %s: %w", t.name, err)
		}
		text.SetString(plain)
	}
	return nil
}
