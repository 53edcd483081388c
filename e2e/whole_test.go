//go:build whole

package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/streamflow/streamflow/web/theme"
)

// whole says that everything is tested, and not only what is quick.
const whole = true

// TestThemes shows every screen in every theme, and judges its colours.
func TestThemes(t *testing.T) {
	for _, portal := range portals() {
		all := addresses(t, portal)
		t.Run("of "+portal, func(t *testing.T) {
			t.Parallel()
			b := open(t, portal, views[0])
			for _, address := range all {
				t.Run(url.PathEscape(address), func(t *testing.T) {
					b.t = t
					b.get(address)
					for _, th := range theme.All {
						mode := "light"
						if th.Dark {
							mode = "dark"
						}
						// The same attributes that the server writes for somebody who chose the theme.
						shown := eval[string](b, "theme", fmt.Sprintf(`(() => {
							const d = document.documentElement.dataset;
							delete d.night;
							Object.assign(d, {theme: %q, palette: %q, mode: %q, density: %q});
							return getComputedStyle(document.documentElement).getPropertyValue("--surface").trim();
						})()`, th.ID, th.ID, mode, th.Density))
						if want := th.Value("surface"); shown != want {
							t.Fatalf("%s shows the surface %s, not its %s", th.ID, shown, want)
						}
						b.accessible(th.ID, colours)
						if address == all[0] || strings.Count(address, "/") == 1 {
							b.shoot("theme-" + th.ID + address)
						}
					}
				})
			}
			b.t = t
		})
	}
}

// TestWithoutScripts adds a lead, edits it and takes a step, in a browser that runs no script.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	b := open(t, "", views[0])
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.must("scripts off", err)
	who := app.accounts["client"]
	submit := func(form string) {
		t.Helper()
		ctx, end := b.within()
		defer end()
		_, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(form+" button[type=submit]")))
		b.must("send "+form, err)
	}
	b.get("/login")
	b.do("sign in", chromedp.SendKeys(chromedp.CSS("#email"), who.email), chromedp.SendKeys(chromedp.CSS("#password"), who.password))
	submit("form.stack")
	b.get("/leads/new")
	b.do("name", chromedp.SendKeys(chromedp.CSS("#lead-name"), "Mary Jackson"), chromedp.SendKeys(chromedp.CSS("#lead-email"), "none"))
	submit("[data-form] form")
	b.do("what is wrong", chromedp.WaitVisible(chromedp.CSS("#lead-summary")))
	b.do("e-mail", chromedp.SetValue(chromedp.CSS("#lead-email"), "mary@orbits.example"))
	submit("[data-form] form")
	b.do("the lead", chromedp.WaitVisible(chromedp.CSS(".toast.good, .toast.success, .toast")))
	ctx, end := b.within()
	defer end()
	title, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("h1")))
	b.must("title", err)
	if !strings.Contains(title, "Mary Jackson") {
		t.Errorf("the lead is called %q", title)
	}
	submit(".steps-of form") // contacted
	title, err = chromedp.Run(ctx, chromedp.Text(chromedp.CSS("h1")))
	b.must("title", err)
	if !strings.Contains(title, "Contacted") {
		t.Errorf("after the step the lead is %q", title)
	}
}

// TestFilterByKeys finds leads by what they are called.
func TestFilterByKeys(t *testing.T) {
	t.Parallel()
	b := person(t, "client", views[0])
	b.press("g", "l")
	b.reach("/leads")
	b.press("/")
	b.await("the search", `document.activeElement.type === "search"`)
	b.press("hopper", kb.Enter)
	b.await("the one lead", `document.readyState === "complete" && location.search.includes("q=hopper") && document.querySelectorAll("tbody tr").length === 1 && document.querySelector("tbody").textContent.includes("Grace Hopper")`)
	b.tabTo("Grace Hopper") // the box of the row
	b.tabTo("Grace Hopper") // and what leads to her page
	b.press(kb.Enter)
	b.reach("/leads/[0-9a-f-]+")
	b.quiet(t)
}

// TestRebuildByKeys has a read model built anew, and watches it to the end.
func TestRebuildByKeys(t *testing.T) {
	t.Parallel()
	b := person(t, "developer", views[0])
	b.palette("projections")
	b.reach("/developer/projections")
	b.tabTo("Rebuild")
	b.press(kb.Enter)
	b.await("the question", `document.querySelector("dialog[open] [data-form]")`)
	b.tabTo("Rebuild")
	b.press(kb.Enter)
	b.told("The rebuild has begun.")
	b.await("its end", `document.querySelector("main").textContent.includes("Rebuilt from")`)
	b.quiet(t)
}

// TestInvoiceByKeys issues a draft, and records a payment.
func TestInvoiceByKeys(t *testing.T) {
	t.Parallel()
	b := person(t, "accountant", views[0])
	b.palette("invoices")
	b.reach("/accountant/invoices")
	b.tabTo("Issue")
	b.press(kb.Enter)
	b.await("the question", `document.querySelector("dialog[open] [data-form]")`)
	b.accessible("a step", everything)
	b.tabTo("Issue invoice")
	b.press(kb.Enter)
	b.told("The invoice was issued under the next number.")
	b.tabTo("Record payment")
	b.press(kb.Enter)
	b.await("the question", `document.querySelector("dialog[open] [data-form]")`)
	b.tabTo("Record payment")
	b.press(kb.Enter)
	b.told("The payment was recorded.")
	b.quiet(t)
}
