package money

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"
	"testing/quick"
)

func TestAddRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Amount
		want Amount
		err  error
	}{
		{"same currency", Of(1, "USD"), Of(2, "USD"), Of(3, "USD"), nil},
		{"nothing given", Amount{}, Of(2, "USD"), Of(2, "USD"), nil},
		{"nothing added", Of(2, "USD"), Amount{}, Of(2, "USD"), nil},
		{"another currency", Of(1, "USD"), Of(1, "EUR"), Amount{}, ErrCurrency},
		{"beyond the largest", Of(MaxMinor, "USD"), Of(1, "USD"), Amount{}, ErrTooLarge},
		{"beyond 64 bits", Of(math.MaxInt64, "USD"), Of(math.MaxInt64, "USD"), Amount{}, ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := c.a.Add(c.b); got != c.want || !errors.Is(err, c.err) {
				t.Fatalf("got %v, %v", got, err)
			}
		})
	}
	if got, err := Of(1, "USD").Sub(Of(3, "USD")); got != Of(-2, "USD") || err != nil {
		t.Fatalf("1 - 3: got %v, %v", got, err)
	}
}

func TestMajor(t *testing.T) {
	for text, want := range map[string]Amount{
		"12.34": Of(1234, "USD"), "-0.05": Of(-5, "USD"), "0.00": Of(0, "USD"), "1234": Of(1234, "JPY"),
		"1.234": Of(1234, "KWD"), "0.0001": Of(1, "CLF"),
	} {
		if got := want.Major(); got != text {
			t.Errorf("%v is written %s, want %s", want, got, text)
		}
		if got, err := ParseMajor(text, want.Currency); got != want || err != nil {
			t.Errorf("%s is read %v, %v", text, got, err)
		}
	}
	if got, err := ParseMajor("7.5000", "USD"); got != Of(750, "USD") || err != nil {
		t.Errorf("zeros at the end: got %v, %v", got, err)
	}
	for _, text := range []string{"", ".5", "1.234", "1,000.00", "1e3", "--1", "- 1", "0x1", "١", "99999999999999999"} {
		if got, err := ParseMajor(text, "USD"); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if _, err := ParseMajor("1", "XXX"); !errors.Is(err, ErrCurrency) {
		t.Errorf("an unknown currency: %v", err)
	}
}

func TestMajorRoundTrip(t *testing.T) {
	codes := []string{"USD", "JPY", "KWD", "CLF"}
	holds := func(minor int64, which uint8) bool {
		a := Of(minor%MaxMinor, codes[int(which)%len(codes)])
		got, err := ParseMajor(a.Major(), a.Currency)
		return err == nil && got == a
	}
	if err := quick.Check(holds, nil); err != nil {
		t.Fatal(err)
	}
}

func TestCurrencies(t *testing.T) {
	for code, want := range map[string]int{"USD": 2, "EUR": 2, "JPY": 0, "BHD": 3, "UYW": 4} {
		if got, ok := Places(code); got != want || !ok {
			t.Errorf("%s has %d places, %v", code, got, ok)
		}
	}
	for _, code := range []string{"", "usd", "XXX", "US"} {
		if _, ok := Places(code); ok {
			t.Errorf("%q is a currency", code)
		}
	}
	if len(places) < 160 {
		t.Errorf("only %d currencies", len(places))
	}
}

func decimalOf(t testing.TB, text string) Decimal {
	t.Helper()
	d, err := ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecimalJSON(t *testing.T) {
	for text, want := range map[string]string{
		"1.50": "1.5", "0": "0", "-0": "0", "100": "100", "0.000001": "0.000001", "1e2": "100", "-7.25": "-7.25",
		"999999999999.999999": "999999999999.999999",
	} {
		var d Decimal
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(d); string(got) != want || err != nil {
			t.Errorf("%s is written %s, %v", text, got, err)
		}
	}
	for _, text := range []string{`"1"`, `0.0000001`, `1000000000000`, `true`, `{}`, `1e99`} {
		var d Decimal
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is read as %s", text, d)
		}
	}
	if decimalOf(t, "1.50") != decimalOf(t, "1.5") {
		t.Error("equal numbers are not equal values")
	}
}

func TestRoundHalfUp(t *testing.T) {
	for _, c := range []struct {
		quantity string
		unit     int64
		want     int64
	}{
		{"1.5", 1, 2}, {"0.5", 1, 1}, {"0.499999", 1, 0}, {"2.5", 1, 3}, {"1.5", -1, -2}, {"0.5", -1, -1},
		{"0.333333", 300, 100}, {"3", 333, 999}, {"999999999999.999999", 9007, 9007000000000000},
	} {
		if got, err := Net(decimalOf(t, c.quantity), c.unit); got != c.want || err != nil {
			t.Errorf("%s × %d: got %d, %v, want %d", c.quantity, c.unit, got, err, c.want)
		}
	}
	if _, err := Net(decimalOf(t, "999999999999"), math.MaxInt64); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if got, err := Percent(1050, decimalOf(t, "5")); got != 53 || err != nil {
		t.Errorf("5%% of 1050: got %d, %v", got, err)
	}
	if got, err := Percent(12345, decimalOf(t, "8.875")); got != 1096 || err != nil {
		t.Errorf("8.875%% of 12345: got %d, %v", got, err)
	}
}

// TestNetIsExact compares the rounding with rational arithmetic.
func TestNetIsExact(t *testing.T) {
	holds := func(micros, unit int32) bool {
		q := decimalOf(t, big.NewRat(int64(micros), 1_000_000).FloatString(6))
		got, err := Net(q, int64(unit))
		if err != nil {
			return false
		}
		exact := new(big.Rat).Mul(big.NewRat(int64(micros), 1_000_000), big.NewRat(int64(unit), 1))
		off := new(big.Rat).Sub(exact, big.NewRat(got, 1))
		half := off.Abs(off).Cmp(big.NewRat(1, 2))
		away := half == 0 && new(big.Rat).Abs(exact).Cmp(new(big.Rat).SetInt64(abs(got))) < 0
		return half < 0 || away
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 2000}); err != nil {
		t.Fatal(err)
	}
}

