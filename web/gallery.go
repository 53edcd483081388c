package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/charts"
	"github.com/streamflow/streamflow/web/ui"
)

// galleryPath is the page that shows every part in every state. What it shows is made up, and what is sent to it is kept
// nowhere.
const galleryPath = "/developer/gallery"

// gallery is what the page shows of what it was asked for.
type gallery struct {
	Shell shell
	Form  ui.Form
	Table ui.Table
	Notes []ui.Note
}

func (s *server) gallery(v visit) { s.showGallery(v, http.StatusOK, sampleForm(nil)) }

func (s *server) sendSample(v visit) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		form := sampleForm(nil)
		form.Message = "The form could not be read. Please try again."
		s.showGallery(v, http.StatusBadRequest, form)
		return
	}
	form := sampleForm(v.r.PostForm)
	if slices.ContainsFunc(form.Fields, func(f ui.Field) bool { return f.Error != "" }) {
		s.showGallery(v, http.StatusUnprocessableEntity, form)
		return
	}
	http.Redirect(v.w, v.r, galleryPath+"?done=saved", http.StatusSeeOther)
}

func (s *server) pressSample(v visit) {
	http.Redirect(v.w, v.r, galleryPath+"?"+url.Values{"done": {chi.URLParam(v.r, "action")}}.Encode(), http.StatusSeeOther)
}

// sampleNotes say what a sample's buttons did.
var sampleNotes = map[string]ui.Note{
	"saved":    {Tone: ui.Success, Text: "The lead was saved.", Undo: galleryPath + "/undone"},
	"undone":   {Tone: ui.Info, Text: "It is as it was before."},
	"deleted":  {Tone: ui.Warning, Text: "The lead was archived. Its history stays."},
	"reminded": {Tone: ui.Danger, Text: "No reminder was sent: these invoices do not exist."},
}

func (s *server) showGallery(v visit, status int, form ui.Form) {
	g := gallery{Shell: s.shell(v, "Gallery"), Form: form, Table: sampleTable(v.r.URL.Query())}
	chosenColumns(v.r, &g.Table)
	if note, ok := sampleNotes[v.r.URL.Query().Get("done")]; ok {
		note.Dismiss = galleryPath
		g.Notes = append(g.Notes, note)
	}
	render(v.w, v.r, status, galleryPage(g))
}

// sampleForm is the form as somebody sent it; nil: as nobody did.
func sampleForm(sent url.Values) ui.Form {
	f := ui.Form{ID: "lead", Action: galleryPath, Submit: "Save lead", Cancel: galleryPath, Fields: []ui.Field{
		{Name: "name", Label: "Name", Kind: "text", Required: true, Autocomplete: "off"},
		{Name: "email", Label: "E-mail", Kind: "email", Required: true, Hint: "Where the offer goes.", Autocomplete: "off"},
		{Name: "value", Label: "Expected value", Kind: "text", Hint: "In whole dollars, without a sign."},
		{Name: "source", Label: "Source", Kind: "select", Options: []ui.Option{{Value: "web", Title: "Web"}, {Value: "event", Title: "Event"}, {Value: "partner", Title: "Partner"}}},
		{Name: "next", Label: "Next step on", Kind: "date"},
		{Name: "item", Label: "Item", Kind: "text", Group: "Wants", Options: []ui.Option{{Title: "Tea"}, {Title: "Coffee"}}},
		{Name: "quantity", Label: "Quantity", Kind: "text", Group: "Wants"},
		{Name: "priority", Label: "Priority", Kind: "radio", Required: true, Value: "normal", Options: []ui.Option{{Value: "low", Title: "Low"}, {Value: "normal", Title: "Normal"}, {Value: "high", Title: "High"}}},
		{Name: "notes", Label: "Notes", Kind: "textarea"},
		{Name: "agree", Label: "May be called", Kind: "checkbox", Required: true, Hint: "Nobody may be called who did not say so."},
	}}
	if sent == nil {
		return f
	}
	for i := range f.Fields {
		field := &f.Fields[i]
		field.Value = strings.ToValidUTF8(strings.TrimSpace(sent.Get(field.Name)), "�")
		field.Error = mistake(*field)
	}
	return f
}

