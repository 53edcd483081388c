package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
)

// importWorkers is how many rows are under way at once: enough for the log to commit many together.
const importWorkers = 16

// importJob is a run of an import.
type importJob struct {
	options  importOptions
	rows     *rowReader
	importer rowImporter
	seen     map[string]int // line of each row key

	progress *progress

	read, imported, unchanged atomic.Int64
	mu                        sync.Mutex
	rejects                   []reject
}

// reject is a row that was not taken, and why.
type reject struct {
	row    row
	reason string
}

func (j *importJob) done() int64 { return j.imported.Load() + j.unchanged.Load() }

func (j *importJob) reject(r row, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rejects = append(j.rejects, reject{r, why.Error()})
}

// run takes all rows. An error ends it; what is wrong with one row alone does not.
func (j *importJob) run(ctx context.Context) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(importWorkers)
	for working.Err() == nil {
		r, err := j.rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad, ok := errors.AsType[rowError](err); ok {
			j.read.Add(1)
			j.reject(r, bad)
			continue
		}
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		j.read.Add(1)
		if key := j.importer.key(r); key != "" {
			if first, twice := j.seen[key]; twice {
				j.reject(r, rowError{fmt.Sprintf("is the same record as line %d", first)})
				continue
			}
			j.seen[key] = r.line
		}
		g.Go(func() error { return j.take(working, r) })
	}
	return cmp.Or(g.Wait(), ctx.Err())
}

func (j *importJob) take(ctx context.Context, r row) error {
	err := j.importer.check(r)
	fresh := true
	if err == nil && !j.options.dryRun {
		fresh, err = j.importer.bring(ctx, r)
	}
	j.progress.add(1)
	switch {
	case err == nil && fresh:
		j.imported.Add(1)
	case err == nil:
		j.unchanged.Add(1)
	case isRowsFault(err):
		j.reject(r, err)
	default:
		return fmt.Errorf("line %d: %w", r.line, err)
	}
	return nil
}

// isRowsFault tells a row that cannot be taken from an import that cannot go on.
func isRowsFault(err error) bool {
	var bad rowError
	var invalid domain.Invalid
	return errors.As(err, &bad) || errors.As(err, &invalid)
}

// outcomeOf turns what a rule refused, and a row that was another one before, into the row's fault.
func outcomeOf(out eventstore.Outcome, err error) (eventstore.Outcome, error) {
	if errors.Is(err, eventstore.ErrCommandReused) {
		return out, rowError{"was imported before with other values"}
	}
	if err != nil || out.Verdict != eventstore.Refused {
		return out, err
	}
	refusal, err := commands.RefusalOf(out)
	if err != nil {
		return out, err
	}
	return out, rowError{refusal.Code + ": " + refusal.Text}
}

// rowCaller is the import as the caller of one step of a row. The id is the same in every run, and told is what the step
// was asked for: so a repetition is noticed, and so is another request under the same key.
func rowCaller(tenant [16]byte, kind, key, step, told string) commands.Caller {
	return commands.Caller{
		Tenant: tenant, ID: guard.CommandID(tenant, "import", kind+"\n"+key+"\n"+step), Fingerprint: []byte(told),
		Correlation: "import", Actor: eventstore.Actor{Kind: "system", ID: "import", Via: "cli"},
	}
}

// writeRejects writes the rows that were not taken, in the order of the file, and says where. Those of an earlier run are
// gone afterwards in any case: they would be taken for this one's.
func (j *importJob) writeRejects() (string, error) {
	beside := j.options.file + ".rejected.csv"
	if len(j.rejects) == 0 {
		// Where the folder is not ours to write, no import left any.
		_ = os.Remove(beside)
		return "", nil
	}
	// The rows may be about people: nobody else reads them.
	file, err := os.OpenFile(beside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		if file, err = os.OpenFile(filepath.Base(beside), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
			return "", fmt.Errorf("rejects: %w", err)
		}
	}
	slices.SortFunc(j.rejects, func(a, b reject) int { return a.row.line - b.row.line })
	w := csv.NewWriter(file)
	_ = w.Write(append([]string{"line", "reason"}, j.rows.header...)) // Flush keeps the error
	for _, r := range j.rejects {
		_ = w.Write(append([]string{strconv.Itoa(r.row.line), r.reason}, r.row.cells...))
	}
	w.Flush()
	return file.Name(), errors.Join(w.Error(), file.Close())
}

func (j *importJob) summary(rejects string) importSummary {
	return importSummary{
		Rows: j.read.Load(), Imported: j.imported.Load(), Unchanged: j.unchanged.Load(), Rejected: int64(len(j.rejects)),
		Rejects: rejects, DryRun: j.options.dryRun,
	}
}
