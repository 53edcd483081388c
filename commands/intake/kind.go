// Package intake brings the rows of a file in as records. Each row becomes commands whose ids are the same in every run, so that a
// file which is taken again, or by another way, changes nothing twice. A look at the log before tells what a run would come to, by
// the same keys and claims that the commands go by.
package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
)

// Kind is a sort of record that a file can hold.
type Kind struct {
	Name string
	// Fields are what a column can be mapped to; one that ends in a dot takes any name after it.
	Fields []string
	also   map[string]string // what columns are often called, in letters and digits alone, and the field that they mean
	open   func(use *commands.Commands, by commands.Caller) importer
}

// Kinds are all of them.
var Kinds = []Kind{
	{Name: "leads", Fields: leadFields, also: leadColumns, open: newLeadImporter},
	{Name: "invoices", Fields: invoiceFields, open: newInvoiceImporter},
}

// KindNamed is the kind of that name.
func KindNamed(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds[i], true
}

// knows says whether a column can be mapped to a field.
func (k Kind) knows(field string) bool {
	return slices.ContainsFunc(k.Fields, func(known string) bool {
		if strings.HasSuffix(known, ".") {
			return strings.HasPrefix(field, known) && field != known
		}
		return known == field
	})
}

// importer reads what rows ask for. It is safe for concurrent use.
type importer interface {
	// read makes of a row what it asks for, with everything checked that the row alone tells. An error is the row's fault.
	read(r row) (item, error)
	// like says, for each of some items that were never asked for, which record it would be a duplicate of; nil for one of none.
	like(ctx context.Context, items []item) ([]error, error)
}

// item is what a row asks for.
type item struct {
	row  row
	keys []string // no two records have one of them in common; the first is what the row is known by in a later run
	// steps are the commands that bring it in, in their order.
	steps []commands.Caller
	asks  any // of its importer
	// may says why the steps after the first would be refused for the record that the first made; nil where there are none.
	may func(ctx context.Context, made string) error
	// bring runs the steps; fresh is false when all of them had been run before.
	bring func(ctx context.Context, steps []commands.Caller) (fresh bool, err error)
}

// rowCaller is whoever imports as the caller of one step of a row. The id is the same in every run and by every way, and told is what
// the step was asked for: so a repetition is noticed, and so is another request under the same key.
func rowCaller(by commands.Caller, kind, key, step, told string) commands.Caller {
	by.ID, by.Fingerprint, by.Version = eventstore.CommandID(by.Tenant, "import", kind+"\n"+key+"\n"+step), []byte(told), 0
	return by
}

// outcomeOf turns what a rule refused, and a row that was another one before, into the row's fault.
func outcomeOf(out eventstore.Outcome, err error) (eventstore.Outcome, error) {
	if errors.Is(err, eventstore.ErrCommandReused) {
		return out, errChanged
	}
	if err != nil || out.Verdict != eventstore.Refused {
		return out, err
	}
	refusal, err := commands.RefusalOf(out)
	if err != nil {
		return out, err
	}
	return out, rowError{text: refusal.Text, existing: refusal.Params["existingId"]}
}

// rowError is the row's own fault: it is told with the row, and the next one is taken.
type rowError struct {
	text     string
	existing string // the record that it is a duplicate of
}

func (e rowError) Error() string { return e.text }

var errChanged = rowError{text: "was imported before with other values"}

// faultOf is what is wrong with a row; false for what ends the whole import.
func faultOf(err error) (rowError, bool) {
	if bad, ok := errors.AsType[rowError](err); ok {
		return bad, true
	}
	if refusal, ok := errors.AsType[*domain.Refusal](err); ok {
		return rowError{refusal.Text, refusal.Params["existingId"]}, true
	}
	if invalid, ok := errors.AsType[domain.Invalid](err); ok {
		return rowError{text: invalid.Error()}, true
	}
	return rowError{}, false
}

// Wrong is what makes a file, or how it is to be read, none that can be taken at all. The text is a rule; the value broke it.
type Wrong struct{ Field, Value, Text string }

func (w Wrong) Error() string {
	if w.Value == "" {
		return w.Text
	}
	return fmt.Sprintf("%.60q %s", w.Value, w.Text)
}

func wrong(field, format string, args ...any) error {
	return Wrong{Field: field, Text: fmt.Sprintf(format, args...)}
}
