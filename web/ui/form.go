package ui

import "strconv"

// Form is a form as somebody left it, and what was wrong with it. It posts with scripts off; Key makes sending it twice
// harmless, because the second time is a repeat of the first.
type Form struct {
	ID     string // begins the ids of its fields
	Action string
	Key    string // Idempotency-Key of what it asks for; empty where that is of no matter
	Hidden []Option
	Fields []Field
	Submit string
	Cancel string // address to go to instead; empty where there is none
	// Still leaves the focus where it is, on a page where another form has it.
	Still bool
	// Message is what was wrong with the whole, beside the fields' own.
	Message string
	// Instead is where to go rather; without a title there is no such place.
	Instead Way
	// Danger: what it asks for cannot be taken back.
	Danger bool
	// Files: a field of it is a file, and so it is sent in parts.
	Files bool
}

// KeyField is the field that carries a form's Key.
const KeyField = "idempotencyKey"

// Way is an address and what it is called.
type Way struct{ Address, Title string }

// Field is one thing that is asked for.
type Field struct {
	Name, Label, Hint, Value string
	// Kind is an input's type, or textarea, select, radio or checkbox.
	Kind         string
	Options      []Option // of select and radio; of an input they are proposed
	Group        string   // fields after each other with the same one stand together under it
	Autocomplete string
	Accept       string // of a file: what it may be
	Error        string // what happened and how to mend it; empty where nothing is wrong
	Required     bool
	Disabled     bool
	ReadOnly     bool
}

// Option is one of the values of a choice.
type Option struct{ Value, Title string }

// groups are the fields that stand together.
func (f Form) groups() [][]Field {
	var all [][]Field
	for i, field := range f.Fields {
		if i > 0 && field.Group != "" && field.Group == f.Fields[i-1].Group {
			all[len(all)-1] = append(all[len(all)-1], field)
		} else {
			all = append(all, []Field{field})
		}
	}
	return all
}

// mark is the word beside a field's name. What most fields are is left unsaid: where most are required, those that are not are marked, else
// those that are. What cannot be changed counts for neither.
func (f Form) mark(field Field) string {
	required, asked := 0, 0
	for _, one := range f.Fields {
		if !one.ReadOnly {
			asked++
		}
		if one.Required && !one.ReadOnly {
			required++
		}
	}
	switch most := 2*required > asked; {
	case field.ReadOnly, field.Required == most:
		return ""
	case field.Required:
		return "required"
	}
	return "optional"
}

// called is what a field is called where its group does not stand beside it.
func (f Field) called() string {
	if f.Group != "" {
		return f.Group + ", " + f.Label
	}
	return f.Label
}

// wrong are the fields that are not as they must be.
func (f Form) wrong() []Field {
	var all []Field
	for _, field := range f.Fields {
		if field.Error != "" {
			all = append(all, field)
		}
	}
	return all
}

// Blame says what is wrong with a field; false where the form has none of that name.
func (f *Form) Blame(name, message string) bool {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			f.Fields[i].Error = message
			return true
		}
	}
	return false
}

// count is the head of the summary.
func count(n int, message string) string {
	switch n {
	case 0:
		return message
	case 1:
		return "One field needs your attention"
	}
	return strconv.Itoa(n) + " fields need your attention"
}

func (f Form) id(field Field) string { return f.ID + "-" + field.Name }

// describedBy names the texts that belong to a field, for who hears the page.
func (f Form) describedBy(field Field) string {
	var ids string
	if field.Hint != "" {
		ids = f.id(field) + "-hint"
	}
	if field.Error != "" {
		if ids != "" {
			ids += " "
		}
		ids += f.id(field) + "-error"
	}
	return ids
}

// attributes are those that every kind of control has.
func (f Form) attributes(field Field) map[string]any {
	a := map[string]any{"id": f.id(field), "name": field.Name, "required": field.Required, "disabled": field.Disabled, "readonly": field.ReadOnly}
	if by := f.describedBy(field); by != "" {
		a["aria-describedby"] = by
	}
	if field.Error != "" {
		a["aria-invalid"] = "true"
	}
	if len(field.Options) > 0 && field.Kind != "select" {
		a["list"] = f.id(field) + "-list"
	}
	if field.Accept != "" {
		a["accept"] = field.Accept
	}
	if field.Autocomplete != "" {
		a["autocomplete"] = field.Autocomplete
	}
	return a
}
