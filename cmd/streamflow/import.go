package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
)

// importKind is a sort of record that a file can hold.
type importKind struct {
	// fields are what a column can be mapped to; one that ends in a dot takes any name after it.
	fields []string
	// open makes the importer of rows.
	open func(use *commands.Commands, tenant uuid.UUID) rowImporter
}

// rowImporter brings rows in by commands. It is safe for concurrent use.
type rowImporter interface {
	// key is what makes a row the same one in a later run; empty when the row has nothing of the kind.
	key(r row) string
	// check says what is wrong with a row as far as the row alone tells.
	check(r row) error
	// bring runs the row's commands; fresh is false when all of them had been run before.
	bring(ctx context.Context, r row) (fresh bool, err error)
}

var importKinds = map[string]importKind{
	"leads":    {leadFields, newLeadImporter},
	"invoices": {invoiceFields, newInvoiceImporter},
}

// importOptions is what the command line asks for.
type importOptions struct {
	kind   importKind
	file   string
	tenant uuid.UUID
	mapped map[string]string // column to field
	fixed  map[string]string // field to value
	layout string
	dryRun bool
	quiet  bool
	json   bool
}

// pairs collects a flag that is given any number of times as left=right.
type pairs map[string]string

func (p pairs) String() string { return "" }

// Set takes the last equals sign as the separator: a column's name may hold others, a field's cannot.
func (p pairs) Set(text string) error {
	i := strings.LastIndex(text, "=")
	if i < 1 || i == len(text)-1 {
		return errors.New("it is written COLUMN=field")
	}
	p[text[:i]] = text[i+1:]
	return nil
}

// fixedPairs is pairs for values, which may hold equals signs.
type fixedPairs map[string]string

func (p fixedPairs) String() string { return "" }

func (p fixedPairs) Set(text string) error {
	field, value, found := strings.Cut(text, "=")
	if !found || field == "" {
		return errors.New("it is written field=value")
	}
	p[field] = value
	return nil
}

func readImportOptions(c call) (importOptions, error) {
	o := importOptions{mapped: map[string]string{}, fixed: map[string]string{}}
	flags := newFlags("import")
	tenant := flags.String("tenant", "", "`ID` of the tenant that the records are for; needed")
	flags.Var(pairs(o.mapped), "map", "take a field from a column: `COLUMN=field`; may be repeated (columns of the same name are found)")
	flags.Var(fixedPairs(o.fixed), "set", "give a field one value in every row: `field=value`; may be repeated")
	flags.StringVar(&o.layout, "date-layout", time.DateOnly, "`LAYOUT` of dates, written as the day 2006-01-02")
	flags.BoolVar(&o.dryRun, "dry-run", false, "look at every row and change nothing")
	flags.BoolVar(&o.quiet, "quiet", false, "show no progress")
	flags.BoolVar(&o.json, "json", false, "print the result as a JSON object")
	args, err := c.parse(flags)
	if err != nil {
		return o, err
	}
	if len(args) != 2 {
		return o, usageError{"say what the file holds, and name it"}
	}
	kind, ok := importKinds[args[0]]
	if !ok {
		return o, usageError{fmt.Sprintf("%q is not one of leads, invoices", args[0])}
	}
	o.kind, o.file = kind, args[1]
	if o.tenant, err = uuid.Parse(*tenant); err != nil {
		return o, usageError{"--tenant is the id of a tenant"}
	}
	return o, o.checkFields()
}

func (o importOptions) checkFields() error {
	var named []string
	for _, field := range o.mapped {
		named = append(named, field)
	}
	for field := range o.fixed {
		named = append(named, field)
	}
	for _, field := range named {
		if !o.knows(field) {
			return usageError{fmt.Sprintf("%q is not one of the fields %s", field, strings.Join(o.kind.fields, ", "))}
		}
	}
	return nil
}

func (o importOptions) knows(field string) bool {
	return slices.ContainsFunc(o.kind.fields, func(known string) bool {
		if strings.HasSuffix(known, ".") {
			return strings.HasPrefix(field, known) && field != known
		}
		return known == field
	})
}

// importFile is the verb: a file's rows become commands, and what a rule or a look at the row refuses goes to a file of rejects.
func importFile(ctx context.Context, c call) error {
	o, err := readImportOptions(c)
	if err != nil {
		return err
	}
	rows, err := openRows(o)
	if err != nil {
		return err
	}
	defer rows.close()
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	use := &commands.Commands{Log: n.log, Pool: n.engine, Now: time.Now}
	if _, err := use.Tenant(ctx, o.tenant.String(), 0); errors.Is(err, commands.ErrNotFound) {
		return fmt.Errorf("there is no tenant %s", o.tenant)
	} else if err != nil {
		return err
	}
	job := importJob{options: o, rows: rows, importer: o.kind.open(use, o.tenant), seen: map[string]int{}}
	job.progress = newProgress(c.err, o.quiet, "rows")
	err = job.run(ctx)
	job.progress.end()
	// What was refused is told even when the import could not go on.
	where, rejectErr := job.writeRejects()
	if err := errors.Join(err, rejectErr); err != nil {
		return fmt.Errorf("%w; %d rows were done, running it again goes on where it stopped", err, job.done())
	}
	return job.summary(where).print(c.out, o.json)
}

// importSummary is what an import came to.
type importSummary struct {
	Rows      int64  `json:"rows"`
	Imported  int64  `json:"imported"`
	Unchanged int64  `json:"unchanged"`
	Rejected  int64  `json:"rejected"`
	Rejects   string `json:"rejects,omitempty"`
	DryRun    bool   `json:"dryRun"`
}

func (s importSummary) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	verb := "imported"
	if s.DryRun {
		verb = "would be imported"
	}
	text := fmt.Sprintf("%d rows: %d %s, %d were there already, %d rejected", s.Rows, s.Imported, verb, s.Unchanged, s.Rejected)
	if s.Rejects != "" {
		text += ", see " + s.Rejects
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
