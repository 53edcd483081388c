package invoice

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/spec"
)

const today = domain.Date("2026-03-31")

type command = interface {
	Decide(State) ([]Event, error)
}

func usd(n int64) money.Amount { return money.Of(n, "USD") }

func decimal(text string) money.Decimal {
	d, err := money.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

func line(quantity string, unit int64, rate string) Line {
	return Line{Description: "Work", Quantity: decimal(quantity), UnitAmount: unit, TaxRatePercent: decimal(rate)}
}

// draft is 100.00 at 20 % and 50.00 free of tax: net 150, tax 20, total 170.
func draft() Create {
	return Create{Today: today, Details: Details{
		OrganizationID: "g1", Currency: "USD", Lines: []Line{line("2", 50_00, "20"), line("1", 50_00, "0")},
	}}
}

func given(commands ...command) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(draft())
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func issue() Issue { return Issue{Number: 7, Today: today} }

func pay(id string, amount int64) Pay {
	return Pay{PaymentID: id, Amount: usd(amount), PaidOn: today.AddDays(10)}
}

func refund(payment string, amount int64) Refund {
	return Refund{RefundID: "r", PaymentID: payment, Amount: usd(amount), RefundedOn: today.AddDays(20)}
}

func credit(id string, amount int64) Credit {
	return Credit{CreditID: id, Number: 1, Amount: usd(amount), Reason: "broken", CreditedOn: today.AddDays(15)}
}

var refused = spec.Refusal("invalid_transition")

func TestCreate(t *testing.T) {
	c := given()
	taxes := []money.Tax{
		{Percent: decimal("0"), Net: 50_00, Tax: 0},
		{Percent: decimal("20"), Net: 100_00, Tax: 20_00},
	}
	c.Then(t, Created{
		Details: draft().Details, Status: StatusDraft,
		Totals: Totals{Net: usd(150_00), Tax: usd(20_00), Total: usd(170_00), Taxes: taxes},
	})
	c.When(draft()).Refused(t, domain.ErrExists)
	if s := c.State(); s.Balance != usd(170_00) || s.Paid != usd(0) || s.Number != 0 {
		t.Errorf("state %+v", s)
	}
	disputed := draft()
	disputed.Disputed = true
	spec.Given[State, Event]().When(disputed).Types(t, "invoice.created", "invoice.disputed")
}

func TestCreateValidate(t *testing.T) {
	spec.Fields(t, draft().Validate())
	spec.Fields(t, Create{}.Validate(), "organizationId", "currency", "lines")
	bad := draft()
	bad.IssueDate, bad.DueDate = today.AddDays(2), today
	bad.Lines = []Line{
		{Quantity: decimal("0"), TaxRatePercent: decimal("100.1"), LeadID: "l1"},
		line("1", -1, "7"),
		line("1", -5, "8"),
	}
	spec.Fields(t, bad.Validate(), "lines[0].leadId", "lines[0].description", "lines[0].quantity",
		"lines[0].taxRatePercent", "lines", "issueDate", "dueDate")
	large := draft()
	large.Lines = []Line{line("1000000", money.MaxMinor, "0")}
	spec.Fields(t, large.Validate(), "lines")
	many := draft()
	many.Lines = slices.Repeat(many.Lines, 101)
	spec.Fields(t, many.Validate(), "lines")
	discount := draft()
	discount.Lines = append(discount.Lines, line("1", -10_00, "20"))
	spec.Fields(t, discount.Validate())
	if got := (Create{Details: Details{IssueDate: today}}).Normalize().DueDate; got != "2026-04-30" {
		t.Errorf("due %s", got)
	}
}

func platform() Create {
	c := draft()
	c.OrganizationID, c.Reference = "", "R-1"
	c.Platform = Platform{TenantID: "t1", PartnerID: "p1", Period: Period{Start: "2026-03-01", End: "2026-03-31"}}
	c.Lines[0].LeadID = "l1"
	return c
}

func TestPlatformInvoice(t *testing.T) {
	c := platform()
	spec.Fields(t, c.Validate())
	c.Period.End = "2026-02-01"
	spec.Fields(t, c.Validate(), "period")
	e := spec.Given[State, Event]().When(platform()).When(issue()).Events(t)[0].(Issued)
	if e.TenantID != "t1" || e.PartnerID != "p1" || e.OrganizationID != "" || e.Reference != "R-1" {
		t.Errorf("got %+v", e)
	}
}

func TestMatches(t *testing.T) {
	s := spec.Given[State, Event]().When(platform()).When(issue()).State()
	same := platform()
	same.Reference = " R-1 "
	if !same.Matches(s) {
		t.Error("the same invoice told again is another one")
	}
	same.DueDate = today.AddDays(PaymentDays)
	if !same.Matches(s) {
		t.Error("naming the day that it is due anyway makes it another one")
	}
	for name, change := range map[string]func(*Create){
		"line":   func(c *Create) { c.Lines[1].UnitAmount++ },
		"due":    func(c *Create) { c.DueDate = today },
		"tenant": func(c *Create) { c.TenantID = "t2" },
		"period": func(c *Create) { c.Period = Period{} },
	} {
		other := platform()
		if change(&other); other.Matches(s) {
			t.Errorf("another %s is the same invoice", name)
		}
	}
}

func update(t *testing.T, text string) Update {
	t.Helper()
	u := Update{Today: today}
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		t.Fatal(err)
	}
	return u.Normalize()
}