// mistake says what is wrong with a value, and how to mend it.
func mistake(f ui.Field) string {
	switch {
	case f.Required && f.Value == "" && f.Kind == "checkbox":
		return "Tick the box, or do not keep the lead."
	case f.Required && f.Value == "":
		return "Enter something here; a lead cannot be kept without."
	case f.Name == "email" && !strings.Contains(f.Value, "@"):
		return "Enter an address with an @, like ann@example.com."
	case f.Name == "value" && f.Value != "":
		if n, err := strconv.Atoi(f.Value); err != nil || n < 0 {
			return "Enter a whole number, like 1800."
		}
	}
	return ""
}

// invoiceRow is one row of the sample list.
type invoiceRow struct {
	number, client, status string
	total                  int
	due                    time.Time
}

var sampleStatuses = []struct {
	name string
	tone ui.Tone
}{{"Draft", ui.Primary}, {"Issued", ui.Info}, {"Paid", ui.Success}, {"Due soon", ui.Warning}, {"Overdue", ui.Danger}}

func sampleRows() []invoiceRow {
	clients := []string{"Northwind Traders", "Alfreds Futterkiste", "Ernst Handel", "Île de France, traiteur à domicile et fils", "Wartian Herkku", "مطعم الشرق", "Save-a-lot Markets"}
	rows := make([]invoiceRow, 0, 137)
	for i := range cap(rows) {
		rows = append(rows, invoiceRow{
			number: fmt.Sprintf("INV-%04d", 1001+i), client: clients[i*5%len(clients)], status: sampleStatuses[i*7%len(sampleStatuses)].name,
			total: (i*7919 + 1234) % 90000 * 10, due: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i*3%365),
		})
	}
	return rows
}

// samplePage is how many rows the sample list shows at once.
const samplePage = 10

// sampleTable is a page of the sample list, narrowed and sorted as its address says. What it does not know, it does not heed.
func sampleTable(q url.Values) ui.Table {
	q = strip(q, "q", "status", "sort", "cursor", "trail")
	t := ui.Table{
		ID: "invoices", Caption: "Invoices", View: ui.View{Path: galleryPath, Query: q}, Selects: galleryPath + "/reminded", Actions: []ui.Option{{Value: "remind", Title: "Send a reminder"}},
		Filters: []ui.Field{{Name: "q", Label: "Client"}, {Name: "status", Label: "Status"}},
		Columns: []ui.Column{{Key: "number", Title: "Number", Sorts: true}, {Key: "client", Title: "Client", Sorts: true}, {Key: "status", Title: "Status"}, {Key: "due", Title: "Due", Sorts: true}, {Key: "total", Title: "Total", Number: true, Sorts: true}},
		Empty:   ui.Nothing{Title: "No invoice is like that", Text: "Take a filter away, or look for another client.", Link: galleryPath, Action: "Show all invoices"},
	}
	tones := map[string]ui.Tone{}
	for _, s := range sampleStatuses {
		tones[s.name] = s.tone
		t.Filters[1].Options = append(t.Filters[1].Options, ui.Option{Value: s.name, Title: s.name})
	}
	rows := slices.DeleteFunc(sampleRows(), func(r invoiceRow) bool {
		return !strings.Contains(strings.ToLower(r.client), strings.ToLower(q.Get("q"))) || q.Get("status") != "" && r.status != q.Get("status")
	})
	sortRows(rows, q.Get("sort"))
	from := 0
	if i, err := strconv.Atoi(q.Get("cursor")); err == nil && i > 0 && i < len(rows) {
		from = i
	}
	to := min(from+samplePage, len(rows))
	if to < len(rows) {
		t.Next = strconv.Itoa(to)
	}
	t.Range = fmt.Sprintf("%d–%d of %d", from+1, to, len(rows))
	for _, r := range rows[from:to] {
		status := ui.Cell{Text: r.status, Tone: tones[r.status]}
		if r.total%30 == 0 {
			status.More = []ui.Cell{{Text: "Disputed", Tone: ui.Warning}}
		}
		t.Rows = append(t.Rows, ui.Row{ID: r.number, Name: r.number, Cells: []ui.Cell{
			{Text: r.number, Href: "#invoices-caption"}, {Text: r.client}, status, {Text: r.due.Format("2 Jan 2006")}, {Text: ui.Grouped(fmt.Sprintf("%d.%02d", r.total/100, r.total%100)) + " USD"},
		}})
	}
	return t
}

