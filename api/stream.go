package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/eventstore"
)

const (
	// heartbeat is the longest silence of a stream: proxies end a connection on which nothing happens for longer.
	heartbeat = 15 * time.Second
	// trust is for how long somebody who was let in is told more without another look: nobody hears much after signing out.
	trust = time.Second
	// pulse is how often a stream that waits looks at the clock; it asks nobody anything then.
	pulse = 500 * time.Millisecond
	// writeWait is how long a reader may take nothing before its connection is ended.
	writeWait = 30 * time.Second
	// maxFollowers bounds the streams of one node: each may read a little with every commit.
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

// errStreamEnds: the stream ends, and its reader may come again.
var errStreamEnds = errors.New("stream ends")

// stream is an answer of server-sent events: JSON under ids that are cursors, for as long as its reader may hear it.
type stream struct {
	request          *http.Request
	now              func() time.Time
	out              patient
	permit           func() error
	spoke, permitted time.Time
}

// endless refuses what would end a stream.
func endless(r *http.Request, names ...string) error {
	for _, name := range names {
		if r.URL.Query().Has(name) {
			return problem.Invalid(problem.FieldError{Field: name, Code: problem.FieldUnknown, Message: "is not for a stream, which has no end"})
		}
	}
	return nil
}

// lastTold is the cursor that a reader heard last, who comes again; nil where it is new.
func (s *server) lastTold(r *http.Request) (eventstore.Cursor, error) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		return nil, nil
	}
	return s.Commands.Log.ParseToken(last)
}

// stream answers with what tell sends. It begins the answer, so everything that can be wrong with the request is to be found
// before. Permit says again whether the reader may hear it.
func (s *server) stream(w http.ResponseWriter, r *http.Request, permit func() error, tell func(*stream) error) error {
	if s.followers.Add(1) > maxFollowers {
		s.followers.Add(-1)
		return later(problem.Unavailable, "As many streams are open as this node serves.")
	}
	defer s.followers.Add(-1)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy that waits for more shows nothing
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	now := s.Commands.Now()
	takesLong(r.Context())
	st := &stream{request: r, now: s.Commands.Now, out: newPatient(w), permit: permit, spoke: now, permitted: now}
	_, err := io.WriteString(st.out, "retry: 1000\n\n")
	if err == nil {
		err = tell(st)
	}
	if err != nil && !errors.Is(err, errStreamEnds) && r.Context().Err() == nil {
		s.Logger.WarnContext(r.Context(), "stream ended", "path", r.URL.Path, "error", err)
	}
	return nil
}

// send tells one event, if the reader may still hear it. It arrives with the next rest.
func (st *stream) send(id string, body any) error {
	if err := st.mayHear(trust); err != nil {
		return err
	}
	var data bytes.Buffer
	if err := guard.MarshalJSON(&data, body); err != nil {
		return err
	}
	st.spoke = st.now()
	if _, err := fmt.Fprintf(st.out, "id: %s\ndata: %s\n\n", id, data.Bytes()); err != nil {
		return errStreamEnds
	}
	return nil
}

// mayHear looks again whether the reader may hear more, where that was known longer ago.
func (st *stream) mayHear(long time.Duration) error {
	now := st.now()
	if now.Sub(st.permitted) < long {
		return nil
	}
	if err := st.permit(); err != nil { // was shut out meanwhile
		return errStreamEnds
	}
	st.permitted = now
	return nil
}

// rest is for when all there is was told: it hands over what was sent and, after a long silence, says that it is still here.
func (st *stream) rest() error {
	if err := st.mayHear(heartbeat); err != nil {
		return err
	}
	if now := st.now(); now.Sub(st.spoke) >= heartbeat {
		st.spoke = now
		if _, err := io.WriteString(st.out, ": still here\n\n"); err != nil {
			return errStreamEnds
		}
	}
	if err := st.out.control.Flush(); err != nil {
		return errStreamEnds
	}
	return nil
}

// wait rests until something moved, or for so long.
func (st *stream) wait(moved <-chan struct{}, long time.Duration) error {
	for until := st.now().Add(long); st.now().Before(until); {
		if err := st.rest(); err != nil {
			return err
		}
		select {
		case <-st.request.Context().Done():
			return errStreamEnds
		case <-moved:
			return nil
		case <-time.After(pulse):
		}
	}
	return st.rest()
}

// pause lets time pass, where there is any to pass.
func (st *stream) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-st.request.Context().Done():
		return errStreamEnds
	case <-time.After(d):
		return nil
	}
}
