package invoice

import (
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Event is a fact about an invoice.
type Event interface {
	Type() string
	Evolve(State) State
}

// Posting is what every event that changes what is owed tells, before and
// after, so that one event alone is enough for every figure. DueDate is the
// anchor of overdue amounts.
type Posting struct {
	Platform
	OrganizationID string       `json:"organizationId,omitempty"`
	Number         int64        `json:"number,omitempty"`
	IssueDate      domain.Date  `json:"issueDate,omitempty"`
	DueDate        domain.Date  `json:"dueDate,omitempty"`
	Currency       string       `json:"currency"`
	StatusBefore   string       `json:"statusBefore"`
	Status         string       `json:"status"`
	BalanceBefore  money.Amount `json:"balanceBefore"`
	Balance        money.Amount `json:"balance"`
}

// Receivable is what was still to be paid before and after the event. What the
// payer is owed is no receivable.
func (p Posting) Receivable() (before, after money.Amount) {
	before = money.Of(max(0, p.BalanceBefore.Amount), p.Currency)
	return before, money.Of(max(0, p.Balance.Amount), p.Currency)
}

func (p Posting) evolve(s State) State {
	s.Status, s.Balance, s.Number = p.Status, p.Balance, p.Number
	s.IssueDate, s.DueDate = p.IssueDate, p.DueDate
	return s
}

// Created is the fact that a draft was written.
type Created struct {
	Details
	Platform
	Totals
	Status string `json:"status"`
}

// Type names the event.
func (Created) Type() string { return "invoice.created" }

// Evolve starts the invoice.
func (e Created) Evolve(s State) State {
	s.Details, s.Platform, s.Totals, s.Status, s.Balance = e.Details, e.Platform, e.Totals, e.Status, e.Total
	none := money.Of(0, e.Currency)
	s.Paid, s.Credited, s.TaxCollected = none, none, none
	return s
}

// Updated is the fact that a draft was edited; it carries all fields as they
// are now, and the names of those that changed.
type Updated struct {
	Details
	Totals
	Changed []string `json:"changed"`
}

// Type names the event.
func (Updated) Type() string { return "invoice.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	return Created{Details: e.Details, Platform: s.Platform, Totals: e.Totals, Status: s.Status}.Evolve(s)
}

// Issued is the fact that the invoice became due under its number.
type Issued struct {
	Posting
	Totals
	Reference      string `json:"reference,omitempty"`
	ExternalNumber string `json:"externalNumber,omitempty"`
}

// Type names the event.
func (Issued) Type() string { return "invoice.issued" }

// Evolve issues the invoice.
func (e Issued) Evolve(s State) State { return e.evolve(s) }

// Effective is UTC midnight of the issue date.
func (e Issued) Effective() time.Time { return e.IssueDate.Time() }

// PaymentReceived is the fact that money came in. TaxShare is the part of it
// that is tax; the shares of all payments sum to the tax exactly. FullyPaid
// says that this payment settled the invoice, DaysToPay days after its issue.
type PaymentReceived struct {
	Posting
	PaymentID string       `json:"paymentId"`
	Amount    money.Amount `json:"amount"`
	TaxShare  money.Amount `json:"taxShare"`
	PaidOn    domain.Date  `json:"paidOn"`
	Method    string       `json:"method,omitempty"`
	Reference string       `json:"reference,omitempty"`
	FullyPaid bool         `json:"fullyPaid"`
	DaysToPay int          `json:"daysToPay,omitempty"`
}

// Type names the event.
func (PaymentReceived) Type() string { return "invoice.payment_received" }

// Evolve books the payment.
func (e PaymentReceived) Evolve(s State) State {
	s = e.evolve(s)
	s.Paid.Amount += e.Amount.Amount
	s.TaxCollected.Amount += e.TaxShare.Amount
	if e.FullyPaid {
		s.PaidInFullOn, s.DaysToPay = e.PaidOn, e.DaysToPay
	}
	s.Payments = append(slices.Clone(s.Payments), Payment{
		PaymentID: e.PaymentID, Amount: e.Amount, PaidOn: e.PaidOn, Method: e.Method, Reference: e.Reference,
	})
	return s
}

// Effective is UTC midnight of the day of payment.
func (e PaymentReceived) Effective() time.Time { return e.PaidOn.Time() }

// PaymentRefunded is the fact that money of one payment went back. Amount is
// positive, TaxShare what the tax collected changes by (negative as a rule).
// Reopened says that an invoice that was fully paid no longer is; DaysToPay is
// then what its full payment had counted for.
type PaymentRefunded struct {
	Posting
	RefundID   string       `json:"refundId"`
	PaymentID  string       `json:"paymentId"`
	Amount     money.Amount `json:"amount"`
	TaxShare   money.Amount `json:"taxShare"`
	RefundedOn domain.Date  `json:"refundedOn"`
	Reason     string       `json:"reason,omitempty"`
	Reopened   bool         `json:"reopened"`
	DaysToPay  int          `json:"daysToPay,omitempty"`
}

// Type names the event.
func (PaymentRefunded) Type() string { return "invoice.payment_refunded" }

// Evolve books the refund.
func (e PaymentRefunded) Evolve(s State) State {
	s = e.evolve(s)
	s.Paid.Amount -= e.Amount.Amount
	s.TaxCollected.Amount += e.TaxShare.Amount
	if e.Reopened {
		s.PaidInFullOn, s.DaysToPay = "", 0
	}
	s.Payments = slices.Clone(s.Payments)
	for i := range s.Payments {
		if s.Payments[i].PaymentID == e.PaymentID {
			s.Payments[i].Refunded += e.Amount.Amount
		}
	}
	return s
}

// Effective is UTC midnight of the day of the refund.
func (e PaymentRefunded) Effective() time.Time { return e.RefundedOn.Time() }

// Credited is the fact that a credit note took part of the invoice back. Lines
// are empty when it names an amount only.
type Credited struct {
	Posting
	CreditNote
	Lines []Line `json:"lines,omitempty"`
}

// Type names the event.
func (Credited) Type() string { return "invoice.credited" }

// Evolve books the credit note.
func (e Credited) Evolve(s State) State {
	s = e.evolve(s)
	s.Credited.Amount += e.Total.Amount
	s.Credits = append(slices.Clone(s.Credits), e.CreditNote)
	return s
}

// Effective is UTC midnight of the day of the credit note.
func (e Credited) Effective() time.Time { return e.CreditedOn.Time() }

// Voided is the fact that the invoice is as if it had never been due; its
// number stays taken.
type Voided struct {
	Posting
	Totals
	Reason   string      `json:"reason"`
	VoidedOn domain.Date `json:"voidedOn"`
}

// Type names the event.
func (Voided) Type() string { return "invoice.voided" }

// Evolve voids the invoice.
func (e Voided) Evolve(s State) State {
	s = e.evolve(s)
	s.VoidReason = e.Reason
	return s
}

// Effective is UTC midnight of the day it was voided.
func (e Voided) Effective() time.Time { return e.VoidedOn.Time() }

// Disputed is the fact that the payer contests the invoice.
type Disputed struct {
	Posting
	Reason string `json:"reason,omitempty"`
}

// Type names the event.
func (Disputed) Type() string { return "invoice.disputed" }

// Evolve sets the flag.
func (e Disputed) Evolve(s State) State {
	s.Disputed, s.DisputeReason = true, e.Reason
	return s
}

// DisputeResolved is the fact that the payer no longer contests the invoice.
type DisputeResolved struct {
	Posting
	Resolution string `json:"resolution,omitempty"`
}

// Type names the event.
func (DisputeResolved) Type() string { return "invoice.dispute_resolved" }

// Evolve clears the flag.
func (e DisputeResolved) Evolve(s State) State {
	s.Disputed, s.DisputeReason = false, ""
	return s
}

// Reminded is the fact that the payer was reminded, for the Count-th time.
type Reminded struct {
	Posting
	Count      int         `json:"count"`
	RemindedOn domain.Date `json:"remindedOn"`
}

// Type names the event.
func (Reminded) Type() string { return "invoice.reminded" }

// Evolve counts the reminder.
func (e Reminded) Evolve(s State) State {
	s.Reminders, s.RemindedOn = e.Count, e.RemindedOn
	return s
}

// Effective is UTC midnight of the day of the reminder.
func (e Reminded) Effective() time.Time { return e.RemindedOn.Time() }

// Events lists every event type of an invoice.
var Events = []Event{
	Created{}, Updated{}, Issued{}, PaymentReceived{}, PaymentRefunded{}, Credited{}, Voided{},
	Disputed{}, DisputeResolved{}, Reminded{},
}
