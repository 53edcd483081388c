package ui

import "strings"

// Grouped sets a comma before every third digit from the point, and a true minus, which is as wide as a digit.
func Grouped(text string) string {
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
