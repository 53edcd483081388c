// Package contract describes Go types as JSON Schema (draft 2020-12), the way this program's JSON library reads and writes
// them, and the events of the log as AsyncAPI. Huma does the reflection; what is here is what it does not know: members
// that are embedded by tag, our own scalar types, personal fields, and names.
package contract

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Schemas holds the schema of every named struct that it was asked for, and of those that these refer to. It is the registry
// that huma works on.
type Schemas struct {
	prefix string // of a reference
	named  map[string]*huma.Schema
	types  map[string]reflect.Type
}

var _ huma.Registry = (*Schemas)(nil)

// NewSchemas makes an empty one. A reference is prefix and name, as "#/components/schemas/" asks.
func NewSchemas(prefix string) *Schemas {
	return &Schemas{prefix: prefix, named: map[string]*huma.Schema{}, types: map[string]reflect.Type{}}
}

// Of is the schema of a value's type: a reference where the type has a name. Two types of one name are a bug, and panic.
func (s *Schemas) Of(v any) *huma.Schema { return s.Schema(reflect.TypeOf(v), true, "") }

// scalar types have forms that reflection cannot find out.
var scalars = map[reflect.Type]huma.Schema{
	reflect.TypeFor[uuid.UUID]():      {Type: huma.TypeString, Format: "uuid"},
	reflect.TypeFor[domain.Date]():    {Type: huma.TypeString, Format: "date"},
	reflect.TypeFor[money.Decimal]():  {Type: huma.TypeNumber, Description: "Exact, of at most six decimals"},
	reflect.TypeFor[jsontext.Value](): {Description: "Any JSON"},
}

// Schema implements [huma.Registry].
func (s *Schemas) Schema(t reflect.Type, allowRef bool, _ string) *huma.Schema {
	form := deref(t)
	if scalar, ok := scalars[form]; ok {
		scalar.Nullable = t.Kind() == reflect.Pointer
		return &scalar
	}
	if form.Kind() != reflect.Struct || readsText(form) {
		schema := huma.SchemaFromType(s, t)
		if schema.Type == huma.TypeArray {
			schema.Nullable = false // an empty list is [], never null
		}
		return schema
	}
	name := NameOf(form)
	if name == "" {
		return s.object(form)
	}
	if s.named[name] == nil {
		s.types[name], s.named[name] = form, &huma.Schema{} // first, for a type that refers to itself
		s.named[name] = s.object(form)
	}
	if s.types[name] != form {
		panic(fmt.Sprintf("contract: %s and %s are both called %s", s.types[name], form, name))
	}
	if allowRef {
		return &huma.Schema{Ref: s.prefix + name}
	}
	return s.named[name]
}

// SchemaFromRef implements [huma.Registry].
func (s *Schemas) SchemaFromRef(ref string) *huma.Schema {
	return s.named[strings.TrimPrefix(ref, s.prefix)]
}

// TypeFromRef implements [huma.Registry].
func (s *Schemas) TypeFromRef(ref string) reflect.Type {
	return s.types[strings.TrimPrefix(ref, s.prefix)]
}

// Map implements [huma.Registry].
func (s *Schemas) Map() map[string]*huma.Schema { return s.named }

// RegisterTypeAlias implements [huma.Registry]; nothing here needs one.
func (s *Schemas) RegisterTypeAlias(reflect.Type, reflect.Type) {}

// MarshalJSON writes the schemas by name.
func (s *Schemas) MarshalJSON() ([]byte, error) { return json.Marshal(s.named) }

// object is the schema of a struct.
func (s *Schemas) object(form reflect.Type) *huma.Schema {
	if patched, ok := patchOf(form); ok {
		return s.patch(patched)
	}
	fields := membersOf(form)
	schema := huma.SchemaFromType(s, reflect.StructOf(fields))
	for _, f := range fields {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := schema.Properties[name]
		if f.Type.Kind() == reflect.Pointer && property.Ref != "" && options == "" {
			schema.Properties[name] = orNull(property)
		}
		if subject, personal := f.Tag.Lookup("personal"); personal {
			property.Extensions = map[string]any{"x-personal": subject}
		}
	}
	return schema
}

