package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
)

// eventOptions is what the command line asks for.
type eventOptions struct {
	after, until, tenant, stream, format, out string
	types                                     repeated
	follow, quiet, json                       bool
}

func readEventOptions(c call) (eventOptions, error) {
	var o eventOptions
	flags := newFlags("events")
	flags.StringVar(&o.after, "after", "", "begin after this `TIME` (RFC 3339) or cursor; every event's own cursor goes on exactly behind it")
	flags.StringVar(&o.until, "until", "", "end with what was recorded at this `TIME` or lies at this cursor (now)")
	flags.Var(&o.types, "type", "only events of `TYPE`: lead.created, or lead.* for a category; may be repeated")
	flags.StringVar(&o.tenant, "tenant", "", "only events of the tenant with this `ID`")
	flags.StringVar(&o.stream, "stream", "", "only events of one record: `CATEGORY-ID`; quicker with --tenant")
	flags.BoolVar(&o.follow, "follow", false, "go on with what is committed, until interrupted")
	flags.StringVar(&o.format, "format", "ndjson", "`FORMAT`: ndjson, csv (data as JSON text), cloudevents (one a line) or parquet")
	flags.StringVar(&o.out, "out", "", "write to `FILE`, which appears when it is whole")
	flags.BoolVar(&o.quiet, "quiet", false, "show no progress")
	flags.BoolVar(&o.json, "json", false, "with --out: print what was written as a JSON object; without: the same as --format ndjson")
	if err := c.parseOnly(flags); err != nil {
		return o, err
	}
	switch {
	case o.format == "cloudevents-batch", !strings.Contains(" "+strings.Join(history.Formats, " ")+" ", " "+o.format+" "):
		return o, usageError{fmt.Sprintf("--format %q is not one of ndjson, csv, cloudevents, parquet", o.format)}
	case o.json && o.out == "" && o.format != "ndjson":
		return o, usageError{"--json and --format " + o.format + " exclude each other"}
	case o.follow && !history.Streams(o.format):
		return o, usageError{"--follow has no end, and " + o.format + " is only whole at its end"}
	case o.follow && (o.out != "" || o.until != ""):
		return o, usageError{"--follow has no end: it takes neither --out nor --until"}
	case o.format == "parquet" && o.out == "" && isTerminal(c.out):
		return o, usageError{"parquet is nothing for a terminal: name a file with --out"}
	}
	return o, nil
}

// events prints history.
func events(ctx context.Context, c call) error {
	o, err := readEventOptions(c)
	if err != nil {
		return err
	}
	q := history.Query{}
	if o.tenant != "" {
		if q.Tenant, err = uuid.Parse(o.tenant); err != nil {
			return usageError{"--tenant is the id of one"}
		}
	}
	if q.Stream = eventstore.Stream(o.stream); o.stream != "" && q.Stream.ID() == "" {
		return usageError{"--stream is a category and an id, with a dash between them"}
	}
	n, err := openNode(ctx, c.config, false, false)
	if err != nil {
		return err
	}
	defer n.close()
	if q.Types, err = history.Types(n.log.Registry(), o.types); err != nil {
		return usageError{"--type " + err.Error()}
	}
	if q.After, err = n.cursor(ctx, o.after); err != nil {
		return err
	}
	if q.Until, err = n.cursor(ctx, o.until); err != nil {
		return err
	}
	if o.follow {
		return n.followEvents(ctx, c, o, q)
	}
	if q.Until == nil {
		if q.Until, err = n.log.Heads(ctx); err != nil {
			return err
		}
	}
	return n.writeEvents(ctx, c, o, q)
}

// cursor reads what --after takes: a time, or a cursor of this installation. None is nil.
func (n *node) cursor(ctx context.Context, text string) (eventstore.Cursor, error) {
	if text == "" {
		return nil, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		if at.After(time.Now()) {
			return nil, usageError{text + " is in the future"}
		}
		return n.log.AsOf(ctx, at)
	}
	cursor, err := n.log.ParseToken(text)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a time (RFC 3339) nor a cursor of this installation", text)
	}
	return cursor, nil
}

// followEvents prints until it is interrupted, or nobody reads any more.
func (n *node) followEvents(ctx context.Context, c call, o eventOptions, q history.Query) error {
	encoder, err := history.NewEncoder(o.format, c.out, n.source)
	if err != nil {
		return err
	}
	idle := func() error {
		if err := encoder.Flush(); err != nil {
			return err
		}
		return readerGone(c.out)
	}
	for item, err := range history.Follow(ctx, n.log, q, idle) {
		if err != nil {
			return err
		}
		if err := encoder.Write(item); err != nil {
			return err
		}
	}
	return encoder.Close()
}

// readerGone is an error when out is a pipe that nobody reads any more: while nothing happens, no write would tell.
func readerGone(out io.Writer) error {
	file, ok := out.(*os.File)
	if !ok {
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(file.Fd())}}
	if _, err := unix.Poll(fds, 0); err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLNVAL) != 0 {
		return unix.EPIPE
	}
	return nil
}

// writtenEvents is what a run came to.
type writtenEvents struct {
	Events int64  `json:"events"`
	Cursor string `json:"cursor"` // to go on from
	Out    string `json:"out"`
}

func (n *node) writeEvents(ctx context.Context, c call, o eventOptions, q history.Query) (err error) {
	out := c.out
	if o.out != "" {
		// Beside its place, so that the rename is one step; readable by its owner alone, like everything about people.
		file, err := os.CreateTemp(filepath.Dir(o.out), "."+filepath.Base(o.out)+".*")
		if err != nil {
			return err
		}
		defer os.Remove(file.Name()) // nothing is there once it was renamed
		defer file.Close()
		out = file
	}
	encoder, err := history.NewEncoder(o.format, out, n.source)
	if err != nil {
		return err
	}
	p := newProgress(c.err, o.quiet || o.out == "" && isTerminal(c.out), "events")
	defer p.end()
	for item, err := range history.Read(ctx, n.log, q) {
		if err != nil {
			return err
		}
		if err := encoder.Write(item); err != nil {
			return err
		}
		p.add(1)
	}
	if err := errors.Join(ctx.Err(), encoder.Close()); err != nil {
		return err
	}
	p.end()
	file, ok := out.(*os.File)
	if !ok || o.out == "" {
		return nil
	}
	if err := errors.Join(file.Sync(), file.Close(), os.Rename(file.Name(), o.out)); err != nil {
		return err
	}
	written := writtenEvents{p.added, n.log.Token(q.Until), o.out}
	if o.json {
		return json.NewEncoder(c.out).Encode(written)
	}
	fmt.Fprintf(c.err, "%d events in %s; --after %s goes on\n", written.Events, written.Out, written.Cursor)
	return nil
}
