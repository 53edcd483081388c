package money

import (
	"math/big"
	"slices"
)

// Net is quantity × unit price in minor units, rounded half up.
func Net(quantity Decimal, unitAmount int64) (int64, error) { return quantity.times(unitAmount, 0) }

// Percent is that percentage of an amount in minor units, rounded half up: a
// tax at a rate, an opportunity weighed by its probability.
func Percent(minor int64, percent Decimal) (int64, error) { return percent.times(minor, 2) }

// Share is the part of an amount that belongs to part out of whole, rounded
// half up: amount × part ÷ whole. A whole of 0 has no parts: the share is 0.
func Share(amount, part, whole int64) (int64, error) {
	if whole == 0 {
		return 0, nil
	}
	a, b := new(big.Int).Mul(big.NewInt(amount), big.NewInt(part)), big.NewInt(whole)
	if b.Sign() < 0 {
		a.Neg(a)
		b.Neg(b)
	}
	return roundHalfAway(a, b)
}

// Allocate splits an amount over weights so that the parts sum to it exactly.
// It rounds the running total, so no part is off by more than one minor unit.
// Weights are not negative; when all are 0 the last part takes everything.
func Allocate(amount int64, weights []int64) ([]int64, error) {
	var whole, seen, given int64
	for _, w := range weights {
		whole += w
	}
	parts := make([]int64, len(weights))
	for i, w := range weights {
		seen += w
		upTo, err := Share(amount, seen, whole)
		if err != nil {
			return nil, err
		}
		parts[i] = upTo - given
		given = upTo
	}
	if whole == 0 && len(parts) > 0 {
		parts[len(parts)-1] = amount
	}
	return parts, nil
}

// Rated is a net amount and the tax rate, in percent, that applies to it.
type Rated struct {
	Net     int64
	Percent Decimal
}

// Tax is what one rate makes of a document: the sum of its net amounts and the
// tax on that sum, in minor units.
type Tax struct {
	Percent Decimal `json:"ratePercent"`
	Net     int64   `json:"net"`
	Tax     int64   `json:"tax"`
}

// Taxes sums the nets of each rate and rounds the tax once per rate, half up.
// The rates come out in ascending order.
func Taxes(lines []Rated) ([]Tax, error) {
	var out []Tax
	for _, line := range lines {
		i := slices.IndexFunc(out, func(t Tax) bool { return t.Percent == line.Percent })
		if i < 0 {
			i = len(out)
			out = append(out, Tax{Percent: line.Percent})
		}
		out[i].Net += line.Net
		if !inRange(out[i].Net) {
			return nil, ErrTooLarge
		}
	}
	for i := range out {
		tax, err := Percent(out[i].Net, out[i].Percent)
		if err != nil {
			return nil, err
		}
		out[i].Tax = tax
	}
	slices.SortFunc(out, func(a, b Tax) int { return a.Percent.Cmp(b.Percent) })
	return out, nil
}
