// Package charts draws series on the server, as SVG whose colours are those of the theme: a page that changes its theme
// draws nothing anew. Axes are text of the page, and so as large on a phone as anywhere. Beside each chart is a table of the
// same numbers, for who cannot see it and for who wants to know exactly.
//
//nolint:godoclint // templ writes its version where a second package comment would stand
package charts

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/web/ui"
)

// maxSeries is how many a chart shows: more than eight colours nobody tells apart.
const maxSeries = 8

// maxLabels is how many labels stand below a chart before they run into each other.
const maxLabels = 8

// The size of the drawing, in its own units; a page stretches it.
const (
	width  = 1000
	height = 400
)

// Kind is how the numbers are drawn.
type Kind string

// The kinds.
const (
	Bars  Kind = "bars"  // side by side
	Lines Kind = "lines" // over time
)

// Chart is some series over the same labels.
type Chart struct {
	ID, Title string
	Kind      Kind
	Unit      string // of every number
	Of        string // what the labels are: "Month"
	Labels    []string
	Series    []Series // at most eight are drawn
}

// Series is one row of numbers. Not a number is a gap.
type Series struct {
	Name   string
	Values []float64
}

func (c Chart) series() []Series { return c.Series[:min(len(c.Series), maxSeries)] }

// value is the number at a label.
func (s Series) value(i int) float64 {
	if i >= len(s.Values) || math.IsInf(s.Values[i], 0) {
		return math.NaN()
	}
	return s.Values[i]
}

// scale is what the vertical axis begins and ends with, and the steps between.
type scale struct{ low, high, step float64 }

// scale has zero in it: a bar that does not begin there tells a lie.
func (c Chart) scale() scale {
	low, high := 0.0, 0.0
	for _, s := range c.series() {
		for i := range c.Labels {
			if v := s.value(i); !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if high == low {
		high = low + 1
	}
	step := niceStep((high - low) / 4)
	return scale{math.Floor(low/step) * step, math.Ceil(high/step) * step, step}
}

// niceStep is 1, 2 or 5 times a power of ten, and not below the one given.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, nice := range []float64{1, 2, 5, 10} {
		if nice*power >= least*0.999 {
			return nice * power
		}
	}
	return 10 * power
}

// ticks are the steps from the top to the bottom.
func (s scale) ticks() []string {
	var all []string
	for i := math.Round((s.high - s.low) / s.step); i >= 0; i-- {
		all = append(all, short(s.low+i*s.step))
	}
	return all
}

// y is where a value stands, from the top.
func (s scale) y(v float64) float64 { return height * (s.high - v) / (s.high - s.low) }

// short writes a number for an axis, where there is little room.
func short(v float64) string {
	for _, unit := range []struct {
		from float64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.from {
			return plain(v/unit.from, 2) + unit.name
		}
	}
	return plain(v, 3)
}

func plain(v float64, places int) string {
	text := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	return ui.Grouped(text)
}

// exact writes a number for the table.
func exact(v float64) string {
	if math.IsNaN(v) {
		return "—"
	}
	return plain(v, 6)
}

// bar is one rectangle.
type bar struct{ class, x, y, width, height string }

func (c Chart) bars() []bar {
	scale, all := c.scale(), []bar(nil)
	band := float64(width) / float64(max(1, len(c.Labels)))
	each := band * 0.72 / float64(max(1, len(c.series())))
	for i := range c.Labels {
		for j, s := range c.series() {
			v := s.value(i)
			if math.IsNaN(v) {
				continue
			}
			top, bottom := scale.y(max(v, 0)), scale.y(min(v, 0))
			all = append(all, bar{class(j), number(band*(float64(i)+0.14) + each*float64(j)), number(top), number(each * 0.92), number(bottom - top)})
		}
	}
	return all
}

// path is a series as a line, in the middle of each label's band, and broken at gaps.
func (c Chart) path(s Series) string {
	scale, band := c.scale(), float64(width)/float64(max(1, len(c.Labels)))
	var b strings.Builder
	next := "M"
	for i := range c.Labels {
		v := s.value(i)
		if math.IsNaN(v) {
			next = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%s %s", next, number(band*(float64(i)+0.5)), number(scale.y(v)))
		next = "L"
	}
	return b.String()
}

var point = regexp.MustCompile(`[ML]([^ML]+)`)

// dots are the points of a line, as lines of no length: they stay round however the drawing is stretched.
func (c Chart) dots(s Series) string {
	return point.ReplaceAllString(c.path(s), "M${1}h0")
}

// shown are the labels below a chart; of many only some, and the others' places stay empty.
func (c Chart) shown() []string {
	every := (len(c.Labels) + maxLabels - 1) / maxLabels
	all := slices.Clone(c.Labels)
	for i := range all {
		if i%every != 0 {
			all[i] = ""
		}
	}
	return all
}

// words say what a chart shows, for who cannot see it.
func (c Chart) words() string {
	var parts []string
	for _, s := range c.series() {
		low, high := -1, -1
		for i := range c.Labels {
			v := s.value(i)
			if math.IsNaN(v) {
				continue
			}
			if low < 0 || v < s.value(low) {
				low = i
			}
			if high < 0 || v > s.value(high) {
				high = i
			}
		}
		if low < 0 {
			parts = append(parts, s.Name+": no values")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: from %s in %s to %s in %s", s.Name, exact(s.value(low)), c.Labels[low], exact(s.value(high)), c.Labels[high]))
	}
	text := strings.Join(parts, ". ")
	if c.Unit != "" {
		text += ". In " + c.Unit
	}
	return text + "."
}

func class(i int) string { return "series-" + strconv.Itoa(i+1) }

func number(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
