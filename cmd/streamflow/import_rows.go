package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/streamflow/streamflow/domain"
)

// row is a line of a file by the names of fields.
type row struct {
	line   int
	cells  []string // as they stand in the file
	fields map[string]string
	layout string // of dates
}

// rowError is the row's own fault: it goes to the rejects, and the next one is taken.
type rowError struct{ text string }

func (e rowError) Error() string { return e.text }

// date reads a field as a day; empty when the row has none.
func (r row) date(field string) (domain.Date, error) {
	text := r.fields[field]
	if text == "" {
		return "", nil
	}
	day, err := time.Parse(r.layout, text)
	if err != nil {
		return "", rowError{fmt.Sprintf("%s: %.40q is not a date like %s", field, text, r.layout)}
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
	return false, rowError{fmt.Sprintf("%s: %.40q is neither yes nor no", field, r.fields[field])}
}

// rowReader reads a CSV file, packed or not, row by row.
type rowReader struct {
	file    *os.File
	csv     *csv.Reader
	header  []string
	fieldOf []string // of each column; empty for one that is left out
	options importOptions
}

func openRows(o importOptions) (*rowReader, error) {
	file, err := os.Open(o.file)
	if err != nil {
		return nil, err
	}
	r := &rowReader{file: file, options: o}
	if err := r.readHeader(); err != nil {
		r.close()
		return nil, fmt.Errorf("%s: %w", o.file, err)
	}
	return r, nil
}

func (r *rowReader) close() { _ = r.file.Close() }

func (r *rowReader) readHeader() error {
	var in io.Reader = r.file
	if strings.HasSuffix(r.options.file, ".gz") {
		unpacked, err := gzip.NewReader(r.file)
		if err != nil {
			return err
		}
		in = unpacked
	}
	buffered := bufio.NewReader(in)
	const mark = "\ufeff" // some spreadsheets write it at the beginning
	if start, err := buffered.Peek(len(mark)); err == nil && string(start) == mark {
		_, _ = buffered.Discard(len(mark))
	}
	r.csv = csv.NewReader(buffered)
	r.csv.FieldsPerRecord = -1 // a row of another length is that row's fault, and not the end of the file
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: its first line names the columns")
	}
	if err != nil {
		return err
	}
	r.header = header
	return r.mapColumns()
}

// mapColumns gives each column its field: the one asked for, else the one of the same name.
func (r *rowReader) mapColumns() error {
	missing := map[string]bool{}
	for column := range r.options.mapped {
		missing[column] = true
	}
	taken := map[string]string{}
	for field := range r.options.fixed {
		taken[field] = "--set"
	}
	asked := map[string]bool{}
	for _, field := range r.options.mapped {
		asked[field] = true
	}
	r.fieldOf = make([]string, len(r.header))
	for i, column := range r.header {
		column = strings.TrimSpace(column)
		field, named := r.options.mapped[column]
		if !named {
			for _, known := range r.options.kind.fields {
				_, fixed := r.options.fixed[known]
				if strings.EqualFold(known, column) && !asked[known] && !fixed {
					field = known
				}
			}
		}
		if other := taken[field]; field != "" && other != "" {
			return usageError{fmt.Sprintf("%s comes from %s and from %s", field, other, column)}
		}
		delete(missing, column)
		taken[field], r.fieldOf[i] = column, field
	}
	for column := range missing {
		return usageError{fmt.Sprintf("the file has no column %q", column)}
	}
	return nil
}

// next reads a row; io.EOF ends the file. A rowError is about this row only, which is still returned for the rejects.
func (r *rowReader) next() (row, error) {
	cells, err := r.csv.Read()
	made := row{cells: cells, layout: r.options.layout, fields: make(map[string]string, len(r.fieldOf))}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		made.line = bad.StartLine
		return made, rowError{"is no CSV: " + bad.Err.Error()}
	}
	if err != nil {
		return made, err
	}
	made.line, _ = r.csv.FieldPos(0)
	if len(cells) != len(r.header) {
		return made, rowError{fmt.Sprintf("has %d cells, and the header %d", len(cells), len(r.header))}
	}
	maps.Copy(made.fields, r.options.fixed)
	for i, field := range r.fieldOf {
		if field == "" {
			continue
		}
		if !utf8.ValidString(cells[i]) {
			return made, rowError{r.header[i] + ": is not UTF-8"}
		}
		made.fields[field] = strings.TrimSpace(cells[i])
	}
	return made, nil
}