func TestUpdate(t *testing.T) {
	c := given(update(t, `{"lines": [{"description": "Less", "quantity": 0.5, "unitAmount": 101, "taxRatePercent": 50}]}`))
	if s := c.State(); s.Net != usd(51) || s.Tax != usd(26) || s.Balance != usd(77) {
		t.Errorf("state %+v", s)
	}
	given(update(t, `{"currency": "USD"}`)).Then(t)
	given(issue(), update(t, `{"reference": "x"}`)).Refused(t, refused)
	dated := []command{update(t, `{"issueDate": "2026-01-01", "dueDate": "2026-01-31"}`)}
	c = given(append(dated, update(t, `{"issueDate": "2026-03-01"}`))...)
	if got := c.State().DueDate; got != "2026-03-31" {
		t.Errorf("a derived due date follows: %s", got)
	}
	given(append(dated, update(t, `{"dueDate": "2025-12-31"}`))...).Refused(t, ErrDueBeforeIssue)
	_, err := update(t, `{"organizationId": null}`).Decide(given().State())
	spec.Fields(t, err, "organizationId")
	spec.Fields(t, update(t, `{"currency": null, "lines": []}`).Validate(), "currency", "lines")
}

func TestIssue(t *testing.T) {
	c := given(issue())
	c.Then(t, Issued{
		Posting: Posting{
			OrganizationID: "g1", Number: 7, IssueDate: today, DueDate: "2026-04-30", Currency: "USD",
			StatusBefore: StatusDraft, Status: StatusIssued, BalanceBefore: usd(0), Balance: usd(170_00),
		},
		Totals: given().State().Totals,
	})
	c.When(issue()).Then(t)
	spec.Given[State, Event]().When(issue()).Refused(t, refused)
	given(Void{Reason: "x", VoidedOn: today}, issue()).Refused(t, refused)
	given(update(t, `{"dueDate": "2026-03-30"}`), issue()).Refused(t, ErrDueBeforeIssue)
	if s := given(Issue{IssueDate: "2026-01-15", Number: 1, Today: today}).State(); s.DueDate != "2026-02-14" {
		t.Errorf("due %s", s.DueDate)
	}
	free := draft()
	free.Lines = []Line{line("1", 0, "20")}
	if s := spec.Given[State, Event]().When(free).When(issue()).State(); s.Status != StatusPaid {
		t.Errorf("an invoice over nothing is %s", s.Status)
	}
	spec.Fields(t, Issue{IssueDate: today.AddDays(2), Today: today}.Validate(), "issueDate")
}

func TestPay(t *testing.T) {
	c := given(issue(), pay("p1", 70_00))
	c.Then(t, PaymentReceived{
		Posting: Posting{
			OrganizationID: "g1", Number: 7, IssueDate: today, DueDate: "2026-04-30", Currency: "USD",
			StatusBefore: StatusIssued, Status: StatusPartlyPaid, BalanceBefore: usd(170_00), Balance: usd(100_00),
		},
		PaymentID: "p1", Amount: usd(70_00), TaxShare: usd(8_24), PaidOn: today.AddDays(10),
	})
	c.When(pay("p1", 70_00)).Then(t)
	c.When(pay("p2", 100_01)).Refused(t, ErrPaymentTooLarge)
	c = c.When(pay("p2", 100_00))
	e := c.Events(t)[0].(PaymentReceived)
	if !e.FullyPaid || e.DaysToPay != 10 || e.Status != StatusPaid || e.TaxShare != usd(11_76) {
		t.Errorf("got %+v", e)
	}
	c.When(pay("p3", 1)).Refused(t, ErrPaymentTooLarge)
	given(pay("p1", 1)).Refused(t, refused)
	given(issue(), Void{Reason: "x"}, pay("p1", 1)).Refused(t, refused)
	euro := pay("p1", 1)
	euro.Amount.Currency = "EUR"
	given(issue(), euro).Refused(t, ErrCurrencyMismatch)
	early := pay("p1", 170_00)
	early.PaidOn = today.AddDays(-3)
	if e := given(issue(), early).Events(t)[0].(PaymentReceived); !e.FullyPaid || e.DaysToPay != 0 {
		t.Errorf("paid ahead: %+v", e)
	}
	spec.Fields(t, Pay{Today: today}.Normalize().Validate(), "amount.currency", "amount.amount")
	ahead := pay("p1", 1)
	ahead.Today = today
	spec.Fields(t, ahead.Validate(), "paidOn")
}

