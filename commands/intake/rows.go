package intake

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/streamflow/streamflow/domain"
)

// The forms that a file can have.
const (
	CSV    = "csv"
	NDJSON = "ndjson"
)

// Options say how a file is read.
type Options struct {
	Kind    Kind              `json:"-"`
	Form    string            `json:"form"`
	Columns map[string]string `json:"columns"` // column to field; an empty field leaves the column out
	Fixed   map[string]string `json:"fixed"`   // field to the value that it has in every row
	Layout  string            `json:"layout"`  // of dates, written as the day 2006-01-02
}

// Check is a [Wrong] where the options name a field that there is not, or no layout.
func (o Options) Check() error {
	named := slices.DeleteFunc(slices.Collect(maps.Values(o.Columns)), func(field string) bool { return field == "" })
	for _, field := range slices.Sorted(slices.Values(named)) {
		if !o.Kind.knows(field) {
			return Wrong{"columns", field, "is not one of the fields " + strings.Join(o.Kind.Fields, ", ")}
		}
	}
	for _, field := range slices.Sorted(maps.Keys(o.Fixed)) {
		if !o.Kind.knows(field) {
			return Wrong{"fixed", field, "is not one of the fields " + strings.Join(o.Kind.Fields, ", ")}
		}
	}
	day := time.Date(2023, 11, 28, 0, 0, 0, 0, time.UTC)
	if back, err := time.Parse(o.Layout, day.Format(o.Layout)); err != nil || !back.Equal(day) {
		return wrong("dateLayout", "is no way to write a day: write 2 January 2006 as the file does, such as 2006-01-02 or 1/2/2006")
	}
	return nil
}

// row is a line of a file by the names of fields.
type row struct {
	line   int
	cells  []string // as they stand in the file
	fields map[string]string
	layout string // of dates
}

// date reads a field as a day; empty when the row has none.
func (r row) date(field string) (domain.Date, error) {
	text := r.fields[field]
	if text == "" {
		return "", nil
	}
	day, err := time.Parse(r.layout, text)
	if err != nil {
		return "", rowError{text: fmt.Sprintf("%s: %.40q is not a date like %s", field, text, r.layout)}
	}
	return domain.DateOf(day), nil
}

// flag reads a field as yes or no; empty is no.
func (r row) flag(field string) (bool, error) {
	switch strings.ToLower(r.fields[field]) {
	case "1", "true", "yes", "y":
		return true, nil
	case "", "0", "false", "no", "n":
		return false, nil
	}
	return false, rowError{text: fmt.Sprintf("%s: %.40q is neither yes nor no", field, r.fields[field])}
}

// source reads a file of one form. What is wrong with one row alone is a rowError.
type source interface {
	columns() []string
	next() (line int, cells []string, err error)
}

// Reader reads a file row by row.
type Reader struct {
	source  source
	header  []string
	fieldOf []string // of each column; empty for one that is left out
	options Options
}

// NewReader reads what comes before the first row. It fails with a [Wrong] where the file cannot be read by these options.
func NewReader(in io.Reader, o Options) (*Reader, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	r := &Reader{options: o}
	var err error
	if o.Form == NDJSON {
		r.source, err = openLines(in)
	} else {
		r.source, err = openTable(in)
	}
	if err != nil {
		return nil, err
	}
	r.header = r.source.columns()
	return r, r.mapColumns()
}

// Header are the columns as the file names them.
func (r *Reader) Header() []string { return r.header }

// mapColumns gives each column its field: the one asked for, else the one of the same name.
func (r *Reader) mapColumns() error {
	missing, asked, taken := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for column, field := range r.options.Columns {
		missing[column], asked[field] = true, true
	}
	for field := range r.options.Fixed {
		taken[field] = true
	}
	r.fieldOf = make([]string, len(r.header))
	for i, column := range r.header {
		column = strings.TrimSpace(column)
		field, named := r.options.Columns[column]
		if !named {
			field = r.sameName(column, asked)
		}
		delete(missing, column)
		if field == "" {
			continue
		}
		if taken[field] {
			return wrong("columns", "only one column, or fixed value, can give %s", field)
		}
		taken[field], r.fieldOf[i] = true, field
	}
	for _, column := range slices.Sorted(maps.Keys(missing)) {
		return Wrong{"columns", column, "is no column of the file"}
	}
	return nil
}

// sameName is the field that is called as a column is, where nothing else was asked to give it.
func (r *Reader) sameName(column string, asked map[string]bool) string {
	for _, known := range r.options.Kind.Fields {
		if _, fixed := r.options.Fixed[known]; strings.EqualFold(known, column) && !asked[known] && !fixed {
			return known
		}
	}
	return ""
}

// Guess gives the columns that a mapping does not name the field that they most likely mean, or none.
func (k Kind) Guess(header []string, mapped, fixed map[string]string) map[string]string {
	all, taken := map[string]string{}, map[string]bool{}
	for field := range fixed {
		taken[field] = true
	}
	for column, field := range mapped {
		all[column], taken[field] = field, true
	}
	for _, exact := range []bool{true, false} { // a column that has the field's own name comes before one that is only like it
		for _, column := range header {
			column = strings.TrimSpace(column)
			if field := k.meant(column, exact); field != "" && all[column] == "" && !taken[field] {
				if _, said := mapped[column]; !said {
					all[column], taken[field] = field, true
				}
			}
		}
	}
	for _, column := range header {
		if column = strings.TrimSpace(column); all[column] == "" {
			all[column] = ""
		}
	}
	return all
}

func (k Kind) meant(column string, exact bool) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, column)
	for _, field := range k.Fields {
		if strings.EqualFold(field, column) || !exact && strings.EqualFold(field, plain) {
			return field
		}
	}
	if exact {
		return ""
	}
	return k.also[plain]
}

// next reads a row; io.EOF ends the file. A rowError is about this row only, which is still returned to be told with it.
func (r *Reader) next() (row, error) {
	line, cells, err := r.source.next()
	made := row{line: line, cells: cells, layout: r.options.Layout, fields: make(map[string]string, len(r.fieldOf))}
	if err != nil {
		return made, err
	}
	if len(cells) != len(r.header) {
		return made, rowError{text: fmt.Sprintf("has %d cells, and the header %d", len(cells), len(r.header))}
	}
	maps.Copy(made.fields, r.options.Fixed)
	for i, field := range r.fieldOf {
		if field == "" {
			continue
		}
		if !utf8.ValidString(cells[i]) {
			return made, rowError{text: r.header[i] + ": is not UTF-8"}
		}
		made.fields[field] = strings.TrimSpace(cells[i])
	}
	return made, nil
}

// Sample are the cells of the first rows that can be read.
func (r *Reader) Sample(limit int) ([][]string, error) {
	var rows [][]string
	for tried := 0; len(rows) < limit && tried < 10*limit; tried++ {
		one, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if _, bad := faultOf(err); bad {
			continue
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, one.cells)
	}
	return rows, nil
}
