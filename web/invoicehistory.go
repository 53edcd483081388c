package web

import (
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/web/ui"
)

// invoiceEvents are what the events of an invoice are called.
var invoiceEvents = map[string]happening{
	"invoice.created": {"Drafted", ui.Info}, "invoice.updated": {"Changed", ui.Neutral}, "invoice.issued": {"Issued", ui.Info}, "invoice.payment_received": {"Payment", ui.Success},
	"invoice.payment_refunded": {"Refund", ui.Warning}, "invoice.credited": {"Credit note", ui.Info}, "invoice.voided": {"Voided", ui.Danger}, "invoice.disputed": {"Disputed", ui.Warning},
	"invoice.dispute_resolved": {"Dispute resolved", ui.Success}, "invoice.reminded": {"Reminded", ui.Neutral},
}

// tellInvoice says more of an event of an invoice.
func tellInvoice(e happened, _ []happened, _ colleagues) string {
	switch e.Type {
	case "invoice.created":
		return "Over " + e.text("total")
	case "invoice.updated":
		return e.changedNames() + "; now over " + e.text("total")
	case "invoice.issued":
		return "As number " + e.text("number") + " over " + e.text("total") + ", due on " + e.day("dueDate")
	case "invoice.payment_received":
		return phrases(e.text("amount")+" on "+e.day("paidOn"), e.text("method"), e.text("reference"), e.text("balance")+" left")
	case "invoice.payment_refunded":
		return phrases(e.text("amount")+" on "+e.day("refundedOn"), e.text("reason"), e.text("balance")+" left")
	case "invoice.credited":
		return phrases(e.text("total")+" on "+e.day("creditedOn"), e.text("reason"), e.text("balance")+" left")
	case "invoice.voided", "invoice.disputed":
		return e.text("reason")
	case "invoice.dispute_resolved":
		return e.text("resolution")
	case "invoice.reminded":
		return "For the " + e.text("count") + ". time"
	}
	return ""
}

// phrases are those that say something, with commas between.
func phrases(all ...string) string {
	var said []string
	for _, one := range all {
		if one != "" {
			said = append(said, one)
		}
	}
	return strings.Join(said, ", ")
}

// day is a date of the event's data for people.
func (e happened) day(name string) string {
	day, err := domain.ParseDate(e.text(name))
	if err != nil {
		return e.text(name)
	}
	return onDay(day)
}

// changedNames are the fields that a change was of, by their labels.
func (e happened) changedNames() string {
	var names, labels []string
	_ = json.Unmarshal(e.Data["changed"], &names) // what cannot be read is not told
	for _, name := range names {
		label := name
		for _, f := range invoiceFields {
			if f.Name == name {
				label = f.Label
			}
		}
		labels = append(labels, capital(label))
	}
	return strings.Join(labels, ", ")
}
