package domain

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Patch is a JSON merge patch (RFC 7396) of a record's editable fields: a field
// that is absent keeps its value, null clears it. Fields are the JSON names
// that were given; Values holds their values.
//
// One generic patch stands for a hand-written struct of optional fields in
// every aggregate, so that a new field of a record is one line.
type Patch[T any] struct {
	Fields []string
	Values T
}

// UnmarshalJSON reads the patch. An unknown or wrongly cased member and a value
// of the wrong type are Invalid.
func (p *Patch[T]) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	var found Check
	out := Patch[T]{}
	values := reflect.ValueOf(&out.Values).Elem()
	for name, raw := range members {
		field, ok := fieldNamed(values, name)
		if !ok {
			found.Add(name, "unknown_field", "is not a field of this record")
			continue
		}
		if err := json.Unmarshal(raw, field.Addr().Interface()); err != nil {
			found.Add(name, "invalid_type", "has the wrong type")
		}
		out.Fields = append(out.Fields, name)
	}
	slices.Sort(out.Fields)
	slices.SortFunc(found.found, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	*p = out
	return found.Err()
}

// MarshalJSON writes the merge patch: only the given fields, null where cleared.
func (p Patch[T]) MarshalJSON() ([]byte, error) {
	members := make(map[string]any, len(p.Fields))
	values := reflect.ValueOf(&p.Values).Elem()
	for _, name := range p.Fields {
		field, ok := fieldNamed(values, name)
		if !ok {
			continue
		}
		members[name] = nil
		if !field.IsZero() {
			members[name] = field.Interface()
		}
	}
	return json.Marshal(members)
}

// Has says whether the patch gives this field.
func (p Patch[T]) Has(field string) bool { return slices.Contains(p.Fields, field) }

// Apply is the record after the patch, and the JSON names of the fields whose
// value it changed.
func (p Patch[T]) Apply(record T) (T, []string) {
	var changed []string
	from, to := reflect.ValueOf(&p.Values).Elem(), reflect.ValueOf(&record).Elem()
	for _, name := range p.Fields {
		source, ok := fieldNamed(from, name)
		if !ok {
			continue
		}
		target, _ := fieldNamed(to, name)
		if !reflect.DeepEqual(source.Interface(), target.Interface()) {
			target.Set(source)
			changed = append(changed, name)
		}
	}
	return record, changed
}

// FillBlanks is the winner of a merge with its empty fields taken from the
// loser, and the JSON names of those fields.
func FillBlanks[T any](winner, loser T) (T, []string) {
	var filled []string
	to, from := reflect.ValueOf(&winner).Elem(), reflect.ValueOf(&loser).Elem()
	for i := range to.NumField() {
		if to.Field(i).IsZero() && !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
			filled = append(filled, jsonName(to.Type().Field(i)))
		}
	}
	return winner, filled
}

// IsErased says whether a personal field of the record reads as erased.
func IsErased[T any](record T) bool {
	v := reflect.ValueOf(record)
	for i := range v.NumField() {
		_, personal := v.Type().Field(i).Tag.Lookup("personal")
		if personal && v.Field(i).String() == Erased {
			return true
		}
	}
	return false
}

func fieldNamed(record reflect.Value, name string) (reflect.Value, bool) {
	for i := range record.NumField() {
		if jsonName(record.Type().Field(i)) == name {
			return record.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}
