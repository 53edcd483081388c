package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFaultsAreSeen breaks a page in every way that the other tests look for, and wants each to be told.
func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	b := open(t, "client", views[1])
	for _, c := range []struct{ name, script, told string }{
		{"a console error", `console.error("broken")`, "console: "},
		{"an exception", `setTimeout(() => { throw new Error("broken") })`, "exception: "},
		{"a promise that nobody waits for", `void Promise.reject(new Error("broken"))`, "exception: "},
		{"an inline script", `document.body.append(Object.assign(document.createElement("script"), {textContent: "1"}))`, "Content Security Policy"},
		{"an inline style", `document.body.setAttribute("style", "color: red")`, "Content Security Policy"},
		{"another origin", `void fetch("http://localhost:9/").catch(() => 0)`, "Content Security Policy"},
		{"a link to another origin", `location.assign("http://localhost:9/")`, "request to another origin"},
		{"a file that is not there", `void fetch("/assets/none.js")`, "status of 404"},
	} {
		b.get("/leads")
		if found := b.noted(); len(found) > 0 {
			t.Errorf("%s: the page was at fault before: %q", c.name, found)
		}
		eval[bool](b, c.name, `(() => { `+c.script+`; return true })()`)
		var found []string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && !strings.Contains(fmt.Sprint(found), c.told); time.Sleep(10 * time.Millisecond) {
			found = append(found, b.noted()...)
		}
		if !strings.Contains(fmt.Sprint(found), c.told) {
			t.Errorf("%s was not seen: %q", c.name, found)
		}
		if strings.Contains(c.script, "location.assign") { // it is on its way there yet, and would take the next page for its own
			b.await("the end of "+c.name, `location.protocol === "chrome-error:"`)
		}
	}

	b.get("/leads")
	eval[bool](b, "break it", `(() => {
		const p = document.querySelector("main").appendChild(document.createElement("p"));
		p.textContent = "hardly read"; p.style.color = "#cccccc"; p.style.width = "900px";
		document.querySelector("main").appendChild(document.createElement("img"));
		return true;
	})()`)
	for what, want := range map[string]string{everything: "image-alt", colours: "color-contrast"} {
		if found := b.violations(what); !strings.Contains(fmt.Sprint(found), want) {
			t.Errorf("%s was not seen: %q", want, found)
		}
	}
	if len(b.tooWide()) == 0 {
		t.Error("a page of 900 pixels was not seen on a phone")
	}
}
