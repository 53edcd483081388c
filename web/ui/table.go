package ui

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

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
	// trailParameter are the beginnings of the pages before it, dots between: the API tells of the next page alone.
	trailParameter = "trail"
)

// maxTrail is how many pages back a list goes, page by page; an address must stay one that servers and people take.
const maxTrail = 12

// With is the view with some parameters changed, at its first page; an empty value takes one away.
func (v View) With(changes map[string]string) View { return v.with(changes).First() }

// with is the view with some parameters changed; an empty value takes one away.
func (v View) with(changes map[string]string) View {
	q := maps.Clone(v.Query)
	if q == nil {
		q = url.Values{}
	}
	for name, value := range changes {
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
	}
	return View{v.Path, q}
}

// Address is where the view is.
func (v View) Address() templ.SafeURL {
	address := url.URL{Path: v.Path, RawQuery: v.Query.Encode()}
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
	return v.with(map[string]string{sortParameter: order, pageParameter: "", trailParameter: ""}).Address()
}

// Without is the view without one of its filters.
func (v View) Without(filter string) templ.SafeURL {
	return v.with(map[string]string{filter: "", pageParameter: "", trailParameter: ""}).Address()
}

// trail are the beginnings of the pages before this one, as far as they are known. The first page's is not among them.
func (v View) trail() []string {
	return strings.FieldsFunc(v.Query.Get(trailParameter), func(r rune) bool { return r == '.' })
}

// Following is the view's next page.
func (v View) Following(cursor string) View {
	trail := v.trail()
	if here := v.Query.Get(pageParameter); here != "" {
		trail = append(trail, here)
	}
	return v.with(map[string]string{pageParameter: cursor, trailParameter: strings.Join(trail[max(0, len(trail)-maxTrail):], ".")})
}

// Preceding is the page before this one where it is known, else the first; false on the first.
func (v View) Preceding() (View, bool) {
	trail := v.trail()
	if len(trail) == 0 {
		return v.First(), v.Query.Get(pageParameter) != ""
	}
	last := len(trail) - 1
	return v.with(map[string]string{pageParameter: trail[last], trailParameter: strings.Join(trail[:last], ".")}), true
}

// First is the view's first page.
func (v View) First() View { return v.with(map[string]string{pageParameter: "", trailParameter: ""}) }

// Kept are the parameters that a form sends with its own, those named. What it asks for begins at its first page.
func (v View) Kept(own ...string) []Option {
	var all []Option
	for _, name := range slices.Sorted(maps.Keys(v.Query)) {
		if name == pageParameter || name == trailParameter || slices.Contains(own, name) {
			continue
		}
		for _, value := range v.Query[name] {
			all = append(all, Option{name, value})
		}
	}
	return all
}

// kept are the parameters that a form of filters sends with its own.
func (v View) kept(filters []Field) []Option {
	own := make([]string, len(filters))
	for i, f := range filters {
		own[i] = f.Name
	}
	return v.Kept(own...)
}

// Table is a page of a list.
type Table struct {
	ID, Caption string
	View        View
	Filters     []Field // what the list can be narrowed by; their values are those of the view
	Columns     []Column
	Rows        []Row
	Range       string // "1–25 of 137", or what is known of it
	Next        string // where the next page begins; empty where there is none
	Empty       Nothing
	Hidden      []string // keys of columns that are not shown
	Chooses     string   // address that takes which columns are shown; empty where that is not for anybody to choose
	Selects     string   // address of what is done to the rows that are ticked; empty where nothing is
	Actions     []Option // what can be done to them, by the name that the form sends
	Key         string   // Idempotency-Key of what is done to them
}

// paged says whether there is more than this page, or something to say of it.
func (t Table) paged() bool {
	_, before := t.View.Preceding()
	return before || t.Next != "" || t.Range != ""
}

// Column is one field of the rows.
// ActionField is the field that names what is done to the rows that are ticked, RowField the one that names a row.
const (
	ActionField = "step" // not action, which in a browser would be the form's own address
	RowField    = "id"
)

// chosen says whether a column can be hidden: not the first, which names the row, and none without a key.
func (t Table) chosen(column int) bool { return column > 0 && t.Columns[column].Key != "" }

func (t Table) shows(column int) bool {
	return !t.chosen(column) || !slices.Contains(t.Hidden, t.Columns[column].Key)
}

// Column is one field of the rows. Its key is what it is sorted by and hidden by.
type Column struct {
	Key, Title string
	Number     bool // stands right, figure below figure
	Tight      bool // never broken over lines
	Sorts      bool
	Counts     bool // first, it numbers the rows: a card has its title before the number, which alone says nothing
}

// Row is one record.
type Row struct {
	ID    string
	Name  string // of the record, for who hears the page
	Cells []Cell
	Steps []Step // what can be done with it, the likeliest first
}

// Step is something that can be done with a record: a form of one button, or a link to a page that asks first, which is
// a dialog where scripts run.
type Step struct {
	Title, Address string
	Posts          bool
	Key            string // Idempotency-Key of what it posts
	Back           string // where it leads back to
}

// steps says whether anything can be done with any row.
func (t Table) steps() bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool { return len(r.Steps) > 0 })
}

// unset is what a filter is called that is not set.
func (f Field) unset() string { return cmp.Or(f.Hint, "Any") }

// Cell is one value; a link where it has an address, a badge where it has a tone or is a mark.
type Cell struct {
	Text, Href string
	Tone       Tone
	Mark       bool
	More       []Cell // further values in the same place
}

// Nothing is what is said where there is nothing, and what to do about it.
type Nothing struct {
	Title, Text  string
	Link, Action string
	Asks         bool // the link leads to a form, which is a dialog where scripts run
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

// search is the type of a filter's input.
func (f Field) search() string { return cmp.Or(f.Kind, "search") }

// chosen is what a filter's value is called.
func (f Field) chosen() string {
	for _, o := range f.Options {
		if o.Value == f.Value {
			return o.Title
		}
	}
	if f.Kind == "datetime-local" {
		return strings.Replace(f.Value, "T", " ", 1)
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
