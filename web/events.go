package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	eventsPath = "/developer/events"
	eventsAPI  = "/api/v2/events"
	// eventsOnPage is how many events the browser holds at most.
	eventsOnPage = "25"
	// orderParameter is the API's; the newest are first where it is not given, and here alone.
	orderParameter = "sort"
	oldestFirst    = "position"
	newestFirst    = "-position"
)

// logged is an event as the API answers it.
type logged struct {
	ID            string     `json:"id"`
	Cursor        string     `json:"cursor"`
	Lane          int        `json:"lane"`
	Position      int64      `json:"position"`
	TenantID      string     `json:"tenantId"`
	Stream        string     `json:"stream"`
	Version       int64      `json:"version"`
	Type          string     `json:"type"`
	SchemaVersion int        `json:"schemaVersion"`
	RecordedAt    time.Time  `json:"recordedAt"`
	EffectiveAt   *time.Time `json:"effectiveAt"`
	Actor         struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
		Via  string `json:"via"`
	} `json:"actor"`
	CommandID     string         `json:"commandId"`
	CorrelationID string         `json:"correlationId"`
	CausationID   string         `json:"causationId"`
	Data          jsontext.Value `json:"data"`
}

// address is the event's page.
func (e logged) address() string { return eventsPath + "/" + url.PathEscape(e.ID) }

// place is where in the log it is.
func (e logged) place() string { return strconv.Itoa(e.Lane) + "/" + strconv.FormatInt(e.Position, 10) }

// logPage is a page of the log.
type logPage struct {
	Shell   shell
	Table   ui.Table
	Orders  []ui.Tab
	Message string // why there is none
	Wrong   string // what is wrong with the filters; empty where it is not they
}

// eventFilters are what the log can be narrowed by, as the form asks it.
var eventFilters = []ui.Field{
	{Name: "type", Label: "Type", Hint: "lead.*"}, {Name: "stream", Label: "Stream", Hint: "lead-0195…"}, {Name: "tenantId", Label: "Tenant"},
	{Name: "from", Label: "After (UTC)", Kind: "datetime-local"}, {Name: "until", Label: "Until (UTC)", Kind: "datetime-local"},
	{Name: "commandId", Label: "Command"}, {Name: "correlationId", Label: "Correlation"}, {Name: "causationId", Label: "Caused by"},
}

// eventsView is what an address asks of the log. Times it holds as the form does.
func eventsView(q url.Values) ui.View {
	kept := strip(q, "type", "stream", "tenantId", "from", "until", "commandId", "correlationId", "causationId", orderParameter, "cursor", "trail")
	for name := range kept {
		if kept[name][0] = strings.TrimSpace(kept[name][0]); kept[name][0] == "" {
			kept.Del(name)
		}
	}
	for _, name := range []string{"from", "until"} {
		if t, err := time.Parse(time.RFC3339, formMoment(kept.Get(name))); err == nil {
			kept.Set(name, t.UTC().Format(formTime))
		}
	}
	return ui.View{Path: eventsPath, Query: kept}
}

