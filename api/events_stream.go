package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/eventstore/history"
)

const (
	// heartbeat is the longest silence of a stream: proxies end a connection on which nothing happens for longer.
	heartbeat = 15 * time.Second
	// writeWait is how long a reader may take nothing before its connection is ended.
	writeWait = 30 * time.Second
	// maxFollowers bounds the streams of one node: each looks at the log several times a second.
	maxFollowers = 200
)

// patient is a writer that gives its reader writeWait for each write.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newPatient(w http.ResponseWriter) patient { return patient{w, http.NewResponseController(w)} }

func (p patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writeWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

// streamEvents answers with all that the query asks for, or the first of it where limit is not 0. It reads from the log as fast as the
// reader takes it, and holds no transaction meanwhile.
func (s *server) streamEvents(w http.ResponseWriter, q request, query history.Query, form string, limit int) error {
	format := "ndjson"
	contentType := form
	if form == "text/csv" {
		format, contentType = "csv", "text/csv; charset=utf-8; header=present"
	}
	out := newPatient(w)
	encoder, err := history.NewEncoder(format, out, s.Source)
	if err != nil {
		return err
	}
	begun := false
	told := 0
	for item, err := range history.Read(q.Context(), s.Commands.Log, query) {
		if err != nil && !begun {
			return err
		}
		if err == nil {
			if !begun {
				begun = true
				w.Header().Set("Content-Type", contentType)
			}
			err = encoder.Write(item)
			told++
		}
		if err != nil {
			s.breakOff(q, err)
		}
		if told == limit { // never, where it is 0
			break
		}
	}
	if err := q.Context().Err(); err != nil {
		s.breakOff(q, err)
	}
	w.Header().Set("Content-Type", contentType)
	_ = encoder.Close() // a client that has gone is told nothing
	return nil
}

// breakOff ends an answer that cannot be ended well, so that its reader does not take it for the whole.
func (s *server) breakOff(q request, err error) {
	s.Logger.WarnContext(q.Context(), "history was broken off", "error", err)
	panic(http.ErrAbortHandler)
}

// errStreamEnds: the stream ends, and its reader may come again.
var errStreamEnds = errors.New("stream ends")

// followEvents answers with server-sent events until the reader goes, may read no more, or the server ends.
func (s *server) followEvents(w http.ResponseWriter, q request, query history.Query) error {
	for _, name := range []string{"until", "at", "limit"} {
		if q.URL.Query().Has(name) {
			return problem.Invalid(problem.FieldError{Field: name, Code: problem.FieldUnknown, Message: "is not for a stream, which has no end"})
		}
	}
	if last := q.Header.Get("Last-Event-ID"); last != "" {
		after, err := s.Commands.Log.ParseToken(last)
		if err != nil {
			return err
		}
		query.After = after
	}
	// First, so that what is wrong with the cursor is a problem and not a stream.
	if err := history.Check(q.Context(), s.Commands.Log, query.After); err != nil {
		return err
	}
	if s.followers.Add(1) > maxFollowers {
		s.followers.Add(-1)
		p := problem.New(problem.Unavailable, "As many streams are open as this node serves.")
		p.RetryAfter = retryAfter
		return p
	}
	defer s.followers.Add(-1)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy that waits for more shows nothing
	w.WriteHeader(http.StatusOK)
	err := s.tell(q.Context(), newPatient(w), q, query)
	if err != nil && !errors.Is(err, errStreamEnds) && q.Context().Err() == nil {
		s.Logger.WarnContext(q.Context(), "stream of events ended", "error", err)
	}
	return nil
}

func (s *server) tell(ctx context.Context, out patient, q request, query history.Query) error {
	spoke, permitted := s.Commands.Now(), s.Commands.Now()
	if _, err := io.WriteString(out, "retry: 1000\n\n"); err != nil {
		return errStreamEnds
	}
	idle := func() error {
		now := s.Commands.Now()
		if now.Sub(permitted) >= heartbeat {
			permitted = now
			if _, err := s.permit(q.Request, historians); err != nil { // was shut out meanwhile
				return errStreamEnds
			}
		}
		if now.Sub(spoke) >= heartbeat {
			spoke = now
			if _, err := io.WriteString(out, ": still here\n\n"); err != nil {
				return errStreamEnds
			}
		}
		if err := out.control.Flush(); err != nil {
			return errStreamEnds
		}
		return nil
	}
	for item, err := range history.Follow(ctx, s.Commands.Log, query, idle) {
		if err != nil {
			return err
		}
		data, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "id: %s\ndata: %s\n\n", item.Cursor, data); err != nil {
			return errStreamEnds
		}
		spoke = s.Commands.Now()
	}
	return nil
}
