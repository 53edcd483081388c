package theme

import (
	_ "embed"
	"strings"
)

//go:embed icon.svg
var icon []byte

// Icon is the mark of the product. A browser's tab knows no custom properties, and so its colours are its own.
func Icon() []byte { return icon }

// The axes that hold for every theme: sizes, and how fast things move.
const axes = `
:root{--text-xs:.75rem;--text-s:.8125rem;--text-m:.875rem;--text-l:1rem;--text-xl:1.25rem;--text-2xl:1.5rem;--text-3xl:2rem;
--space-1:4px;--space-2:8px;--space-3:12px;--space-4:16px;--space-5:24px;--space-6:32px;--space-7:48px;--motion-1:120ms;--motion-2:240ms}
:root,[data-density=cozy]{--row:38px;--control:36px;--pad:16px}
[data-density=compact]{--row:30px;--control:30px;--pad:12px}
[data-density=roomy]{--row:46px;--control:44px;--pad:20px}
@media (pointer:coarse){:root,[data-density]{--control:44px}}
@media (prefers-reduced-motion:reduce){:root{--motion-1:0ms;--motion-2:0ms}}
[data-motion=reduced]{--motion-1:0ms;--motion-2:0ms}
`

// CSS is the style sheet of all themes. The page says which hold: data-palette names the one that is shown, and data-night,
// where the system decides between light and dark, the one that is shown in the dark. So no script is needed, and no
// other theme is ever seen.
func CSS() string {
	var b strings.Builder
	block := func(selector string, t *Theme) {
		scheme := "light"
		if t.Dark {
			scheme = "dark"
		}
		b.WriteString(selector + "{color-scheme:" + scheme)
		for _, token := range t.tokens {
			b.WriteString(";--" + token.Name + ":" + token.Value)
		}
		b.WriteString("}\n")
	}
	for i := range All {
		selector := "[data-palette=" + All[i].ID + "]"
		if i == 0 {
			selector = ":root," + selector
		}
		block(selector, &All[i])
	}
	b.WriteString("@media (prefers-color-scheme:dark){\n")
	for i := range All {
		if All[i].Dark {
			block("[data-night="+All[i].ID+"]", &All[i])
		}
	}
	// Who asks the system for more contrast, and left the choice to it, gets all there is.
	b.WriteString("}\n@media (prefers-contrast:more){\n")
	block("[data-night]", Named("beacon-light"))
	b.WriteString("}\n@media (prefers-contrast:more) and (prefers-color-scheme:dark){\n")
	block("[data-night]", Named("beacon-dark"))
	b.WriteString("}" + axes)
	return b.String()
}
