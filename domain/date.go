package domain

import (
	"encoding/json"
	"fmt"
	"time"
)

// Date is a calendar day as ISO text (2026-03-31). The empty Date is "not
// given". Dates compare in text order.
type Date string

const isoDate = "2006-01-02"

// The days that a business record can plausibly carry; anything outside is a
// typing error that would otherwise spoil every window it falls in.
const (
	firstDate Date = "1900-01-01"
	lastDate  Date = "2199-12-31"
)

// ParseDate reads a calendar day. It refuses impossible days (30 February) and
// years outside 1900 to 2199.
func ParseDate(text string) (Date, error) {
	day, err := time.Parse(isoDate, text)
	if err != nil || Date(text) < firstDate || Date(text) > lastDate {
		return "", fmt.Errorf("%.20q is not a date like 2026-03-31", text)
	}
	return DateOf(day), nil
}

// DateOf is the UTC calendar day of a moment.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(isoDate)) }

// Valid says whether the date is a real day in range.
func (d Date) Valid() bool {
	_, err := ParseDate(string(d))
	return err == nil
}

// Time is UTC midnight of the day; the zero time when the date is not given.
func (d Date) Time() time.Time {
	t, err := time.Parse(isoDate, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// AddDays is the day that many days later (earlier when negative). A date that
// is not given stays so.
func (d Date) AddDays(days int) Date {
	if !d.Valid() {
		return ""
	}
	return DateOf(d.Time().AddDate(0, 0, days))
}

// DaysUntil is the number of days from d to other, negative when other is
// earlier; 0 when either is not given.
func (d Date) DaysUntil(other Date) int {
	if !d.Valid() || !other.Valid() {
		return 0
	}
	return int((other.Time().Unix() - d.Time().Unix()) / (24 * 60 * 60))
}

// Before says whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d < other }

// After says whether d is a later day than other.
func (d Date) After(other Date) bool { return d > other }

// Month is the date's month as ISO text (2026-03); empty when not given.
func (d Date) Month() string {
	if len(d) < len("2006-01") {
		return ""
	}
	return string(d[:len("2006-01")])
}

// Or is the date, or the fallback when it is not given.
func (d Date) Or(fallback Date) Date {
	if d == "" {
		return fallback
	}
	return d
}

// plain reads a day between quotes that stands in every month, and says whether it did.
func (d *Date) plain(data []byte) bool {
	const layout = `"2006-01-02"`
	if len(data) != len(layout) {
		return false
	}
	for i, c := range data {
		if l := layout[i]; l < '0' && c != l || l >= '0' && (c < '0' || c > '9') {
			return false
		}
	}
	text := Date(data[1 : len(data)-1])
	if text < firstDate || text > lastDate || text[5:7] < "01" || text[5:7] > "12" || text[8:] < "01" || text[8:] > "28" {
		return false
	}
	*d = text
	return true
}

// UnmarshalJSON reads ISO text; the empty string and null are "not given".
func (d *Date) UnmarshalJSON(data []byte) error {
	if d.plain(data) { // what events hold; a rebuild reads millions of them
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a date is text like 2026-03-31")
	}
	if text == "" {
		*d = ""
		return nil
	}
	day, err := ParseDate(text)
	if err != nil {
		return err
	}
	*d = day
	return nil
}
