package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

const (
	partParameter = "part" // a side of a ratio or a mean, as the API calls it
	// pinParameter is the moment that the first page of the events was of, and the day: the others are of the same, so that they
	// all add up to what the first one says.
	pinParameter = "pin"
)

// sides are what the two sides of a ratio or a mean are called; other figures have none.
var sides = map[string][]ui.Option{
	"conversionRate":    {{Value: "numerator", Title: "Converted leads"}, {Value: "denominator", Title: "Leads"}},
	"conversionRate90d": {{Value: "numerator", Title: "Converted leads"}, {Value: "denominator", Title: "New leads"}},
	"averageDealSize":   {{Value: "numerator", Title: "Value won"}, {Value: "denominator", Title: "Deals won"}},
	"averageDaysToPay":  {{Value: "numerator", Title: "Days to pay"}, {Value: "denominator", Title: "Paid invoices"}},
}

// contribution is an event, and what it adds to a figure.
type contribution struct {
	Event struct {
		happened

		ID       string `json:"id"`
		Stream   string `json:"stream"`
		TenantID string `json:"tenantId"`
	} `json:"event"`
	Contribution jsontext.Value `json:"contribution"`
}

// reasons are a page of the API's answer to why a figure is what it is.
type reasons struct {
	Items      []contribution `json:"items"`
	Sum        jsontext.Value `json:"sum"`
	NextCursor string         `json:"nextCursor"`
}

// figurePage is one figure, and the events that it is made of.
type figurePage struct {
	Shell    shell
	Figure   ui.Stat
	Sides    []ui.Tab
	Sum      string // of all the events, in words
	Agrees   bool   // with the figure
	Table    ui.Table
	At, Then string // when the figure held, where that is not now
	Nothing  string // why there are no events
	Message  string // why they cannot be shown
}

// figurePath is the page of a figure.
func (p *portal) figurePath(name string) string { return p.Home + "/figures/" + name }

// figureURL is the page of a figure, as of when and of whom a dashboard was asked for.
func (p *portal) figureURL(name string, asked url.Values) string {
	return string(ui.View{Path: p.figurePath(name), Query: strip(asked, "at", "on", "tenantId")}.Address())
}

// label is what the portal calls a figure.
func (p *portal) label(name string) label {
	for _, g := range p.Groups {
		for _, l := range g.Labels {
			if l.Name == name {
				return l
			}
		}
	}
	return label{Name: name, Title: name}
}

func (s *server) figure(v visit) {
	name, err := url.PathUnescape(chi.URLParam(v.r, "name"))
	if err != nil {
		name = chi.URLParam(v.r, "name")
	}
	named, asked := v.portal.label(name), statsQuery(v.r)
	pin, day, pinned := strings.Cut(v.r.URL.Query().Get(pinParameter), "~")
	if pinned && asked.Get("at") == "" {
		asked.Set("at", pin)
		asked.Set("on", day)
	}
	a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/portals/"+v.portal.Name+"/stats", asked, nil)
	if s.stopped(v, a, v.r.URL.RequestURI()) {
		return
	}
	p := figurePage{Shell: s.shell(v, named.Title), At: v.r.URL.Query().Get("at"),
		Table: ui.Table{View: ui.View{Path: v.portal.figurePath(name), Query: strip(v.r.URL.Query(), "at", "on", "tenantId", partParameter, pinParameter, "cursor", "trail")}}}
	var stats statsAnswer
	if a.status != http.StatusOK || a.decode(&stats) != nil {
		p.Message = a.fault().words()
		render(v.w, v.r, failed(a), figureScreen(p))
		return
	}
	f, there := stats.Stats[name]
	if !there {
		s.fail(v, failure{Status: http.StatusNotFound, Title: "No such figure", Text: "This dashboard has no figure of that name."})
		return
	}
	if p.At != "" {
		p.Shell.Then, p.At, p.Then = true, stats.At.UTC().Format(formTime), ui.Moment(stats.At)
	}
	p.Figure = f.tile(named, stats.At)
	if asked.Get("at") == "" { // the events are those of this very answer
		asked.Set("at", stats.Cursor)
	}
	if asked.Get("on") == "" {
		asked.Set("on", stats.At.UTC().Format(time.DateOnly))
	}
	s.explain(v, &p, f, named, asked)
}

// explain adds the events to the page of a figure, and shows it.
func (s *server) explain(v visit, p *figurePage, f figure, named label, asked url.Values) {
	view := p.Table.View
	part := view.Query.Get(partParameter)
	if both := sides[named.Name]; part == "" && len(both) > 0 {
		part = both[0].Value
	}
	q := maps.Clone(asked)
	maps.Copy(q, strip(url.Values{partParameter: {part}, "cursor": {view.Query.Get("cursor")}}, partParameter, "cursor"))
	if f.Source == "gauge" {
		p.Nothing = "This figure is measured, not added up from events."
		render(v.w, v.r, http.StatusOK, figureScreen(*p))
		return
	}
	a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/portals/"+v.portal.Name+"/stats/"+url.PathEscape(named.Name)+"/events", q, nil)
	if s.stopped(v, a, v.r.URL.RequestURI()) {
		return
	}
	var why reasons
	status := http.StatusOK
	switch {
	case a.status == http.StatusNotFound:
		p.Nothing = "No event is counted here yet."
	case a.status != http.StatusOK || a.decode(&why) != nil:
		status, p.Message = failed(a), a.fault().words()
	default:
		if view.Query.Get("at") == "" {
			view.Query.Set(pinParameter, asked.Get("at")+"~"+asked.Get("on"))
		}
		p.show(f, named, part, why)
		p.Table = contributionsTable(v, view, why, s.people(v))
		p.Sides = sideTabs(view, named.Name, part)
	}
	render(v.w, v.r, status, figureScreen(*p))
}

