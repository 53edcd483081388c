package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/streamflow/streamflow/commands/intake"
)

// rejects are the rows that an import did not take, in a file beside the one that they are from.
type rejects struct {
	beside string
	header []string
	file   *os.File // nil until there is one
	csv    *csv.Writer
}

func (r *rejects) add(one intake.Left) error {
	if r.file == nil {
		if err := r.begin(); err != nil {
			return err
		}
	}
	return r.csv.Write(append([]string{strconv.Itoa(one.Line), one.Reason}, one.Cells...))
}

// begin makes the file: in the current folder where that of the rows is not ours to write.
func (r *rejects) begin() (err error) {
	// The rows may be about people: nobody else reads them.
	if r.file, err = os.OpenFile(r.beside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
		if r.file, err = os.OpenFile(filepath.Base(r.beside), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
			return fmt.Errorf("rejects: %w", err)
		}
	}
	r.csv = csv.NewWriter(r.file)
	return r.csv.Write(append([]string{"line", "reason"}, r.header...))
}

// end says where the file is; empty where there is none. That of an earlier run is gone then: it would be taken for this one's.
func (r *rejects) end() (string, error) {
	if r.file == nil {
		// Where the folder is not ours to write, no import left any.
		_ = os.Remove(r.beside)
		return "", nil
	}
	r.csv.Flush()
	return r.file.Name(), errors.Join(r.csv.Error(), r.file.Close())
}
