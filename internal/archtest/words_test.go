package archtest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// engine is what a second product could take unchanged. Tests may borrow an event's name as an example.
var engine = []string{"eventstore", "migrations", "internal"}

// business are words that no engine needs. A word with an everyday meaning (contact, organization, partner) proves nothing.
var business = regexp.MustCompile(`(?i)\b(leads?|opportunit(y|ies)|invoices?|invoicing|escalations?|crm|billing|federations?|vehicles?|accountants?)\b`)

// everyday are uses of these words as plain English.
var everyday = regexp.MustCompile(`(?i)\bleads? (back|from|in|into|on|the way|to|up)\b`)

// camel finds where a word begins inside an identifier: LeadCreated is Lead Created.
var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// checkEngineWords keeps the business out of the engine.
func checkEngineWords(t *tree) []string {
	var faults []string
	for _, x := range t.texts {
		if !inEngine(x.path) {
			continue
		}
		for number, line := range numbered(x.body) {
			line = camel.ReplaceAllString(strings.ReplaceAll(line, "_", " "), "$1 $2")
			if word := business.FindString(everyday.ReplaceAllString(line, "")); word != "" {
				faults = append(faults, fmt.Sprintf("%s:%d: %q is a word of the business, and this is the engine", x.path, number, word))
			}
		}
	}
	return faults
}

func inEngine(name string) bool {
	code := path.Ext(name) == ".go" || path.Ext(name) == ".sql"
	tests := strings.HasSuffix(name, "_test.go") || inside(name, "internal/archtest")
	return code && !tests && slices.ContainsFunc(engine, func(folder string) bool { return inside(name, folder) })
}

// unfinished are marks of work left for later, written in parts so that this file is not found by its own rule. The third
// customary mark is the ISO code for "no currency".
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

// checkUnfinished finds what was left open: an unfinished thing is an issue.
func checkUnfinished(t *tree) []string {
	var faults []string
	for _, x := range t.texts {
		for number, line := range numbered(x.body) {
			if mark := unfinished.FindString(line); mark != "" {
				faults = append(faults, fmt.Sprintf("%s:%d: %s: finish it or write an issue", x.path, number, mark))
			}
		}
	}
	return faults
}

// numbered yields the lines of a text with their numbers from 1.
func numbered(body string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(body) {
			number++
			if !yield(number, line) {
				return
			}
		}
	}
}

func lastElement(imported string) string {
	elements := strings.Split(imported, "/")
	last := elements[len(elements)-1]
	if len(elements) > 1 && regexp.MustCompile(`^v\d+$`).MatchString(last) {
		last = elements[len(elements)-2]
	}
	return last
}
