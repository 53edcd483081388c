package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

// The steps of an invoice, by the names of the API's routes.
const (
	stepIssue   = "issue"
	stepPay     = "payments"
	stepCredit  = "credit"
	stepDispute = "dispute"
	stepResolve = "resolve-dispute"
	stepVoid    = "void"
)

// invoiceNotes say what was just done to an invoice.
var invoiceNotes = map[string]ui.Note{
	"created": {Tone: ui.Success, Text: "The draft was written. It is owed when it is issued."}, "edited": {Tone: ui.Success, Text: "The draft was saved."},
	stepIssue: {Tone: ui.Success, Text: "The invoice was issued under the next number."}, stepPay: {Tone: ui.Success, Text: "The payment was recorded."},
	stepCredit: {Tone: ui.Success, Text: "The credit note was written."}, stepDispute: {Tone: ui.Warning, Text: "The invoice is marked as disputed."},
	stepResolve: {Tone: ui.Success, Text: "The dispute is resolved."}, stepVoid: {Tone: ui.Info, Text: "The invoice is void. Its history stays."},
}

// invoiceAddress is an address below an invoice's page, in the books of a tenant where the provider's staff looks.
func invoiceAddress(id, step, tenant string) string {
	path := invoicesPath + "/" + url.PathEscape(id)
	if step != "" {
		path += "/" + step
	}
	return inTenant(path, tenant)
}

// steps are what can be done with an invoice, the likeliest first. Back is where each leads back to.
func (i invoiceRecord) steps(tenant, back string) []ui.Step {
	var all []ui.Step
	add := func(can bool, step, title string) {
		if can {
			q := url.Values{backField: {back}}
			if tenant != "" {
				q.Set(tenantParameter, tenant)
			}
			all = append(all, ui.Step{Title: title, Address: invoicesPath + "/" + i.ID + "/" + step + "?" + q.Encode()})
		}
	}
	draft, open := i.Status == invoice.StatusDraft, invoice.IsOpen(i.Status)
	add(draft, stepIssue, "Issue")
	add(draft, "edit", "Edit")
	add(open, stepPay, "Record payment")
	add(!draft && i.Status != invoice.StatusVoid && i.Credited.Amount < i.Total.Amount, stepCredit, "Write credit note")
	add(i.Disputed, stepResolve, "Resolve dispute")
	add(!i.Disputed && !draft && i.Status != invoice.StatusVoid, stepDispute, "Mark disputed")
	add(draft || i.Status == invoice.StatusIssued && i.Credited.Amount == 0, stepVoid, "Void invoice")
	return all
}

// payMethods are proposed; any other is taken too.
var payMethods = []ui.Option{{Title: "Bank transfer"}, {Title: "Card"}, {Title: "Direct debit"}, {Title: "Cheque"}, {Title: "Cash"}}

