//go:build whole

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// dated are pages that show what read models hold: what tells that they lack the two leads that are made, and that they have them. The list
// is of one source.
var dated = []struct{ portal, address, before, after string }{
	{"client", "/leads?source=behind", `document.querySelectorAll("tbody tr").length === 0`, `document.querySelectorAll("tbody tr").length === 1`},
	{"client", "/dashboard", figure + ` === before`, figure + ` - before === 2`},
}

// figure is how many leads a client's dashboard shows.
const figure = `parseInt(document.querySelector("#leadsNew90d .value")?.textContent)`

// TestBehind stops the read models while pages are open: each says that it is behind, for as long as it is, and is right by itself afterwards.
func TestBehind(t *testing.T) {
	c, developer := app.client(t, "client"), app.client(t, "developer")
	all := func(step string) {
		t.Helper()
		for _, model := range []string{"records", "figures"} {
			app.ask(t, developer, "developer", "POST", "/api/v2/projections/"+model+"/"+step, nil, nil)
		}
	}
	var tabs, later []*tab
	for _, page := range dated {
		b := open(t, page.portal, views[1])
		b.get(page.address)
		b.await("the stream", isLive)
		eval[bool](b, "before", `(window.before = `+figure+`, true)`)
		tabs = append(tabs, b)
	}
	all("pause")
	defer all("resume") // a repeat does nothing
	app.ask(t, c, "client", "POST", "/api/v2/leads", map[string]any{"name": "Not there yet", "email": "behind@e2e.example", "source": "behind"}, nil)
	for i, b := range tabs {
		b.await("that it is behind", `document.querySelector("[data-state]").textContent === "Behind" && `+holds("#behind", "may be missing here"))
		b.await("what it showed before", dated[i].before)
		b.look(views[1], dated[i].address+"-behind")
	}

	// A page that is opened meanwhile says so, too, and one's own write is shown where the log itself is read.
	own := person(t, "client", views[0])
	own.get("/leads?source=behind")
	own.await("that it is behind", holds("#behind", "may be missing here"))
	own.press("n")
	own.await("the form", `document.querySelector("dialog[open] [data-form]")`)
	own.press("One's own")
	own.tabTo("E-mail")
	own.press("own@behind.example", "\r")
	own.reach("/leads/[0-9a-f-]+")
	own.await("one's own lead", holds("h1", "One's own"))
	own.quiet(t)
	for portal, address := range map[string]string{"accountant": "/accountant/invoices", "provider": "/provider/escalations?view=board"} {
		b := open(t, portal, views[1])
		b.get(address)
		b.await("that it is behind", holds("#behind", "may be missing here"))
		b.look(views[1], address+"-behind")
		later = append(later, b)
	}

	all("resume")
	for _, b := range later {
		b.await("that it is not any more", isLive+` && !document.querySelector("#behind")`)
		b.quiet(t)
	}
	for i, b := range tabs {
		b.await("that it is not any more", isLive+` && !document.querySelector("#behind")`)
		b.await("what came meanwhile", dated[i].after)
		b.quiet(t)
	}
}

// TestRestart ends the program under open pages and starts it again: they say so, catch up and go on, and nobody signs in again.
func TestRestart(t *testing.T) {
	c := app.client(t, "client")
	made := 0
	add := func() {
		t.Helper()
		made++
		app.ask(t, c, "client", "POST", "/api/v2/leads", map[string]any{"name": fmt.Sprintf("Restart %d", made), "email": fmt.Sprintf("restart%d@e2e.example", made), "source": "restart"}, nil)
	}
	list, board, figures, record := open(t, "client", views[0]), open(t, "provider", views[0]), open(t, "client", views[0]), open(t, "client", views[0])
	var found struct{ Items []madeRecord }
	app.ask(t, c, "client", "GET", "/api/v2/leads?status=new&limit=1", nil, &found)
	tabs := map[*tab]string{list: "/leads?source=restart", board: "/provider/escalations?view=board", figures: "/dashboard", record: "/leads/" + found.Items[0].ID}
	for b, address := range tabs {
		b.get(address)
		b.await("the stream", isLive)
	}
	eval[bool](figures, "before", `(window.before = `+figure+`, true)`)
	add()
	list.await("the first", holds("tbody", "Restart 1"))
	if err := app.stop(); err != nil {
		t.Fatal(err)
	}
	for b := range tabs {
		b.await("that it is not live", `document.querySelector("[data-state]").dataset.state === "off"`)
	}
	if err := app.serve(); err != nil {
		t.Fatal(err)
	}
	add() // before the pages are back, likely
	app.ask(t, c, "client", "POST", "/api/v2/leads/"+found.Items[0].ID+"/contact", map[string]any{}, nil)
	for b := range tabs {
		b.await("the stream", isLive)
	}
	list.await("what came meanwhile", holds("tbody", "Restart 2"))
	record.await("its step", holds("h1", "Contacted"))
	add()
	list.await("what comes next", holds("tbody", "Restart 3"))
	figures.await("the figure", figure+` - before === 3`)
	for b := range tabs {
		for _, fault := range b.noted() {
			if !unreachable(fault) {
				t.Error(fault)
			}
		}
	}
}

// unreachable is a fault that Chromium tells while the program is away.
func unreachable(fault string) bool {
	return strings.Contains(fault, "net::ERR_")
}
