package web

import (
	"cmp"
	"net/http"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

// ages are the buckets of the API's aging report, and the days past due that each begins and ends with.
var ages = map[string]struct {
	title    string
	from, to int
	tone     ui.Tone
}{
	invoice.BucketNotDue: {"Not due", 0, 0, ui.Success}, invoice.Bucket30: {"1–30 days late", 1, 30, ui.Warning}, invoice.Bucket60: {"31–60 days late", 31, 60, ui.Warning},
	invoice.Bucket90: {"61–90 days late", 61, 90, ui.Danger}, invoice.BucketOlder: {"More than 90 days late", 91, 0, ui.Danger},
}

// age is a bucket of the aging report.
type age struct {
	Bucket   string         `json:"bucket"`
	Invoices int64          `json:"invoices"`
	Amounts  []money.Amount `json:"amounts"`
}

// aging asks the API what is owed by how late it is, as of when the list is, and leads to the invoices of each bucket.
func (s *server) aging(v visit, view ui.View) (b ui.Breakdown, trouble string) {
	a, _ := s.seen(v, "/api/v2/reports/aging", strip(view.Query, "at", "on", tenantParameter))
	var report struct {
		On      domain.Date `json:"on"`
		Buckets []age       `json:"buckets"`
		Total   age         `json:"total"`
	}
	if a.status != http.StatusOK || a.decode(&report) != nil {
		return b, a.fault().words()
	}
	b = ui.Breakdown{ID: "aging", Title: "What is owed", Note: "by how late it is on " + onDay(report.On) + " (UTC)", Total: report.Total.portion("Open in all", report.On, ui.View{})}
	if v.who.TenantID == "" && view.Query.Get(tenantParameter) == "" {
		b.Note += ", with what the platform itself is owed"
	}
	kept := ui.View{Path: view.Path, Query: strip(view.Query, "at", tenantParameter)}
	for _, one := range report.Buckets {
		b.Portions = append(b.Portions, one.portion(ages[one.Bucket].title, report.On, kept))
	}
	return b, ""
}

// portion is a bucket as it is shown; one that the page does not know goes by its public name.
func (a age) portion(title string, on domain.Date, view ui.View) ui.Portion {
	p := ui.Portion{Title: cmp.Or(title, a.Bucket), Note: counted(a.Invoices, "invoice")}
	for _, owed := range a.Amounts {
		p.Values = append(p.Values, ui.Quantity{Number: ui.Grouped(owed.Major()), Unit: owed.Currency})
	}
	known, ok := ages[a.Bucket]
	if !ok || a.Invoices == 0 {
		return p
	}
	change := map[string]string{"open": "true", "sort": "dueDate", "dueBefore": string(on.AddDays(1 - known.from))}
	switch {
	case known.from == 0:
		change["dueBefore"], change["dueAfter"] = "", string(on.AddDays(-1))
	case known.to > 0:
		change["dueAfter"] = string(on.AddDays(-known.to - 1))
	}
	p.Tone, p.Address = known.tone, string(view.With(change).Address())
	return p
}
