package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	liveEvery = 500 * time.Millisecond // how often figures are read anew while somebody looks at them
	liveBeat  = 15 * time.Second       // how long a stream may be silent before something on the way gives it up
	liveWrite = 10 * time.Second       // how long a browser may take to accept an event
)

// live is the server-sent events of one dashboard: the tiles at once, so that a browser that comes back misses nothing,
// and again whenever a figure has changed. It ends with the request, which ends when the server stops.
func (s *server) live(w http.ResponseWriter, r *http.Request) {
	p := portalNamed(r.URL.Query().Get("portal"))
	if p == nil {
		s.missing(w, r)
		return
	}
	first := s.readFigures(r, p)
	if first.status != http.StatusOK {
		http.Error(w, first.fault().words(), first.status)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that collects answers would hold events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	st := &stream{w: w, control: http.NewResponseController(w)}
	if st.figures(r.Context(), p, first) != nil {
		return
	}
	read, beat := time.NewTicker(liveEvery), time.NewTicker(liveBeat)
	defer read.Stop()
	defer beat.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			err = st.send(": still here\n\n")
		case <-read.C:
			switch a := s.readFigures(r, p); {
			case a.noSession():
				_ = st.send("event: ended\ndata: signed out\n\n") // the stream ends either way
				return
			case a.status == http.StatusOK:
				err = st.figures(r.Context(), p, a)
			} // any other refusal passes; the next reading tells
		}
		if err != nil {
			return
		}
	}
}

func (s *server) readFigures(r *http.Request, p *portal) *answer {
	return s.call(r, p.Name, http.MethodGet, "/api/portals/"+p.Name+"/stats", statsQuery(r), nil)
}

// stream is one browser's connection, and what it was sent last.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    string
}

// figures sends the tiles where a figure differs from those sent last. The answer's time and cursor differ each time.
func (st *stream) figures(ctx context.Context, p *portal, a *answer) error {
	var got statsAnswer
	if err := a.decode(&got); err != nil {
		return err
	}
	now := fmt.Sprint(p.sections(statsAnswer{Stats: got.Stats}))
	if now == st.last {
		return nil
	}
	var html bytes.Buffer
	if err := tiles(p.sections(got)).Render(ctx, &html); err != nil {
		return err
	}
	st.last = now
	// An event's data ends at a line end, whichever kind, and so each line is one of its own.
	lines := strings.ReplaceAll(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(html.String()), "\n", "\ndata: ")
	return st.send("event: tiles\ndata: " + lines + "\n\n")
}

func (st *stream) send(text string) error {
	_ = st.control.SetWriteDeadline(time.Now().Add(liveWrite)) // not every writer has one
	if _, err := st.w.Write([]byte(text)); err != nil {
		return err
	}
	return st.control.Flush()
}
