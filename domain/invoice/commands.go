package invoice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// PaymentDays is how long after its issue an invoice is due when it names no
// other day.
const PaymentDays = 30

// The bounds of a document. They keep an event within the log's 256 KiB.
const (
	maxLines       = 200
	maxDescription = 200
	maxMethod      = 50
)

// The refusals of an invoice alone.
var (
	// ErrPaymentTooLarge: more than is due would be nobody's money.
	ErrPaymentTooLarge = domain.Refuse(domain.Unprocessable, "payment_exceeds_balance",
		"The payment is more than the invoice's balance.")
	// ErrRefundTooLarge: no more goes back than came in with that payment.
	ErrRefundTooLarge = domain.Refuse(domain.Unprocessable, "refund_exceeds_payment",
		"The refund is more than what is left of that payment.")
	// ErrCreditTooLarge: no more is credited, of any tax rate, than was invoiced.
	ErrCreditTooLarge = domain.Refuse(domain.Unprocessable, "credit_exceeds_invoice",
		"The credit note is more than what is left of the invoice at that tax rate.")
	// ErrCreditNothing: a credit note over nothing credits nothing.
	ErrCreditNothing = domain.Refuse(domain.Unprocessable, "credit_is_zero", "The credit note is not over a positive amount.")
	// ErrCurrencyMismatch: an invoice knows one currency.
	ErrCurrencyMismatch = domain.Refuse(domain.Unprocessable, "currency_mismatch",
		"The amount is not in the invoice's currency.")
	// ErrDueBeforeIssue: an invoice cannot be due before it exists.
	ErrDueBeforeIssue = domain.Refuse(domain.Unprocessable, "due_before_issue",
		"The due date is before the issue date.")
	// ErrUnknownPayment: a refund belongs to a payment of this invoice.
	ErrUnknownPayment = domain.Refuse(domain.Unprocessable, "unknown_payment", "The invoice has no such payment.")
)

func (d Details) normalize() Details {
	d.OrganizationID, d.Currency = domain.Line(d.OrganizationID), domain.Line(d.Currency)
	d.Reference, d.ExternalNumber = domain.Line(d.Reference), domain.Line(d.ExternalNumber)
	d.Lines = trimLines(d.Lines)
	if d.IssueDate != "" && d.DueDate == "" {
		d.DueDate = d.IssueDate.AddDays(PaymentDays)
	}
	return d
}

func trimLines(lines []Line) []Line {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].Description, lines[i].LeadID = domain.Line(lines[i].Description), domain.Line(lines[i].LeadID)
	}
	return lines
}

func (d Details) check(c *domain.Check, today domain.Date) {
	c.ID("organizationId", d.OrganizationID)
	c.Currency("currency", d.Currency)
	checkLines(c, d.Lines, d.Currency)
	if d.IssueDate != "" {
		c.NotFuture("issueDate", d.IssueDate, today)
	}
	c.Date("dueDate", d.DueDate)
	if d.IssueDate.Valid() && d.DueDate.Valid() && d.DueDate.Before(d.IssueDate) {
		c.Add("dueDate", "due_before_issue", "is before the issue date")
	}
	c.Line("reference", d.Reference, domain.MaxID)
	c.Line("externalNumber", d.ExternalNumber, domain.MaxID)
}

func checkLines(c *domain.Check, lines []Line, currency string) {
	if len(lines) > maxLines {
		c.Add("lines", "too_many", fmt.Sprintf("has more than %d entries", maxLines))
	}
	for i, line := range lines {
		at := fmt.Sprintf("lines[%d].", i)
		c.Required(at+"description", line.Description)
		c.Line(at+"description", line.Description, maxDescription)
		if line.Quantity.Sign() <= 0 {
			c.Add(at+"quantity", "out_of_range", "is not greater than 0")
		}
		if line.TaxRatePercent.Sign() < 0 || line.TaxRatePercent.Cmp(money.Int(100)) > 0 {
			c.Add(at+"taxRatePercent", "out_of_range", "is not a percentage from 0 to 100")
		}
		c.ID(at+"leadId", line.LeadID)
	}
	totals, err := total(lines, currency)
	if err != nil {
		c.Add("lines", "out_of_range", "sum to more than an amount can hold")
	}
	if slices.ContainsFunc(totals.Taxes, func(t money.Tax) bool { return t.Net < 0 }) {
		c.Add("lines", "out_of_range", "sum to less than nothing at one tax rate")
	}
}

