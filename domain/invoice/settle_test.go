package invoice

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/spec"
)

// ledger sums what the events of one invoice tell, as a projection would.
type ledger struct{ receivable, paid, tax, credited, settled int64 }

func (l *ledger) book(e Event) {
	if p, ok := e.(interface {
		Receivable() (before, after money.Amount)
	}); ok {
		before, after := p.Receivable()
		l.receivable += after.Amount - before.Amount
	}
	switch e := e.(type) {
	case PaymentReceived:
		l.paid, l.tax = l.paid+e.Amount.Amount, l.tax+e.TaxShare.Amount
		if e.FullyPaid {
			l.settled++
		}
	case PaymentRefunded:
		l.paid, l.tax = l.paid-e.Amount.Amount, l.tax+e.TaxShare.Amount
		if e.Reopened {
			l.settled--
		}
	case Credited:
		l.credited += e.Total.Amount
	}
}

// check says what the state and the sum of the events disagree about.
func (l *ledger) check(s State) error {
	left := s.remaining()
	var leftTotal, leftTax int64
	for _, t := range left {
		if t.Net < 0 || t.Tax < 0 {
			return fmt.Errorf("more credited than invoiced: %+v", left)
		}
		leftTotal, leftTax = leftTotal+t.Net+t.Tax, leftTax+t.Tax
	}
	due := s.Total.Amount - s.Credited.Amount
	owed := int64(0)
	if s.Status != StatusDraft && s.Status != StatusVoid {
		owed = max(0, s.Balance.Amount)
	}
	switch {
	case s.Status != StatusVoid && s.Balance.Amount != due-s.Paid.Amount:
		return fmt.Errorf("balance %d of %d due, %d paid", s.Balance.Amount, due, s.Paid.Amount)
	case l.receivable != owed:
		return fmt.Errorf("receivable %d, owed %d", l.receivable, owed)
	case l.paid != s.Paid.Amount || l.tax != s.TaxCollected.Amount || l.credited != s.Credited.Amount:
		return fmt.Errorf("sums %+v", *l)
	case leftTotal != due || leftTax != s.taxDue():
		return fmt.Errorf("%d left, %d due; tax %d left, %d due", leftTotal, due, leftTax, s.taxDue())
	case s.Paid.Amount == due && s.TaxCollected.Amount != s.taxDue():
		return fmt.Errorf("settled, and yet the tax shares sum to %d of %d", s.TaxCollected.Amount, s.taxDue())
	case (l.settled == 1) != (s.PaidInFullOn != "") || l.settled < 0 || l.settled > 1:
		return fmt.Errorf("settled %d times, paid in full on %q", l.settled, s.PaidInFullOn)
	case IsOpen(s.Status) && s.Balance.Amount <= 0:
		return fmt.Errorf("%s with a balance of %d", s.Status, s.Balance.Amount)
	}
	return nil
}

// TestMoneyAddsUp plays random histories of payments, refunds and credit notes
// and holds the sums over their events to the state.
func TestMoneyAddsUp(t *testing.T) {
	for seed := range int64(400) {
		r := rand.New(rand.NewSource(seed))
		create := Create{Details: Details{OrganizationID: "g1", Currency: "USD", Lines: randomLines(r)}}
		c := spec.Given[State, Event]().When(create)
		var sums ledger
		c = play(t, c, Issue{Number: 1, Today: today}, &sums, seed)
		for i := range 30 {
			c = play(t, c, randomCommand(r, c.State(), fmt.Sprint(i)), &sums, seed)
		}
		if s := c.State(); s.Balance.Amount > 0 {
			c = play(t, c, Pay{PaymentID: "last", Amount: s.Balance, PaidOn: today}, &sums, seed)
			if s = c.State(); s.TaxCollected.Amount != s.taxDue() {
				t.Fatalf("seed %d: settled, tax %d of %d", seed, s.TaxCollected.Amount, s.taxDue())
			}
		}
	}
}

func play(t *testing.T, c spec.Case[State, Event], cmd command, sums *ledger, seed int64) spec.Case[State, Event] {
	t.Helper()
	events, err := cmd.Decide(c.State())
	if _, refused := errors.AsType[*domain.Refusal](err); err != nil && !refused {
		t.Fatalf("seed %d: %T: %v", seed, cmd, err)
	}
	c = c.When(cmd)
	for _, e := range events {
		sums.book(e)
	}
	if err := sums.check(c.State()); err != nil {
		t.Fatalf("seed %d: after %T %+v: %v", seed, cmd, cmd, err)
	}
	return c
}

