package theme

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestContrastIsThatOfWCAG(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"000000", "ffffff", 21}, {"ffffff", "ffffff", 1}, {"777777", "ffffff", 4.48}, {"ff0000", "ffffff", 4.00}, {"0000ff", "000000", 2.44}} {
		if got := contrast(parse(c.a), parse(c.b)); math.Abs(got-c.want) > 0.005 {
			t.Errorf("%s on %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

// TestEveryPairHasItsContrast names each pair of each theme that cannot be read or seen.
func TestEveryPairHasItsContrast(t *testing.T) {
	count := 0
	for _, theme := range All {
		for _, p := range theme.pairs() {
			count++
			if ratio := theme.ratio(p); ratio < p.least {
				t.Errorf("%s: %s %s on %s %s is %.2f, and must be %.1f", theme.ID, p.fore, theme.Value(p.fore), p.back, theme.Value(p.back), ratio, p.least)
			}
		}
		if low, least := theme.Lowest(), theme.least(); low < least {
			t.Errorf("%s: its lowest contrast %.1f is below %.1f", theme.ID, low, least)
		}
	}
	if want := 15 * 72; count < want {
		t.Errorf("%d pairs were looked at, not %d", count, want)
	}
}

func TestFifteenThemesInThreeCategories(t *testing.T) {
	names, categories := map[string]bool{}, map[string]int{}
	for _, theme := range All {
		names[theme.ID], names[theme.Name] = true, true
		categories[theme.Category]++
		pair := Named(theme.Pair)
		if pair == nil || pair.Dark == theme.Dark {
			t.Errorf("%s: its pair %q is no theme of the other kind", theme.ID, theme.Pair)
		}
		if dark := parse(theme.Value("bg")[1:]).luminance() < 0.2; dark != theme.Dark {
			t.Errorf("%s: says that it is dark: %v", theme.ID, theme.Dark)
		}
		if theme.Words == "" || !slices.Contains([]string{Compact, Cozy, Roomy}, theme.Density) {
			t.Errorf("%s: %q, %q", theme.ID, theme.Words, theme.Density)
		}
	}
	if len(All) != 15 || len(names) != 30 || !maps.Equal(categories, map[string]int{Professional: 5, Night: 5, Signature: 5}) {
		t.Errorf("%d themes, %d names, %v", len(All), len(names), categories)
	}
}

var (
	rule     = regexp.MustCompile(`([^{};]+)\{([^{}]*)\}`)
	property = regexp.MustCompile(`--([a-z0-9-]+):`)
)

// TestEveryThemeHasEveryKey reads the style sheet as a browser does: what one theme sets, each sets.
func TestEveryThemeHasEveryKey(t *testing.T) {
	keys := map[string][]string{}
	for _, found := range rule.FindAllStringSubmatch(CSS(), -1) {
		if selector := strings.TrimSpace(found[1]); strings.Contains(selector, "data-palette") || strings.Contains(selector, "data-night") {
			for _, name := range property.FindAllStringSubmatch(found[2], -1) {
				keys[selector] = append(keys[selector], name[1])
			}
			for declaration := range strings.SplitSeq(found[2], ";") {
				if _, value, ok := strings.Cut(declaration, ":"); !ok || value == "" {
					t.Errorf("%s: %q has no value", selector, declaration)
				}
			}
		}
	}
	first := keys[":root,[data-palette=ledger]"]
	if len(first) < 50 {
		t.Fatalf("the default theme has %d keys: %v", len(first), first)
	}
	for _, theme := range All {
		for _, selector := range []string{"[data-palette=" + theme.ID + "]", "[data-night=" + theme.ID + "]"} {
			if theme.ID != "ledger" && strings.Contains(selector, "palette") || theme.Dark && strings.Contains(selector, "night") {
				if !slices.Equal(keys[selector], first) {
					t.Errorf("%s sets %v, the default theme %v", selector, keys[selector], first)
				}
			}
		}
	}
	for key := range strings.FieldsSeq(`bg surface surface-2 surface-3 border border-strong text text-muted primary on-primary primary-text
		primary-soft on-primary-soft success on-success success-text success-soft on-success-soft warning danger info focus chart-1 chart-8
		chart-grid chart-axis scrim shadow-1 shadow-2 shadow-3 radius-s radius-m radius-l font-ui font-num font-mono`) {
		if !slices.Contains(first, key) {
			t.Errorf("no theme has %q", key)
		}
	}
}

// seen is how people see a colour, by Machado and others (2009), at full severity.
var seen = map[string][9]float64{
	"everybody":  {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"protanopia": {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
	"deuteran":   {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	"tritanopia": {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
}

// TestSeriesStayApart measures every two colours of series as four kinds of people see them, in OKLab.
func TestSeriesStayApart(t *testing.T) {
	for _, theme := range []string{"ledger", "midnight"} {
		for who, matrix := range seen {
			for i := range 8 {
				for j := range i {
					a, b := fmt.Sprintf("chart-%d", i+1), fmt.Sprintf("chart-%d", j+1)
					x, y := oklab(parse(Named(theme).Value(a)[1:]), matrix), oklab(parse(Named(theme).Value(b)[1:]), matrix)
					distance := 100 * math.Hypot(math.Hypot(x[0]-y[0], x[1]-y[1]), x[2]-y[2])
					if distance < 10 {
						t.Errorf("%s, %s: %s and %s are %.1f apart, and must be 10", theme, who, a, b, distance)
					}
				}
			}
		}
	}
}

func oklab(c colour, m [9]float64) [3]float64 {
	linear := func(part uint8) float64 { return colour{r: part}.luminance() / 0.2126 }
	r, g, b := linear(c.r), linear(c.g), linear(c.b)
	clamp := func(v float64) float64 { return min(1, max(0, v)) }
	r, g, b = clamp(m[0]*r+m[1]*g+m[2]*b), clamp(m[3]*r+m[4]*g+m[5]*b), clamp(m[6]*r+m[7]*g+m[8]*b)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	n := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return [3]float64{0.2104542553*l + 0.7936177850*n - 0.0040720468*s, 1.9779984951*l - 2.4285922050*n + 0.4505937099*s, 0.0259040371*l + 0.7827717662*n - 0.8086757660*s}
}

func TestLook(t *testing.T) {
	for _, c := range []struct{ theme, mode, palette, night, scheme string }{
		{"harbor", "auto", "harbor", "tide", "light dark"}, {"tide", "auto", "harbor", "tide", "light dark"}, {"tide", "dark", "tide", "", "dark"},
		{"tide", "light", "harbor", "", "light"}, {"harbor", "dark", "tide", "", "dark"}, {"harbor", "light", "harbor", "", "light"},
		{"terminal", "light", "sandstone", "", "light"}, {"nonsense", "auto", "ledger", "midnight", "light dark"},
	} {
		l := Look{Theme: c.theme, Mode: c.mode}
		if l.Palette() != c.palette || l.Night() != c.night || l.Scheme() != c.scheme {
			t.Errorf("%s, %s: shows %s, at night %q, scheme %s", c.theme, c.mode, l.Palette(), l.Night(), l.Scheme())
		}
	}
}
