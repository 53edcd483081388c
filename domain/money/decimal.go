package money

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/govalues/decimal"
)

// MaxPlaces is the most decimals that a quantity, a rate or a percentage has.
const MaxPlaces = 6

// maxDigits bounds the digits before the point: a million million of anything.
const maxDigits = 12

// Decimal is an exact decimal number of at most six places: a quantity, a rate,
// a percentage. In JSON it is a number, read by its digits and never through a
// float. Equal numbers are equal values (1.50 is kept as 1.5).
type Decimal struct{ d decimal.Decimal }

// ParseDecimal reads a decimal number. It refuses more than MaxPlaces decimals
// and more than twelve digits before the point.
func ParseDecimal(text string) (Decimal, error) {
	d, err := decimal.ParseExact(text, 0)
	if err != nil {
		return Decimal{}, fmt.Errorf("%.40q is not a decimal number", text)
	}
	d = d.Trim(0)
	if d.Scale() > MaxPlaces || d.Prec()-d.Scale() > maxDigits {
		return Decimal{}, fmt.Errorf("%.40q has more than %d decimals or %d digits", text, MaxPlaces, maxDigits)
	}
	return Decimal{d}, nil
}

// Int is the decimal of a whole number.
func Int(n int) Decimal { return Decimal{decimal.MustNew(int64(n), 0)} }

// String writes the number without trailing zeros.
func (n Decimal) String() string { return n.d.String() }

// Sign is -1, 0 or 1.
func (n Decimal) Sign() int { return n.d.Sign() }

// Cmp is -1, 0 or 1, as the number is less than, equal to or greater than other.
func (n Decimal) Cmp(other Decimal) int { return n.d.Cmp(other.d) }

// MarshalJSON writes a JSON number.
func (n Decimal) MarshalJSON() ([]byte, error) { return []byte(n.d.String()), nil }

// UnmarshalJSON reads a JSON number; a string is refused, null is zero.
func (n *Decimal) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*n = Decimal{}
		return nil
	}
	d, err := ParseDecimal(string(data))
	if err != nil {
		return err
	}
	*n = d
	return nil
}

// times is minor × n ÷ 10^shift, rounded half away from zero. It works on big
// integers because a quantity, a price and six decimals overflow 64 bits.
func (n Decimal) times(minor int64, shift int) (int64, error) {
	product := new(big.Int).SetUint64(n.d.Coef())
	product.Mul(product, big.NewInt(minor))
	if n.d.Sign() < 0 {
		product.Neg(product)
	}
	divisor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.d.Scale()+shift)), nil)
	return roundHalfAway(product, divisor)
}

// roundHalfAway is a ÷ b rounded half away from zero; b is positive.
func roundHalfAway(a, b *big.Int) (int64, error) {
	twice := new(big.Int).Abs(a)
	twice.Lsh(twice, 1).Add(twice, b)
	twice.Quo(twice, new(big.Int).Lsh(b, 1))
	if a.Sign() < 0 {
		twice.Neg(twice)
	}
	if !twice.IsInt64() || !inRange(twice.Int64()) {
		return 0, ErrTooLarge
	}
	return twice.Int64(), nil
}
