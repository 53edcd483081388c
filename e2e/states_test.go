//go:build whole

package e2e

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/streamflow/streamflow/web"
)

// TestStates opens the addresses of screens that are known for something: nothing found, a moment long ago, a question that is none.
func TestStates(t *testing.T) {
	for _, portal := range portals() {
		t.Run("of "+portal, func(t *testing.T) {
			t.Parallel()
			b := open(t, portal, views[1])
			for _, s := range web.Screens() {
				for _, address := range s.Tries {
					path, _, asks := strings.Cut(address, "?")
					if s.Portal != portal || path != s.Path && !strings.HasSuffix(path, "/nobody") || path == s.Path && !asks {
						continue // made for the tests that have an API of their own
					}
					t.Run(url.PathEscape(address), func(t *testing.T) {
						b.t = t
						status := b.visit(address)
						b.expects = status
						if status >= 500 {
							t.Fatalf("answered %d", status)
						}
						b.look(views[1], address)
						b.quiet(t)
					})
				}
			}
			b.t = t
		})
	}
}

// TestForbidden opens what is another portal's, and what is nobody's.
func TestForbidden(t *testing.T) {
	t.Parallel()
	b := open(t, "client", views[0])
	for _, address := range []string{"/provider", "/accountant/invoices", "/developer/events"} {
		b.get(address)
		b.await("the sign-in", `location.pathname === "/login"`) // a session of the client's portal is none of another
	}
	if status := b.visit("/leads/nobody/at/all"); status != 404 {
		t.Errorf("an address that is none answered %d", status)
	}
	b.expects = 404
	b.look(views[0], "/nobody")
	b.quiet(t)

	// An analyst is let into the provider's portal, and not to the clients' escalations.
	analyst := account{"analyst@e2e.example", "analysts-analyse"}
	app.ask(t, app.client(t, "provider"), "provider", "POST", "/api/v2/users", map[string]any{"email": analyst.email, "name": "Ann Analyst", "role": "analyst", "password": analyst.password}, nil)
	b = open(t, "", views[1])
	b.enter(app.signIn(t, analyst))
	b.get("/provider")
	if status := b.visit("/provider/escalations"); status != 403 {
		t.Errorf("the escalations are shown to an analyst: %d", status)
	}
	b.expects = 403
	b.look(views[1], "/forbidden")
	b.quiet(t)
}

// TestLoading has a form answered late: its button says that it is busy, and pressing it again sends nothing more.
func TestLoading(t *testing.T) {
	t.Parallel()
	b := person(t, "client", views[0])
	release := b.holdForms()
	b.get("/leads?source=loading")
	b.press("n")
	b.await("the form", `document.querySelector("dialog[open] [data-form]")`)
	b.press("Slow Answer")
	b.tabTo("Source")
	b.press("loading")
	b.tabTo("E-mail")
	b.press("slow@loading.example")
	b.press(kb.Enter)
	const busy = `document.querySelector("dialog[open] button[type=submit]")?.ariaBusy === "true"`
	b.await("the busy button", busy)
	b.accessible("a form that is sent", everything)
	if !eval[bool](b, "busy still", busy) {
		t.Error("the button is free before the answer is there")
	}
	b.press(kb.Enter)
	release()
	b.reach("/leads/[0-9a-f-]+")
	b.get("/leads?source=loading")
	if rows := eval[int](b, "rows", `document.querySelectorAll("tbody tr").length`); rows != 1 {
		t.Errorf("the form was done %d times", rows)
	}
	b.quiet(t)
}

