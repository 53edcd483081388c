package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

// tile reads the figure by its unit. One that has no value, or none that its unit can be read from, shows a reason.
func (f figure) tile(l label, at time.Time) ui.Stat {
	t := ui.Stat{Name: l.Name, Title: l.Title, Source: f.Source, At: at, Note: f.Reason}
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

func (f figure) quantities(noun string) ([]ui.Quantity, error) {
	if f.Unit == "money" {
		var amounts []money.Amount
		if err := json.Unmarshal(f.Value, &amounts); err != nil {
			return nil, err
		}
		if len(amounts) == 0 { // nothing in any currency
			return []ui.Quantity{{Number: "0", Unit: "in any currency"}}, nil
		}
		out := make([]ui.Quantity, len(amounts))
		for i, a := range amounts {
			out[i] = ui.Quantity{Number: ui.Grouped(a.Major()), Unit: a.Currency}
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
		return []ui.Quantity{{Number: whole(n), Unit: noun}}, err
	case "ratio":
		return []ui.Quantity{{Number: decimals(number*100, 2), Unit: "%"}}, nil
	case "days":
		unit := "days"
		if number == 1 {
			unit = "day"
		}
		return []ui.Quantity{{Number: decimals(number, 1), Unit: unit}}, nil
	case "perSecond":
		return []ui.Quantity{{Number: decimals(number, 1), Unit: "per second"}}, nil
	}
	return []ui.Quantity{{Number: decimals(number, 1), Unit: f.Unit}}, nil
}

func whole(n int64) string { return ui.Grouped(strconv.FormatInt(n, 10)) }

// decimals writes at most so many decimals, and none that is a trailing zero.
func decimals(n float64, places int) string {
	text := strconv.FormatFloat(n, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return ui.Grouped(text)
}

// counted is a number of things.
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return whole(n) + " " + noun
}