// checkNoLeads keeps a tenant's own invoice from billing what only the platform bills.
func checkNoLeads(c *domain.Check, lines []Line) {
	for i, line := range lines {
		if line.LeadID != "" {
			c.Add(fmt.Sprintf("lines[%d].leadId", i), "not_allowed", "is for the platform's own invoices")
		}
	}
}

// Create writes a draft. Platform is given in provider space only, and then
// stands for the organization. Today bounds the dates.
type Create struct {
	Details
	Platform `json:"-"`
	Disputed bool        `json:"disputed,omitempty"`
	Today    domain.Date `json:"-"`
}

// Normalize trims the fields and derives the due date from a given issue date.
func (c Create) Normalize() Create {
	c.Details = c.Details.normalize()
	c.TenantID, c.PartnerID = domain.Line(c.TenantID), domain.Line(c.PartnerID)
	return c
}

// Validate insists on who owes, a currency and a line. Only the platform bills
// for leads.
func (c Create) Validate() error {
	var check domain.Check
	if c.TenantID == "" {
		check.Required("organizationId", c.OrganizationID)
		checkNoLeads(&check, c.Lines)
	}
	check.Required("currency", c.Currency)
	if c.PartnerID != "" {
		check.Required("reference", c.Reference) // it makes the invoice the partner's, once
	}
	if len(c.Lines) == 0 {
		check.Required("lines", "")
	}
	c.Details.check(&check, c.Today)
	check.Date("period.start", c.Period.Start)
	check.Date("period.end", c.Period.End)
	if (c.Period.Start == "") != (c.Period.End == "") || c.Period.End.Before(c.Period.Start) {
		check.Add("period", "invalid_period", "needs a start and an end, in that order")
	}
	return check.Err()
}

// Matches says whether an invoice was made from exactly this command, so that a
// repeated reference is the same invoice and another one a conflict.
func (c Create) Matches(s State) bool {
	c = c.Normalize()
	c.IssueDate = c.IssueDate.Or(s.IssueDate)
	c.DueDate = c.DueDate.Or(s.IssueDate.AddDays(PaymentDays))
	told, errTold := json.Marshal([]any{c.Details, c.Platform})
	held, errHeld := json.Marshal([]any{s.Details, s.Platform})
	return errTold == nil && errHeld == nil && bytes.Equal(told, held)
}

// Decide writes the draft, disputed from the start where a file says so.
func (c Create) Decide(s State) ([]Event, error) {
	if s.Status != "" {
		return nil, domain.ErrExists
	}
	totals, err := total(c.Lines, c.Currency)
	if err != nil {
		return nil, err
	}
	created := Created{Details: c.Details, Platform: c.Platform, Totals: totals, Status: StatusDraft}
	if !c.Disputed {
		return []Event{created}, nil
	}
	return []Event{created, Disputed{Posting: created.Evolve(s).posting()}}, nil
}

// Update edits a draft. Today bounds the dates.
type Update struct {
	domain.Patch[Details]
	Today domain.Date `json:"-"`
}

// Normalize trims the given fields.
func (c Update) Normalize() Update {
	c.Values = c.Values.normalize()
	return c
}

// Validate refuses values of the wrong shape and empty required ones.
func (c Update) Validate() error {
	var check domain.Check
	if c.Has("currency") {
		check.Required("currency", c.Values.Currency)
	}
	if c.Has("lines") && len(c.Values.Lines) == 0 {
		check.Required("lines", "")
	}
	c.Values.check(&check, c.Today)
	return check.Err()
}

