package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/web/ui"
)

const (
	escalationsPath = "/provider/escalations"
	escalationsAPI  = "/api/v2/escalations"

	viewParameter = "view" // how the page shows what there is: as a list or, where it is so, as a board
	asBoard       = "board"
)

// escalationRecord is an escalation as the API answers it; whose it is, its lists say.
type escalationRecord struct {
	ID         string `json:"id"`
	TenantID   string `json:"tenantId"`
	TenantName string `json:"tenantName"`
	escalation.State
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// escalationStatuses are the statuses in the order of their steps.
var escalationStatuses = []struct {
	name, title string
	tone        ui.Tone
}{
	{escalation.StatusOpen, "Open", ui.Info}, {escalation.StatusAcknowledged, "Acknowledged", ui.Primary},
	{escalation.StatusInProgress, "In progress", ui.Warning}, {escalation.StatusResolved, "Resolved", ui.Success}, {escalation.StatusClosed, "Closed", ui.Neutral},
}

// escalationStatus is a status as a mark.
func escalationStatus(name string) ui.Cell {
	for _, s := range escalationStatuses {
		if s.name == name {
			return ui.Cell{Text: s.title, Tone: s.tone, Mark: true}
		}
	}
	return ui.Cell{Text: name}
}

// escalationSeverities are the priorities, the most urgent first.
var escalationSeverities = []struct {
	name, title string
	tone        ui.Tone
}{{"critical", "Critical", ui.Danger}, {"high", "High", ui.Warning}, {"medium", "Medium", ui.Info}, {"low", "Low", ui.Neutral}}

// escalationSeverity is a priority as a mark.
func escalationSeverity(name string) ui.Cell {
	for _, s := range escalationSeverities {
		if s.name == name {
			return ui.Cell{Text: s.title, Tone: s.tone, Mark: true}
		}
	}
	return ui.Cell{Text: name}
}

// escalationKind is what escalations have in common with other records. What is due first stands first.
var escalationKind = &kind{
	path: escalationsPath, api: escalationsAPI, title: "Escalations", noun: "escalation", sort: "dueAt",
	asks: []string{"q", "status", "severity", tenantParameter, "partnerId", "assigneeId"}, keeps: []string{viewParameter},
	notes: escalationNotes, events: escalationEvents, tells: tellEscalation,
}

func (s *server) escalations(v visit) { s.showEscalations(v, refusal{}) }

// showEscalations shows the list or the board. Why is what was just refused.
func (s *server) showEscalations(v visit, why refusal) {
	if v.r.URL.Query().Get(viewParameter) == asBoard {
		s.escalationBoard(v, why)
		return
	}
	p, list, ok := listed[escalationRecord](s, v, escalationKind)
	if !ok {
		return
	}
	if p.Message == "" {
		p.escalations(list, s.desk(v))
	}
	p.Notes, p.status = why.noted(p.Notes, p.status)
	render(v.w, v.r, p.status, escalationsScreen(p, escalationViews(p.Table.View)))
}

// escalationViews are the ways to see them, at the same filters.
func escalationViews(view ui.View) []ui.Tab {
	list, board := url.Values{}, url.Values{}
	for _, q := range []url.Values{list, board} {
		for _, kept := range view.Kept("status", "sort", viewParameter) {
			q.Set(kept.Value, kept.Title)
		}
	}
	board.Set(viewParameter, asBoard)
	shown := view.Query.Get(viewParameter) == asBoard
	return []ui.Tab{
		{Title: "List", Address: string(ui.View{Path: escalationsPath, Query: list}.Address()), Current: !shown},
		{Title: "Board", Address: string(ui.View{Path: escalationsPath, Query: board}.Address()), Current: shown},
	}
}

// escalations are the rows of the list.
func (p *listPage) escalations(list recordList[escalationRecord], d desk) {
	t, view := &p.Table, p.Table.View
	t.Filters = d.filters(view, true)
	t.Columns = []ui.Column{
		{Title: "Escalation"}, {Title: "Priority"}, {Title: "Status"}, {Key: "dueAt", Title: "Due", Sorts: true}, {Title: "Client"}, {Title: "Owner"},
		{Key: "createdAt", Title: "Received", Sorts: true, Tight: true},
	}
	t.Empty = escalationsEmpty(view)
	for i, e := range list.Items {
		at := place{View: view, Row: i, Known: true, Tenant: e.TenantID}
		row := ui.Row{ID: e.ID, Name: e.Summary, Cells: []ui.Cell{
			{Text: e.Summary, Href: at.address(e.ID)}, escalationSeverity(e.Severity), escalationStatus(e.Status), dueOf(e.State, d.now).cell(), {Text: d.client(e)},
			{Text: d.people.called(e.AssigneeID)}, {Text: e.OpenedAt.UTC().Format("2 Jan 2006")},
		}}
		if here := p.here(); here != "" {
			row.Steps = e.steps(here)
		}
		t.Rows = append(t.Rows, row)
	}
}

// escalationsEmpty says why there is none.
func escalationsEmpty(view ui.View) ui.Nothing {
	if none, asked := escalationKind.fruitless(view); asked {
		return none
	}
	return ui.Nothing{Title: "No escalations", Text: "When a partner hands an incident over, it stands here with its deadlines."}
}

// desk is what the provider's staff knows beside the escalations themselves: who works here, and whose they can be.
type desk struct {
	people            colleagues
	clients, partners []ui.Option
	now               time.Time
}

// desk asks the API for the names. A name that is not among the first hundred of its kind is asked for where it is filtered by; what cannot
// be had is called by what it is.
func (s *server) desk(v visit) desk {
	d := desk{people: colleagues{me: v.who}, now: time.Now()}
	for _, one := range s.named(v, "/api/v2/users", url.Values{"limit": {"100"}}) {
		if one.Value != v.who.ID {
			d.people.names = append(d.people.names, one)
		}
	}
	asked := v.r.URL.Query()
	d.clients = s.chosenOf(v, "/api/v2/tenants", url.Values{"limit": {"100"}, "sort": {"name"}}, asked.Get(tenantParameter), "A client")
	d.partners = s.chosenOf(v, "/api/v2/partners", url.Values{"limit": {"100"}}, asked.Get("partnerId"), "A partner")
	return d
}

// named are the names of what a list of the API holds.
func (s *server) named(v visit, path string, query url.Values) (all []ui.Option) {
	var list recordList[account]
	if a := s.call(v.r, v.portal.Name, http.MethodGet, path, query, nil); a.status == http.StatusOK && a.decode(&list) == nil {
		for _, one := range list.Items {
			all = append(all, ui.Option{Value: one.ID, Title: one.shown()})
		}
	}
	return all
}

// chosenOf are the names that a list holds, and that of the one chosen.
func (s *server) chosenOf(v visit, path string, query url.Values, chosen, unknown string) []ui.Option {
	all := s.named(v, path, query)
	if chosen == "" || slices.ContainsFunc(all, func(o ui.Option) bool { return o.Value == chosen }) {
		return all
	}
	one := account{Name: unknown}
	if a := s.call(v.r, v.portal.Name, http.MethodGet, path+"/"+url.PathEscape(chosen), nil, nil); a.status == http.StatusOK {
		_ = a.decode(&one) // what cannot be read keeps the name it has
	}
	return append(all, ui.Option{Value: chosen, Title: one.shown()})
}

func (d desk) client(e escalationRecord) string {
	if e.TenantName != "" {
		return e.TenantName
	}
	return calledIn(d.clients, e.TenantID, "A client")
}

func (d desk) partner(id string) string { return calledIn(d.partners, id, "A partner") }

// calledIn is what somebody is called, with nothing for nobody.
func calledIn(names []ui.Option, id, unknown string) string {
	if id == "" {
		return ""
	}
	if i := slices.IndexFunc(names, func(o ui.Option) bool { return o.Value == id }); i >= 0 {
		return names[i].Title
	}
	return unknown
}

// filters narrow the list and the board; the board has a column for each status, and so is not narrowed by it.
func (d desk) filters(view ui.View, byStatus bool) []ui.Field {
	all := []ui.Field{{Name: "q", Label: "Search"}}
	if byStatus {
		status := ui.Field{Name: "status", Label: "Status"}
		for _, s := range escalationStatuses {
			status.Options = append(status.Options, ui.Option{Value: s.name, Title: s.title})
		}
		all = append(all, status)
	}
	severity := ui.Field{Name: "severity", Label: "Priority"}
	for _, s := range escalationSeverities {
		severity.Options = append(severity.Options, ui.Option{Value: s.name, Title: s.title})
	}
	all = append(all, severity)
	for _, f := range []ui.Field{{Name: tenantParameter, Label: "Client", Options: d.clients}, {Name: "partnerId", Label: "Partner", Options: d.partners}} {
		if len(f.Options) > 0 { // without names there is nothing to choose from
			all = append(all, f)
		}
	}
	return append(all, ui.Field{Name: "assigneeId", Label: "Owner", Options: d.people.options(view.Query.Get("assigneeId"))})
}
