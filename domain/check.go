package domain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/streamflow/streamflow/domain/money"
)

// The longest texts, in characters. They keep an event far below the log's
// 256 KiB even when every field is full.
const (
	MaxName  = 200
	MaxText  = 5000
	MaxEmail = 254
	MaxID    = 128
	maxPhone = 40
)

// The bounds of the open-ended parts of a record.
const (
	maxLabels       = 50
	maxLabel        = 50
	maxCustom       = 50
	maxCustomName   = 64
	maxCustomText   = 500
	maxDocument     = 32 << 10
	maxDocumentKeys = 50
)

// FieldError is one field that cannot be so. Field is the JSON name, with dots
// and indexes where it is nested (lines[0].quantity).
type FieldError struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Invalid is a request that no rule needs to look at: a value of the wrong
// shape. Unlike a Refusal it is no outcome and nothing is recorded.
type Invalid []FieldError

// Error names the fields.
func (v Invalid) Error() string {
	names := make([]string, len(v))
	for i, f := range v {
		names[i] = f.Field + ": " + f.Message
	}
	return strings.Join(names, "; ")
}

// Check collects what is wrong with a command's fields. Every method accepts
// an empty value; Required is what insists on one.
type Check struct{ found Invalid }

// Err is an Invalid with everything found, or nil.
func (c *Check) Err() error {
	if len(c.found) == 0 {
		return nil
	}
	return c.found
}

// Add records a finding.
func (c *Check) Add(field, code, message string) {
	c.found = append(c.found, FieldError{Field: field, Code: code, Message: message})
}

// Required insists on a value.
func (c *Check) Required(field, value string) {
	if value == "" {
		c.Add(field, "required", "is required")
	}
}

// Line refuses control characters and more than max characters.
func (c *Check) Line(field, value string, max int) { c.text(field, value, max, "") }

// Block is Line for text that may have several lines.
func (c *Check) Block(field, value string, max int) { c.text(field, value, max, "\n\t") }

func (c *Check) text(field, value string, max int, allowed string) {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune(allowed, r)
	}) {
		c.Add(field, "control_character", "holds a control character")
	}
	if utf8.RuneCountInString(value) > max {
		c.Add(field, "too_long", fmt.Sprintf("is longer than %d characters", max))
	}
}

// ID refuses what cannot be an id: blanks, controls, more than MaxID bytes.
func (c *Check) ID(field, value string) {
	if len(value) > MaxID || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.Add(field, "invalid_id", "is not an id")
	}
}

// Email refuses what cannot be an e-mail address. It looks at the shape only:
// whether mail arrives is known by sending some.
func (c *Check) Email(field, value string) {
	if value == "" {
		return
	}
	local, host, found := strings.Cut(value, "@")
	bad := strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`<>()[],;:\"`, r)
	})
	dotted := strings.Contains(host, ".") && !strings.HasPrefix(host, ".") &&
		!strings.HasSuffix(host, ".") && !strings.Contains(value, "..")
	if !found || bad || local == "" || strings.Contains(host, "@") || !dotted ||
		len(value) > MaxEmail || !utf8.ValidString(value) {
		c.Add(field, "invalid_email", "is not an e-mail address")
	}
}

// Phone refuses a number that Phone could not bring to E.164.
func (c *Check) Phone(field, value string) {
	digits, plus := strings.CutPrefix(value, "+")
	if value == "" || (plus && len(digits) >= 5 && len(digits) <= 17 && !strings.ContainsFunc(digits, notDigit)) {
		return
	}
	c.Add(field, "invalid_phone", "is not a phone number; write the country code, like +1 415 555 2671")
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// URL refuses an address that does not begin with https:// or http:// and name
// a host.
func (c *Check) URL(field, value string, schemes ...string) {
	if value == "" {
		return
	}
	c.Line(field, value, 2000)
	scheme, rest, _ := strings.Cut(value, "://")
	host, _, _ := strings.Cut(rest, "/")
	if !slices.Contains(schemes, scheme) || host == "" || strings.ContainsAny(value, " \"<>") {
		c.Add(field, "invalid_url", "is not a web address that begins with "+strings.Join(schemes, ":// or ")+"://")
	}
}

// OneOf refuses a value outside the list.
func (c *Check) OneOf(field, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.Add(field, "not_allowed", "is not one of "+strings.Join(allowed, ", "))
	}
}

