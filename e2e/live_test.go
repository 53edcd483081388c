package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// isLive is a page that hears of changes.
const isLive = `document.readyState === "complete" && document.querySelector("[data-state]")?.dataset.state === "on"`

// holds is a page that shows a text in one of its parts.
func holds(part, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.innerText.includes(%q))`, part, text)
}

// madeRecord is a record as the API answers the command that made it.
type madeRecord struct{ ID string }

// TestLiveLeads keeps a list and a record open while somebody else works on them: what changed is shown by itself, and what the reader
// is about to enter stays.
func TestLiveLeads(t *testing.T) {
	t.Parallel()
	c := app.client(t, "client")
	change := func(path string, body any, into any) {
		app.ask(t, c, "client", "POST", "/api/v2/leads"+path, body, into)
	}
	list, record := open(t, "client", views[0]), open(t, "client", views[1])
	list.get("/leads?source=live")
	list.await("the stream", isLive)
	eval[bool](list, "type", `(() => {
		const f = document.querySelector("[name=q]");
		window.field = f; f.focus(); f.value = "half a na"; f.setSelectionRange(4, 4);
		return true;
	})()`)
	var first madeRecord
	change("", map[string]any{"name": "Emmy Noether", "email": "emmy@rings.example", "source": "live"}, &first)
	list.await("the new lead", holds("tbody tr", "Emmy Noether"))
	record.get("/leads/" + first.ID)
	record.await("the name", holds("h1", "Emmy Noether"))
	change("/"+first.ID+"/contact", map[string]any{}, nil)
	list.await("its status in the list", `[...document.querySelectorAll("tbody tr")].some(r => r.innerText.includes("Emmy Noether") && r.innerText.includes("Contacted"))`)
	record.await("its status on its page", holds("h1", "Contacted"))
	record.await("its history", holds("#history-title ~ *", "Contacted"))

	// Many at once: the last of them, too, which comes while the page is being read.
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			change("", map[string]any{"name": fmt.Sprintf("Ring %d", i), "email": fmt.Sprintf("ring%d@rings.example", i), "source": "live"}, nil)
		})
	}
	all.Wait()
	list.await("all of them", `document.querySelectorAll("tbody tr").length === 9`)
	if kept := eval[bool](list, "field", `document.activeElement === field && field.value === "half a na" && field.selectionStart === 4`); !kept {
		t.Error("what was half typed into the filter is gone")
	}
	list.quiet(t)
	record.quiet(t)
}

// TestLiveForm answers a form in a dialog while the list behind it changes.
func TestLiveForm(t *testing.T) {
	t.Parallel()
	b := person(t, "client", views[0])
	b.get("/leads?source=form")
	b.await("the stream", isLive)
	b.press("n")
	b.await("the form", `document.querySelector("dialog[open] [data-form]")`)
	b.press("Sofya Kova")
	app.ask(t, app.client(t, "client"), "client", "POST", "/api/v2/leads", map[string]any{"name": "Somebody else", "email": "else@form.example", "source": "form"}, nil)
	b.await("the other's lead", holds("tbody tr", "Somebody else"))
	b.press("levskaya")
	b.tabTo("Source")
	b.press("form")
	b.tabTo("E-mail")
	b.press("sofya@form.example", "\r")
	b.reach("/leads/[0-9a-f-]+")
	b.await("one's own lead", holds("h1", "Sofya Kovalevskaya"))
	b.get("/leads?source=form")
	if rows := eval[int](b, "rows", `document.querySelectorAll("tbody tr").length`); rows != 2 {
		t.Errorf("the list has %d leads after one's own", rows)
	}
	b.quiet(t)
}

// TestLiveInvoices keeps a list and an invoice open while somebody else records that it was paid.
func TestLiveInvoices(t *testing.T) {
	t.Parallel()
	c := app.client(t, "accountant")
	var organizations struct{ Items []madeRecord }
	app.ask(t, c, "accountant", "GET", "/api/v2/organizations?limit=1", nil, &organizations)
	var made madeRecord
	app.ask(t, c, "accountant", "POST", "/api/v2/invoices", map[string]any{"organizationId": organizations.Items[0].ID, "currency": "EUR",
		"lines": []any{map[string]any{"description": "Tuning", "quantity": 1, "unitAmount": 77_700, "taxRatePercent": 0}}}, &made)
	list, record := open(t, "accountant", views[0]), open(t, "accountant", views[0])
	list.get("/accountant/invoices")
	list.await("the stream", isLive)
	row := fmt.Sprintf(`[...document.querySelectorAll("tbody tr")].find(r => r.querySelector('a[href*="%s"]'))?.innerText ?? ""`, made.ID)
	record.get("/accountant/invoices/" + made.ID)
	for _, step := range []struct {
		path  string
		body  map[string]any
		shown string
	}{
		{"issue", map[string]any{}, "Issued"},
		{"payments", map[string]any{"amount": map[string]any{"amount": 77_700, "currency": "EUR"}}, "Paid"},
	} {
		app.ask(t, c, "accountant", "POST", "/api/v2/invoices/"+made.ID+"/"+step.path, step.body, nil)
		list.await("the invoice in the list, "+step.shown, fmt.Sprintf(`(%s).includes(%q)`, row, step.shown))
		record.await("the invoice, "+step.shown, holds("h1", step.shown))
	}
	list.quiet(t)
	record.quiet(t)
}

// streams counts the event streams that a tab has open.
func (b *tab) streams() func() int {
	b.t.Helper()
	var mu sync.Mutex
	running := map[network.RequestID]bool{}
	b.must("streams", chromedp.Listen(b.ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err == nil && strings.HasPrefix(u.Path, "/live") {
				running[e.RequestID] = true
			}
		case *network.EventLoadingFailed:
			delete(running, e.RequestID)
		case *network.EventLoadingFinished:
			delete(running, e.RequestID)
		}
	}))
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(running)
	}
}

// hide makes a tab one that nobody sees, or shows it again.
func (b *tab) hide(hidden bool) {
	b.t.Helper()
	eval[bool](b, "visibility", fmt.Sprintf(`(() => {
		Object.defineProperty(document, "hidden", {configurable: true, get: () => %v});
		document.dispatchEvent(new Event("visibilitychange"));
		return true;
	})()`, hidden))
}

// TestOneStreamPerVisibleTab looks at the connections of a list and of a dashboard: one while somebody sees it, none else; and what
// happened meanwhile is there when it is seen again.
func TestOneStreamPerVisibleTab(t *testing.T) {
	t.Parallel()
	c := app.client(t, "client")
	for _, at := range []struct{ address, name, shown string }{
		{"/leads?source=unseen", "Unseen One", holds("tbody tr", "Unseen One")},
		{"/dashboard", "Unseen Two", `document.querySelector("#leadsNew90d .value").textContent !== before`},
	} {
		b := open(t, "client", views[0])
		streams := b.streams()
		count := func(when string, want int) {
			t.Helper()
			for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if streams() == want {
					return
				}
			}
			t.Errorf("%s has %d streams %s, not %d", at.address, streams(), when, want)
		}
		b.get(at.address)
		b.await("the stream", isLive)
		count("while it is seen", 1)
		eval[bool](b, "before", `(window.before = document.querySelector("#leadsNew90d .value")?.textContent ?? "", true)`)
		b.hide(true)
		count("while nobody sees it", 0)
		app.ask(t, c, "client", "POST", "/api/v2/leads", map[string]any{"name": at.name, "email": strings.ReplaceAll(at.name, " ", ".") + "@e2e.example", "source": "unseen"}, nil)
		b.hide(false)
		b.await("what happened meanwhile", at.shown)
		count("when it is seen again", 1)
		b.quiet(t)
	}
}
