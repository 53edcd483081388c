package e2e

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestLeadByKeys signs in, goes to the leads, adds one, edits and converts it, and changes the theme: all without a mouse.
func TestLeadByKeys(t *testing.T) {
	t.Parallel()
	b := person(t, "client", views[0])

	b.withControl("k")
	b.await("the palette", `document.querySelector("#palette[open]")`)
	b.accessible("the palette", everything)
	b.press("leads", kb.Enter)
	b.reach("/leads")

	b.press("n")
	b.await("the form", `document.querySelector("dialog[open] [data-form]")`)
	if f := b.focused(); f.Name != "Name optional" {
		t.Errorf("the form begins at %q", f.Name)
	}
	b.accessible("a form", everything)
	b.press("Katherine Johnson")
	b.tabTo("E-mail")
	b.press("no address", kb.Enter)
	b.await("what is wrong", `document.querySelector("dialog[open] [role=alert]") === document.activeElement`)
	b.accessible("a form with errors", everything)
	b.tabTo("E-mail: ")
	b.press(kb.Enter)
	b.await("the field", `document.activeElement.name === "email"`)
	b.replace("katherine@orbits.example")
	b.press(kb.Enter)
	b.reach("/leads/[0-9a-f-]+")
	b.told("The lead was added.")

	b.tabTo("More to do with Katherine Johnson")
	b.press(kb.Enter)
	b.await("the menu", `document.querySelector("[popover]:popover-open")`)
	b.accessible("a menu", everything)
	b.tabTo("Edit")
	b.press(kb.Enter)
	b.await("the form", `document.querySelector("dialog[open] [data-form]")`)
	b.tabTo("Company")
	b.press("Orbits Ltd", kb.Enter)
	b.told("The lead was saved.")
	b.await("the company", `document.querySelector("main").textContent.includes("Orbits Ltd")`)

	b.tabTo("More to do with Katherine Johnson")
	b.press(kb.Enter)
	b.tabTo("Convert")
	b.press(kb.Enter)
	b.await("the question", `document.querySelector("dialog[open] [data-form]")`)
	b.tabTo("Convert lead")
	b.press(kb.Enter)
	b.await("the conversion", `document.readyState === "complete" && /Converted/.test(document.querySelector("h1")?.textContent)`)

	b.palette("theme: harbor")
	b.await("the theme", `document.readyState === "complete" && document.documentElement.dataset.theme === "harbor"`)
	b.expects = 422 // the form that was refused
	b.quiet(t)
}
