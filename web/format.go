package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/domain/money"
)

// tile reads the figure by its unit. One that has no value, or none that its unit can be read from, shows a reason.
func (f figure) tile(l label, at time.Time) tile {
	t := tile{Name: l.Name, Title: l.Title, Source: f.Source, At: at, Note: f.Reason}
	if len(f.Value) == 0 || f.Value.Kind() == 'n' {
		if t.Note == "" {
			t.Note = "no reason was given"
		}
		return t
	}
	values, err := f.quantities(l.Noun)
	if err != nil {
		t.Note = "the value could not be read"
		return t
	}
	t.Values = values
	if f.Unit == "ratio" {
		t.Share = strings.ReplaceAll(values[0].Number, ",", "")
	}
	switch {
	case f.Of == nil:
	case f.Unit == "ratio":
		t.Note = whole(f.Of.Numerator) + " of " + whole(f.Of.Denominator)
	case f.Unit == "days":
		t.Note = whole(f.Of.Numerator) + " days over " + whole(f.Of.Denominator)
	default:
		t.Note = whole(f.Of.Numerator) + " ÷ " + whole(f.Of.Denominator)
	}
	return t
}

func (f figure) quantities(noun string) ([]quantity, error) {
	if f.Unit == "money" {
		var amounts []money.Amount
		if err := json.Unmarshal(f.Value, &amounts); err != nil {
			return nil, err
		}
		if len(amounts) == 0 { // nothing in any currency
			return []quantity{{"0", "in any currency"}}, nil
		}
		out := make([]quantity, len(amounts))
		for i, a := range amounts {
			out[i] = quantity{grouped(a.Major()), a.Currency}
		}
		return out, nil
	}
	text := string(f.Value)
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, err
	}
	switch f.Unit {
	case "count":
		n, err := strconv.ParseInt(text, 10, 64)
		if n == 1 {
			noun = strings.TrimSuffix(noun, "s") // every noun of the tables takes an s, or does not change
		}
		return []quantity{{whole(n), noun}}, err
	case "ratio":
		return []quantity{{decimals(number*100, 2), "%"}}, nil
	case "days":
		unit := "days"
		if number == 1 {
			unit = "day"
		}
		return []quantity{{decimals(number, 1), unit}}, nil
	case "perSecond":
		return []quantity{{decimals(number, 1), "per second"}}, nil
	}
	return []quantity{{decimals(number, 1), f.Unit}}, nil
}

func whole(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

// decimals writes at most so many decimals, and none that is a trailing zero.
func decimals(n float64, places int) string {
	text := strconv.FormatFloat(n, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return grouped(text)
}

// grouped sets a comma before every third digit from the point, and a true minus, which is as wide as a digit.
func grouped(text string) string {
	digits, fraction, point := strings.Cut(text, ".")
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "−", rest
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if point {
		fraction = "." + fraction
	}
	return sign + digits + fraction
}

// hour is the same without its day, where the page says that elsewhere.
func hour(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// moment is a time for people, in the zone that the whole product speaks.
func moment(t time.Time) string {
	t = t.UTC()
	return fmt.Sprintf("%s %s UTC", t.Format("2 Jan 2006,"), t.Format("15:04:05"))
}
