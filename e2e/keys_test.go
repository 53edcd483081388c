package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// mostTabs is how often Tab is pressed before what is looked for is taken to be out of reach.
const mostTabs = 90

// press presses keys one after another, or types a text.
func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		switch {
		case key == kb.Enter:
			b.stroke("Enter", "\r", 13)
		case len(key) == 1 && key[0] >= ' ':
			b.stroke(key, key, int64(strings.ToUpper(key)[0]))
		default:
			b.do("press "+strconv.Quote(key), chromedp.KeyEvent(key))
		}
	}
}

// stroke is one key as one event. As two, its letter would go to the field that the key moved the focus to.
func (b *tab) stroke(key, text string, code int64) {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	stroke := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: text, UnmodifiedText: text, WindowsVirtualKeyCode: code}
	_, err := chromedp.Call(ctx, input.DispatchKeyEvent, stroke)
	b.must("press "+key, err)
	stroke.Type, stroke.Text, stroke.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
	_, err = chromedp.Call(ctx, input.DispatchKeyEvent, stroke)
	b.must("press "+key, err)
}

// withControl presses a key together with Control.
func (b *tab) withControl(key string) {
	b.t.Helper()
	b.do("press Control+"+key, chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// replace types over what a field holds.
func (b *tab) replace(text string) {
	b.t.Helper()
	// Control+A comes from the system of the person, which a browser without a window has none of: the command is sent with it.
	selected := func(p *input.DispatchKeyEventParams) { p.Commands = []string{"selectAll"} }
	b.do("select all", chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl), selected))
	b.press(text)
}

// focus is what has it, as somebody sees and hears it.
type focus struct {
	Name    string
	Nothing bool // the page as a whole
	Unseen  string
}

func (b *tab) focused() focus {
	b.t.Helper()
	return eval[focus](b, "focus", `(() => {
		const e = document.activeElement;
		if (!e || e === document.body || e === document.documentElement) return {Name: "", Nothing: true, Unseen: ""};
		const words = s => (s ?? "").replace(/\s+/g, " ").trim();
		const named = (e.getAttribute("aria-labelledby") ?? "").split(" ").map(id => document.getElementById(id)?.textContent ?? "").join(" ");
		const name = words(e.ariaLabel || named || (e.labels?.length ? e.labels[0].textContent : "") || e.textContent);
		const style = getComputedStyle(e), ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
		const r = e.getBoundingClientRect(), x = Math.max(0, r.left) + Math.min(r.width, innerWidth) / 2;
		const y = Math.min(Math.max(r.top, 0) + Math.min(r.height, innerHeight) / 2, r.top + r.height / 2 > innerHeight ? innerHeight + 1 : innerHeight - 1);
		const top = document.elementFromPoint(x, y);
		let unseen = "";
		// The button inside a date's field has the focus where the field itself shows none, and Chromium draws the ring.
		if (!ring && !(/date/.test(e.type) && !e.matches(":focus-visible"))) unseen = "shows no focus";
		else if (!top || !(e.contains(top) || top.contains(e) || [...(e.labels ?? [])].some(l => l.contains(top)))) unseen = "is covered by " + (top ? top.outerHTML.slice(0, 100) : "the window's edge");
		return {Name: name, Nothing: false, Unseen: unseen};
	})()`)
}

// tabTo presses Tab until what bears the name has the focus, and fails where the focus cannot be seen on the way.
func (b *tab) tabTo(name string) {
	b.t.Helper()
	var passed []string
	for range mostTabs {
		b.press(kb.Tab)
		f := b.focused()
		if f.Nothing { // past the end: the browser's own controls
			continue
		}
		if f.Unseen != "" {
			b.t.Errorf("on the way to %q: %q %s", name, f.Name, f.Unseen)
		}
		if strings.HasPrefix(f.Name, name) {
			return
		}
		passed = append(passed, f.Name)
	}
	b.t.Fatalf("no Tab leads to %q; it passed %q", name, passed)
}

// await waits until a page says that something is so. A page that is being left is asked again.
func (b *tab) await(what, condition string) {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	var last error
	for ctx.Err() == nil {
		so, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`Boolean(`+condition+`)`))
		if so {
			return
		}
		last = err
		time.Sleep(20 * time.Millisecond)
	}
	where, _ := chromedp.Run(b.ctx, chromedp.Location())
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`(document.querySelector("dialog[open]") ?? document.querySelector("main"))?.innerText.slice(0, 1000) ?? ""`))
	b.shoot("failed-" + b.t.Name())
	b.t.Fatalf("waited in vain for %s, on %s (%v), with the focus on %+v:\n%s", what, where, last, b.focused(), text)
}

// reach waits until a page is there whose path a regular expression matches.
func (b *tab) reach(path string) {
	b.t.Helper()
	b.await("the page "+path, fmt.Sprintf(`document.readyState === "complete" && new RegExp(%q).test(location.pathname)`, "^"+path+"$"))
}

// told waits until the page tells what was done.
func (b *tab) told(text string) {
	b.t.Helper()
	b.await("the note "+text, fmt.Sprintf(`document.readyState === "complete" && [...document.querySelectorAll("[role=status], [role=alert]")].some(e => e.textContent.includes(%q))`, text))
}

// person opens a portal and signs in to it by keys.
func person(t *testing.T, portal string, v view) *tab {
	t.Helper()
	b := open(t, "", v)
	who := app.accounts[portal]
	b.get("/login")
	b.await("the first field", `document.activeElement.id === "email"`) // a browser sets it with the next frame
	b.press(who.email)
	b.tabTo("Password")
	b.press(who.password, kb.Enter)
	b.await("the portal", `document.readyState === "complete" && document.body.dataset.portal === `+strconv.Quote(portal))
	return b
}

// palette goes to what the palette finds for some words.
func (b *tab) palette(words string) {
	b.t.Helper()
	b.withControl("k")
	b.await("the palette", `document.querySelector("#palette[open]")`)
	b.press(words, kb.Enter)
}
