package invoice

import (
	"slices"

	"github.com/streamflow/streamflow/domain/money"
)

// total computes the totals of lines. Each line's net is rounded, then the tax
// once per rate on the sum of its nets.
func total(lines []Line, currency string) (Totals, error) {
	rated := make([]money.Rated, len(lines))
	for i, line := range lines {
		net, err := money.Net(line.Quantity, line.UnitAmount)
		if err != nil {
			return Totals{}, err
		}
		rated[i] = money.Rated{Net: net, Percent: line.TaxRatePercent}
	}
	taxes, err := money.Taxes(rated)
	if err != nil {
		return Totals{}, err
	}
	return sum(taxes, currency)
}

// sum adds up what the rates make of a document.
func sum(taxes []money.Tax, currency string) (Totals, error) {
	var net, tax int64
	for _, t := range taxes {
		net, tax = net+t.Net, tax+t.Tax
	}
	whole, err := money.Of(net, currency).Add(money.Of(tax, currency))
	if err != nil {
		return Totals{}, err
	}
	return Totals{Net: money.Of(net, currency), Tax: money.Of(tax, currency), Total: whole, Taxes: taxes}, nil
}

// remaining is what of each rate no credit note took back yet.
func (s State) remaining() []money.Tax {
	left := slices.Clone(s.Taxes)
	for _, note := range s.Credits {
		for _, taken := range note.Taxes {
			for i := range left {
				if left[i].Percent == taken.Percent {
					left[i].Net -= taken.Net
					left[i].Tax -= taken.Tax
				}
			}
		}
	}
	return left
}

// creditLines is what a credit note with these lines takes back. The tax is the
// difference of two running totals, so that crediting an invoice line by line
// takes back its tax exactly, whatever the rounding of each line.
func (s State) creditLines(lines []Line) (Totals, error) {
	want, err := total(lines, s.Currency)
	if err != nil {
		return Totals{}, err
	}
	left := s.remaining()
	for i, t := range want.Taxes {
		at := slices.IndexFunc(left, func(l money.Tax) bool { return l.Percent == t.Percent })
		if at < 0 || t.Net > left[at].Net {
			return Totals{}, ErrCreditTooLarge
		}
		whole := s.Taxes[at]
		upTo, err := money.Share(whole.Tax, whole.Net-left[at].Net+t.Net, whole.Net)
		if err != nil {
			return Totals{}, err
		}
		want.Taxes[i].Tax = min(max(0, upTo-(whole.Tax-left[at].Tax)), left[at].Tax)
	}
	return sum(want.Taxes, s.Currency)
}

// creditAmount is what a credit note over a gross amount takes back: of every
// rate in proportion to what is left of it.
func (s State) creditAmount(gross int64) (Totals, error) {
	left := s.remaining()
	weights := make([]int64, len(left))
	for i, l := range left {
		weights[i] = l.Net + l.Tax
	}
	parts, err := money.Allocate(gross, weights)
	if err != nil {
		return Totals{}, err
	}
	var taken []money.Tax
	for i, part := range parts {
		if part == 0 {
			continue
		}
		tax, err := money.Share(left[i].Tax, part, weights[i])
		if err != nil {
			return Totals{}, err
		}
		taken = append(taken, money.Tax{Percent: left[i].Percent, Net: part - tax, Tax: tax})
	}
	return sum(taken, s.Currency)
}

// taxDue is the tax of the invoice after its credit notes.
func (s State) taxDue() int64 {
	due := s.Tax.Amount
	for _, note := range s.Credits {
		due -= note.Tax.Amount
	}
	return due
}

// taxShare is what the tax collected changes by when the paid sum becomes paid.
// It is the difference of running totals: when the invoice is settled, the
// shares of all payments have summed to its tax exactly. Above what is due (a
// credit note came after the payment) the surplus goes back in proportion.
func (s State) taxShare(paid int64) (int64, error) {
	due, taxDue, collected := s.Total.Amount-s.Credited.Amount, s.taxDue(), s.TaxCollected.Amount
	if paid <= due {
		upTo, err := money.Share(taxDue, paid, due)
		return upTo - collected, err
	}
	surplus, err := money.Share(collected-taxDue, paid-due, s.Paid.Amount-due)
	return taxDue + surplus - collected, err
}

// settled is the status of an issued invoice with so much paid and so much left.
func (s State) settled(paid, balance int64) string {
	switch {
	case balance <= 0 && paid == 0 && s.Total.Amount > 0:
		return StatusCredited
	case balance <= 0:
		return StatusPaid
	case paid > 0:
		return StatusPartlyPaid
	}
	return StatusIssued
}

// post is the posting that makes paid and credited what they are given as.
func (s State) post(paid, credited int64) Posting {
	p := s.posting()
	p.Balance.Amount = s.Total.Amount - credited - paid
	p.Status = s.settled(paid, p.Balance.Amount)
	return p
}

// posting is the posting that changes nothing.
func (s State) posting() Posting {
	return Posting{
		Platform: s.Platform, OrganizationID: s.OrganizationID, Number: s.Number,
		IssueDate: s.IssueDate, DueDate: s.DueDate, Currency: s.Currency,
		StatusBefore: s.Status, Status: s.Status, BalanceBefore: s.Balance, Balance: s.Balance,
	}
}
