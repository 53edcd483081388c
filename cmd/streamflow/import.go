package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/eventstore"
)

// importOptions is what the command line asks for.
type importOptions struct {
	intake.Options
	file   string
	tenant uuid.UUID
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
	o := importOptions{Options: intake.Options{Columns: map[string]string{}, Fixed: map[string]string{}}}
	flags := newFlags("import")
	tenant := flags.String("tenant", "", "`ID` of the tenant that the records are for; needed")
	flags.Var(pairs(o.Columns), "map", "take a field from a column: `COLUMN=field`; may be repeated (columns of the same name are found)")
	flags.Var(fixedPairs(o.Fixed), "set", "give a field one value in every row: `field=value`; may be repeated")
	flags.StringVar(&o.Layout, "date-layout", time.DateOnly, "`LAYOUT` of dates, written as the day 2006-01-02")
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
	kind, ok := intake.KindNamed(args[0])
	if !ok {
		return o, usageError{fmt.Sprintf("%q is not one of leads, invoices", args[0])}
	}
	o.Kind, o.file, o.Form = kind, args[1], intake.CSV
	switch strings.ToLower(path.Ext(strings.TrimSuffix(o.file, ".gz"))) {
	case ".ndjson", ".jsonl":
		o.Form = intake.NDJSON
	}
	if o.tenant, err = uuid.Parse(*tenant); err != nil {
		return o, usageError{"--tenant is the id of a tenant"}
	}
	return o, misuse(o.Check())
}

// misuse is how a file is to be read that cannot be: the command line's fault, and not the file's.
func misuse(err error) error {
	if w, ok := errors.AsType[intake.Wrong](err); ok && w.Field != "file" {
		return usageError{w.Error()}
	}
	return err
}

// importFile is the verb: a file's rows become commands, and what a rule or a look at the row refuses goes to a file of rejects.
func importFile(ctx context.Context, c call) error {
	o, err := readImportOptions(c)
	if err != nil {
		return err
	}
	file, rows, err := o.open()
	if err != nil {
		return err
	}
	defer file.Close()
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
	bar, rejected := newProgress(c.err, o.quiet, "rows"), &rejects{beside: o.file + ".rejected.csv", header: rows.Header()}
	work := intake.Work{Use: use, Reader: rows, Look: o.dryRun, Left: rejected.add, Done: func(rows int64) { bar.show(rows, 0) }, By: commands.Caller{
		Tenant: o.tenant, Correlation: "import", Actor: eventstore.Actor{Kind: "system", ID: "import", Via: "cli"}}}
	err = work.Run(ctx)
	bar.end()
	// What was refused is told even when the import could not go on.
	where, rejectErr := rejected.end()
	if err := errors.Join(err, rejectErr); err != nil {
		return fmt.Errorf("%w; %d rows were done, running it again goes on where it stopped", err, work.Counts.Imported+work.Counts.Known)
	}
	is := work.Counts
	return importSummary{is.Rows, is.Imported, is.Known, is.Like + is.Rejected, where, o.dryRun}.print(c.out, o.json)
}

// open opens the file, packed or not, and reads what comes before its first row.
func (o importOptions) open() (*os.File, *intake.Reader, error) {
	file, err := os.Open(o.file)
	if err != nil {
		return nil, nil, err
	}
	var in io.Reader = file
	if strings.HasSuffix(o.file, ".gz") {
		in, err = gzip.NewReader(file)
	}
	var rows *intake.Reader
	if err == nil {
		rows, err = intake.NewReader(in, o.Options)
	}
	if err != nil {
		_ = file.Close()
		if err := misuse(err); !errors.As(err, new(intake.Wrong)) {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("%s: %w", o.file, err)
	}
	return file, rows, nil
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