func TestRefund(t *testing.T) {
	c := given(issue(), pay("p1", 100_00), pay("p2", 70_00), refund("p2", 70_00))
	e := c.Events(t)[0].(PaymentRefunded)
	if !e.Reopened || e.DaysToPay != 10 || e.Status != StatusPartlyPaid || e.TaxShare != usd(-8_24) || e.Balance != usd(70_00) {
		t.Errorf("got %+v", e)
	}
	c.When(refund("p2", 1)).Refused(t, ErrRefundTooLarge)
	c.When(refund("p9", 1)).Refused(t, ErrUnknownPayment)
	c = c.When(refund("p1", 100_00))
	if e := c.Events(t)[0].(PaymentRefunded); e.Reopened || e.Status != StatusIssued {
		t.Errorf("got %+v", e)
	}
	if s := c.State(); s.TaxCollected != usd(0) || s.PaidInFullOn != "" {
		t.Errorf("state %+v", s)
	}
	euro := refund("p1", 1)
	euro.Amount.Currency = "EUR"
	given(issue(), pay("p1", 1), euro).Refused(t, ErrCurrencyMismatch)
	spec.Fields(t, Refund{Today: today}.Normalize().Validate(), "paymentId", "amount.currency", "amount.amount")
}

func TestCreditByLines(t *testing.T) {
	byLines := func(lines ...Line) Credit {
		return Credit{CreditID: "n", Lines: lines, Reason: "broken", CreditedOn: today}
	}
	c := given(issue(), byLines(line("1", 50_00, "20")))
	e := c.Events(t)[0].(Credited)
	if e.Total != usd(60_00) || e.Tax != usd(10_00) || e.Balance != usd(110_00) || e.Status != StatusIssued {
		t.Errorf("got %+v", e)
	}
	c.When(byLines()).Then(t) // the same credit note
	given(issue(), byLines(line("1", 100_01, "20"))).Refused(t, ErrCreditTooLarge)
	given(issue(), byLines(line("1", 1, "19"))).Refused(t, ErrCreditTooLarge)
	given(issue(), byLines(line("1", 0, "20"))).Refused(t, ErrCreditNothing)
	given(byLines(line("1", 1, "20"))).Refused(t, refused)
	given(issue(), Void{Reason: "x"}, byLines(line("1", 1, "20"))).Refused(t, refused)
	spec.Fields(t, Credit{Today: today}.Normalize().Validate(), "reason", "lines")
	both := byLines(line("1", 1, "20"))
	both.Amount = usd(1)
	spec.Fields(t, both.Validate(), "lines")
}

func TestCreditByAmount(t *testing.T) {
	c := given(issue(), credit("n1", 85_00))
	if e := c.Events(t)[0].(Credited); e.Tax != usd(10_00) || e.Net != usd(75_00) || e.Balance != usd(85_00) {
		t.Errorf("got %+v", e)
	}
	c.When(credit("n2", 85_01)).Refused(t, ErrCreditTooLarge)
	c = c.When(credit("n2", 85_00))
	if s := c.State(); s.Status != StatusCredited || s.taxDue() != 0 || s.Balance != usd(0) {
		t.Errorf("state %+v", s)
	}
	euro := credit("n1", 1)
	euro.Amount.Currency = "EUR"
	given(issue(), euro).Refused(t, ErrCurrencyMismatch)

	// Credited after it was paid, the payer is owed until the refund.
	c = given(issue(), pay("p1", 170_00), credit("n1", 85_00))
	if s := c.State(); s.Balance != usd(-85_00) || s.Status != StatusPaid {
		t.Errorf("state %+v", s)
	}
	before, after := c.Events(t)[0].(Credited).Receivable()
	if before != usd(0) || after != usd(0) {
		t.Errorf("receivable %v to %v", before, after)
	}
	c = c.When(refund("p1", 85_00))
	if e := c.Events(t)[0].(PaymentRefunded); e.TaxShare != usd(-10_00) || e.Reopened || e.Balance != usd(0) {
		t.Errorf("got %+v", e)
	}
}