// eventsQuery is what the API is asked for a view: a page begins after its cursor, or where the newest are first ends with it.
func eventsQuery(v ui.View) url.Values {
	q := strip(v.Query, "type", "stream", "tenantId", "commandId", "correlationId", "causationId")
	begin, end := formMoment(v.Query.Get("from")), formMoment(v.Query.Get("until"))
	order, cursor := v.Query.Get(orderParameter), v.Query.Get("cursor")
	switch {
	case order == "":
		order = newestFirst
		fallthrough
	case order == newestFirst:
		if cursor != "" {
			end = cursor
		}
	case cursor != "":
		begin = cursor
	}
	q.Set(orderParameter, order)
	q.Set("limit", eventsOnPage)
	for name, value := range map[string]string{"after": begin, "until": end} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// eventList is a page of the API's events.
type eventList struct {
	Items      []logged `json:"items"`
	NextCursor string   `json:"nextCursor"`
}

func (s *server) events(v visit) {
	view := eventsView(v.r.URL.Query())
	p := logPage{Shell: s.shell(v, "Events"), Orders: eventOrders(view)}
	a := s.call(v.r, v.portal.Name, http.MethodGet, eventsAPI, eventsQuery(view), nil)
	if s.stopped(v, a, string(view.Address())) {
		return
	}
	var list eventList
	status := http.StatusOK
	if a.status != http.StatusOK || a.decode(&list) != nil {
		status, p.Message = failed(a), a.fault().words()
		p.Wrong = wrongFilters(a.fault())
	}
	p.Table = eventTable(view, list)
	render(v.w, v.r, status, eventsScreen(p))
}

// wrongFilters says which filters the API does not take, and why.
func wrongFilters(f fault) string {
	var all []string
	for _, e := range f.Errors {
		name := e.Field
		if name == "after" {
			name = "from"
		}
		if i := slices.IndexFunc(eventFilters, func(f ui.Field) bool { return f.Name == name }); i >= 0 {
			name = eventFilters[i].Label
		}
		all = append(all, name+" "+strings.TrimSuffix(e.Message, ".")+".")
	}
	return capital(strings.Join(all, " "))
}

// eventOrders are the two ways through the log.
func eventOrders(v ui.View) []ui.Tab {
	oldest := v.Query.Get(orderParameter) == oldestFirst
	return []ui.Tab{
		{Title: "Newest first", Address: string(v.Without(orderParameter)), Current: !oldest},
		{Title: "Oldest first", Address: string(ordered(v, oldestFirst).Address()), Current: oldest},
	}
}

// ordered is the first page of a view in another order.
func ordered(v ui.View, order string) ui.View {
	q := url.Values{}
	for _, kept := range v.Kept() {
		q.Set(kept.Value, kept.Title)
	}
	q.Set(orderParameter, order)
	return ui.View{Path: v.Path, Query: q}
}

// eventTable is a page of the log as it is shown.
func eventTable(view ui.View, list eventList) ui.Table {
	t := ui.Table{
		ID: "events", Caption: "Events", View: view, Next: list.NextCursor, Filters: eventFilters,
		Columns: []ui.Column{{Title: "Event"}, {Title: "Stream", Tight: true}, {Title: "Version", Number: true}, {Title: "Tenant", Tight: true}, {Title: "By", Tight: true},
			{Title: "Position", Number: true}, {Title: "Recorded", Tight: true}},
		Range: counted(int64(len(list.Items)), "event") + " on this page",
		Empty: ui.Nothing{Title: "No event is like that", Text: "Take a filter away, or look at another time.", Link: eventsPath, Action: "Show all events"},
	}
	if list.NextCursor != "" {
		// The API looks at a part of the log for each page, so that no page takes long.
		t.Empty = ui.Nothing{Title: "None so far", Text: "No event in this part of the log is like that. The search goes on in the next part.",
			Link: string(view.Following(list.NextCursor).Address()), Action: "Go on"}
	}
	for _, e := range list.Items {
		t.Rows = append(t.Rows, ui.Row{ID: e.ID, Name: e.Type, Cells: []ui.Cell{
			{Text: e.Type, Href: e.address()}, {Text: shortened(e.Stream), Href: streamAddress(e)}, {Text: whole(e.Version)},
			{Text: shortened(e.TenantID), Href: eventsAddress("tenantId", e.TenantID)}, {Text: actorOf(e)}, {Text: e.place()}, {Text: ui.Moment(e.RecordedAt)}}})
	}
	return t
}

// eventsAddress is the log narrowed by one thing.
func eventsAddress(name, value string) string {
	return string(ui.View{Path: eventsPath, Query: url.Values{name: {value}}}.Address())
}

// streamAddress is the log of an event's stream. With its tenant the stream is found at once.
func streamAddress(e logged) string {
	return string(ui.View{Path: eventsPath, Query: url.Values{"stream": {e.Stream}, "tenantId": {e.TenantID}}}.Address())
}

// actorOf is who did it, and through what.
func actorOf(e logged) string {
	if e.Actor.Via == "" {
		return e.Actor.Kind
	}
	return e.Actor.Kind + ", " + e.Actor.Via
}

// shortened is an id of which the list shows the end: ids of one time begin alike. What is short stays whole.
func shortened(id string) string {
	const uuidLength, end = 36, 8
	letters := []rune(id)
	if len(letters) < uuidLength {
		return id
	}
	tail := "…" + string(letters[len(letters)-end:])
	if category := strings.TrimSuffix(string(letters[:len(letters)-uuidLength]), "-"); category != "" && len(category) <= 24 {
		return category + "-" + tail
	}
	return tail
}
