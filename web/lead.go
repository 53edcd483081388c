package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/ui"
)

// leadPlace is where in a list a lead was found: the list's own view, and the row. The row stays when the lead itself leaves
// the list, because a step took it out of a filter, and so its neighbours are still the neighbours.
type leadPlace struct {
	View  ui.View
	Row   int
	Known bool // false: the page was come to from elsewhere
}

func leadPlaceOf(q url.Values) leadPlace {
	row, err := strconv.Atoi(q.Get("row"))
	listed, errList := url.ParseQuery(q.Get("list"))
	if err != nil || errList != nil || row < 0 {
		return leadPlace{View: leadsView(nil)}
	}
	return leadPlace{View: leadsView(listed), Row: row, Known: true}
}

// query are the parameters that keep the place.
func (p leadPlace) query() url.Values {
	q := url.Values{}
	if p.Known {
		q.Set("row", strconv.Itoa(p.Row))
		if list := p.View.Query.Encode(); list != "" {
			q.Set("list", list)
		}
	}
	return q
}

// address is a lead's page, as of the time that its list is as of.
func (p leadPlace) address(id string) string { return p.addressAt(id, p.View.Query.Get("at")) }

// addressAt is a lead's page as of a time; empty is now.
func (p leadPlace) addressAt(id, at string) string {
	q := p.query()
	if at != "" {
		q.Set("at", at)
	}
	address := url.URL{Path: leadsPath + "/" + id, RawQuery: q.Encode()}
	return address.String()
}

// leadPage is one lead.
type leadPage struct {
	Shell          shell
	Lead           leadRecord
	Place          leadPlace
	Previous, Next string // addresses of its neighbours in the list; empty where there is none
	Facts          []fact
	Steps          []ui.Step
	Entries        []ui.Entry
	Moments        ui.Moments
	Notes          []ui.Note
	Older          string // address of the page with the events before; empty where all are shown
	At, Then       string
	Message        string // why there are no facts
}

// fact is one field of a record.
type fact struct{ Label, Value, Href string }

func (s *server) lead(v visit) {
	id, asked := chi.URLParam(v.r, "id"), v.r.URL.Query()
	at := formMoment(asked.Get("at"))
	p := leadPage{Place: leadPlaceOf(asked), Lead: leadRecord{ID: id}}
	here := p.Place.addressAt(id, at)
	history := s.call(v.r, v.portal.Name, http.MethodGet, leadsAPI+"/"+url.PathEscape(id)+"/history", strip(asked, "cursor"), nil)
	a, late := s.seen(v, leadsAPI+"/"+url.PathEscape(id), dropEmpty("at", at))
	if s.stopped(v, a, here) {
		return
	}
	p.Shell = s.shell(v, "Lead")
	var events struct {
		Items      []happened `json:"items"`
		NextCursor string     `json:"nextCursor"`
	}
	if history.status == http.StatusNotFound {
		s.fail(v, failure{Status: http.StatusNotFound, Title: "Lead not found", Text: "There is no lead at this address. It may be another tenant's, or the link may be incomplete."})
		return
	}
	if history.status != http.StatusOK || history.decode(&events) != nil {
		p.Message = history.fault().words()
	}
	status := http.StatusOK
	if a.status != http.StatusOK || a.decode(&p.Lead) != nil {
		status, p.Message = failed(a), a.fault().words()
		if status == http.StatusNotFound && at != "" {
			p.Message = "This lead was not there yet."
		}
	}
	p.Lead.ID = id
	people := s.people(v)
	p.show(events.Items, people, at)
	if events.NextCursor != "" {
		p.Older = string(ui.View{Path: leadsPath + "/" + id, Query: p.Place.query()}.Following(events.NextCursor).Address())
	}
	if status == http.StatusOK {
		p.Shell.Title = p.Lead.called()
		p.Facts = leadFacts(p.Lead, people)
		if at == "" {
			p.Steps = leadSteps(p.Lead, here)
		}
	}
	p.Notes = notes(v, leadNotes, late, here)
	p.Previous, p.Next = s.neighbours(v, p.Place, id)
	render(v.w, v.r, status, leadScreen(p))
}