func TestVoid(t *testing.T) {
	void := Void{Reason: "wrong", VoidedOn: today}
	e := given(issue(), void).Events(t)[0].(Voided)
	if e.BalanceBefore != usd(170_00) || e.Balance != usd(0) || e.Number != 7 || e.Status != StatusVoid {
		t.Errorf("got %+v", e)
	}
	if e := given(void).Events(t)[0].(Voided); e.BalanceBefore != usd(0) {
		t.Errorf("a draft was never owed: %+v", e)
	}
	given(void, void).Then(t)
	given(issue(), pay("p1", 1), void).Refused(t, refused)
	given(issue(), pay("p1", 170_00), void).Refused(t, refused)
	given(issue(), credit("n1", 1), void).Refused(t, refused)
	given(issue(), pay("p1", 1), refund("p1", 1), void).Types(t, "invoice.voided")
	spec.Fields(t, Void{Today: today}.Normalize().Validate(), "reason")
}

func TestDispute(t *testing.T) {
	c := given(issue(), Dispute{Reason: "late"})
	c.Types(t, "invoice.disputed")
	if s := c.State(); !s.Disputed || s.DisputeReason != "late" || s.Status != StatusIssued {
		t.Errorf("state %+v", s)
	}
	c.When(Dispute{}).Then(t)
	c.When(ResolveDispute{Resolution: "paid"}).Types(t, "invoice.dispute_resolved")
	given(ResolveDispute{}).Then(t)
	given(Void{Reason: "x"}, Dispute{}).Refused(t, refused)
}

func TestRemind(t *testing.T) {
	c := given(issue(), Remind{On: today})
	if e := c.Events(t)[0].(Reminded); e.Count != 1 || e.Effective() != today.Time() {
		t.Errorf("got %+v", e)
	}
	c.When(Remind{On: today}).Then(t)
	if s := c.When(Remind{On: today.AddDays(7)}).State(); s.Reminders != 2 {
		t.Errorf("state %+v", s)
	}
	given(Remind{On: today}).Refused(t, refused)
	given(issue(), pay("p1", 170_00), Remind{On: today}).Refused(t, refused)
	spec.Fields(t, Remind{}.Validate(), "on")
}

func TestOverdue(t *testing.T) {
	s := given(issue()).State()
	if s.Overdue("2026-04-30") || !s.Overdue("2026-05-01") {
		t.Error("an invoice is overdue from the day after it is due")
	}
	if given().State().Overdue("2030-01-01") || given(issue(), pay("p", 170_00)).State().Overdue("2030-01-01") {
		t.Error("a draft or a paid invoice is never overdue")
	}
	for days, want := range map[int]string{
		-5: BucketNotDue, 0: BucketNotDue, 1: Bucket30, 30: Bucket30, 31: Bucket60, 60: Bucket60, 61: Bucket90,
		90: Bucket90, 91: BucketOlder, 4000: BucketOlder,
	} {
		if got := AgeBucket(today, today.AddDays(days)); got != want {
			t.Errorf("%d days: %s", days, got)
		}
	}
}

// TestEffective: every money event holds on its own business day.
func TestEffective(t *testing.T) {
	for want, c := range map[domain.Date]spec.Case[State, Event]{
		today:             given(issue()),
		today.AddDays(10): given(issue(), pay("p1", 1)),
		today.AddDays(20): given(issue(), pay("p1", 1), refund("p1", 1)),
		today.AddDays(15): given(issue(), credit("n1", 1)),
		today.AddDays(3):  given(issue(), Void{Reason: "x", VoidedOn: today.AddDays(3)}),
	} {
		e := c.Events(t)[0].(interface{ Effective() time.Time })
		if got := e.Effective(); got != want.Time() {
			t.Errorf("%T: effective %v, want %s", e, got, want)
		}
	}
}

func TestTotalsRefuseOverflow(t *testing.T) {
	huge := Create{Details: Details{Currency: "USD", Lines: []Line{line("1", money.MaxMinor, "50")}}}
	if _, err := huge.Decide(State{}); !errors.Is(err, money.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}
