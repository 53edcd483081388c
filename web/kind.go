package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/streamflow/streamflow/web/ui"
)

// kind is a kind of record that has a list, and a page for each.
type kind struct {
	path, api   string   // of the list: the page's, and the API's
	title, noun string   // of the list, and of one record
	asks        []string // the API's parameters that the list's address takes too
	keeps       []string // the page's own
	sort        string   // the order where none is asked for; empty is the API's
	notes       map[string]ui.Note
	events      map[string]happening // what its events are called
	// tells says more of an event; the events before it are known.
	tells func(e happened, before []happened, people colleagues) string
}

// The parameters of every list beside its own.
var listParameters = []string{"sort", "cursor", "limit", "at"}

// view is what an address asks of the list.
func (k *kind) view(q url.Values) ui.View {
	kept := strip(q, slices.Concat(listParameters, k.asks, k.keeps, []string{"trail"})...)
	if k.sort != "" && kept.Get("sort") == "" {
		kept.Set("sort", k.sort)
	}
	if at := kept.Get("at"); at != "" {
		kept.Set("at", formMoment(at))
	}
	return ui.View{Path: k.path, Query: kept}
}

// query is what the API is asked for a view.
func (k *kind) query(v ui.View) url.Values {
	return strip(v.Query, slices.Concat(listParameters, k.asks)...)
}

// existing leads to the record that another would be a duplicate of.
func (k *kind) existing(id string) ui.Way {
	return ui.Way{Address: k.path + "/" + url.PathEscape(id), Title: "Open the " + k.noun + " that exists"}
}

// fruitless is what is said where nothing is as the list was asked for; false where it was asked for all, and there is none yet.
func (k *kind) fruitless(v ui.View, besides ...string) (none ui.Nothing, asked bool) {
	q := k.query(v)
	for _, name := range append(besides, "sort", "limit") {
		q.Del(name)
	}
	switch at := q.Get("at"); {
	case at != "" && len(q) == 1:
		return ui.Nothing{Title: "No " + k.noun + "s then", Text: "The first one came later.", Link: k.path, Action: "Show them as they are now"}, true
	case len(q) > 0:
		return ui.Nothing{Title: "No " + k.noun + " is like that", Text: "Take a filter away, or look for something else.", Link: k.path, Action: "Show all " + k.noun + "s"}, true
	}
	return none, false
}

// place is where in a list a record was found: the list's own view, and the row. The row stays when the record itself leaves
// the list, because a step took it out of a filter, and so its neighbours are still the neighbours.
type place struct {
	View   ui.View
	Row    int
	Known  bool   // false: the page was come to from elsewhere
	Tenant string // whose record it is, where the provider's staff looks
}

// tenantParameter names the tenant whose record it is, for the provider's staff.
const tenantParameter = "tenantId"

// inTenant is an address in the books of a tenant, where the provider's staff looks.
func inTenant(path, tenant string) string {
	if tenant == "" {
		return path
	}
	return path + "?" + url.Values{tenantParameter: {tenant}}.Encode()
}

// place is the one that an address keeps.
func (k *kind) place(q url.Values) place {
	p := place{View: k.view(nil), Tenant: q.Get(tenantParameter)}
	row, err := strconv.Atoi(q.Get("row"))
	listed, errList := url.ParseQuery(q.Get("list"))
	if err == nil && errList == nil && row >= 0 {
		p.View, p.Row, p.Known = k.view(listed), row, true
	}
	return p
}

// query are the parameters that keep the place.
func (p place) query() url.Values {
	q := url.Values{}
	if p.Known {
		q.Set("row", strconv.Itoa(p.Row))
		if list := p.View.Query.Encode(); list != "" {
			q.Set("list", list)
		}
	}
	if p.Tenant != "" {
		q.Set(tenantParameter, p.Tenant)
	}
	return q
}

// address is a record's page, as of the time that its list is as of.
func (p place) address(id string) string { return p.addressAt(id, p.View.Query.Get("at")) }

// addressAt is a record's page as of a time; empty is now.
func (p place) addressAt(id, at string) string {
	q := p.query()
	if at != "" {
		q.Set("at", at)
	}
	address := url.URL{Path: p.View.Path + "/" + id, RawQuery: q.Encode()}
	return address.String()
}

// moment is the time that a page is as of: as its form shows it, and in words. Both are empty for now; a cursor, which is no time, is
// shown as it is.
func moment(at string) (field, words string) {
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		return t.UTC().Format(formTime), ui.Moment(t)
	}
	return at, at
}

// listPage is a list as it was asked for.
type listPage struct {
	Shell   shell
	Kind    *kind
	Table   ui.Table
	Notes   []ui.Note
	Add     ui.Way // the form that makes a record; without a title there is none
	Import  string // address of the page that takes files of records; empty where the visitor has none
	At      string // the time as the form shows it, empty for now
	Then    string // the time in words
	Message string // why there is no list
	Region  region
	status  int
}

// adds says whether the head of the list leads to the form that makes a record: an empty list asks for the first one itself.
func (p listPage) adds() bool {
	return p.Add.Title != "" && (len(p.Table.Rows) > 0 || !p.Table.Empty.Asks)
}

// recordList is a page of the API's list.
type recordList[R any] struct {
	Items      []R    `json:"items"`
	NextCursor string `json:"nextCursor"`

	lagging `json:",embed"`
}

// listed asks the API for what a list's address asks; false where nobody is signed in any more, which it answers itself.
func listed[R any](s *server, v visit, k *kind) (p listPage, list recordList[R], ok bool) {
	p = listPage{Shell: s.shell(v, k.title), Kind: k, status: http.StatusOK}
	p.Table = ui.Table{ID: k.noun + "s", Caption: k.title, View: k.view(v.r.URL.Query())}
	chosenColumns(v.r, &p.Table)
	view := p.Table.View
	p.At, p.Then = moment(view.Query.Get("at"))
	p.Shell.Then = p.Then != ""
	a, late := s.seen(v, k.api, k.query(view))
	if s.stopped(v, a, string(view.Address())) {
		return p, list, false
	}
	if a.status != http.StatusOK || a.decode(&list) != nil {
		p.status, p.Message = failed(a), a.fault().words()
		return p, list, true
	}
	p.Region = regionOf(v, k, view, a, list.lagging, late)
	p.Notes = notes(v, k.notes, late, string(view.Address()))
	p.Table.Next, p.Table.Range = list.NextCursor, whole(int64(len(list.Items)))+" on this page"
	return p, list, true
}

// here is where the list stands, for the steps of its rows; empty where it is as of then, and nothing can be done.
func (p listPage) here() string {
	if p.Then != "" {
		return ""
	}
	return string(p.Table.View.Address())
}
