package projections_test

import (
	"errors"
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/projections"
)

// examples are values of each kind of parameter: some that it takes, and some that it does not.
var examples = map[projections.FormKind]struct{ good, bad []string }{
	projections.Text:   {good: []string{"x"}, bad: []string{""}},
	projections.ID:     {good: []string{"01900000-0000-7000-8000-000000000042"}, bad: []string{"", "42"}},
	projections.Flag:   {good: []string{"true", "false"}, bad: []string{"", "yes", "1"}},
	projections.Number: {good: []string{"0", "70"}, bad: []string{"", "7.5", "99999999999999999999"}},
	projections.Day:    {good: []string{"2026-03-31"}, bad: []string{"", "2026-02-30", "31.3.2026"}},
	projections.Time:   {good: []string{"2026-03-31", "2026-03-31T10:00:00Z"}, bad: []string{"", "yesterday", "2026-03-31T25:00:00Z"}},
}

// Every parameter that a list declares takes what its form says, and tells what is wrong with anything else.
func TestListsTakeWhatTheyDeclare(t *testing.T) {
	for _, kind := range []string{lead.Category, organization.Category, contact.Category, opportunity.Category, invoice.Category, escalation.Category} {
		declared := projections.ListParameters(kind)
		if len(declared) < 2 {
			t.Errorf("the list of %s declares %v", kind, declared)
		}
		for _, p := range declared {
			good, bad := examples[p.Form.Kind].good, examples[p.Form.Kind].bad
			if len(p.Form.Values) > 0 {
				good, bad = p.Form.Values, []string{"", "something else"}
			}
			for _, value := range good {
				if _, err := projections.NewList(kind, map[string]string{p.Name: value}, "2026-03-31"); err != nil {
					t.Errorf("%s?%s=%s: %v", kind, p.Name, value, err)
				}
			}
			for _, value := range bad {
				if p.Name == "sort" && value == "" {
					continue // not given
				}
				var invalid domain.Invalid
				_, err := projections.NewList(kind, map[string]string{p.Name: value}, "2026-03-31")
				if !errors.As(err, &invalid) || len(invalid) != 1 || invalid[0].Field != p.Name {
					t.Errorf("%s?%s=%s: %v, want what is wrong with it", kind, p.Name, value, err)
				}
			}
		}
	}
}