// sideTabs lead to the two sides of a ratio or a mean.
func sideTabs(view ui.View, name, part string) []ui.Tab {
	var tabs []ui.Tab
	for _, side := range sides[name] {
		q := maps.Clone(view.Query)
		q.Del("cursor")
		q.Del("trail")
		q.Set(partParameter, side.Value)
		tabs = append(tabs, ui.Tab{Address: string(ui.View{Path: view.Path, Query: q}.Address()), Title: side.Title, Current: side.Value == part})
	}
	return tabs
}

// show says what the events add up to, and whether that is what the figure says.
func (p *figurePage) show(f figure, named label, part string, why reasons) {
	sum := figure{Value: why.Sum, Unit: f.Unit}
	noun := named.Noun
	for _, side := range sides[named.Name] {
		if side.Value == part {
			noun, sum.Unit = strings.ToLower(side.Title), "count"
		}
	}
	if why.Sum.Kind() == '[' {
		sum.Unit = "money"
	}
	values, err := sum.quantities(noun)
	if err != nil {
		p.Message = "The sum of the events could not be read."
		return
	}
	var words []string
	for _, q := range values {
		words = append(words, strings.TrimSpace(q.Number+" "+q.Unit))
	}
	p.Sum = strings.Join(words, ", ")
	p.Agrees = agrees(f, why.Sum, part)
}

// agrees says whether a figure, or a side of it, is what its events add up to. A mean of money does not name its sides, and has
// nothing to compare.
func agrees(f figure, sum jsontext.Value, part string) bool {
	switch {
	case f.Of != nil:
		want := f.Of.Numerator
		if part == "denominator" {
			want = f.Of.Denominator
		}
		var got int64
		return json.Unmarshal(sum, &got) == nil && got == want
	case part != "":
		return true
	case sum.Kind() != '[':
		return string(sum) == string(f.Value)
	}
	var got, want []money.Amount
	byCurrency := func(a, b money.Amount) int { return strings.Compare(a.Currency, b.Currency) }
	if json.Unmarshal(sum, &got) != nil || json.Unmarshal(f.Value, &want) != nil {
		return false
	}
	slices.SortFunc(got, byCurrency)
	slices.SortFunc(want, byCurrency)
	return slices.Equal(got, want)
}

// figureRecords are the kinds of records that a portal has pages for, by the portal and the category of their events.
var figureRecords = map[string]*kind{"client lead": leadKind, "accountant invoice": invoiceKind}

// contributionsTable is a page of the events.
func contributionsTable(v visit, view ui.View, why reasons, people colleagues) ui.Table {
	t := ui.Table{ID: "events", Caption: "Events", View: view, Next: why.NextCursor, Range: whole(int64(len(why.Items))) + " on this page",
		Columns: []ui.Column{{Key: "event", Title: "Event"}, {Key: "record", Title: "Record"}, {Key: "by", Title: "By"}, {Key: "recorded", Title: "Recorded", Tight: true}, {Key: "adds", Title: "Adds", Number: true}},
		Empty:   ui.Nothing{Title: "No event counts here", Text: "As soon as one does, it stands here."}}
	for _, c := range why.Items {
		e := c.Event
		category, id, _ := strings.Cut(e.Stream, "-")
		record := ui.Cell{Text: capital(category) + " " + shortened(id)}
		if k := figureRecords[v.portal.Name+" "+category]; k != nil {
			at := place{View: k.view(nil)}
			if v.who.TenantID == "" {
				at.Tenant = e.TenantID
			}
			record.Href = at.address(url.PathEscape(id))
		}
		t.Rows = append(t.Rows, ui.Row{ID: e.ID, Name: e.Type, Cells: []ui.Cell{
			{Text: capital(strings.NewReplacer(".", " ", "_", " ").Replace(e.Type))}, record, {Text: capital(e.by(people))},
			{Text: ui.Moment(e.RecordedAt)}, {Text: added(c.Contribution)}}})
	}
	return t
}

// added is what an event adds, with its sign.
func added(value jsontext.Value) string {
	text := string(value)
	var a money.Amount
	if value.Kind() == '{' && json.Unmarshal(value, &a) == nil {
		text = a.Major()
	}
	text = ui.Grouped(text)
	if !strings.HasPrefix(text, "−") {
		text = "+" + text
	}
	return strings.TrimSpace(text + " " + a.Currency)
}
