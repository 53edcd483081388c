package theme

import (
	"fmt"
	"math"
	"slices"
)

// colour is one of sRGB.
type colour struct{ r, g, b uint8 }

// parse reads six hexadecimal digits, and panics where there are none: a table of this package is wrong.
func parse(hex string) colour {
	var c colour
	if n, err := fmt.Sscanf(hex, "%02x%02x%02x", &c.r, &c.g, &c.b); n != 3 || err != nil || len(hex) != 6 {
		panic("not a colour: " + hex)
	}
	return c
}

func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// mix is a with a part of b, from 0 to 1.
func mix(a, b colour, part float64) colour {
	blend := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*part)) }
	return colour{blend(a.r, b.r), blend(a.g, b.g), blend(a.b, b.b)}
}

// contrast is the ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2, from 0 to 1.
func (c colour) luminance() float64 {
	linear := func(part uint8) float64 {
		v := float64(part) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// pair is two tokens that meet on a page, and the contrast that they need.
type pair struct {
	fore, back string
	least      float64
	text       bool // read, not only seen
}

var families = []string{"primary", "success", "warning", "danger", "info"}

// pairs are all that meet: text on every ground, what is written on filled and on tinted areas, controls and the focus ring
// against every ground, and areas and series against those that they lie on.
func (t Theme) pairs() []pair {
	text, control := t.least(), 3.0
	if t.AAA {
		control = 4.5
	}
	grounds := []string{"bg", "surface", "surface-2", "surface-3"}
	var all []pair
	add := func(fore string, least float64, read bool, backs ...string) {
		for _, back := range backs {
			all = append(all, pair{fore, back, least, read})
		}
	}
	add("text", text, true, grounds...)
	add("text-muted", text, true, grounds...)
	for _, f := range families {
		add(f+"-text", text, true, grounds...)
		add("on-"+f, text, true, f)
		add("on-"+f+"-soft", text, true, f+"-soft")
		add(f, 3, false, grounds[:2]...)
	}
	add("border-strong", control, false, grounds...)
	add("focus", 3, false, grounds...)
	for i := range chartsLight {
		add(fmt.Sprintf("chart-%d", i+1), 3, false, grounds[:2]...)
	}
	return all
}

func (t Theme) ratio(p pair) float64 {
	return contrast(parse(t.Value(p.fore)[1:]), parse(t.Value(p.back)[1:]))
}

// Lowest is the least contrast of any text of the theme on what it may stand on, to one decimal, rounded down.
func (t Theme) Lowest() float64 {
	var ratios []float64
	for _, p := range t.pairs() {
		if p.text {
			ratios = append(ratios, t.ratio(p))
		}
	}
	return math.Floor(slices.Min(ratios)*10) / 10
}
