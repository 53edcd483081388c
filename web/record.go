package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/ui"
)

// recordPage is one record: what is known of it, and how it came to be so.
type recordPage struct {
	Shell          shell
	Kind           *kind
	ID, Name       string
	Marks          []ui.Cell // its state, as badges
	Place          place
	Previous, Next string // addresses of its neighbours in the list; empty where there is none
	Facts          []fact // none: there is no record as of then
	Steps          []ui.Step
	Entries        []ui.Entry
	Moments        ui.Moments
	Notes          []ui.Note
	Older          string // address of the page with the events before; empty where all are shown
	At, Then       string
	Message        string // why there are no facts
	Region         region
	here           string // the page's own address
	status         int
}

// fact is one field of a record.
type fact struct{ Label, Value, Href string }

// filled are the facts that say something.
func filled(all ...fact) []fact {
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

// ofTenant adds whose record it is to what the API is asked for one, where the page's address says so.
func ofTenant(v visit, q url.Values) url.Values {
	if tenant := v.r.URL.Query().Get(tenantParameter); tenant != "" {
		if q == nil {
			q = url.Values{}
		}
		q.Set(tenantParameter, tenant)
	}
	return q
}

// named leads to the address that names whose a record is, where the provider's staff asked for it by one that does not. The page's links and
// forms need the name: staff writes in the books that it names alone.
func (a *answer) named(v visit) bool {
	var whose member
	if v.r.Method == http.MethodPost || v.who.TenantID != "" || v.r.URL.Query().Get(tenantParameter) != "" || a.status != http.StatusOK || a.decode(&whose) != nil || whose.TenantID == "" {
		return false
	}
	q := v.r.URL.Query()
	q.Set(tenantParameter, whose.TenantID)
	http.Redirect(v.w, v.r, v.r.URL.Path+"?"+q.Encode(), http.StatusSeeOther)
	return true
}

// recorded asks the API for the record that the address names, as of the time that it names, and for its events. Where there is nothing to
// show it answers by itself, and says that it has. A record that was not there yet has a page without facts.
func recorded[R any](s *server, v visit, k *kind, people colleagues) (p recordPage, record R, ok bool) {
	asked := v.r.URL.Query()
	at := formMoment(asked.Get("at"))
	p = recordPage{Kind: k, ID: chi.URLParam(v.r, "id"), Place: k.place(asked), status: http.StatusOK}
	p.here = p.Place.addressAt(p.ID, at)
	api := k.api + "/" + url.PathEscape(p.ID)
	history := s.call(v.r, v.portal.Name, http.MethodGet, api+"/history", ofTenant(v, strip(asked, "cursor")), nil)
	a, late := s.seen(v, api, ofTenant(v, dropEmpty("at", at)))
	if s.stopped(v, a, p.here) {
		return p, record, false
	}
	if history.status == http.StatusNotFound {
		s.fail(v, failure{Status: http.StatusNotFound, Title: capital(k.noun) + " not found", Text: "There is no " + k.noun + " at this address. It may be another tenant's, or the link may be incomplete."})
		return p, record, false
	}
	if a.named(v) {
		return p, record, false
	}
	p.Shell = s.shell(v, capital(k.noun))
	var events recordList[happened]
	if history.status != http.StatusOK || history.decode(&events) != nil {
		p.Message = history.fault().words()
	}
	var has struct {
		Version int `json:"version"`
	}
	if a.status != http.StatusOK || a.decode(&record) != nil || a.decode(&has) != nil {
		p.status, p.Message = failed(a), a.fault().words()
		if p.status == http.StatusNotFound && at != "" {
			p.Message = "This " + k.noun + " was not there yet."
		}
	}
	p.show(events.Items, has.Version, people, at)
	if p.known() && at == "" {
		p.Region = region{ID: "record", Address: p.here, Follow: follow(v, k, history) + "&id=" + url.QueryEscape(p.ID)}
	}
	if events.NextCursor != "" {
		p.Older = string(ui.View{Path: k.path + "/" + p.ID, Query: p.Place.query()}.Following(events.NextCursor).Address())
	}
	p.Notes = notes(v, k.notes, late, p.here)
	p.Previous, p.Next = s.neighbours(v, k, p.Place, p.ID)
	return p, record, true
}

// known says whether there is a record to show.
func (p recordPage) known() bool { return p.status == http.StatusOK }

// past says whether the page is as of then, and nothing can be done.
func (p recordPage) past() bool { return p.Moments.Past }

// dropEmpty is a query of one parameter, where it has a value.
func dropEmpty(name, value string) url.Values {
	if value == "" {
		return nil
	}
	return url.Values{name: {value}}
}

// show tells the events, and which of them the page is as of.
func (p *recordPage) show(events []happened, version int, people colleagues, at string) {
	p.Moments = ui.Moments{Label: "Moments of this " + p.Kind.noun, Now: p.Place.addressAt(p.ID, ""), Past: at != ""}
	p.Shell.Then = at != ""
	if _, err := time.Parse(time.RFC3339, at); err == nil {
		p.At, p.Then = moment(at)
	}
	for i, e := range events {
		entry := e.told(p.Kind, events[i+1:], people)
		entry.Then = p.Place.addressAt(p.ID, e.Cursor)
		entry.Later, entry.Current = at != "" && e.Version > version, at != "" && e.Version == version
		if at != "" && entry.Current && p.At == "" {
			p.At, p.Then = moment(e.RecordedAt.Format(time.RFC3339))
		}
		p.Entries = append(p.Entries, entry)
	}
	p.Moments.Steps = slices.Clone(p.Entries)
	slices.Reverse(p.Moments.Steps)
}

// member is what tells a record of a list from the others.
type member struct {
	ID       string `json:"id"`
	TenantID string `json:"tenantId"`
}

// neighbours are the addresses of the records before and after one, in the list that it was come to from.
func (s *server) neighbours(v visit, k *kind, at place, id string) (previous, next string) {
	if !at.Known {
		return "", ""
	}
	list, ok := s.members(v, k, at.View)
	if !ok {
		return "", ""
	}
	address := func(view ui.View, row int, m member) string {
		p := place{View: view, Row: row, Known: true}
		if at.Tenant != "" {
			p.Tenant = m.TenantID
		}
		return p.address(m.ID)
	}
	before, after := at.Row-1, at.Row
	if i := slices.IndexFunc(list.Items, func(m member) bool { return m.ID == id }); i >= 0 {
		before, after = i-1, i+1
	}
	switch page, more := at.View.Preceding(); {
	case before >= 0 && before < len(list.Items):
		previous = address(at.View, before, list.Items[before])
	case before < 0 && more:
		if list, ok := s.members(v, k, page); ok && len(list.Items) > 0 {
			last := len(list.Items) - 1
			previous = address(page, last, list.Items[last])
		}
	}
	switch {
	case after < len(list.Items):
		next = address(at.View, after, list.Items[after])
	case list.NextCursor != "":
		page := at.View.Following(list.NextCursor)
		if list, ok := s.members(v, k, page); ok && len(list.Items) > 0 {
			next = address(page, 0, list.Items[0])
		}
	}
	return previous, next
}

func (s *server) members(v visit, k *kind, view ui.View) (list recordList[member], ok bool) {
	a := s.call(v.r, v.portal.Name, http.MethodGet, k.api, k.query(view), nil)
	return list, a.status == http.StatusOK && a.decode(&list) == nil
}