// Decide edits the draft; values that are so already change nothing.
func (c Update) Decide(s State) ([]Event, error) {
	if c.Has("issueDate") && !c.Has("dueDate") && s.DueDate == s.IssueDate.AddDays(PaymentDays) {
		s.DueDate = c.Values.IssueDate.AddDays(PaymentDays) // it was derived, so it follows
	}
	details, changed := c.Apply(s.Details)
	var check domain.Check
	if s.TenantID == "" {
		checkNoLeads(&check, details.Lines)
	}
	switch {
	case check.Err() != nil:
		return nil, check.Err()
	case len(changed) == 0:
		return nil, nil
	case s.Status != StatusDraft:
		return nil, domain.InvalidTransition(s.Status, "edited")
	case details.OrganizationID == "" && s.TenantID == "":
		return nil, domain.Invalid{{Field: "organizationId", Code: "required", Message: "is required"}}
	case details.IssueDate != "" && details.DueDate != "" && details.DueDate.Before(details.IssueDate):
		return nil, ErrDueBeforeIssue
	}
	totals, err := total(details.Lines, details.Currency)
	if err != nil {
		return nil, err
	}
	return []Event{Updated{Details: details, Totals: totals, Changed: changed}}, nil
}

// Issue makes a draft due. Number is the next of its series, taken in the same
// append. IssueDate is the draft's when empty, else today.
type Issue struct {
	IssueDate domain.Date `json:"issueDate,omitempty"`
	Number    int64       `json:"-"`
	Today     domain.Date `json:"-"`
}

// Normalize has nothing to trim.
func (c Issue) Normalize() Issue { return c }

// Validate refuses a day ahead.
func (c Issue) Validate() error {
	var check domain.Check
	check.NotFuture("issueDate", c.IssueDate.Or(c.Today), c.Today)
	return check.Err()
}

// Decide issues a draft; an invoice that is issued already keeps its number.
func (c Issue) Decide(s State) ([]Event, error) {
	switch s.Status {
	case StatusDraft:
	case "", StatusVoid:
		return nil, domain.InvalidTransition(s.Status, StatusIssued)
	default:
		return nil, nil
	}
	draft := s
	s.IssueDate = c.IssueDate.Or(s.IssueDate).Or(c.Today)
	if s.DueDate == "" {
		s.DueDate = s.IssueDate.AddDays(PaymentDays)
	}
	if s.DueDate.Before(s.IssueDate) {
		return nil, ErrDueBeforeIssue
	}
	s.Number = c.Number
	p := s.post(0, 0)
	p.StatusBefore, p.BalanceBefore = draft.Status, money.Of(0, s.Currency)
	return []Event{Issued{Posting: p, Totals: s.Totals, Reference: s.Reference, ExternalNumber: s.ExternalNumber}}, nil
}

// Void makes the invoice as if it had never been due. VoidedOn is today when
// empty.
type Void struct {
	Reason   string      `json:"reason"`
	VoidedOn domain.Date `json:"voidedOn,omitempty"`
	Today    domain.Date `json:"-"`
}

// Normalize trims the reason and dates the command.
func (c Void) Normalize() Void {
	c.Reason, c.VoidedOn = domain.Block(c.Reason), c.VoidedOn.Or(c.Today)
	return c
}

// Validate insists on a reason.
func (c Void) Validate() error {
	var check domain.Check
	check.Required("reason", c.Reason)
	check.Block("reason", c.Reason, domain.MaxText)
	check.NotFuture("voidedOn", c.VoidedOn, c.Today)
	return check.Err()
}

// Decide voids a draft or an issued invoice that nobody paid and nothing was
// credited of; anything else is put right by a credit note or a refund.
func (c Void) Decide(s State) ([]Event, error) {
	switch {
	case s.Status == StatusVoid:
		return nil, nil
	case s.Status != StatusDraft && s.Status != StatusIssued, s.Credited.Amount != 0:
		return nil, domain.InvalidTransition(s.Status, StatusVoid)
	}
	p := s.posting()
	p.Status, p.Balance.Amount = StatusVoid, 0
	if s.Status == StatusDraft {
		p.BalanceBefore.Amount = 0 // a draft was never owed
	}
	return []Event{Voided{Posting: p, Totals: s.Totals, Reason: c.Reason, VoidedOn: c.VoidedOn}}, nil
}