// Date refuses what is no day.
func (c *Check) Date(field string, d Date) {
	if d != "" && !d.Valid() {
		c.Add(field, "invalid_date", "is not a date like 2026-03-31")
	}
}

// NotFuture insists on a day, and refuses one later than tomorrow: a day ahead
// is what time zones make of "today".
func (c *Check) NotFuture(field string, d, today Date) {
	c.Required(field, string(d))
	c.Date(field, d)
	if today.Valid() && d.After(today.AddDays(1)) {
		c.Add(field, "in_future", "is more than a day ahead")
	}
}

// Moment insists on a time, and refuses one more than a day after now.
func (c *Check) Moment(field string, t, now time.Time) {
	switch {
	case t.IsZero():
		c.Required(field, "")
	case DateOf(t).Before(firstDate):
		c.Add(field, "invalid_time", "is not a plausible time")
	case !now.IsZero() && t.After(now.AddDate(0, 0, 1)):
		c.Add(field, "in_future", "is more than a day ahead")
	}
}

// Currency refuses a code that ISO 4217 does not list.
func (c *Check) Currency(field, code string) {
	if _, ok := money.Places(code); code != "" && !ok {
		c.Add(field, "invalid_currency", "is not an ISO 4217 code like USD")
	}
}

// Amount refuses an unknown currency, a negative sum and one that is too large.
func (c *Check) Amount(field string, a money.Amount) {
	if a.IsZero() {
		return
	}
	c.Required(field+".currency", a.Currency)
	c.Currency(field+".currency", a.Currency)
	if a.Amount < 0 || a.Amount > money.MaxMinor {
		c.Add(field+".amount", "out_of_range", "is negative or too large")
	}
}

// Labels refuses too many labels and labels that are too long.
func (c *Check) Labels(field string, labels []string) {
	if len(labels) > maxLabels {
		c.Add(field, "too_many", fmt.Sprintf("has more than %d entries", maxLabels))
	}
	for i, l := range labels {
		c.Line(fmt.Sprintf("%s[%d]", field, i), l, maxLabel)
	}
}

// Custom refuses custom fields that are no text, number or yes/no, and too
// many or too long ones.
func (c *Check) Custom(field string, fields map[string]any) {
	if len(fields) > maxCustom {
		c.Add(field, "too_many", fmt.Sprintf("has more than %d entries", maxCustom))
	}
	for _, name := range sortedKeys(fields) {
		at := field + "." + name
		c.Required(at, name)
		c.Line(at, name, maxCustomName)
		switch value := fields[name].(type) {
		case string:
			c.Block(at, value, maxCustomText)
		case bool, float64, int, int64, json.Number:
		default:
			c.Add(at, "invalid_type", "is not text, a number, true or false")
		}
	}
}

// Document refuses a free-form object of more than 50 keys or 32 KiB as JSON.
func (c *Check) Document(field string, document map[string]any) {
	if len(document) > maxDocumentKeys {
		c.Add(field, "too_many", fmt.Sprintf("has more than %d keys", maxDocumentKeys))
	}
	text, err := json.Marshal(document)
	if err != nil || len(text) > maxDocument {
		c.Add(field, "too_long", "is larger than 32 KiB")
	}
	for _, name := range sortedKeys(document) {
		c.Line(field, name, maxCustomName)
		if value, ok := document[name].(string); ok {
			c.Block(field+"."+name, value, MaxText)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
