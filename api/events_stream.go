package api

import (
	"net/http"

	"github.com/streamflow/streamflow/eventstore/history"
)

// streamEvents answers with all that the query asks for, or the first of it where limit is not 0. It reads from the log as fast as the
// reader takes it, and holds no transaction meanwhile.
func (s *server) streamEvents(w http.ResponseWriter, q request, query history.Query, form string, limit int) error {
	format := "ndjson"
	contentType := form
	if form == "text/csv" {
		format, contentType = "csv", "text/csv; charset=utf-8; header=present"
	}
	takesLong(q.Context())
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

// followEvents answers with server-sent events until the reader goes, may read no more, or the server ends.
func (s *server) followEvents(w http.ResponseWriter, q request, query history.Query) error {
	if err := endless(q.Request, "until", "at", "limit"); err != nil {
		return err
	}
	last, err := s.lastTold(q.Request)
	if err != nil {
		return err
	}
	if last != nil {
		query.After = last
	}
	// First, so that what is wrong with the cursor is a problem and not a stream.
	if err := history.Check(q.Context(), s.Commands.Log, query.After); err != nil {
		return err
	}
	permit := func() error {
		_, err := s.permit(q.Request, historians)
		return err
	}
	return s.stream(w, q.Request, permit, func(st *stream) error {
		for item, err := range history.Follow(q.Context(), s.Commands.Log, query, st.rest) {
			if err != nil {
				return err
			}
			if err := st.send(item.Cursor, item); err != nil {
				return err
			}
		}
		return nil
	})
}
