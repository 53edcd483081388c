package invoice

import (
	"slices"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Pay books money that came in. PaymentID is a new id; PaidOn is today when
// empty.
type Pay struct {
	Amount    money.Amount `json:"amount"`
	PaidOn    domain.Date  `json:"paidOn,omitempty"`
	Method    string       `json:"method,omitempty"`
	Reference string       `json:"reference,omitempty"`
	PaymentID string       `json:"-"`
	Today     domain.Date  `json:"-"`
}

// Normalize trims the fields and dates the payment.
func (c Pay) Normalize() Pay {
	c.Method, c.Reference = domain.Line(c.Method), domain.Line(c.Reference)
	c.PaidOn = c.PaidOn.Or(c.Today)
	return c
}

// Validate insists on a positive amount.
func (c Pay) Validate() error {
	var check domain.Check
	checkPositive(&check, "amount", c.Amount)
	check.NotFuture("paidOn", c.PaidOn, c.Today)
	check.Line("method", c.Method, maxMethod)
	check.Line("reference", c.Reference, domain.MaxID)
	return check.Err()
}

// Decide books a payment of at most the balance of an open invoice.
func (c Pay) Decide(s State) ([]Event, error) {
	switch {
	case slices.ContainsFunc(s.Payments, func(p Payment) bool { return p.PaymentID == c.PaymentID }):
		return nil, nil
	case s.Status == StatusDraft, s.Status == StatusVoid, s.Status == "":
		return nil, domain.InvalidTransition(s.Status, StatusPaid)
	case c.Amount.Currency != s.Currency:
		return nil, ErrCurrencyMismatch
	case c.Amount.Amount > s.Balance.Amount:
		return nil, ErrPaymentTooLarge
	}
	paid := s.Paid.Amount + c.Amount.Amount
	share, err := s.taxShare(paid)
	if err != nil {
		return nil, err
	}
	e := PaymentReceived{
		Posting: s.post(paid, s.Credited.Amount), PaymentID: c.PaymentID, Amount: c.Amount,
		TaxShare: money.Of(share, s.Currency), PaidOn: c.PaidOn, Method: c.Method, Reference: c.Reference,
	}
	if e.Status == StatusPaid {
		// A payment ahead of the issue date took no days, not fewer than none.
		e.FullyPaid, e.DaysToPay = true, max(0, s.IssueDate.DaysUntil(c.PaidOn))
	}
	return []Event{e}, nil
}

// Refund gives money of one payment back. RefundID is a new id; RefundedOn is
// today when empty.
type Refund struct {
	PaymentID  string       `json:"paymentId"`
	Amount     money.Amount `json:"amount"`
	RefundedOn domain.Date  `json:"refundedOn,omitempty"`
	Reason     string       `json:"reason,omitempty"`
	RefundID   string       `json:"-"`
	Today      domain.Date  `json:"-"`
}

// Normalize trims the fields and dates the refund.
func (c Refund) Normalize() Refund {
	c.PaymentID, c.Reason = domain.Line(c.PaymentID), domain.Block(c.Reason)
	c.RefundedOn = c.RefundedOn.Or(c.Today)
	return c
}

// Validate insists on a payment and a positive amount.
func (c Refund) Validate() error {
	var check domain.Check
	check.Required("paymentId", c.PaymentID)
	checkPositive(&check, "amount", c.Amount)
	check.NotFuture("refundedOn", c.RefundedOn, c.Today)
	check.Block("reason", c.Reason, domain.MaxText)
	return check.Err()
}

// Decide books a refund of at most what is left of the payment.
func (c Refund) Decide(s State) ([]Event, error) {
	i := slices.IndexFunc(s.Payments, func(p Payment) bool { return p.PaymentID == c.PaymentID })
	switch {
	case i < 0:
		return nil, ErrUnknownPayment
	case c.Amount.Currency != s.Currency:
		return nil, ErrCurrencyMismatch
	case c.Amount.Amount > s.Payments[i].Amount.Amount-s.Payments[i].Refunded:
		return nil, ErrRefundTooLarge
	}
	paid := s.Paid.Amount - c.Amount.Amount
	share, err := s.taxShare(paid)
	if err != nil {
		return nil, err
	}
	e := PaymentRefunded{
		Posting: s.post(paid, s.Credited.Amount), RefundID: c.RefundID, PaymentID: c.PaymentID, Amount: c.Amount,
		TaxShare: money.Of(share, s.Currency), RefundedOn: c.RefundedOn, Reason: c.Reason,
	}
	if s.PaidInFullOn != "" && e.Balance.Amount > 0 {
		e.Reopened, e.DaysToPay = true, s.DaysToPay
	}
	return []Event{e}, nil
}

// Credit takes part of an issued invoice back, by lines or by a gross amount.
// CreditID is a new id, Number the next of the series of credit notes;
// CreditedOn is today when empty.
type Credit struct {
	Lines      []Line       `json:"lines,omitempty"`
	Amount     money.Amount `json:"amount,omitzero"`
	Reason     string       `json:"reason"`
	CreditedOn domain.Date  `json:"creditedOn,omitempty"`
	CreditID   string       `json:"-"`
	Number     int64        `json:"-"`
	Today      domain.Date  `json:"-"`
}

// Normalize trims the fields and dates the credit note.
func (c Credit) Normalize() Credit {
	c.Lines, c.Reason = trimLines(c.Lines), domain.Block(c.Reason)
	c.CreditedOn = c.CreditedOn.Or(c.Today)
	return c
}

// Validate insists on a reason, and on either lines or an amount.
func (c Credit) Validate() error {
	var check domain.Check
	check.Required("reason", c.Reason)
	check.Block("reason", c.Reason, domain.MaxText)
	check.NotFuture("creditedOn", c.CreditedOn, c.Today)
	if (len(c.Lines) == 0) == c.Amount.IsZero() {
		check.Add("lines", "required", "either lines or an amount is required")
	}
	checkLines(&check, c.Lines, "")
	if !c.Amount.IsZero() {
		checkPositive(&check, "amount", c.Amount)
	}
	return check.Err()
}

// Decide credits at most what is left of the invoice, at each tax rate. What was
// paid beyond the rest is owed to the payer: the balance is negative until it is
// refunded.
func (c Credit) Decide(s State) ([]Event, error) {
	switch {
	case slices.ContainsFunc(s.Credits, func(n CreditNote) bool { return n.CreditID == c.CreditID }):
		return nil, nil
	case s.Status == StatusDraft, s.Status == StatusVoid, s.Status == "":
		return nil, domain.InvalidTransition(s.Status, StatusCredited)
	case !c.Amount.IsZero() && c.Amount.Currency != s.Currency:
		return nil, ErrCurrencyMismatch
	}
	var totals Totals
	var err error
	switch {
	case c.Amount.IsZero():
		totals, err = s.creditLines(c.Lines)
	case c.Amount.Amount > s.Total.Amount-s.Credited.Amount:
		return nil, ErrCreditTooLarge
	default:
		totals, err = s.creditAmount(c.Amount.Amount)
	}
	switch {
	case err != nil:
		return nil, err
	case totals.Total.Amount <= 0:
		return nil, ErrCreditNothing
	}
	note := CreditNote{
		CreditID: c.CreditID, CreditNumber: c.Number, Reason: c.Reason, CreditedOn: c.CreditedOn, Totals: totals,
	}
	posting := s.post(s.Paid.Amount, s.Credited.Amount+totals.Total.Amount)
	return []Event{Credited{Posting: posting, CreditNote: note, Lines: c.Lines}}, nil
}

// Dispute says that the payer contests the invoice.
type Dispute struct {
	Reason string `json:"reason,omitempty"`
}

// Normalize trims the reason.
func (c Dispute) Normalize() Dispute {
	c.Reason = domain.Block(c.Reason)
	return c
}

// Validate bounds the reason.
func (c Dispute) Validate() error {
	var check domain.Check
	check.Block("reason", c.Reason, domain.MaxText)
	return check.Err()
}

// Decide sets the flag of an invoice that is not void.
func (c Dispute) Decide(s State) ([]Event, error) {
	switch {
	case s.Disputed:
		return nil, nil
	case s.Status == StatusVoid, s.Status == "":
		return nil, domain.InvalidTransition(s.Status, "disputed")
	}
	return []Event{Disputed{Posting: s.posting(), Reason: c.Reason}}, nil
}

// ResolveDispute says that the payer no longer contests the invoice.
type ResolveDispute struct {
	Resolution string `json:"resolution,omitempty"`
}

// Normalize trims the text.
func (c ResolveDispute) Normalize() ResolveDispute {
	c.Resolution = domain.Block(c.Resolution)
	return c
}

// Validate bounds the text.
func (c ResolveDispute) Validate() error {
	var check domain.Check
	check.Block("resolution", c.Resolution, domain.MaxText)
	return check.Err()
}

// Decide clears the flag.
func (c ResolveDispute) Decide(s State) ([]Event, error) {
	if !s.Disputed {
		return nil, nil
	}
	return []Event{DisputeResolved{Posting: s.posting(), Resolution: c.Resolution}}, nil
}

// Remind says that the payer is reminded. On is the business day.
type Remind struct {
	On domain.Date `json:"-"`
}

// Normalize has nothing to trim.
func (c Remind) Normalize() Remind { return c }

// Validate insists on the day.
func (c Remind) Validate() error {
	var check domain.Check
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide counts a reminder of an open invoice; nobody is reminded twice a day.
func (c Remind) Decide(s State) ([]Event, error) {
	switch {
	case !IsOpen(s.Status):
		return nil, domain.InvalidTransition(s.Status, "reminded")
	case s.RemindedOn == c.On:
		return nil, nil
	}
	return []Event{Reminded{Posting: s.posting(), Count: s.Reminders + 1, RemindedOn: c.On}}, nil
}

func checkPositive(c *domain.Check, field string, a money.Amount) {
	c.Required(field+".currency", a.Currency)
	c.Amount(field, a)
	if a.Amount <= 0 {
		c.Add(field+".amount", "out_of_range", "is not greater than 0")
	}
}
