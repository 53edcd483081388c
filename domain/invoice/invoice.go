// Package invoice decides what may happen to an invoice: a draft is issued
// under a number of its series, then paid in parts or in full, credited or
// void. The platform's own invoices to tenants are the same aggregate in
// provider space, where the tenant is data.
package invoice

import (
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Category is the stream category and the first part of every event type.
const Category = "invoice"

// Stream is the name of an invoice's stream.
func Stream(id string) string { return Category + "-" + id }

// The statuses of an invoice. Credited is an invoice that credit notes took
// away entirely before anybody paid.
const (
	StatusDraft      = "draft"
	StatusIssued     = "issued"
	StatusPartlyPaid = "partly_paid"
	StatusPaid       = "paid"
	StatusCredited   = "credited"
	StatusVoid       = "void"
)

// IsOpen says whether an invoice of this status is still to be paid.
func IsOpen(status string) bool { return status == StatusIssued || status == StatusPartlyPaid }

// Line is one position. UnitAmount is in minor units of the document's currency
// and may be negative (a discount); TaxRatePercent is in percent. LeadID is the
// lead that the platform bills a tenant for.
type Line struct {
	Description    string        `json:"description"`
	Quantity       money.Decimal `json:"quantity"`
	UnitAmount     int64         `json:"unitAmount"`
	TaxRatePercent money.Decimal `json:"taxRatePercent"`
	LeadID         string        `json:"leadId,omitempty"`
}

// Details are the fields of a draft that a person edits.
type Details struct {
	OrganizationID string      `json:"organizationId,omitempty"`
	Currency       string      `json:"currency"`
	Lines          []Line      `json:"lines"`
	IssueDate      domain.Date `json:"issueDate,omitempty"`
	DueDate        domain.Date `json:"dueDate,omitempty"`
	Reference      string      `json:"reference,omitempty"`
	ExternalNumber string      `json:"externalNumber,omitempty"`
}

// Period is the time that a platform invoice bills, both days included.
type Period struct {
	Start domain.Date `json:"start"`
	End   domain.Date `json:"end"`
}

// Platform is what only an invoice in provider space has: the tenant that owes
// it, the partner that reported it, the period.
type Platform struct {
	TenantID  string `json:"tenantId,omitempty"`
	PartnerID string `json:"partnerId,omitempty"`
	Period    Period `json:"period,omitzero"`
}

// Totals are computed here and never taken from a caller. Taxes is the tax by
// rate, in minor units of the document's currency.
type Totals struct {
	Net   money.Amount `json:"net"`
	Tax   money.Amount `json:"tax"`
	Total money.Amount `json:"total"`
	Taxes []money.Tax  `json:"taxes,omitempty"`
}

// Payment is money received; Refunded is what of it went back.
type Payment struct {
	PaymentID string       `json:"paymentId"`
	Amount    money.Amount `json:"amount"`
	Refunded  int64        `json:"refunded,omitempty"`
	PaidOn    domain.Date  `json:"paidOn"`
	Method    string       `json:"method,omitempty"`
	Reference string       `json:"reference,omitempty"`
}

// CreditNote is what was taken back of an issued invoice.
type CreditNote struct {
	CreditID     string      `json:"creditId"`
	CreditNumber int64       `json:"creditNumber,omitempty"`
	Reason       string      `json:"reason"`
	CreditedOn   domain.Date `json:"creditedOn"`
	Totals
}

// State is an invoice as its events left it.
type State struct {
	Details
	Platform
	Totals
	Status string `json:"status"`
	// Number is the number in its series; 0 while it is a draft.
	Number int64 `json:"number,omitempty"`
	// Paid is what was received less refunds, Credited the sum of the credit
	// notes, Balance what is still due; negative when the payer is owed.
	Paid         money.Amount `json:"paid"`
	Credited     money.Amount `json:"credited"`
	Balance      money.Amount `json:"balance"`
	TaxCollected money.Amount `json:"taxCollected"`
	// PaidInFullOn is the day of the payment that settled the invoice.
	PaidInFullOn  domain.Date  `json:"paidInFullOn,omitempty"`
	DaysToPay     int          `json:"daysToPay,omitempty"`
	Disputed      bool         `json:"disputed"`
	DisputeReason string       `json:"disputeReason,omitempty"`
	VoidReason    string       `json:"voidReason,omitempty"`
	Payments      []Payment    `json:"payments,omitempty"`
	Credits       []CreditNote `json:"credits,omitempty"`
	Reminders     int          `json:"reminders,omitempty"`
	RemindedOn    domain.Date  `json:"remindedOn,omitempty"`
}

// Overdue says whether the invoice is past due on that day. It is derived and
// never stored: nothing happens when a due date passes.
func (s State) Overdue(on domain.Date) bool {
	return IsOpen(s.Status) && s.DueDate != "" && s.DueDate.Before(on)
}

// The buckets of the aging report, youngest first.
const (
	BucketNotDue = "not_due"
	Bucket30     = "1-30"
	Bucket60     = "31-60"
	Bucket90     = "61-90"
	BucketOlder  = "90+"
)

// Buckets are all of them, in their order.
var Buckets = []string{BucketNotDue, Bucket30, Bucket60, Bucket90, BucketOlder}

// AgeBucket is the aging bucket, on that day, of what was due then.
func AgeBucket(due, on domain.Date) string {
	switch days := due.DaysUntil(on); {
	case days <= 0:
		return BucketNotDue
	case days <= 30:
		return Bucket30
	case days <= 60:
		return Bucket60
	case days <= 90:
		return Bucket90
	}
	return BucketOlder
}
