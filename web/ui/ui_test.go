package ui

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAViewsLinksChangeOneThing(t *testing.T) {
	v := View{"/leads", url.Values{"q": {"a&b"}, "status": {"new"}, "sort": {"name"}, "cursor": {"c2"}}}
	for got, want := range map[templ.SafeURL]string{
		v.SortBy("name"):            "/leads?q=a%26b&sort=-name&status=new",
		v.SortBy("value"):           "/leads?q=a%26b&sort=value&status=new",
		v.Without("q"):              "/leads?sort=name&status=new",
		v.Following("c3").Address(): "/leads?cursor=c3&q=a%26b&sort=name&status=new&trail=c2",
		v.With(map[string]string{"status": "won", "q": ""}).Address():    "/leads?sort=name&status=won",
		View{"/x", nil}.With(map[string]string{"status": "a"}).Address(): "/x?status=a",
		v.First().Address():                      "/leads?q=a%26b&sort=name&status=new",
		View{"/x", nil}.Following("1").Address(): "/x?cursor=1",
		View{"/x", nil}.First().Address():        "/x",
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if v.Query.Get("cursor") != "c2" || v.Query.Get("sort") != "name" {
		t.Errorf("a link changed the view: %v", v.Query)
	}
	for order, want := range map[string]string{"name": "ascending", "-name": "descending", "value": "none", "": "none"} {
		if got := (View{"/x", url.Values{"sort": {order}}}).Sorted("name"); got != want {
			t.Errorf("%q: %s, want %s", order, got, want)
		}
	}
	filters := []Field{{Name: "q"}, {Name: "status"}}
	if kept := v.kept(filters); len(kept) != 1 || kept[0] != (Option{"sort", "name"}) {
		t.Errorf("a filter begins anew, sorted as before: %v", kept)
	}
}

// TestAListGoesBackAsItCame: the API tells of the next page alone, and so the address remembers those before.
func TestAListGoesBackAsItCame(t *testing.T) {
	first := View{"/x", url.Values{"q": {"a"}}}
	if _, ok := first.Preceding(); ok {
		t.Error("there is nothing before the first page")
	}
	second := first.Following("c1")
	third := second.Following("c2")
	for _, c := range []struct{ from, want View }{{second, first}, {third, second}, {third.Following("c3"), third}} {
		if got, ok := c.from.Preceding(); !ok || got.Address() != c.want.Address() {
			t.Errorf("before %s: %s, want %s", c.from.Address(), got.Address(), c.want.Address())
		}
	}
	far := first
	for range 100 {
		far = far.Following("a-token-as-long-as-they-are")
	}
	if n := len(far.Address()); n > 500 {
		t.Errorf("an address of %d characters", n)
	}
	for range maxTrail {
		far, _ = far.Preceding()
	}
	if got, ok := far.Preceding(); !ok || got.Address() != first.Address() {
		t.Errorf("what is forgotten begins anew: %s", got.Address())
	}
	if got := third.SortBy("name"); strings.Contains(string(got), "trail") {
		t.Errorf("another order has other pages: %s", got)
	}
}

func TestAFormSaysWhatIsWrong(t *testing.T) {
	form := Form{ID: "f", Fields: []Field{{Name: "name", Label: "Name"}, {Name: "lines[0].unit", Label: "Unit", Group: "Line 1"},
		{Name: "lines[0].count", Label: "Count", Group: "Line 1"}, {Name: "lines[1].unit", Label: "Unit", Group: "Line 2"}}}
	if form.Blame("lines", "is no field") || len(form.wrong()) != 0 {
		t.Error("blamed a field that is not there")
	}
	if !form.Blame("lines[0].count", "is not a number") {
		t.Error("did not find the field")
	}
	wrong := form.wrong()
	if len(wrong) != 1 || wrong[0].Error != "is not a number" || wrong[0].called() != "Line 1, Count" || form.Fields[0].called() != "Name" {
		t.Errorf("wrong: %+v", wrong)
	}
	var sizes []int
	for _, group := range form.groups() {
		sizes = append(sizes, len(group))
	}
	if !slices.Equal(sizes, []int{1, 2, 1}) {
		t.Errorf("groups of %v fields", sizes)
	}
}

func TestAFilterIsCalledWhatItOffers(t *testing.T) {
	for want, f := range map[string]Field{
		"Won":              {Value: "won", Options: []Option{{"new", "New"}, {"won", "Won"}}},
		"gone":             {Value: "gone", Options: []Option{{"new", "New"}}},
		"2026-01-02 03:04": {Value: "2026-01-02T03:04", Kind: "datetime-local"},
	} {
		if got := f.chosen(); got != want {
			t.Errorf("%+v is called %q", f, got)
		}
	}
	if (Field{}).search() != "search" || (Field{Kind: "date"}).search() != "date" {
		t.Error("a filter searches, or is what its kind says")
	}
	if at := time.Date(2026, 1, 2, 4, 5, 6, 0, time.FixedZone("", 3600)); Hour(at) != "03:05:06 UTC" {
		t.Errorf("the hour %s", Hour(at))
	}
}

func TestAFieldIsToldWithItsHintAndItsError(t *testing.T) {
	f := Form{ID: "f", Action: "/x", Submit: "Save", Key: "k-1", Fields: []Field{
		{Name: "a", Label: "A", Kind: "text", Hint: "h", Error: "e", Value: `"><script>`, Required: true},
		{Name: "b", Label: "B", Kind: "select", Error: "e2", Value: "2", Options: []Option{{"1", "One"}, {"2", "Two"}}},
		{Name: "c", Label: "C", Kind: "checkbox", Value: "yes"}, {Name: "d", Label: "D", Kind: "textarea", Value: "</textarea>"},
		{Name: "e", Label: "E", Kind: "radio", Value: "1", Options: []Option{{"1", "One"}}},
	}}
	got := render(t, FormOf(f))
	for _, want := range []string{
		"2 fields need your attention", `autofocus id="f-summary"`, `<a href="#f-a">A: e</a>`, `aria-describedby="f-a-hint f-a-error"`, `id="f-a-hint"`, `id="f-a-error"`,
		`aria-invalid="true"`, `value="&#34;&gt;&lt;script&gt;"`, `<option value="2" selected>`, `name="idempotencyKey" value="k-1"`, `<label for="f-a">`, `&lt;/textarea&gt;`,
		`type="checkbox" value="yes" checked`, `type="radio" name="e" value="1" checked`, `A <span class="muted">required</span>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if strings.Contains(got, "optional") {
		t.Error("where most fields are optional, each of them says so")
	}
	for i := range 3 {
		f.Fields[i].Required = true
	}
	if got := render(t, FormOf(f)); strings.Contains(got, ">required<") || strings.Count(got, ">optional<") != 2 {
		t.Errorf("where most fields are required, the others are not told apart: %s", got)
	}
	f.Fields = f.Fields[2:]
	if got := render(t, FormOf(f)); strings.Contains(got, "alert") || strings.Contains(got, "aria-invalid") {
		t.Errorf("nothing is wrong, and yet: %s", got)
	}
	f.Message, f.Still = "The server is busy.", true
	if got := render(t, FormOf(f)); !strings.Contains(got, "The server is busy.") || strings.Contains(got, "autofocus") {
		t.Errorf("%s", got)
	}
	f.Fields[0].Error = "e"
	if got := render(t, FormOf(f)); !strings.Contains(got, "One field needs your attention") {
		t.Errorf("%s", got)
	}
}

// TestNoAddressRuns: an address may come from a record, and one that is a script leads nowhere.
func TestNoAddressRuns(t *testing.T) {
	const bad = "javascript:alert(1)"
	for name, c := range map[string]templ.Component{
		"cell": content(Cell{Text: "x", Href: bad}), "tab": Tabs("x", []Tab{{Address: bad}}), "menu": MenuOf("m", "x", []Tab{{Address: bad}}), "empty": Empty(Nothing{Link: bad}),
		"failed": Failed("x", bad), "toast": Toasts([]Note{{Undo: bad, Dismiss: bad}}), "dialog": Dialog(Modal{Action: bad}), "form": FormOf(Form{Action: bad, Cancel: bad}),
		"table": TableOf(Table{Selects: bad, Rows: []Row{{}}}), "steps": Steps("x", "x", []Step{{Address: bad}, {Address: bad, Posts: true}}),
		"moments": MomentsOf(Moments{Now: bad, Steps: []Entry{{Then: bad}}}), "timeline": Timeline([]Entry{{Then: bad}}), "instead": FormOf(Form{Message: "x", Instead: Way{bad, "x"}}),
	} {
		if got := render(t, c); strings.Contains(got, "javascript") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestATable(t *testing.T) {
	table := Table{
		ID: "t", Caption: "Leads", View: View{"/leads", url.Values{"sort": {"-name"}, "status": {"new"}}}, Range: "1–1 of 2", Next: "c2",
		Filters: []Field{{Name: "status", Label: "Status", Options: []Option{{"new", "New"}}}}, Columns: []Column{{Key: "name", Title: "Name", Sorts: true}, {Key: "value", Title: "Value", Number: true}},
		Rows: []Row{{ID: "1", Name: "Ann", Cells: []Cell{{Text: "<b>Ann</b>", Href: "/leads/1"}, {Text: "Won", Tone: Success, More: []Cell{{Text: "Low", Mark: true}, {Text: "Plain"}}}}, Steps: []Step{{Title: "Contact", Address: "/leads/1/contact", Posts: true, Key: "k", Back: "/leads"}, {Title: "Edit", Address: "/leads/1/edit"}}}}, Empty: Nothing{Title: "None"},
	}
	got := render(t, TableOf(table))
	for _, want := range []string{
		`aria-sort="descending"`, `<caption id="t-caption">Leads</caption>`, `scope="col"`, `scope="row"`, "&lt;b&gt;Ann", `data-label="Value"`, `<span class="badge success">Won</span>`, `<span class="badge ">Low</span>`, `popovertarget="t-filters"`, `id="t-filters" popover`,
		`href="/leads?sort=-name"`, `Status: <b>New</b>`, `<input type="hidden" name="sort" value="-name">`, `<option value="new" selected>New</option>`, `rel="next" href="/leads?cursor=c2&amp;sort=-name&amp;status=new"`, `aria-disabled="true"`, `name="back" value="/leads"`, `action="/leads/1/contact"`, `popovertarget="more-1"`, `href="/leads/1/edit" data-dialog`, "1–1 of 2",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if strings.Contains(got, "checkbox") || strings.Contains(got, "None") || strings.Contains(got, `">Plain`) {
		t.Errorf("%s", got)
	}
	table.Selects, table.Key, table.Actions = "/bulk", "k2", []Option{{"assign", "Assign"}}
	table.Chooses, table.Hidden = "/columns", []string{"name", "value"} // the first column stays
	got = render(t, TableOf(table))
	for _, want := range []string{
		`<input type="checkbox" form="t-selection" name="id" value="1" aria-label="Ann"`, `id="t-selection" method="post" action="/bulk"`, `value="k2"`, `name="step" value="assign">Assign<`,
		`action="/columns"`, `name="column" value="value">`, `name="of" value="value"`, "&lt;b&gt;Ann",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if strings.Contains(got, `data-label="Value"`) || strings.Contains(got, `value="name"`) {
		t.Errorf("%s", got)
	}
	table.Rows = nil
	if got := render(t, TableOf(table)); !strings.Contains(got, "None") || strings.Contains(got, "<table") || !strings.Contains(got, `id="t-caption"`) {
		t.Errorf("%s", got)
	}
}

func TestGrouped(t *testing.T) {
	for in, want := range map[string]string{"1234567.891": "1,234,567.891", "-1234": "−1,234", "999": "999", "0": "0", "-0.5": "−0.5"} {
		if got := Grouped(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
