package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/web/ui"
)

// fieldTitles are what fields are called.
var fieldTitles = map[string]string{
	"name": "Name", "company": "Company", "email": "E-mail", "phone": "Phone", "externalId": "External id", "source": "Source", "value": "Value", "currency": "Currency",
	"notes": "Notes", "ownerId": "Owner's id", "tags": "Tags, with commas between", "createdOn": "Created on", "converted": "Converted (yes or no)", "convertedOn": "Converted on",
}

const (
	columnPrefix = "column-" // and the number of the column
	fixedPrefix  = "fixed-"  // and the field
	layoutField  = "dateLayout"
	customPrefix = "custom."
)

// fixable are the fields that a file often lacks, because they are the same in all of its rows.
var fixable = []string{"source", "currency"}

// mapping asks how the file is to be read.
func (m importRecord) mapping() ui.Form {
	form := ui.Form{ID: "mapping", Key: newKey(), Action: importAddress(m.ID) + "/plan", Submit: "Look again"}
	for i, column := range m.Header {
		column = strings.TrimSpace(column)
		field := ui.Field{Name: columnPrefix + strconv.Itoa(i), Label: column, Kind: "select", Required: true, Value: m.Columns[column], Options: m.choices(column), Hint: m.example(i)}
		if column == "" {
			field.Label = "Column " + strconv.Itoa(i+1)
		}
		form.Fields = append(form.Fields, field)
	}
	for _, name := range fixable {
		form.Fields = append(form.Fields, ui.Field{Name: fixedPrefix + name, Label: fieldTitles[name], Kind: "text", Value: m.Fixed[name], Hint: "For all rows, where no column has it."})
	}
	form.Fields = append(form.Fields, ui.Field{Name: layoutField, Label: "How dates are written", Kind: "select", Required: true, Value: m.DateLayout, Options: layoutOptions(m.DateLayout)})
	return form
}

// example is what a column holds, by the first rows.
func (m importRecord) example(column int) string {
	for _, cells := range m.Sample {
		if column < len(cells) && strings.TrimSpace(cells[column]) != "" {
			return "Such as " + clipped(strings.Join(strings.Fields(cells[column]), " "))
		}
	}
	return "Empty in the first rows"
}

// choices are what a column can mean.
func (m importRecord) choices(column string) []ui.Option {
	all := []ui.Option{{Value: "", Title: "Leave out"}}
	for _, field := range m.Fields {
		if title := fieldTitles[field]; title != "" {
			all = append(all, ui.Option{Value: field, Title: title})
		}
	}
	own := customPrefix + customName(column)
	if own != customPrefix {
		all = append(all, ui.Option{Value: own, Title: "A field of its own"})
	}
	if chosen := m.Columns[column]; !slices.ContainsFunc(all, func(o ui.Option) bool { return o.Value == chosen }) {
		all = append(all, ui.Option{Value: chosen, Title: strings.TrimPrefix(chosen, customPrefix)})
	}
	return all
}

// customName is a column's name as that of a field of its own.
func customName(column string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		case r == ' ', r == '_', r == '-':
			return '_'
		}
		return -1
	}, column)
	return strings.ToLower(name[:min(len(name), 40)])
}

// layoutOptions are ways to write a day, and the chosen one.
func layoutOptions(chosen string) []ui.Option {
	all := []ui.Option{
		{Value: "2006-01-02", Title: "2026-11-28"}, {Value: "1/2/2006", Title: "11/28/2026, month first"}, {Value: "2/1/2006", Title: "28/11/2026, day first"},
		{Value: "2.1.2006", Title: "28.11.2026"}, {Value: "2 Jan 2006", Title: "28 Nov 2026"}, {Value: "2006-01-02T15:04:05Z07:00", Title: "2026-11-28T09:30:00Z"}, {Value: "2006-01-02 15:04:05", Title: "2026-11-28 09:30:00"},
	}
	if chosen != "" && !slices.ContainsFunc(all, func(o ui.Option) bool { return o.Value == chosen }) {
		all = append(all, ui.Option{Value: chosen, Title: chosen})
	}
	return all
}

// planImport has the file read in another way.
func (s *server) planImport(v visit) {
	if !s.posted(v) {
		return
	}
	m, ok := s.importOf(v)
	if !ok {
		return
	}
	columns, fixed := map[string]string{}, map[string]string{}
	maps.Copy(fixed, m.Fixed)
	for i, column := range m.Header {
		columns[strings.TrimSpace(column)] = v.r.PostForm.Get(columnPrefix + strconv.Itoa(i))
	}
	for _, name := range fixable {
		if fixed[name] = v.r.PostForm.Get(fixedPrefix + name); fixed[name] == "" {
			delete(fixed, name)
		}
	}
	a := s.command(v, http.MethodPost, importsAPI+"/"+url.PathEscape(m.ID)+"/plan", map[string]any{"columns": columns, "fixed": fixed, layoutField: v.r.PostForm.Get(layoutField)})
	s.ordered(v, m, a)
}
