package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

// invoiceFields are what is asked of a draft, beside its lines. Which of them it needs is for the API to say.
var invoiceFields = []ui.Field{
	{Name: "organizationId", Label: "Client", Kind: "text", Required: true, Autocomplete: "off", Hint: "The name of an organization that exists."},
	{Name: "currency", Label: "Currency", Kind: "select", Required: true},
	{Name: "issueDate", Label: "Issue date", Kind: "date", Hint: "The day of issuing where you enter none."},
	{Name: "dueDate", Label: "Due date", Kind: "date", Hint: "30 days after the issue where you enter none."},
	{Name: "reference", Label: "Reference", Kind: "text", Autocomplete: "off"},
	{Name: "externalNumber", Label: "Number elsewhere", Kind: "text", Autocomplete: "off"},
}

// lineFields are what is asked of each line.
var lineFields = []ui.Field{
	{Name: "description", Label: "Description", Kind: "text", Required: true, Autocomplete: "off"},
	{Name: "quantity", Label: "Quantity", Kind: "text", Required: true, Autocomplete: "off"},
	{Name: "unitAmount", Label: "Price", Kind: "text", Required: true, Autocomplete: "off"},
	{Name: "taxRatePercent", Label: "Tax in %", Kind: "text", Required: true, Autocomplete: "off"},
}

const (
	leastLines = 3
	spareLines = 2 // that are empty below those that are not; saving and editing again gives more
)

// lineField is the name of a field of a line: what the API calls it when it refuses one.
func lineField(line int, name string) string { return "lines[" + strconv.Itoa(line) + "]." + name }

// draft is a draft as a form has it: texts by the names of its fields, with the lines that say something and no gap between them.
type draft struct {
	values url.Values
	lines  int
}

// sentDraft is a draft as somebody sent it.
func sentDraft(sent url.Values) draft {
	d := draft{values: url.Values{}}
	for _, f := range invoiceFields {
		d.values.Set(f.Name, sent.Get(f.Name))
	}
	for line := 0; sent.Has(lineField(line, "description")); line++ {
		said := false
		for _, f := range lineFields {
			value := sent.Get(lineField(line, f.Name))
			d.values.Set(lineField(d.lines, f.Name), value)
			said = said || value != ""
		}
		if said {
			d.lines++
		}
	}
	return d
}

// draft is an invoice as its form has it.
func (i invoiceRecord) draft(client string) draft {
	d := draft{values: url.Values{
		"organizationId": {client}, "currency": {i.Currency}, "issueDate": {string(i.IssueDate)}, "dueDate": {string(i.DueDate)},
		"reference": {i.Reference}, "externalNumber": {i.ExternalNumber},
	}, lines: len(i.Lines)}
	for n, l := range i.Lines {
		for name, value := range map[string]string{
			"description": l.Description, "quantity": l.Quantity.String(), "unitAmount": money.Of(l.UnitAmount, i.Currency).Major(), "taxRatePercent": l.TaxRatePercent.String(),
		} {
			d.values.Set(lineField(n, name), value)
		}
	}
	return d
}

// form asks for a draft.
func (d draft) form(title string, clients []ui.Option) ui.Form {
	f := ui.Form{ID: "invoice", Key: newKey(), Submit: title, Fields: slices.Clone(invoiceFields)}
	f.Fields[0].Options = clients
	f.Fields[1].Options = currencyOptions(d.values.Get("currency"))
	for line := range max(leastLines, d.lines+spareLines) {
		for _, field := range lineFields {
			field.Name, field.Group = lineField(line, field.Name), "Line "+strconv.Itoa(line+1)
			field.Required = line == 0
			f.Fields = append(f.Fields, field)
		}
	}
	for i := range f.Fields {
		f.Fields[i].Value = d.values.Get(f.Fields[i].Name)
	}
	return f
}

// body is what a draft says to the API; what is empty is null, which takes it away. What is no number is blamed on its field.
func (d draft) body(form *ui.Form) (body map[string]any, ok bool) {
	body, ok = map[string]any{}, true
	for _, f := range invoiceFields {
		if body[f.Name] = nil; d.values.Get(f.Name) != "" {
			body[f.Name] = d.values.Get(f.Name)
		}
	}
	currency := d.values.Get("currency")
	number := func(line int, name string) (n money.Decimal) {
		n, err := money.ParseDecimal(d.values.Get(lineField(line, name)))
		if err != nil {
			ok = false
			form.Blame(lineField(line, name), "Enter a number like 2.5, with at most 6 decimals.")
		}
		return n
	}
	lines := []invoice.Line{}
	for n := range d.lines {
		l := invoice.Line{Description: d.values.Get(lineField(n, "description")), Quantity: number(n, "quantity"), TaxRatePercent: number(n, "taxRatePercent")}
		price, err := money.ParseMajor(d.values.Get(lineField(n, "unitAmount")), currency)
		if _, known := money.Places(currency); known && err != nil { // of another currency the API says that it is none
			ok = false
			form.Blame(lineField(n, "unitAmount"), wrongAmount(currency))
		}
		l.UnitAmount = price.Amount
		lines = append(lines, l)
	}
	body["lines"] = lines
	return body, ok
}

// organizations asks the API for those that are called something like that, at most a page of them.
func (s *server) organizations(v visit, like string) (all []ui.Option) {
	q := url.Values{"sort": {"name"}, "limit": {"100"}}
	if like != "" {
		q.Set("q", like)
	}
	var list recordList[struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}]
	if a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/v2/organizations", ofTenant(v, q), nil); a.status == http.StatusOK && a.decode(&list) == nil {
		for _, o := range list.Items {
			all = append(all, ui.Option{Value: o.ID, Title: o.Name})
		}
	}
	return all
}