// dropEmpty is a query of one parameter, where it has a value.
func dropEmpty(name, value string) url.Values {
	if value == "" {
		return nil
	}
	return url.Values{name: {value}}
}

// show tells the events, and which of them the page is as of.
func (p *leadPage) show(events []happened, people colleagues, at string) {
	p.Moments = ui.Moments{Label: "Moments of this lead", Now: p.Place.addressAt(p.Lead.ID, ""), Past: at != ""}
	p.Shell.Then = at != ""
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		p.At, p.Then = t.UTC().Format(formTime), ui.Moment(t)
	}
	for i, e := range events {
		entry := e.told(events[i+1:], people)
		entry.Then = p.Place.addressAt(p.Lead.ID, e.Cursor)
		entry.Later, entry.Current = at != "" && e.Version > p.Lead.Version, at != "" && e.Version == p.Lead.Version
		if at != "" && entry.Current && p.At == "" {
			p.At, p.Then = e.RecordedAt.UTC().Format(formTime), ui.Moment(e.RecordedAt)
		}
		p.Entries = append(p.Entries, entry)
	}
	p.Moments.Steps = slices.Clone(p.Entries)
	slices.Reverse(p.Moments.Steps)
}

// neighbours are the addresses of the leads before and after one, in the list that it was come to from.
func (s *server) neighbours(v visit, place leadPlace, id string) (previous, next string) {
	if !place.Known {
		return "", ""
	}
	list, ok := s.leadList(v, place.View)
	if !ok {
		return "", ""
	}
	before, after := place.Row-1, place.Row
	if i := slices.IndexFunc(list.Items, func(l leadRecord) bool { return l.ID == id }); i >= 0 {
		before, after = i-1, i+1
	}
	switch page, more := place.View.Preceding(); {
	case before >= 0 && before < len(list.Items):
		previous = leadPlace{place.View, before, true}.address(list.Items[before].ID)
	case before < 0 && more:
		if list, ok := s.leadList(v, page); ok && len(list.Items) > 0 {
			last := len(list.Items) - 1
			previous = leadPlace{page, last, true}.address(list.Items[last].ID)
		}
	}
	switch {
	case after < len(list.Items):
		next = leadPlace{place.View, after, true}.address(list.Items[after].ID)
	case list.NextCursor != "":
		page := place.View.Following(list.NextCursor)
		if list, ok := s.leadList(v, page); ok && len(list.Items) > 0 {
			next = leadPlace{page, 0, true}.address(list.Items[0].ID)
		}
	}
	return previous, next
}

func (s *server) leadList(v visit, view ui.View) (leadList, bool) {
	var list leadList
	a := s.call(v.r, v.portal.Name, http.MethodGet, leadsAPI, leadsQuery(view), nil)
	return list, a.status == http.StatusOK && a.decode(&list) == nil
}

// leadFacts are the fields of a lead that say something.
func leadFacts(l leadRecord, people colleagues) []fact {
	all := []fact{
		{"Name", l.Name, ""}, {"Company", l.Company, ""}, {"E-mail", l.Email, "mailto:" + l.Email}, {"Phone", l.Phone, "tel:" + l.Phone},
		{"Source", l.Source, ""}, {"Value", amount(l.Value), ""}, {"Owner", people.called(l.OwnerID), ""}, {"Tags", strings.Join(l.Tags, ", "), ""},
		{"External id", l.ExternalID, ""}, {"Came in on", string(l.CreatedOn), ""}, {"Converted on", string(l.ConvertedOn), ""},
		{"Disqualified because", l.DisqualifiedFor, ""}, {"Notes", l.Notes, ""}, {"Last change", ui.Moment(l.UpdatedAt), ""},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}
