package web

import (
	"slices"
	"testing"
)

func TestScreensAreThoseThatCanBeRead(t *testing.T) {
	t.Parallel()
	all := Screens()
	has := func(path string) bool {
		return slices.ContainsFunc(all, func(s Screen) bool { return s.Path == path })
	}
	if !has("/leads/{id}") || !has("/login") || has("/logout") {
		t.Errorf("the screens that can be read: %+v", all)
	}
}

// TestTheMenuKnowsWhereSomebodyIs: a screen that is not in the menu belongs to none that is, but for what lies below one.
func TestTheMenuKnowsWhereSomebodyIs(t *testing.T) {
	t.Parallel()
	p := portalNamed("provider")
	for here, want := range map[string]string{
		p.Home: p.Home + " page", "/provider/screens": "", p.figurePath("escalationsOpen"): p.Home + " true",
		"/provider/escalations": "/provider/escalations page", "/provider/escalations/x1": "/provider/escalations true",
	} {
		marked := ""
		for _, e := range p.menu(here, "provider") {
			if e.Current != "" {
				marked += e.Path + " " + e.Current
			}
		}
		if marked != want {
			t.Errorf("at %s the menu marks %q, want %q", here, marked, want)
		}
	}
}

func TestStaffWithoutANameAreCalledWhatTheyAre(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]account{
		"Provider staff": {Name: "provider", Role: "provider", Email: "p@x.example"},
		"Ada":            {Name: "Ada", Role: "provider", Email: "a@x.example"},
		"owner":          {Name: "owner", Role: "owner", TenantID: "t1"},
		"b@x.example":    {Role: "developer", Email: "b@x.example"},
	} {
		if got := a.shown(); got != want {
			t.Errorf("%+v is called %q, want %q", a, got, want)
		}
	}
}
