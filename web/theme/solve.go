package theme

import (
	"fmt"
	"strings"
)

const (
	sans = `Inter, -apple-system, "Segoe UI", Roboto, Ubuntu, "Noto Sans", Arial, system-ui, sans-serif`
	mono = `ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", Consolas, monospace`
)

// The black and the white that text on a strong colour has.
var (
	ink   = parse("0b0d12")
	white = parse("ffffff")
	black = parse("000000")
)

// The statuses, besides primary. Each begins with these colours, for light themes and for dark ones: of a filled area,
// of text, and of a tinted area. A theme's own are as near to them as its contrast allows.
var statuses = []struct{ name, light, dark string }{
	{"success", "01873d 007634 dcf4e0", "61cb7c 61cb7c 15311c"},
	{"warning", "b67703 8e5b01 fcead4", "fcb452 fcb452 39260b"}, //nolint:dupword // colours
	{"danger", "cc3336 c2272d fee7e4", "ff645f ff645f 461b19"},  //nolint:dupword // colours
	{"info", "0079b3 036b9e dcf0fe", "52b5f4 52b5f4 132d3e"},
}

// The colours of series. Every two of them stay apart for people who see fewer colours, which a test measures; moved to
// suit one theme they would not.
var (
	chartsLight = strings.Fields("003499 b33602 077564 592855 3a96ac b28407 830108 8b5ae5")
	chartsDark  = strings.Fields("2d6ff9 f79104 5ac5a4 a46b9a 75efff fedd05 e13703 bb95fe")
)

// finish solves what the entries leave open.
func finish(table []Theme) []Theme {
	for i := range table {
		table[i].solve()
	}
	return table
}

func (t *Theme) solve() {
	values := strings.Fields(t.colours)
	if len(values) != len(core) {
		panic(fmt.Sprintf("theme %s has %d colours, not %d", t.ID, len(values), len(core)))
	}
	own := map[string]colour{}
	for i, name := range core {
		own[name] = parse(values[i])
		t.set(name, own[name].String())
	}
	grounds := []colour{own["bg"], own["surface"], own["surface-2"], own["surface-3"]}
	tint := 0.10
	if t.Dark {
		tint = 0.18
	}
	primarySoft := mix(own["surface"], own["primary"], tint)
	t.set("primary-soft", primarySoft.String())
	t.set("on-primary-soft", t.readable(own["primary-text"], primarySoft).String())
	for _, s := range statuses {
		from := strings.Fields(s.light)
		if t.Dark {
			from = strings.Fields(s.dark)
		}
		on, fill := t.filled(parse(from[0]), grounds[:2])
		text, tinted := t.readable(parse(from[1]), grounds...), parse(from[2])
		t.set(s.name, fill.String())
		t.set("on-"+s.name, on.String())
		t.set(s.name+"-text", text.String())
		t.set(s.name+"-soft", tinted.String())
		t.set("on-"+s.name+"-soft", t.readable(text, tinted).String())
	}
	charts := chartsLight
	if t.Dark {
		charts = chartsDark
	}
	for i, value := range charts {
		t.set(fmt.Sprintf("chart-%d", i+1), "#"+value)
	}
	t.set("chart-grid", own["border"].String())
	t.set("chart-axis", own["text-muted"].String())
	t.shape(own["text"])
}

// shape is all that is no colour of its own: shadows, corners and fonts.
func (t *Theme) shape(text colour) {
	shade, strengths := text, [4]int{45, 7, 11, 20}
	if t.Dark {
		shade, strengths = black, [4]int{65, 40, 50, 60}
	}
	cast := func(geometry string, percent int) string {
		return fmt.Sprintf("%s rgb(%d %d %d/%d%%)", geometry, shade.r, shade.g, shade.b, percent)
	}
	t.set("scrim", strings.TrimSpace(cast("", strengths[0])))
	t.set("shadow-1", cast("0 1px 2px", strengths[1]))
	t.set("shadow-2", cast("0 4px 14px", strengths[2]))
	t.set("shadow-3", cast("0 18px 48px", strengths[3]))
	for i, value := range strings.Fields(t.radii) {
		t.set([]string{"radius-s", "radius-m", "radius-l"}[i], value)
	}
	if t.font == "" {
		t.font = sans
	}
	t.set("font-ui", t.font)
	t.set("font-num", t.font)
	t.set("font-mono", mono)
}

func (t *Theme) set(name, value string) { t.tokens = append(t.tokens, Token{name, value}) }

func (t *Theme) least() float64 {
	if t.AAA {
		return 7
	}
	return 4.5
}

// away is the end of the scale that a colour moves to for more contrast with the theme's grounds.
func (t *Theme) away() colour {
	if t.Dark {
		return white
	}
	return black
}

// readable is the colour, or the nearest one towards the theme's dark or light end that can be read on all of the grounds.
func (t *Theme) readable(c colour, grounds ...colour) colour {
	return toward(c, t.away(), func(c colour) bool {
		for _, g := range grounds {
			if contrast(c, g) < t.least() {
				return false
			}
		}
		return true
	})
}

// filled is the colour of an area that stands out from its grounds, and of what is written on it.
func (t *Theme) filled(c colour, grounds []colour) (on, fill colour) {
	on = ink
	if !t.Dark && contrast(ink, c) < t.least() {
		on = white
	}
	return on, toward(c, t.away(), func(c colour) bool {
		for _, g := range grounds {
			if contrast(c, g) < 3 {
				return false
			}
		}
		return contrast(on, c) >= t.least()
	})
}

// toward moves a colour to an end, no further than needed.
func toward(c, end colour, enough func(colour) bool) colour {
	for step := range 101 {
		if moved := mix(c, end, float64(step)/100); enough(moved) {
			return moved
		}
	}
	return end
}
