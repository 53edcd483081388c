package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/web/ui"
)

const (
	leadsPath = "/leads"
	leadsAPI  = "/api/v2/leads"

	archivedFilter = "archived" // the archived leads instead of the others
)

// leadRecord is a lead as the API answers it.
type leadRecord struct {
	ID string `json:"id"`
	lead.State
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// called is what a lead is called, by the best that is known of it.
func (l leadRecord) called() string {
	for _, name := range []string{l.Name, l.Company, l.ExternalID} {
		if name != "" {
			return name
		}
	}
	return "A lead without a name"
}

// leadStatuses are the statuses in the order of their steps.
var leadStatuses = []struct {
	name, title string
	tone        ui.Tone
}{
	{lead.StatusNew, "New", ui.Info}, {lead.StatusContacted, "Contacted", ui.Primary}, {lead.StatusQualified, "Qualified", ui.Warning},
	{lead.StatusConverted, "Converted", ui.Success}, {lead.StatusDisqualified, "Disqualified", ui.Danger},
}

// leadStatus is a status as a mark.
func leadStatus(name string) ui.Cell {
	for _, s := range leadStatuses {
		if s.name == name {
			return ui.Cell{Text: s.title, Tone: s.tone}
		}
	}
	return ui.Cell{Text: name}
}

// leadNotes say what was just done to a lead.
var leadNotes = map[string]ui.Note{
	"created": {Tone: ui.Success, Text: "The lead was added."}, "edited": {Tone: ui.Success, Text: "The lead was saved."},
	stepContact: {Tone: ui.Success, Text: "The lead was contacted."}, stepQualify: {Tone: ui.Success, Text: "The lead was qualified."},
	stepConvert:    {Tone: ui.Success, Text: "The lead was converted. There is an opportunity for it now."},
	stepDisqualify: {Tone: ui.Info, Text: "The lead was disqualified. Its history stays."},
	stepArchive:    {Tone: ui.Info, Text: "The lead was archived: it is out of the list. It can be restored at any time."},
	stepRestore:    {Tone: ui.Success, Text: "The lead was restored."},
	noneSelected:   {Tone: ui.Warning, Text: "Nothing was done: tick the leads first."},
}

// leadKind is what leads have in common with other records.
var leadKind = &kind{
	path: leadsPath, api: leadsAPI, title: "Leads", noun: "lead", asks: []string{"q", "status", "source", "ownerId", "minScore", archivedFilter},
	notes: leadNotes, events: leadEvents, tells: tellLead,
}

func (s *server) leads(v visit) {
	p, list, ok := listed[leadRecord](s, v, leadKind)
	if !ok {
		return
	}
	p.Add = ui.Way{Address: leadsPath + "/new", Title: "Add a lead"}
	if slices.Contains(importers, v.who.Role) {
		p.Import = importPath
	}
	if p.Message == "" {
		p.leads(list, s.people(v))
		p.Notes = append(selectedNotes(v, string(p.Table.View.Address())), p.Notes...)
	}
	render(v.w, v.r, p.status, listScreen(p))
}

// leads are the rows of the list.
func (p *listPage) leads(list recordList[leadRecord], people colleagues) {
	t, view := &p.Table, p.Table.View
	t.Filters = leadFilters(people, view.Query.Get("ownerId"))
	t.Columns = []ui.Column{
		{Key: "name", Title: "Lead"}, {Key: "company", Title: "Company", Sorts: true}, {Key: "status", Title: "Status"}, {Key: "source", Title: "Source"},
		{Key: "score", Title: "Score", Number: true, Sorts: true}, {Key: "value", Title: "Value", Number: true, Sorts: true},
		{Key: "owner", Title: "Owner"}, {Key: "createdAt", Title: "Added", Sorts: true, Tight: true},
	}
	var asked bool
	if t.Empty, asked = leadKind.fruitless(view); !asked {
		t.Empty = ui.Nothing{Title: "No leads yet", Text: "A lead is somebody who may become a customer. Write the first one down.", Link: leadsPath + "/new", Action: "Add a lead", Asks: true}
	}
	if p.here() != "" && view.Query.Get(archivedFilter) != "true" { // what is archived is restored one by one
		t.Selects, t.Actions, t.Key = leadsPath+"/selected", selectedSteps, newKey()
	}
	for i, l := range list.Items {
		at := place{View: view, Row: i, Known: true}
		row := ui.Row{ID: l.ID, Name: l.called(), Cells: []ui.Cell{
			{Text: l.called(), Href: at.address(l.ID)}, {Text: l.Company}, leadStatus(l.Status), {Text: l.Source},
			{Text: strconv.Itoa(l.Score)}, {Text: amount(l.Value)}, {Text: people.called(l.OwnerID)}, {Text: l.CreatedAt.UTC().Format("2 Jan 2006")},
		}}
		if here := p.here(); here != "" {
			row.Steps = leadSteps(l, here)
		}
		t.Rows = append(t.Rows, row)
	}
}

// hot is the score of a filter.
var hot = strconv.Itoa(lead.HotScore)

func leadFilters(people colleagues, owner string) []ui.Field {
	statuses := make([]ui.Option, len(leadStatuses))
	for i, s := range leadStatuses {
		statuses[i] = ui.Option{Value: s.name, Title: s.title}
	}
	return []ui.Field{
		{Name: "q", Label: "Search"}, {Name: "status", Label: "Status", Options: statuses}, {Name: "source", Label: "Source"},
		{Name: "ownerId", Label: "Owner", Options: people.options(owner)},
		{Name: "minScore", Label: "Score", Options: []ui.Option{{Value: hot, Title: "Hot, " + hot + " or more"}, {Value: "50", Title: "50 or more"}}},
		{Name: archivedFilter, Label: "Archived", Hint: "Left out", Options: []ui.Option{{Value: "true", Title: "Only these"}}},
	}
}

// amount is a sum of money, or nothing where there is none.
func amount(a money.Amount) string {
	if a.IsZero() {
		return ""
	}
	return ui.Grouped(a.Major()) + " " + a.Currency
}

// colleagues are the accounts of the visitor's tenant, as far as the visitor may know them.
type colleagues struct {
	me    account
	names []ui.Option
}

// people asks the API for the accounts. Who may not list them knows themselves alone.
func (s *server) people(v visit) colleagues {
	c := colleagues{me: v.who}
	if v.who.Role != user.RoleOwner {
		return c
	}
	var list struct {
		Items []account `json:"items"`
	}
	if a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/v2/users", url.Values{"limit": {"100"}}, nil); a.status == http.StatusOK && a.decode(&list) == nil {
		for _, one := range list.Items {
			if one.ID != c.me.ID {
				c.names = append(c.names, ui.Option{Value: one.ID, Title: one.shown()})
			}
		}
	}
	return c
}

// knows says whether the visitor knows an account by its name.
func (c colleagues) knows(id string) bool {
	return id == c.me.ID || slices.ContainsFunc(c.names, func(o ui.Option) bool { return o.Value == id })
}

// called is what an account is called, with nothing for nobody.
func (c colleagues) called(id string) string {
	switch id {
	case "":
		return ""
	case c.me.ID:
		return "You"
	}
	for _, o := range c.names {
		if o.Value == id {
			return o.Title
		}
	}
	if c.me.TenantID == "" {
		return "A client's user"
	}
	return "A colleague"
}

// options are the accounts to choose from, with the one that is chosen.
func (c colleagues) options(chosen string) []ui.Option {
	all := append([]ui.Option{{Value: c.me.ID, Title: "You"}}, c.names...)
	if chosen != "" && !slices.ContainsFunc(all, func(o ui.Option) bool { return o.Value == chosen }) {
		all = append(all, ui.Option{Value: chosen, Title: c.called(chosen)})
	}
	return all
}
