// Package money counts in whole minor units. A sum of money is an integer and
// a currency, never a float; every rounding has one place and one rule: half
// away from zero, which is what "half up" means for an invoice and what makes
// a credit note the exact mirror of what it credits.
package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxMinor bounds every amount, in minor units: the largest integer that a
// browser keeps exactly, so that no reader of the JSON sees another number.
const MaxMinor int64 = 1<<53 - 1

// The ways arithmetic on money says no.
var (
	ErrCurrency = errors.New("the currencies differ")
	ErrTooLarge = errors.New("the amount is out of range")
	ErrSyntax   = errors.New("not an amount of money")
)

// Amount is a sum of money in minor units (cents for USD, yen for JPY) of an
// ISO 4217 currency. The zero Amount has no currency and means "not given".
type Amount struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Of is the amount of that many minor units.
func Of(minor int64, currency string) Amount { return Amount{Amount: minor, Currency: currency} }

// IsZero says whether the amount was not given at all. 0 USD is given.
func (a Amount) IsZero() bool { return a == Amount{} }

// Add is the sum. It refuses another currency and a result beyond MaxMinor.
// An amount that was not given counts as nothing.
func (a Amount) Add(b Amount) (Amount, error) {
	switch {
	case a.IsZero():
		return b, nil
	case b.IsZero():
		return a, nil
	case a.Currency != b.Currency:
		return Amount{}, fmt.Errorf("%s and %s: %w", a.Currency, b.Currency, ErrCurrency)
	}
	sum := a.Amount + b.Amount
	if !inRange(a.Amount) || !inRange(b.Amount) || !inRange(sum) {
		return Amount{}, ErrTooLarge
	}
	return Of(sum, a.Currency), nil
}

// Sub is the difference, with the refusals of Add.
func (a Amount) Sub(b Amount) (Amount, error) { return a.Add(b.Neg()) }

// Neg is the same sum the other way.
func (a Amount) Neg() Amount { return Of(-a.Amount, a.Currency) }

// Major writes the amount in major units with the currency's decimals: 12.34
// for 1234 USD, 1234 for 1234 JPY.
func (a Amount) Major() string {
	places, _ := Places(a.Currency)
	if places == 0 {
		return strconv.FormatInt(a.Amount, 10)
	}
	digits := strconv.FormatInt(a.Amount, 10)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if len(digits) <= places {
		digits = strings.Repeat("0", places-len(digits)+1) + digits
	}
	cut := len(digits) - places
	return sign + digits[:cut] + "." + digits[cut:]
}

// ParseMajor reads an amount written in major units, as files have it: 12.34,
// -5, 1234. It refuses more decimals than the currency has (a silent rounding
// would lose money), grouping signs and exponents.
func ParseMajor(text, currency string) (Amount, error) {
	places, ok := Places(currency)
	if !ok {
		return Amount{}, fmt.Errorf("%q: %w", currency, ErrCurrency)
	}
	sign, rest := "", strings.TrimSpace(text)
	if strings.HasPrefix(rest, "-") {
		sign, rest = "-", rest[1:]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	fraction = strings.TrimRight(fraction, "0")
	if whole == "" || len(fraction) > places || !digitsOnly(whole) || !digitsOnly(fraction) {
		return Amount{}, fmt.Errorf("%q in %s: %w", text, currency, ErrSyntax)
	}
	minor, err := strconv.ParseInt(sign+whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 64)
	if err != nil || !inRange(minor) {
		return Amount{}, fmt.Errorf("%q in %s: %w", text, currency, ErrTooLarge)
	}
	return Of(minor, currency), nil
}

func digitsOnly(text string) bool {
	for _, r := range text {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

func inRange(minor int64) bool { return minor >= -MaxMinor && minor <= MaxMinor }
