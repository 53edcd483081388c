package e2e

import (
	"fmt"
	"os"
	"sync"

	"github.com/chromedp/chromedp"
)

// What axe is asked for: all that it knows of the guidelines and of good practice, or what depends on colours alone.
const (
	everything = `{runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}, resultTypes: ["violations"]}`
	colours    = `{runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}, resultTypes: ["violations"]}`
)

var axe = sync.OnceValues(func() (string, error) {
	script, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		return "", fmt.Errorf("axe-core is not installed: run npm ci in e2e, or make e2e: %w", err)
	}
	return string(script), nil
})

// accessible fails where axe finds fault with the page as it is now.
func (b *tab) accessible(when, what string) {
	b.t.Helper()
	for _, fault := range b.violations(what) {
		b.t.Errorf("%s: axe: %s", when, fault)
	}
}

func (b *tab) violations(what string) []string {
	b.t.Helper()
	if !eval[bool](b, "axe", `"axe" in window`) {
		script, err := axe()
		b.must("axe", err)
		b.do("axe", chromedp.Evaluate[chromedp.Void](script))
	}
	return eval[[]string](b, "axe", `axe.run(document, `+what+`).then(r => r.violations.map(v =>
		[v.id + ": " + v.help, ...v.nodes.slice(0, 4).map(n => n.target.join(" ") + ": " + n.failureSummary)].join("\n\t")))`)
}