// asked is what is asked before a step; false for one that there is not.
func (i invoiceRecord) asked(step, tenant string) (q asking, ok bool) {
	q.form = ui.Form{ID: "step", Key: newKey(), Action: invoiceAddress(i.ID, step, tenant), Cancel: invoiceAddress(i.ID, "", tenant)}
	today := "Today in UTC where you enter none."
	reason := ui.Field{Name: "reason", Label: "Reason", Kind: "textarea", Required: true}
	sum := ui.Field{Name: "amount", Label: "Amount in " + i.Currency, Kind: "text", Required: true, Autocomplete: "off"}
	switch step {
	case stepIssue:
		q.title, q.form.Submit = "Issue "+i.spoken(), "Issue invoice"
		q.text = "It takes the next number and is owed from then on: " + amount(i.Total) + ". It cannot be edited any more."
		q.form.Fields = []ui.Field{{Name: "issueDate", Label: "Issue date", Kind: "date", Value: string(i.IssueDate), Hint: today}}
	case stepPay:
		q.title, q.form.Submit = "Record a payment of "+i.spoken(), "Record payment"
		q.text = amount(i.Balance) + " are still due."
		sum.Value = i.Balance.Major()
		q.form.Fields = []ui.Field{
			sum, {Name: "paidOn", Label: "Paid on", Kind: "date", Hint: today},
			{Name: "method", Label: "Method", Kind: "text", Options: payMethods, Autocomplete: "off"}, {Name: "reference", Label: "Reference", Kind: "text", Autocomplete: "off"},
		}
	case stepCredit:
		q.title, q.form.Submit = "Credit "+i.spoken(), "Write credit note"
		q.text = "A credit note takes a part of it back, or all: up to " + amount(money.Of(i.Total.Amount-i.Credited.Amount, i.Currency)) + ", tax included. It cannot be taken back itself."
		q.form.Fields = []ui.Field{sum, {Name: "creditedOn", Label: "Credited on", Kind: "date", Hint: today}, reason}
	case stepDispute:
		q.title, q.form.Submit = "Mark "+i.spoken()+" as disputed", "Mark as disputed"
		q.text = "Its payer contests it. It stays owed."
		reason.Required = false
		q.form.Fields = []ui.Field{reason}
	case stepResolve:
		q.title, q.form.Submit, q.text = "Resolve the dispute of "+i.spoken(), "Resolve dispute", "Its payer no longer contests it."
		q.form.Fields = []ui.Field{{Name: "resolution", Label: "Resolution", Kind: "textarea"}}
	case stepVoid:
		q.title, q.form.Submit, q.form.Danger = "Void "+i.spoken(), "Void invoice", true
		q.text = "It is as if it had never been owed. This cannot be taken back; its number and its history stay."
		if i.Status == invoice.StatusDraft {
			q.text = "It will not be issued. This cannot be taken back; its history stays."
		}
		q.form.Fields = []ui.Field{reason}
	default:
		return q, false
	}
	return q, true
}

func (s *server) askInvoiceStep(v visit) {
	i, ok := recordOf[invoiceRecord](s, v, invoiceKind)
	if !ok {
		return
	}
	q, ok := i.asked(chi.URLParam(v.r, "step"), v.r.URL.Query().Get(tenantParameter))
	if !ok {
		s.missing(v.w, v.r)
		return
	}
	s.ask(v, http.StatusOK, q)
}

func (s *server) takeInvoiceStep(v visit) {
	if !s.posted(v) {
		return
	}
	i, ok := recordOf[invoiceRecord](s, v, invoiceKind)
	if !ok {
		return
	}
	step, tenant := chi.URLParam(v.r, "step"), v.r.URL.Query().Get(tenantParameter)
	q, ok := i.asked(step, tenant)
	if !ok {
		s.missing(v.w, v.r)
		return
	}
	body := map[string]any{}
	for _, f := range q.form.Fields {
		if value := v.r.PostForm.Get(f.Name); value != "" {
			body[f.Name] = value
		}
	}
	if slices.ContainsFunc(q.form.Fields, func(f ui.Field) bool { return f.Name == "amount" }) {
		sum, err := money.ParseMajor(v.r.PostForm.Get("amount"), i.Currency)
		if err != nil {
			q.fill(v.r.PostForm)
			q.form.Blame("amount", wrongAmount(i.Currency))
			s.ask(v, http.StatusUnprocessableEntity, q)
			return
		}
		body["amount"] = sum
	}
	here := invoiceAddress(i.ID, "", tenant)
	a := s.command(v, http.MethodPost, invoicesAPI+"/"+i.ID+"/"+step, body)
	switch {
	case s.stopped(v, a, here):
	case a.status < http.StatusBadRequest:
		finish(v, a, backOr(v, here), step)
	default:
		s.askAgain(v, invoiceKind, q, true, a)
	}
}

// wrongAmount says how an amount of a currency is written.
func wrongAmount(currency string) string {
	return "Enter an amount like 1800.50, with no more decimals than " + currency + " has."
}