var rates = []string{"0", "7", "19", "8.875", "33.333333"}

func randomLines(r *rand.Rand) []Line {
	lines := make([]Line, 1+r.Intn(4))
	for i := range lines {
		quantity := fmt.Sprintf("%d.%d", r.Intn(5), 1+r.Intn(999999))
		lines[i] = line(quantity, int64(r.Intn(50_00)), rates[r.Intn(len(rates))])
	}
	return lines
}

func randomCommand(r *rand.Rand, s State, id string) command {
	upTo := func(n int64) money.Amount { return usd(1 + r.Int63n(max(1, n))) }
	switch r.Intn(5) {
	case 0:
		return Credit{CreditID: id, Amount: upTo(s.Total.Amount / 3), Reason: "x", CreditedOn: today}
	case 1:
		of := s.Lines[r.Intn(len(s.Lines))]
		of.UnitAmount = r.Int63n(of.UnitAmount + 1)
		return Credit{CreditID: id, Lines: []Line{of}, Reason: "x", CreditedOn: today}
	case 2:
		if len(s.Payments) > 0 {
			p := s.Payments[r.Intn(len(s.Payments))]
			return Refund{RefundID: id, PaymentID: p.PaymentID, Amount: upTo(p.Amount.Amount), RefundedOn: today}
		}
	}
	return Pay{PaymentID: id, Amount: upTo(s.Balance.Amount), PaidOn: today}
}

// TestTaxSharesOfPaymentsAlone: without credit notes every share is a part of
// its payment, and they sum to the tax whatever the instalments.
func TestTaxSharesOfPaymentsAlone(t *testing.T) {
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		create := Create{Details: Details{OrganizationID: "g1", Currency: "USD", Lines: randomLines(r)}}
		c := spec.Given[State, Event]().When(create).When(Issue{Number: 1, Today: today})
		for i := 0; c.State().Balance.Amount > 0; i++ {
			amount := 1 + r.Int63n(c.State().Balance.Amount)
			c = c.When(Pay{PaymentID: fmt.Sprint(i), Amount: usd(amount), PaidOn: today})
			if share := c.Events(t)[0].(PaymentReceived).TaxShare.Amount; share < 0 || share > amount {
				t.Fatalf("seed %d: %d of a payment of %d is tax", seed, share, amount)
			}
		}
		if s := c.State(); s.TaxCollected != s.Tax {
			t.Fatalf("seed %d: tax %v, collected %v", seed, s.Tax, s.TaxCollected)
		}
	}
}

// TestCreditingLineByLine takes back an invoice in pieces so small that the tax
// of each rounds up; together they take back its tax exactly.
func TestCreditingLineByLine(t *testing.T) {
	create := Create{Details: Details{OrganizationID: "g1", Currency: "USD", Lines: []Line{line("5", 1, "50")}}}
	c := spec.Given[State, Event]().When(create).When(Issue{Number: 1, Today: today})
	for i := range 5 {
		c = c.When(Credit{CreditID: fmt.Sprint(i), Lines: []Line{line("1", 1, "50")}, Reason: "x", CreditedOn: today})
		c.Types(t, "invoice.credited")
	}
	if s := c.State(); s.taxDue() != 0 || s.Balance.Amount != 0 || s.Status != StatusCredited {
		t.Fatalf("state %+v", s)
	}
}

// TestSurplusGoesBackInProportion: what was paid beyond the rest of a credited
// invoice was no tax when the credit note was none.
func TestSurplusGoesBackInProportion(t *testing.T) {
	free := Credit{CreditID: "n", Lines: []Line{line("1", 50_00, "0")}, Reason: "x", CreditedOn: today}
	c := given(issue(), pay("p1", 170_00), free, refund("p1", 20_00))
	if e := c.Events(t)[0].(PaymentRefunded); e.TaxShare != usd(0) || e.Balance != usd(-30_00) {
		t.Errorf("got %+v", e)
	}
	c = c.When(refund("p1", 90_00)) // 30.00 of surplus, then half of what is due
	if e := c.Events(t)[0].(PaymentRefunded); e.TaxShare != usd(-10_00) {
		t.Errorf("got %+v", e)
	}
}