func sortRows(rows []invoiceRow, order string) {
	key, falling := strings.CutPrefix(order, "-")
	slices.SortStableFunc(rows, func(a, b invoiceRow) int {
		if falling {
			a, b = b, a
		}
		switch key {
		case "client":
			return cmp.Compare(a.client, b.client)
		case "due":
			return a.due.Compare(b.due)
		case "total":
			return cmp.Compare(a.total, b.total)
		}
		return cmp.Compare(a.number, b.number)
	})
}

// strip keeps the first value of the parameters named.
func strip(q url.Values, names ...string) url.Values {
	kept := url.Values{}
	for _, name := range names {
		if v := strings.ToValidUTF8(q.Get(name), ""); v != "" {
			kept.Set(name, v)
		}
	}
	return kept
}

// The samples that never change.
var (
	sampleMoment = time.Date(2026, 3, 31, 10, 0, 5, 0, time.UTC)
	sampleStats  = []ui.Stat{
		{Name: "sample-count", Title: "New leads", Href: "#sample-count", Values: []ui.Quantity{{Number: "1,284", Unit: "leads"}}, Source: "log", At: sampleMoment},
		{Name: "sample-ratio", Title: "Conversion rate", Href: "#sample-ratio", Values: []ui.Quantity{{Number: "38.2", Unit: "%"}}, Share: "38.2", Note: "490 of 1,284", Source: "log", At: sampleMoment},
		{Name: "sample-money", Title: "Pipeline", Href: "#sample-money", Values: []ui.Quantity{{Number: "1,234,567.89", Unit: "USD"}, {Number: "98,000.00", Unit: "EUR"}}, Source: "log", At: sampleMoment},
		{Name: "sample-gauge", Title: "Median latency", Href: "#sample-gauge", Values: []ui.Quantity{{Number: "12.4", Unit: "ms"}}, Source: "gauge", At: sampleMoment},
		{Name: "sample-down", Title: "Bus", Tone: ui.Danger, Values: []ui.Quantity{{Number: "Down", Unit: "no answer in 2,000 ms"}}, Source: "gauge", At: sampleMoment},
		{Name: "sample-none", Title: "Average deal", Href: "#sample-none", Note: "nothing was won in this window", Source: "log", At: sampleMoment},
	}
	sampleBreakdown = ui.Breakdown{ID: "sample-sum", Title: "What is owed", Note: "by how late it is on 31 Mar 2026 (UTC)", Portions: []ui.Portion{
		{Title: "Not due", Address: "#stats", Note: "2 invoices", Tone: ui.Success, Values: []ui.Quantity{{Number: "6,125.50", Unit: "EUR"}, {Number: "59,795", Unit: "JPY"}}},
		{Title: "1–30 days late", Address: "#stats", Note: "1 invoice", Tone: ui.Warning, Values: []ui.Quantity{{Number: "1,032.30", Unit: "USD"}}},
		{Title: "More than 30 days late", Note: "0 invoices"},
	}, Total: ui.Portion{Title: "Open in all", Note: "3 invoices", Values: []ui.Quantity{{Number: "6,125.50", Unit: "EUR"}, {Number: "59,795", Unit: "JPY"}, {Number: "1,032.30", Unit: "USD"}}}}
	sampleTabs = []ui.Tab{
		{Address: galleryPath + "#tabs", Title: "All", Count: "137", Current: true}, {Address: galleryPath + "?status=Overdue#invoices-caption", Title: "Overdue", Count: "27"},
		{Address: galleryPath + "?status=Paid#invoices-caption", Title: "Paid", Count: "28"}, {Address: galleryPath + "?q=nobody#invoices-caption", Title: "Nothing"},
	}
	sampleEntries = []ui.Entry{
		{At: sampleMoment, Title: "Converted", Text: "Made Northwind Traders, Nancy Davolio and an opportunity of 18,400.00 USD.", Actor: "Ann Lee", Tone: ui.Success},
		{At: sampleMoment.Add(-26 * time.Hour), Title: "Qualified", Actor: "Ann Lee", Tone: ui.Info},
		{At: sampleMoment.Add(-50 * time.Hour), Title: "Refused as a duplicate", Text: "A lead with the same e-mail address exists.", Actor: "Bulk import", Tone: ui.Danger},
		{At: sampleMoment.Add(-75 * time.Hour), Title: "Created", Actor: "partner key acme-1"},
	}
	sampleMoments = ui.Moments{Label: "Moments", Now: "#timeline", Past: true, Steps: []ui.Entry{
		{At: sampleMoment.Add(-75 * time.Hour), Title: "Created", Then: "#timeline"}, {At: sampleMoment.Add(-26 * time.Hour), Title: "Qualified", Then: "#timeline", Current: true},
		{At: sampleMoment, Title: "Converted", Then: "#timeline", Later: true}}}
	sampleBoard = ui.Board{ID: "sample-board", Label: "Tickets by status", View: ui.View{Path: galleryPath}, Columns: []ui.BoardColumn{
		{ID: "open", Title: "Open", Tone: ui.Info, Step: "open", Count: "2+", More: "#table", Cards: []ui.Card{sampleCard("1", "The report does not load", "Overdue by 2 h", ui.Danger), sampleCard("2", "A long name, as people write them when they say all that they saw at once", "Due in 5 h", ui.Neutral)}},
		{ID: "started", Title: "Started", Tone: ui.Warning, Step: "start", Count: "1", Cards: []ui.Card{sampleCard("3", "Mails arrive twice", "Due soon", ui.Warning)}},
		{ID: "done", Title: "Done", Tone: ui.Success, Step: "close", Count: "0"},
	}}
	sampleSteps  = []ui.Step{{Title: "Qualify", Address: galleryPath + "/saved", Posts: true}, {Title: "Archive", Address: galleryPath + "/deleted", Posts: true}, {Title: "Edit", Address: "#form"}}
	sampleMonths = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	sampleCharts = []charts.Chart{
		{ID: "chart-lines", Title: "Revenue by currency", Kind: charts.Lines, Unit: "thousands", Of: "Month", Labels: sampleMonths, Series: []charts.Series{
			{Name: "USD", Values: []float64{120, 132, 141, 138, 155, 161, 170, 168, 182, 190, 204, 215}}, {Name: "EUR", Values: []float64{80, 78, 84, 91, 88, 95, 99, math.NaN(), 104, 101, 112, 118}}, {Name: "GBP", Values: []float64{30, 34, 33, 39, 42, 40, 45, 47, 52, 50, 55, 61}}}},
		{ID: "chart-bars", Title: "Leads by source", Kind: charts.Bars, Unit: "leads", Of: "Quarter", Labels: []string{"Q1", "Q2", "Q3", "Q4"}, Series: []charts.Series{
			{Name: "Web", Values: []float64{340, 410, 395, 460}}, {Name: "Event", Values: []float64{120, 90, 150, 175}}, {Name: "Partner", Values: []float64{60, 85, 130, 140}}}},
		{ID: "chart-bridge", Title: "Change of recurring revenue", Kind: charts.Bars, Unit: "USD", Of: "Month", Labels: sampleMonths[:6], Series: []charts.Series{{Name: "Change", Values: []float64{1800, -650, 2400, 900, -1200, 3100}}}},
	}
)

// sampleCard is a card of the sample board.
func sampleCard(id, name, due string, tone ui.Tone) ui.Card {
	return ui.Card{ID: id, Name: name, Href: "#board", Marks: []ui.Cell{{Text: due, Tone: tone}}, Lines: []string{"Northwind Traders"}, Move: galleryPath + "/{step}",
		Moves: []ui.Step{{Title: "Started", Address: galleryPath + "/saved", Posts: true}, {Title: "Done", Address: galleryPath + "/deleted", Posts: true}}}
}
