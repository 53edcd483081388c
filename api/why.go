package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
	"github.com/streamflow/streamflow/projections"
)

// whyItem is one event and what it adds to a figure: an amount of money, or a whole number.
type whyItem struct {
	Event        history.Item `json:"event"`
	Contribution any          `json:"contribution"`
}

// whyAnswer is a page of what a figure is made of. Sum is that of all contributions, whatever the page.
type whyAnswer struct {
	page[whyItem] `json:",embed"`
	Sum           any `json:"sum"`
}

// why answers the events behind a figure, the newest first. Its pages are all of one moment, which the first one fixes, so that
// they go on adding up to their sum while events arrive.
func (s *server) why(w http.ResponseWriter, r *http.Request, who principal) error {
	q, err := s.askedFigures(r, who)
	if err != nil {
		return err
	}
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	behind, err := s.whyPage(&q)
	if err != nil {
		return err
	}
	why, err := projections.Why(r.Context(), s.Reader, projections.Part{Portal: q.portal, Figure: chi.URLParam(r, "name"), Side: r.URL.Query().Get("part")},
		q.query, q.moment, behind, limit+1)
	switch {
	case errors.Is(err, projections.ErrNoFigure):
		return commands.ErrNotFound
	case errors.Is(err, projections.ErrNotEvents):
		return problem.New(problem.FigureNotFromEvents, "")
	case errors.Is(err, projections.ErrNoPart):
		return problem.Invalid(problem.FieldError{Field: "part", Code: "not_allowed", Message: "is numerator or denominator, of a ratio or a mean"})
	case err != nil:
		return err
	}
	answer := whyAnswer{page: page[whyItem]{Items: []whyItem{}}, Sum: why.Sum}
	if len(why.Items) > limit {
		why.Items = why.Items[:limit]
		last := why.Items[limit-1]
		answer.NextCursor = s.pageToken(r, q.tenant, s.Commands.Log.Token(why.Cursor), string(q.moment.On), last.RecordedAt.Format(time.RFC3339Nano),
			strconv.Itoa(int(last.Lane)), strconv.FormatInt(last.Position, 10), last.Currency)
	}
	if answer.Items, err = s.whyItems(r, why); err != nil {
		return err
	}
	w.Header().Set(CursorHeader, s.Commands.Log.Token(why.Cursor))
	s.write(w, r, http.StatusOK, answer)
	return nil
}

// whyPage reads the place that a page begins behind, and the moment that its first page was of.
func (s *server) whyPage(q *figuresRequest) (*projections.Contribution, error) {
	place, err := s.pageOf(q.Request, q.tenant, 6)
	if place == nil || err != nil {
		return nil, err
	}
	if q.moment.At, err = s.Commands.Log.ParseToken(place[0]); err != nil {
		return nil, err
	}
	q.moment.On = domain.Date(place[1])
	recorded, err := time.Parse(time.RFC3339Nano, place[2])
	if err != nil {
		return nil, eventstore.ErrCursor
	}
	lane, err := strconv.ParseInt(place[3], 10, 16)
	if err != nil {
		return nil, eventstore.ErrCursor
	}
	position, err := strconv.ParseInt(place[4], 10, 64)
	if err != nil {
		return nil, eventstore.ErrCursor
	}
	return &projections.Contribution{Lane: int16(lane), Position: position, RecordedAt: recorded, Amount: money.Amount{Currency: place[5]}}, nil
}

// whyItems reads the events of contributions. A figure needs nobody's name, so personal fields stay encrypted.
func (s *server) whyItems(r *http.Request, why projections.Reasons) ([]whyItem, error) {
	lanes, positions := make([]int16, len(why.Items)), make([]int64, len(why.Items))
	for i, c := range why.Items {
		lanes[i], positions[i] = c.Lane, c.Position
	}
	events, err := s.Commands.Log.ReadPositions(r.Context(), lanes, positions)
	if err != nil {
		return nil, err
	}
	told, err := history.Items(r.Context(), s.Commands.Log, events, false)
	if err != nil {
		return nil, err
	}
	items := make([]whyItem, len(events))
	for i := range told {
		items[i] = whyItem{told[i], why.Items[i].Amount.Amount}
		if why.Money {
			items[i].Contribution = why.Items[i].Amount
		}
	}
	return items, nil
}