func orNull(s *huma.Schema) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{s, {Type: "null"}}}
}

// patchOf is what a merge patch changes.
func patchOf(form reflect.Type) (reflect.Type, bool) {
	if form.PkgPath() != reflect.TypeFor[domain.Date]().PkgPath() || !strings.HasPrefix(form.Name(), "Patch[") {
		return nil, false
	}
	values, ok := form.FieldByName("Values")
	return values.Type, ok
}

// patch is the schema of a merge patch: nothing has to be there, and null clears.
func (s *Schemas) patch(of reflect.Type) *huma.Schema {
	schema := s.object(of)
	schema.Required = nil
	for name, property := range schema.Properties {
		if property.Type == "" || property.Type == huma.TypeObject || property.Type == huma.TypeArray {
			schema.Properties[name] = orNull(property)
			continue
		}
		property.Nullable = true
	}
	return schema
}

// membersOf lists a struct's members as JSON has them: those of structs that are embedded, by Go or by tag, among its own,
// which win.
func membersOf(form reflect.Type) []reflect.StructField {
	var own, embedded []reflect.StructField
	for f := range form.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" || slices.Contains(strings.Split(options, ","), "embed"):
			embedded = append(embedded, membersOf(deref(f.Type))...)
		case f.IsExported():
			own = append(own, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
		}
	}
	for _, f := range embedded {
		if !slices.ContainsFunc(own, func(o reflect.StructField) bool { return o.Name == f.Name }) {
			own = append(own, f)
		}
	}
	return own
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func readsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// NameOf is how the contract calls a type: after its record. A record of lead.State is Lead, lead.Details is LeadDetails, a
// page of leads LeadPage. A type without a name in Go has none here.
func NameOf(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return nameOf(t.PkgPath() + "." + t.Name())
}

// nameOf takes the form path/pkg.Name or path/pkg.Name[argument].
func nameOf(full string) string {
	full, argument, _ := strings.Cut(strings.TrimSuffix(full, "]"), "[")
	dot := strings.LastIndexByte(full, '.')
	path, name := full[:dot], title(full[dot+1:])
	switch {
	case argument != "" && name == "Record":
		return strings.TrimSuffix(nameOf(argument), "State")
	case argument != "" && name == "Patch":
		return strings.TrimSuffix(nameOf(argument), "Details") + name
	case argument != "":
		return nameOf(argument) + name
	case full == reflect.TypeFor[money.Amount]().PkgPath()+".Amount":
		return "Money"
	}
	if _, aggregate, ok := strings.Cut(path, "/domain/"); ok {
		return title(aggregate) + name
	}
	return name
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// Open lets objects have members that their schema does not name, but for those that a closed one refers to: what we answer
// may gain members, what we read may not have others.
func (s *Schemas) Open(closed []*huma.Schema) {
	kept := map[*huma.Schema]bool{}
	for _, schema := range closed {
		s.walk(schema, kept)
	}
	seen := map[*huma.Schema]bool{}
	for _, schema := range s.named {
		s.walk(schema, seen)
	}
	for schema := range seen {
		if schema.AdditionalProperties == false && !kept[schema] {
			schema.AdditionalProperties = nil
		}
	}
}

// walk marks a schema and all that it refers to.
func (s *Schemas) walk(schema *huma.Schema, seen map[*huma.Schema]bool) {
	if schema == nil || seen[schema] {
		return
	}
	seen[schema] = true
	if schema.Ref != "" {
		s.walk(s.SchemaFromRef(schema.Ref), seen)
	}
	s.walk(schema.Items, seen)
	if of, ok := schema.AdditionalProperties.(*huma.Schema); ok {
		s.walk(of, seen)
	}
	for _, property := range schema.Properties {
		s.walk(property, seen)
	}
	for _, part := range slices.Concat(schema.AnyOf, schema.AllOf, schema.OneOf) {
		s.walk(part, seen)
	}
}

// Write gives a document as it stands in the repository: indented, members in a fixed order.
func Write(document any) ([]byte, error) {
	raw, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write contract: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("write contract: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
