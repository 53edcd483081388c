package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
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
	if f := b.focused(); f.Name != "Name" {
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

// TestCardByKeys carries a card over the board: two columns on, not back from there, one further, and from there back to the first.
func TestCardByKeys(t *testing.T) {
	t.Parallel()
	b := person(t, "provider", views[0])
	b.palette("escalations")
	b.reach("/provider/escalations")
	b.tabTo("Board")
	b.press(kb.Enter)
	b.await("the board", `document.readyState === "complete" && "boards" in document.documentElement.dataset`)

	const card = "Truck 17 sends no position"
	b.tabTo("Carry " + card)
	carry := func(key string, columns int, said, column string) {
		b.press(" ")
		b.told("lifted from")
		for range columns {
			b.press(key)
		}
		b.press(" ")
		b.told(said)
		b.await("the card in "+column, fmt.Sprintf(`document.querySelector('[data-title="%s"] .cards')?.textContent.includes(%q)`, column, card))
		if f := b.focused(); f.Name != "Carry "+card {
			t.Errorf("the focus went to %q", f.Name)
		}
	}
	carry(kb.ArrowRight, 2, "Moved to In progress.", "In progress")
	carry(kb.ArrowLeft, 1, "Not moved.", "In progress")
	b.expects = 409 // that step
	b.quiet(t)
	carry(kb.ArrowRight, 1, "Moved to Resolved.", "Resolved")
	carry(kb.ArrowLeft, 3, "Moved to Open.", "Open")
	b.accessible("the board", everything)
	b.quiet(t)
}

// TestImportByKeys sends a file, says what a column means, sees what the file comes to, imports it and takes it back; the page follows by
// itself. What was taken back is restored from the list of what is archived.
func TestImportByKeys(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "fair.csv")
	if err := os.WriteFile(file, []byte("Full name,Firm,E-Mail\nChristine Darden,Orbits,christine@orbits.example\nNobody,,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := person(t, "client", views[0])
	b.palette("import leads")
	b.reach("/leads/import")
	b.do("choose the file", chromedp.SetUploadFiles(chromedp.CSS("#upload-file"), []string{file}))
	b.tabTo("Look at the file")
	b.press(kb.Enter)
	b.reach("/leads/import/[0-9a-f-]+")
	b.await("what it comes to", `/2 rows: 1 would be imported/.test(document.querySelector("#outcome-said")?.textContent)`)
	b.accessible("an import", everything)

	b.tabTo("Firm")
	b.press("Company")
	b.tabTo("Look again")
	b.press(kb.Enter)
	b.await("the company", `document.querySelector("#mapping-column-1")?.value === "company" && document.querySelector("#run")`)
	b.tabTo("Import 1 lead")
	b.press(kb.Enter)
	b.await("the report", `/2 rows: 1 imported, 0 there already, 1 rejected/.test(document.querySelector("#outcome-said")?.textContent)`)
	b.accessible("a report", everything)
	report := eval[string](b, "where it is", `location.pathname`)
	b.tabTo("Show the newest leads")
	b.press(kb.Enter)
	b.await("the lead", `document.readyState === "complete" && [...document.querySelectorAll("main tbody tr")].some((row) => /Christine Darden/.test(row.textContent) && /Orbits/.test(row.textContent))`)

	b.get(report)
	b.tabTo("Take back")
	b.press(kb.Enter)
	b.await("the question", `document.querySelector("dialog[open] [data-form]")`)
	b.accessible("the question", everything)
	b.tabTo("Take back")
	b.press(kb.Enter)
	b.await("what was taken back", `/1 lead taken back, 0 not taken back/.test(document.querySelector("#outcome-said")?.textContent)`)
	b.accessible("what was taken back", everything)
	b.tabTo("Show the archived leads")
	b.press(kb.Enter)
	b.await("the archived lead", `document.readyState === "complete" && /archived=true/.test(location.search) && /Christine Darden/.test(document.querySelector("main tbody")?.textContent)`)
	b.accessible("archived leads", everything)
	b.tabTo("Restore Christine Darden")
	b.press(kb.Enter)
	b.told("The lead was restored.")
	b.quiet(t)
}