func abs(n int64) int64 { return max(n, -n) }

func TestTaxesPerRate(t *testing.T) {
	seven, nineteen := decimalOf(t, "7"), decimalOf(t, "19")
	got, err := Taxes([]Rated{{33, nineteen}, {100, seven}, {33, nineteen}, {34, nineteen}})
	want := []Tax{{seven, 100, 7}, {nineteen, 100, 19}} // per line it would be 6 + 6 + 6
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := Taxes([]Rated{{MaxMinor, seven}, {MaxMinor, seven}}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("too large: %v", err)
	}
}

func TestAllocateSumsExactly(t *testing.T) {
	holds := func(amount int32, raw []uint16) bool {
		weights := make([]int64, len(raw))
		var whole int64
		for i, w := range raw {
			weights[i] = int64(w)
			whole += int64(w)
		}
		parts, err := Allocate(int64(amount), weights)
		if err != nil || len(parts) != len(weights) {
			return false
		}
		var got int64
		for i, p := range parts {
			got += p
			if whole == 0 {
				continue
			}
			ideal := new(big.Rat).Mul(big.NewRat(int64(amount), 1), big.NewRat(weights[i], whole))
			off := new(big.Rat).Sub(ideal, big.NewRat(p, 1))
			if off.Abs(off).Cmp(big.NewRat(1, 1)) > 0 {
				return false
			}
		}
		return got == int64(amount) || len(weights) == 0
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 2000}); err != nil {
		t.Fatal(err)
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct{ amount, part, whole, want int64 }{
		{20, 60, 120, 10}, {1, 1, 2, 1}, {-1, 1, 2, -1}, {1, -1, -2, 1}, {5, 1, 0, 0}, {0, 7, 9, 0},
		{MaxMinor, MaxMinor, MaxMinor, MaxMinor},
	} {
		if got, err := Share(c.amount, c.part, c.whole); got != c.want || err != nil {
			t.Errorf("%d × %d ÷ %d: got %d, %v, want %d", c.amount, c.part, c.whole, got, err, c.want)
		}
	}
}
