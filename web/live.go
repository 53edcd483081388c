package web

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// live is the server-sent events of one page: of a dashboard the API's own stream of its figures, each event of it made tiles; of a page
// of records the API's stream of what happens, of which it is told what is about them. A browser that comes back names the event that it
// had last, and so misses nothing and is told nothing twice.
func (s *server) live(w http.ResponseWriter, r *http.Request) {
	p := portalNamed(r.URL.Query().Get("portal"))
	if p == nil {
		s.missing(w, r)
		return
	}
	asked := statsQuery(r)
	path, query, tell := "/stats", asked, p.tilesOf(r.Context(), asked)
	if r.URL.Query().Has(ofParameter) {
		path = "/activity"
		query, tell = changes(r)
	}
	req := s.request(r, p.Name, r.Method, "/api/portals/"+p.Name+path, query, nil)
	req.Header.Set("Accept", "text/event-stream")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	st := &stream{answer: answer{header: http.Header{}}, browser: w, tell: tell}
	s.api.ServeHTTP(st, req)
	switch {
	case st.noSession(), st.status == http.StatusOK && r.Context().Err() == nil && s.call(r, p.Name, http.MethodGet, "/api/auth/me", nil, nil).noSession():
		// A browser tells its page no status of a stream, so that nobody is signed in has to be an event.
		st.begin()
		_, _ = w.Write([]byte("event: ended\ndata: signed out\n\n")) // the stream ends either way
	case st.status != http.StatusOK:
		http.Error(w, st.fault().words(), st.status)
	}
}

// stream makes of the API's stream the browser's. An answer that is none it keeps.
type stream struct {
	answer
	browser http.ResponseWriter
	tell    func(id, data string) (string, error) // makes of an event of the API one of the page
	begun   bool
}

// Unwrap lets the API flush the browser's connection and bound how long it may take.
func (st *stream) Unwrap() http.ResponseWriter { return st.browser }

// begin opens the browser's stream.
func (st *stream) begin() {
	if st.begun {
		return
	}
	st.begun = true
	st.browser.Header().Set("Content-Type", "text/event-stream")
	st.browser.Header().Set("X-Accel-Buffering", "no") // a proxy that collects answers would hold events back
	st.browser.WriteHeader(http.StatusOK)
}

func (st *stream) WriteHeader(status int) {
	st.answer.WriteHeader(status)
	if status == http.StatusOK {
		st.begin()
	}
}

func (st *stream) Write(p []byte) (int, error) {
	if st.status == 0 {
		st.WriteHeader(http.StatusOK)
	}
	n, err := st.answer.Write(p)
	for st.status == http.StatusOK && err == nil {
		end := bytes.Index(st.body.Bytes(), []byte("\n\n"))
		if end < 0 {
			break
		}
		err = st.pass(string(st.body.Next(end + 2)))
	}
	return n, err
}

// pass hands an event on. What carries no data, a sign of life or how long to wait, goes as it is.
func (st *stream) pass(event string) error {
	var id, data string
	for line := range strings.Lines(event) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			data = value
		}
	}
	if data == "" {
		_, err := st.browser.Write([]byte(event))
		return err
	}
	text, err := st.tell(id, data)
	if err == nil {
		_, err = st.browser.Write([]byte(text))
	}
	return err
}

// tilesOf makes tiles of figures that were asked for so.
func (p *portal) tilesOf(ctx context.Context, asked url.Values) func(id, data string) (string, error) {
	return func(id, data string) (string, error) {
		var got statsAnswer
		if err := json.Unmarshal([]byte(data), &got); err != nil {
			return "", err
		}
		var html bytes.Buffer
		if err := tiles(p.sections(got, asked), got.lagging).Render(ctx, &html); err != nil {
			return "", err
		}
		// An event's data ends at a line end, whichever kind, and so each line is one of its own.
		lines := strings.ReplaceAll(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(html.String()), "\n", "\ndata: ")
		return "event: tiles\nid: " + id + "\ndata: " + lines + "\n\n", nil
	}
}
