package web

import (
	"strconv"

	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

func (s *server) invoice(v visit) {
	p, i, ok := recorded[invoiceRecord](s, v, invoiceKind, colleagues{me: v.who})
	if !ok {
		return
	}
	if p.known() {
		i.TenantID = v.r.URL.Query().Get(tenantParameter)
		client := s.clients(v, v.r.URL.Query().Get("at"), []invoiceRecord{i})[i.OrganizationID]
		p.Shell.Title, p.Name, p.Marks = i.headed(client), i.headed(client), i.marks(dayAt(p.At))
		p.Facts = i.facts(client, p.Place)
		if !p.past() {
			p.Steps = i.steps(i.TenantID, p.here)
		}
	}
	render(v.w, v.r, p.status, invoiceScreen(p, i))
}

// facts are the fields of an invoice that say something.
func (i invoiceRecord) facts(client string, at place) []fact {
	all := invoiceKind.view(nil).With(map[string]string{"organizationId": i.OrganizationID, tenantParameter: at.Tenant})
	f := []fact{
		{"Client", client, string(all.Address())}, {"Balance", i.due(), ""}, {"Issued", onDay(i.IssueDate), ""}, {"Due", onDay(i.DueDate), ""},
		{"Paid in full", onDay(i.PaidInFullOn), ""}, {"Disputed because", i.DisputeReason, ""}, {"Void because", i.VoidReason, ""},
		{"Reference", i.Reference, ""}, {"Number elsewhere", i.ExternalNumber, ""}, {"Last change", ui.Moment(i.UpdatedAt), ""},
	}
	if i.PaidInFullOn != "" {
		f[4].Value += ", after " + days(i.DaysToPay)
	}
	return filled(f...)
}

// sumLine is a line below the lines of an invoice: what they come to.
type sumLine struct {
	Title, Value string
	Strong       bool
}

// sums are what the lines come to, and what is left of that.
func (i invoiceRecord) sums() []sumLine {
	all := []sumLine{{"Net", amount(i.Net), false}}
	for _, t := range i.Taxes {
		all = append(all, sumLine{"Tax " + t.Percent.String() + " % of " + amount(money.Of(t.Net, i.Currency)), amount(money.Of(t.Tax, i.Currency)), false})
	}
	all = append(all, sumLine{"Total", amount(i.Total), true})
	if i.Credited.Amount != 0 {
		all = append(all, sumLine{"Credited", amount(i.Credited.Neg()), false})
	}
	if i.Paid.Amount != 0 {
		all = append(all, sumLine{"Paid", amount(i.Paid.Neg()), false})
	}
	if due := i.due(); due != "" {
		all = append(all, sumLine{"Balance", due, true})
	}
	return all
}

// net is what a line comes to without its tax; nothing where that is no amount.
func (i invoiceRecord) net(l invoice.Line) string {
	net, err := money.Net(l.Quantity, l.UnitAmount)
	if err != nil {
		return ""
	}
	return amount(money.Of(net, i.Currency))
}

// creditName is what a credit note is called.
func creditName(c invoice.CreditNote) string {
	if c.CreditNumber == 0 {
		return "Credit note"
	}
	return "Credit note " + strconv.FormatInt(c.CreditNumber, 10)
}

// refunded is what of a payment went back, in words.
func (i invoiceRecord) refunded(p invoice.Payment) string {
	if p.Refunded == 0 {
		return ""
	}
	return amount(money.Of(p.Refunded, i.Currency)) + " went back"
}
