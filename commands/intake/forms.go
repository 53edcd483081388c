package intake

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxColumns = 300
	maxHeader  = 64 << 10 // bytes of the line that names the columns
	// maxLine bounds a line of NDJSON; no record is as long.
	maxLine = 1 << 20
	// namingLines is how many lines of NDJSON are looked at for the names of columns.
	namingLines = 100
)

// beginning skips the mark that some programs write before UTF-8, and tells files that are none of text.
func beginning(in io.Reader) (*bufio.Reader, error) {
	buffered := bufio.NewReaderSize(in, maxHeader)
	start, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = buffered.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, wrong("file", "the file is UTF-16: save it as UTF-8")
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return nil, wrong("file", "the file is a spreadsheet: save it as CSV")
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return nil, wrong("file", "the file is packed: unpack it first")
	}
	return buffered, nil
}

// table is a CSV file.
type table struct {
	csv    *csv.Reader
	header []string
}

func openTable(in io.Reader) (*table, error) {
	buffered, err := beginning(in)
	if err != nil {
		return nil, err
	}
	t := &table{csv: csv.NewReader(buffered)}
	t.csv.FieldsPerRecord = -1 // a row of another length is that row's fault, and not the end of the file
	t.csv.Comma = separator(buffered)
	t.header, err = t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, wrong("file", "the file is empty: its first line names the columns")
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, wrong("file", "the first line is no CSV: %v", bad.Err)
	}
	if err != nil {
		return nil, err
	}
	return t, checkHeader(t.header)
}

// separator is what stands between the cells: a comma, or where the first line has none, what spreadsheets write instead of it.
func separator(in *bufio.Reader) rune {
	start, _ := in.Peek(maxHeader) // less of it where the file is shorter
	first, _, _ := bytes.Cut(start, []byte("\n"))
	if !bytes.ContainsRune(first, ',') {
		for _, other := range ";\t" {
			if bytes.ContainsRune(first, other) {
				return other
			}
		}
	}
	return ','
}

func checkHeader(header []string) error {
	text := strings.Join(header, "")
	switch {
	case !utf8.ValidString(text):
		return wrong("file", "the first line is not UTF-8: save the file as UTF-8")
	case strings.ContainsRune(text, 0):
		return wrong("file", "the file is not text: save it as CSV in UTF-8")
	case strings.TrimSpace(text) == "":
		return wrong("file", "the first line is empty: it names the columns")
	case len(header) > maxColumns || len(text) > maxHeader:
		return wrong("file", "the first line is too long: at most %d columns are read", maxColumns)
	}
	return nil
}

func (t *table) columns() []string { return t.header }

func (t *table) next() (int, []string, error) {
	cells, err := t.csv.Read()
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return bad.StartLine, cells, rowError{text: "is no CSV: " + bad.Err.Error()}
	}
	if err != nil {
		return 0, nil, err
	}
	line, _ := t.csv.FieldPos(0)
	for i, cell := range cells {
		cells[i] = meant(cell)
	}
	return line, cells, nil
}

// meant is a cell without the mark by which our own downloads keep a spreadsheet from taking it for a formula.
func meant(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsRune("=+-@\t\r", rune(cell[1])) {
		return cell[1:]
	}
	return cell
}

// objects is an NDJSON file. Its columns are the members of its first lines.
type objects struct {
	in     *bufio.Reader
	line   int
	early  [][]byte // lines that were looked at for their members
	header []string
}

func openLines(in io.Reader) (*objects, error) {
	buffered, err := beginning(in)
	if err != nil {
		return nil, err
	}
	o := &objects{in: buffered}
	for range namingLines {
		text, err := o.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		o.early = append(o.early, text)
		names, _, err := membersOf(text)
		if err != nil {
			continue // it is told in its turn
		}
		for _, name := range names {
			if !slices.Contains(o.header, name) {
				o.header = append(o.header, name)
			}
		}
	}
	if len(o.early) == 0 {
		return nil, wrong("file", "the file is empty: each of its lines is one record")
	}
	if len(o.header) == 0 {
		return nil, wrong("file", "none of the first lines is a JSON object")
	}
	return o, checkHeader(o.header)
}

// read is the next line, whatever stands in it. One that is too long ends the file: what follows could not be told from it.
func (o *objects) read() ([]byte, error) {
	var text []byte
	for {
		part, err := o.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > maxLine:
			return nil, wrong("file", "a line is longer than %d bytes", maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(text) > 0, err == nil:
			return text, nil
		}
		return nil, err
	}
}

func (o *objects) columns() []string { return o.header }

func (o *objects) next() (int, []string, error) {
	for {
		var text []byte
		var err error
		if len(o.early) > 0 {
			text, o.early = o.early[0], o.early[1:]
		} else if text, err = o.read(); err != nil {
			return o.line, nil, err
		}
		o.line++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		names, values, err := membersOf(text)
		if err != nil {
			return o.line, nil, rowError{text: err.Error()}
		}
		cells := make([]string, len(o.header))
		for i, name := range names {
			if at := slices.Index(o.header, name); at >= 0 {
				cells[at] = values[i]
			}
		}
		return o.line, cells, nil
	}
}

// membersOf are an object's members as cells: text bare, a list of texts with commas between, null as nothing.
func membersOf(text []byte) (names, cells []string, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, nil, errors.New("is no JSON object")
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, nil, errors.New("is no JSON object")
		}
		names = append(names, name.String()) // before the next read: a token is only lent
		cell, err := cellOf(d)
		if err != nil {
			return nil, nil, err
		}
		cells = append(cells, cell)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, nil, errors.New("is no JSON object")
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("has more than one JSON object")
	}
	return names, cells, nil
}

func cellOf(d *jsontext.Decoder) (string, error) {
	token, err := d.ReadToken()
	if err != nil {
		return "", errors.New("is no JSON object")
	}
	switch token.Kind() {
	case 'n':
		return "", nil
	case '"', '0', 't', 'f':
		return token.String(), nil
	case '[':
		var texts []string
		for d.PeekKind() == '"' {
			one, err := d.ReadToken()
			if err != nil {
				return "", errors.New("is no JSON object")
			}
			texts = append(texts, one.String())
		}
		if end, err := d.ReadToken(); err == nil && end.Kind() == ']' {
			return strings.Join(texts, ","), nil
		}
	}
	return "", errors.New("has a member that is neither text, a number, true, false, null nor a list of texts")
}