// client puts the id of the organization into the body whose name was entered. One that is not there is blamed on its field.
func (s *server) client(v visit, form *ui.Form, body map[string]any) bool {
	name, _ := body["organizationId"].(string)
	if name == "" {
		return true // the API says that it is needed
	}
	found := s.organizations(v, name)
	i := slices.IndexFunc(found, func(o ui.Option) bool { return strings.EqualFold(o.Title, name) })
	if i < 0 {
		hint := "No organization is called that."
		if len(found) > 0 {
			hint += " Is it " + found[0].Title + "?"
		}
		form.Blame("organizationId", hint)
		return false
	}
	body["organizationId"] = found[i].Value
	return true
}

// inBooks says whether a draft would be somebody's. The provider's staff names whose; where it did not, this answers by itself.
func (s *server) inBooks(v visit) bool {
	if v.who.TenantID != "" || v.r.URL.Query().Get(tenantParameter) != "" {
		return true
	}
	s.fail(v, failure{Status: http.StatusUnprocessableEntity, Title: "Whose invoice?", Text: "Choose in the list of invoices whose books it belongs into, and draft it there."})
	return false
}

func (s *server) newInvoice(v visit) {
	if !s.inBooks(v) {
		return
	}
	form := draft{values: url.Values{"currency": {currencies[0]}}}.form("Write draft", s.organizations(v, ""))
	s.showInvoiceForm(v, http.StatusOK, "", &form)
}

// showInvoiceForm shows the form of a draft; that of a new one where it has no id.
func (s *server) showInvoiceForm(v visit, status int, id string, form *ui.Form) {
	tenant := v.r.URL.Query().Get(tenantParameter)
	title := "Edit draft"
	form.Action, form.Cancel = invoiceAddress(id, "edit", tenant), invoiceAddress(id, "", tenant)
	if id == "" {
		title, form.Action, form.Cancel = "Draft an invoice", inTenant(invoicesPath+"/new", tenant), inTenant(invoicesPath, tenant)
	}
	s.showForm(v, status, title, "What it comes to is computed when you save it. Prices are in the currency of the invoice, without tax.", *form)
}

func (s *server) createInvoice(v visit) {
	if !s.posted(v) || !s.inBooks(v) {
		return
	}
	d := sentDraft(v.r.PostForm)
	form := d.form("Write draft", s.organizations(v, ""))
	body, ok := d.body(&form)
	if !s.client(v, &form, body) || !ok {
		s.showInvoiceForm(v, http.StatusUnprocessableEntity, "", &form)
		return
	}
	for name, value := range body {
		if value == nil {
			delete(body, name)
		}
	}
	a := s.command(v, http.MethodPost, invoicesAPI, body)
	if s.barred(v, a, v.r.URL.RequestURI()) {
		return
	}
	var made invoiceRecord
	if a.status >= http.StatusBadRequest || a.decode(&made) != nil {
		refuse(v, invoiceKind, &form, a)
		s.showInvoiceForm(v, failed(a), "", &form)
		return
	}
	finish(v, a, invoiceAddress(made.ID, "", v.r.URL.Query().Get(tenantParameter)), "created")
}

func (s *server) editInvoice(v visit) {
	i, ok := recordOf[invoiceRecord](s, v, invoiceKind)
	if !ok {
		return
	}
	form := i.draft(s.clientOf(v, i)).form("Save draft", s.organizations(v, ""))
	form.Hidden = []ui.Option{{Value: versionField, Title: strconv.Itoa(i.Version)}}
	s.showInvoiceForm(v, http.StatusOK, i.ID, &form)
}

// clientOf is what an invoice's organization is called now.
func (s *server) clientOf(v visit, i invoiceRecord) string {
	i.TenantID = v.r.URL.Query().Get(tenantParameter)
	return s.clients(v, "", []invoiceRecord{i})[i.OrganizationID]
}

func (s *server) updateInvoice(v visit) {
	if !s.posted(v) {
		return
	}
	i, ok := recordOf[invoiceRecord](s, v, invoiceKind)
	if !ok {
		return
	}
	d, version := sentDraft(v.r.PostForm), v.r.PostForm.Get(versionField)
	form := d.form("Save draft", s.organizations(v, ""))
	form.Hidden = []ui.Option{{Value: versionField, Title: version}}
	body, ok := d.body(&form)
	if !s.client(v, &form, body) || !ok {
		s.showInvoiceForm(v, http.StatusUnprocessableEntity, i.ID, &form)
		return
	}
	here := invoiceAddress(i.ID, "", v.r.URL.Query().Get(tenantParameter))
	a := s.command(v, http.MethodPatch, invoicesAPI+"/"+i.ID, body, header{matchHeader, `"v` + version + `"`})
	switch {
	case s.barred(v, a, here):
		return
	case a.status < http.StatusBadRequest:
		finish(v, a, backOr(v, here), "edited")
		return
	case a.status == http.StatusPreconditionFailed:
		form.Hidden[0].Title = strconv.Itoa(i.Version)
		overtaken(&form, invoiceKind, i.draft(s.clientOf(v, i)).values.Get)
	default:
		refuse(v, invoiceKind, &form, a)
	}
	s.showInvoiceForm(v, failed(a), i.ID, &form)
}
