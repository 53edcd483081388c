package ui

import (
	"maps"
	"net/url"
	"slices"

	"github.com/a-h/templ"
)

// View is what a list was asked for, as its address says it. Every link of a list is the same address with one thing
// changed, and so a list can be kept, sent and gone back to.
type View struct {
	Path  string
	Query url.Values
}

// The parameters of every list.
const (
	sortParameter = "sort"   // a field's name, with - before it for the largest first
	pageParameter = "cursor" // where a page begins
)

// address is the view with some parameters changed; an empty value takes one away.
func (v View) address(changes map[string]string) templ.SafeURL {
	q := maps.Clone(v.Query)
	if q == nil {
		q = url.Values{}
	}
	for name, value := range changes {
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
	}
	address := url.URL{Path: v.Path, RawQuery: q.Encode()}
	return templ.SafeURL(address.String())
}

// Sorted is how a column is sorted: ascending, descending, or none.
func (v View) Sorted(key string) string {
	switch v.Query.Get(sortParameter) {
	case key:
		return "ascending"
	case "-" + key:
		return "descending"
	}
	return "none"
}

// SortBy is the view sorted by a column, or the other way round where it is already. Another order begins at its first page.
func (v View) SortBy(key string) templ.SafeURL {
	order := key
	if v.Sorted(key) == "ascending" {
		order = "-" + key
	}
	return v.address(map[string]string{sortParameter: order, pageParameter: ""})
}

// Without is the view without one of its filters.
func (v View) Without(filter string) templ.SafeURL {
	return v.address(map[string]string{filter: "", pageParameter: ""})
}

// At is another page of the view.
func (v View) At(cursor string) templ.SafeURL {
	return v.address(map[string]string{pageParameter: cursor})
}

// kept are the parameters that a form of filters sends with its own.
func (v View) kept(filters []Field) []Option {
	var all []Option
	for _, name := range slices.Sorted(maps.Keys(v.Query)) {
		if name == pageParameter || slices.ContainsFunc(filters, func(f Field) bool { return f.Name == name }) {
			continue
		}
		for _, value := range v.Query[name] {
			all = append(all, Option{name, value})
		}
	}
	return all
}

// Table is a page of a list.
type Table struct {
	ID, Caption string
	View        View
	Filters     []Field // what the list can be narrowed by; their values are those of the view
	Columns     []Column
	Rows        []Row
	Range       string // "1–25 of 137", or what is known of it
	Next, Prev  string // cursors; empty where there is no such page
	Empty       Nothing
	Selects     string // address of what is done to the rows that are ticked; empty where nothing is
	Action      string // what that is called
}

// Column is one field of the rows.
type Column struct {
	Key, Title string
	Number     bool // stands right, figure below figure
	Sorts      bool
}

// Row is one record.
type Row struct {
	ID    string
	Name  string // of the record, for who hears the page
	Cells []Cell
}

// Cell is one value; a link where it has an address, a badge where it has a tone.
type Cell struct {
	Text, Href string
	Tone       Tone
}

// Nothing is what is said where there is nothing, and what to do about it.
type Nothing struct {
	Title, Text  string
	Link, Action string
}

// chips are the filters that are set.
func (t Table) chips() []Field {
	var set []Field
	for _, f := range t.Filters {
		if f.Value = t.View.Query.Get(f.Name); f.Value != "" {
			set = append(set, f)
		}
	}
	return set
}

// chosen is what a filter's value is called.
func (f Field) chosen() string {
	for _, o := range f.Options {
		if o.Value == f.Value {
			return o.Title
		}
	}
	return f.Value
}

// Tone is what a mark means. Its word says it too: never the colour alone.
type Tone string

// The tones.
const (
	Neutral Tone = ""
	Primary Tone = "primary"
	Success Tone = "success"
	Warning Tone = "warning"
	Danger  Tone = "danger"
	Info    Tone = "info"
)

// sign is the icon of a tone.
func (t Tone) sign() string {
	if t == Neutral || t == Primary {
		return "info"
	}
	return string(t)
}
