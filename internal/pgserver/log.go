package pgserver

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// tailLines is how much of Postgres' log an error message quotes.
const tailLines = 6

// maxLine bounds what a line without an end may collect; Postgres can quote a whole statement.
const maxLine = 64 << 10

// logWriter passes Postgres' stderr on to a logger, line by line, and remembers the last lines.
type logWriter struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
}

// Write takes a piece of the log; it never fails, because that would block Postgres.
func (w *logWriter) Write(piece []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partial = append(w.partial, piece...)
	for {
		line, rest, found := bytes.Cut(w.partial, []byte{'\n'})
		if !found {
			break
		}
		w.line(string(line))
		w.partial = rest
	}
	if len(w.partial) > maxLine {
		w.line(string(w.partial))
		w.partial = nil
	}
	return len(piece), nil
}

func (w *logWriter) line(line string) {
	if line == "" {
		return
	}
	w.last = append(w.last, line)
	if len(w.last) > tailLines {
		w.last = w.last[1:]
	}
	w.log.Log(context.Background(), level(line), "postgres", "line", line)
}

// level maps Postgres' severity. An ERROR is a statement's and its client has been told; a FATAL ends one connection,
// as every shutdown does to all. Only a PANIC concerns the server.
func level(line string) slog.Level {
	switch severity, _, _ := strings.Cut(line, ":"); severity {
	case "PANIC":
		return slog.LevelError
	case "WARNING":
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

func (w *logWriter) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.last, " | ")
}
