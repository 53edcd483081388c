package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
)

// historyRoute is the route of the events of one kind of record, by the names of its list and of one of it.
func (s *server) historyRoute(list, one string, stream func(id string) string) route {
	return route{on: "GET /api/v2/" + list + "/{id}/history", id: "get" + strings.ToUpper(one[:1]) + one[1:] + "History", summary: "Lists the events of one of the " + list + ", the newest first",
		query: slices.Concat(ofPage, []parameter{tenantParameter}), gives: replies{200: page[history.Item]{}},
		frame: s.readingOne(eventstore.Stream(stream("")).Category(), func(w http.ResponseWriter, q request, m moment) error {
			return s.history(w, q, m, stream(q.id))
		})}
}

// history answers with a record's own events, newest first. Who may read the record may read what happened to it, the
// personal fields among it.
func (s *server) history(w http.ResponseWriter, q request, m moment, stream string) error {
	until := m.position(s.Commands.Log.LaneOf(q.tenant))
	if until == 0 {
		return commands.ErrNotFound
	}
	events, err := s.Commands.Log.ReadStream(q.Context(), q.tenant, eventstore.Stream(stream), until)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return commands.ErrNotFound
	}
	return s.tell(w, q, events)
}

// tell answers with a page of the events of a stream, which come in its order, the newest first.
func (s *server) tell(w http.ResponseWriter, q request, events []eventstore.Event) error {
	limit, err := limitOf(q.Request)
	if err != nil {
		return err
	}
	below, err := s.numberedPage(q.Request, q.tenant)
	if err != nil {
		return err
	}
	if below > 0 {
		events = slices.DeleteFunc(events, func(e eventstore.Event) bool { return e.Version >= below })
	}
	answer := page[history.Item]{}
	if more := len(events) - limit; more > 0 {
		events = events[more:]
		answer.NextCursor = s.pageToken(q.Request, q.tenant, strconv.Itoa(events[0].Version))
	}
	if answer.Items, err = history.Items(q.Context(), s.Commands.Log, events, true); err != nil {
		return err
	}
	slices.Reverse(answer.Items)
	s.write(w, q.Request, http.StatusOK, answer)
	return nil
}
