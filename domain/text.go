package domain

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Region is the country whose dialling rules read a phone number that names no
// country code.
const Region = "US"

// Line is one line of text, trimmed.
func Line(text string) string { return strings.TrimSpace(text) }

// Block is text of several lines, trimmed, with one kind of line end.
func Block(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

// Email is an address as it is compared: trimmed, in lower case.
func Email(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// Phone is a number as it is compared: E.164. What is no possible number comes
// back trimmed and as it was, for Check.Phone to refuse.
func Phone(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || text == Erased || len(text) > maxPhone {
		return text
	}
	number, err := phonenumbers.Parse(text, Region)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return text
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}

// Labels trims labels and drops empty and repeated ones; nil when none is left.
func Labels(labels []string) []string {
	var out []string
	for _, l := range labels {
		if l = Line(l); l != "" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// Custom trims the text values of custom fields and drops those without a
// value; nil when none is left.
func Custom(fields map[string]any) map[string]any {
	var out map[string]any
	for name, value := range fields {
		if text, ok := value.(string); ok {
			if text = Block(text); text == "" {
				continue
			}
			value = text
		}
		if value == nil {
			continue
		}
		if out == nil {
			out = make(map[string]any, len(fields))
		}
		out[Line(name)] = value
	}
	return out
}