// holdForms has every form of the pages that the tab opens from now on wait until it is released; a page that is open already may send one
// by a way that is not watched. Chromiums differ in how a slow line is asked of them, and not in this.
func (b *tab) holdForms() (release func()) {
	b.t.Helper()
	released := make(chan struct{})
	b.must("watch requests", chromedp.Listen(b.ctx, func(event any) {
		if paused, ok := event.(*fetch.EventRequestPaused); ok {
			go func() {
				if paused.Request.Method == "POST" {
					select {
					case <-released:
					case <-b.ctx.Done():
					}
				}
				_, _ = chromedp.Call(b.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: paused.RequestID}) // the tab may be gone
			}()
		}
	}))
	_, err := chromedp.Call(b.ctx, fetch.Enable, fetch.EnableParams{})
	b.must("hold forms", err)
	return func() { close(released) }
}

// naughty are names that break pages which take text for anything else.
var naughty = []string{
	`<script>document.title="broken"</script>`, `"><img src=x onerror=alert(1)>`, `{{7*7}} ${7*7} %s`, strings.Repeat("W", 150), "\u202Egnirts eht tsrever", "👩‍👩‍👧‍👦 é́́́ ﷽", "' OR 1=1 --", "../../etc/passwd",
}

// TestNaughtyStrings gives records texts that nobody should, and reads them on a phone, on their pages and in lists.
func TestNaughtyStrings(t *testing.T) {
	clients, books, staff := app.client(t, "client"), app.client(t, "accountant"), app.client(t, "provider")
	var desk struct {
		Items []struct{ ID, TenantID string }
	}
	app.ask(t, staff, "provider", "GET", "/api/v2/escalations?status=in_progress&limit=1", nil, &desk)
	var made madeRecord
	for _, c := range []struct {
		portal, list string
		give         func(t *testing.T, i int, text string) (address string)
	}{
		{"client", "/leads?source=e2e", func(t *testing.T, i int, text string) string {
			app.ask(t, clients, "client", "POST", "/api/v2/leads", map[string]any{"name": text, "company": text, "source": "e2e", "email": fmt.Sprintf("naughty%d@e2e.example", i)}, &made)
			return "/leads/" + made.ID
		}},
		{"accountant", "/accountant/invoices", func(t *testing.T, i int, text string) string {
			app.ask(t, clients, "client", "POST", "/api/v2/organizations", map[string]any{"name": fmt.Sprint(i, text)}, &made)
			app.ask(t, books, "accountant", "POST", "/api/v2/invoices", map[string]any{"organizationId": made.ID, "currency": "EUR",
				"lines": []any{map[string]any{"description": text, "quantity": 1, "unitAmount": 100, "taxRatePercent": 0}}}, &made)
			return "/accountant/invoices/" + made.ID
		}},
		{"provider", "/provider/escalations?view=board", func(t *testing.T, _ int, text string) string {
			one := desk.Items[0]
			app.ask(t, staff, "provider", "POST", "/api/v2/escalations/"+one.ID+"/comment", map[string]any{"text": text}, nil, one.TenantID)
			return "/provider/escalations/" + one.ID + "?tenantId=" + one.TenantID
		}},
		{"developer", "/developer/events", func(_ *testing.T, _ int, text string) string {
			return "/developer/events?stream=" + url.QueryEscape(text)
		}},
	} {
		t.Run(c.portal, func(t *testing.T) {
			t.Parallel()
			b := open(t, c.portal, views[1])
			for i, text := range naughty {
				b.expects = b.visit(c.give(t, i, text)) // a filter may be refused
				if b.expects >= 500 {
					t.Errorf("%q: %d", text, b.expects)
				}
				shown := strings.Join(strings.Fields(text), " ")
				if got := strings.Join(strings.Fields(eval[string](b, "text", `document.querySelector("main").textContent + " " + [...document.querySelectorAll("main input")].map(i => i.value).join(" ")`)), " "); !strings.Contains(got, shown) {
					t.Errorf("%q is not shown", text)
				}
				b.narrow()
				b.accessible(strconv.Quote(text), everything)
				b.quiet(t)
			}
			b.get(c.list)
			b.look(views[1], c.list+"-naughty")
			b.quiet(t)
		})
	}
}
