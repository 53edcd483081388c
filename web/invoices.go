package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/web/ui"
)

const (
	invoicesPath = "/accountant/invoices"
	invoicesAPI  = "/api/v2/invoices"
)

// invoiceKind is what invoices have in common with other records.
var invoiceKind = &kind{
	path: invoicesPath, api: invoicesAPI, title: "Invoices", noun: "invoice",
	asks:  []string{"q", "status", "open", "overdue", "disputed", "organizationId", "dueAfter", "dueBefore", tenantParameter},
	notes: invoiceNotes, events: invoiceEvents, tells: tellInvoice,
}

// invoiceRecord is an invoice as the API answers it.
type invoiceRecord struct {
	ID         string `json:"id"`
	TenantID   string `json:"tenantId"` // in a list
	TenantName string `json:"tenantName"`
	invoice.State
	Version   int       `json:"version"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// called is what an invoice is called.
func (i invoiceRecord) called() string {
	if i.Number > 0 {
		return "Invoice " + whole(i.Number)
	}
	return strings.TrimSpace("Draft invoice " + i.Reference)
}

// spoken is what it is called within a sentence.
func (i invoiceRecord) spoken() string {
	return strings.Replace(i.called(), "Draft invoice", "the draft invoice", 1)
}

// headed is what its own page is called. The mark beside it says that it is a draft; whom it is for says more.
func (i invoiceRecord) headed(client string) string {
	if i.Number > 0 || client == "" || client == unknownClient {
		return i.called()
	}
	return "Invoice for " + client
}

// unknownClient is what one is called whose name cannot be had.
const unknownClient = "A client"

// invoiceStatuses are the statuses as marks.
var invoiceStatuses = map[string]ui.Cell{
	invoice.StatusDraft: {Text: "Draft", Tone: ui.Primary}, invoice.StatusIssued: {Text: "Issued", Tone: ui.Info}, invoice.StatusPartlyPaid: {Text: "Partly paid", Tone: ui.Info},
	invoice.StatusPaid: {Text: "Paid", Tone: ui.Success}, invoice.StatusCredited: {Text: "Credited", Tone: ui.Success}, invoice.StatusVoid: {Text: "Void", Tone: ui.Warning},
}

// marks are an invoice's status, and what somebody should look at, as of a day.
func (i invoiceRecord) marks(on domain.Date) []ui.Cell {
	all := []ui.Cell{invoiceStatuses[i.Status]}
	if i.Overdue(on) {
		all = append(all, ui.Cell{Text: days(i.DueDate.DaysUntil(on)) + " overdue", Tone: ui.Danger})
	}
	if i.Disputed {
		all = append(all, ui.Cell{Text: "Disputed", Tone: ui.Warning})
	}
	return all
}

// due is what is still to be paid; nothing for a draft, which nobody owes.
func (i invoiceRecord) due() string {
	if i.Status == invoice.StatusDraft {
		return ""
	}
	return amount(i.Balance)
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return whole(int64(n)) + " days"
}

// onDay is a date for people; nothing where there is none.
func onDay(d domain.Date) string {
	if d == "" {
		return ""
	}
	return d.Time().Format("2 Jan 2006")
}

// dayAt is the day of the moment that a page is as of.
func dayAt(field string) domain.Date {
	if t, err := time.Parse(formTime, field); err == nil {
		return domain.DateOf(t)
	}
	return domain.DateOf(time.Now())
}

func (s *server) invoices(v visit) {
	p, list, ok := listed[invoiceRecord](s, v, invoiceKind)
	if !ok {
		return
	}
	page := invoicesPage{listPage: p, on: dayAt(p.At)}
	if view := p.Table.View; p.Message == "" {
		page.Tabs = invoiceTabs(view)
		page.Aging, page.NoAging = s.aging(v, view)
		page.rows(v, list, s.clients(v, view.Query.Get("at"), list.Items))
	}
	render(v.w, v.r, p.status, invoicesScreen(page))
}

// invoicesPage is the list, with what is owed on top.
type invoicesPage struct {
	listPage
	Tabs    []ui.Tab
	Aging   ui.Breakdown
	NoAging string // why there is none
	on      domain.Date
}

// invoiceTab is a filter that people ask for most.
type invoiceTab struct{ title, name, value string }

var invoiceFilters = []invoiceTab{
	{"All", "", ""}, {"Drafts", "status", invoice.StatusDraft}, {"Open", "open", "true"}, {"Overdue", "overdue", "true"}, {"Disputed", "disputed", "true"},
	{"Partly paid", "status", invoice.StatusPartlyPaid}, {"Paid", "status", invoice.StatusPaid}, {"Credited", "status", invoice.StatusCredited}, {"Void", "status", invoice.StatusVoid},
}

func invoiceTabs(view ui.View) []ui.Tab {
	var all []ui.Tab
	for _, f := range invoiceFilters {
		change, current := map[string]string{}, true
		for _, name := range []string{"status", "open", "overdue", "disputed"} {
			if change[name] = ""; name == f.name {
				change[name] = f.value
			}
			current = current && view.Query.Get(name) == change[name]
		}
		all = append(all, ui.Tab{Title: f.title, Address: string(view.With(change).Address()), Current: current})
	}
	return all
}

// rows are those of the list.
func (p *invoicesPage) rows(v visit, list recordList[invoiceRecord], clients map[string]string) {
	t, view := &p.Table, p.Table.View
	of := view.Query.Get(tenantParameter)
	if of != "" || v.who.TenantID != "" {
		p.Add = ui.Way{Address: inTenant(invoicesPath+"/new", of), Title: "Draft an invoice"}
	}
	t.Filters = []ui.Field{{Name: "q", Label: "Number or reference"}, {Name: "dueAfter", Label: "Due after", Kind: "date"}, {Name: "dueBefore", Label: "Due before", Kind: "date"}}
	t.Columns = []ui.Column{
		{Key: "number", Title: "Invoice", Sorts: true, Tight: true}, {Key: "client", Title: "Client"}, {Key: "status", Title: "Status"},
		{Key: "dueDate", Title: "Due", Sorts: true, Tight: true}, {Key: "total", Title: "Total", Number: true, Sorts: true}, {Key: "balance", Title: "Balance", Number: true},
	}
	staff := v.who.TenantID == ""
	if staff {
		t.Columns[1].Title = "Client, books of"
	}
	t.Range += " · days are counted in UTC"
	t.Empty = p.nothing()
	for i, one := range list.Items {
		at := place{View: view, Row: i, Known: true}
		marks := one.marks(p.on)
		status := marks[0]
		status.More = marks[1:]
		row := ui.Row{ID: one.ID, Name: one.called(), Cells: []ui.Cell{
			{Text: one.called()}, {Text: clients[one.OrganizationID], Href: string(view.With(map[string]string{"organizationId": one.OrganizationID}).Address())}, status,
			{Text: onDay(one.DueDate)}, {Text: amount(one.Total)}, {Text: one.due()},
		}}
		if staff {
			at.Tenant = one.TenantID
			books := ui.Cell{Text: cmp.Or(one.TenantName, one.TenantID), Href: string(view.With(map[string]string{tenantParameter: one.TenantID}).Address())}
			row.Cells[1].More = []ui.Cell{books}
			p.option(tenantParameter, "Books of", one.TenantID, books.Text)
		}
		p.option("organizationId", "Client", one.OrganizationID, clients[one.OrganizationID])
		row.Cells[0].Href = at.address(one.ID)
		if here := p.here(); here != "" {
			row.Steps = one.steps(at.Tenant, here)
		}
		t.Rows = append(t.Rows, row)
	}
}

// option offers a value of the page to narrow the list by.
func (p *invoicesPage) option(name, label, value, title string) {
	filters := &p.Table.Filters
	i := slices.IndexFunc(*filters, func(f ui.Field) bool { return f.Name == name })
	if i < 0 {
		i = len(*filters)
		*filters = append(*filters, ui.Field{Name: name, Label: label})
	}
	if f := &(*filters)[i]; !slices.ContainsFunc(f.Options, func(o ui.Option) bool { return o.Value == value }) {
		f.Options = append(f.Options, ui.Option{Value: value, Title: title})
	}
}

// nothing is what is said of an empty list.
func (p *invoicesPage) nothing() ui.Nothing {
	if none, asked := invoiceKind.fruitless(p.Table.View, tenantParameter); asked {
		return none
	}
	none := ui.Nothing{Title: "No invoices yet", Text: "An invoice begins as a draft, and is owed when it is issued.", Link: p.Add.Address, Action: p.Add.Title, Asks: true}
	if p.Add.Title == "" {
		none.Text, none.Asks = "Tenants write them; they are here as soon as there is one.", false
	}
	return none
}

// clients asks the API what the organizations of invoices are called, those that are archived too, by their ids.
func (s *server) clients(v visit, at string, of []invoiceRecord) map[string]string {
	names, wanted := map[string]string{}, map[string][]string{}
	for _, i := range of {
		if _, met := names[i.OrganizationID]; !met && i.OrganizationID != "" {
			names[i.OrganizationID] = unknownClient
			wanted[i.TenantID] = append(wanted[i.TenantID], i.OrganizationID)
		}
	}
	for tenant, ids := range wanted {
		for _, archived := range []string{"false", "true"} {
			q := url.Values{"ids": {strings.Join(ids, ",")}, "limit": {"100"}, "archived": {archived}}
			for name, value := range map[string]string{tenantParameter: tenant, "at": at} {
				if value != "" {
					q.Set(name, value)
				}
			}
			var list recordList[struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			}]
			if a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/v2/organizations", q, nil); a.status != http.StatusOK || a.decode(&list) != nil {
				break // the invoices are shown without
			}
			for _, o := range list.Items {
				names[o.ID] = o.Name
			}
			if len(list.Items) == len(ids) {
				break
			}
		}
	}
	return names
}
