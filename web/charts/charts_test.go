package charts

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestAnAxisHasZeroAndRoundSteps(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []string
	}{
		{[]float64{120, 215}, []string{"300", "200", "100", "0"}},
		{[]float64{-1200, 3100}, []string{"4k", "2k", "0", "−2k"}},
		{[]float64{-3, -9}, []string{"0", "−5", "−10"}},
		{[]float64{0, 0}, []string{"1", "0.5", "0"}},
		{[]float64{0.004}, []string{"0.004", "0.003", "0.002", "0.001", "0"}},
		{[]float64{2.4e9}, []string{"3B", "2B", "1B", "0"}},
		{[]float64{math.NaN(), math.Inf(1)}, []string{"1", "0.5", "0"}},
		{nil, []string{"1", "0.5", "0"}},
	} {
		chart := Chart{Labels: make([]string, len(c.values)), Series: []Series{{Values: c.values}}}
		if got := chart.scale().ticks(); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

// TestBarsStandOnZero: each is as high as its value says, above zero or below it, and none runs into another.
func TestBarsStandOnZero(t *testing.T) {
	c := Chart{Labels: []string{"a", "b", "c"}, Series: []Series{{Values: []float64{10, -5, math.NaN()}}, {Values: []float64{20, 5}}}}
	zero, unit, right := c.scale().y(0), height/(c.scale().high-c.scale().low), 0.0
	bars := c.bars()
	if len(bars) != 4 {
		t.Fatalf("%d bars", len(bars))
	}
	for i, want := range []float64{10, 20, -5, 5} {
		x, y, w, h := float(t, bars[i].x), float(t, bars[i].y), float(t, bars[i].width), float(t, bars[i].height)
		top := zero - max(want, 0)*unit
		if math.Abs(h-math.Abs(want)*unit) > 0.11 || math.Abs(y-top) > 0.11 || x < right-0.11 || x+w > width {
			t.Errorf("%v: %+v", want, bars[i])
		}
		right = x + w
	}
}

func TestALineIsBrokenAtGaps(t *testing.T) {
	c := Chart{Labels: []string{"a", "b", "c", "d"}, Series: []Series{{Name: "S", Values: []float64{0, 10, math.NaN(), 5}}}}
	if got := c.path(c.Series[0]); got != "M125 400L375 0M875 200" {
		t.Errorf("path %s", got)
	}
	if got := c.dots(c.Series[0]); got != "M125 400h0M375 0h0M875 200h0" {
		t.Errorf("dots %s", got)
	}
}

func TestDraw(t *testing.T) {
	c := Chart{ID: "c", Title: "<Revenue>", Kind: Lines, Unit: "USD", Of: "Month", Labels: []string{"Jan", "Feb"}, Series: []Series{{"A", []float64{1234.5, 7}}, {"B", []float64{2}}, {"None", nil}}}
	got := render(t, c)
	for _, want := range []string{
		"&lt;Revenue&gt;", `role="img" aria-label="A: from 7 in Feb to 1,234.5 in Jan. B: from 2 in Jan to 2 in Jan. None: no values. In USD."`, `<th scope="row">Jan</th>`,
		`data-label="A">1,234.5</td>`, `data-label="B">—</td>`, "Show as a table", `class="series-3"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	for range 10 {
		c.Series = append(c.Series, Series{"more", []float64{1}})
	}
	if got := render(t, c); strings.Contains(got, "series-9") {
		t.Error("more series than there are colours")
	}
	c.Kind = Bars
	for _, odd := range []Chart{c, {}, {Kind: Bars}, {Kind: Lines, Labels: []string{"a"}}, {Kind: Bars, Labels: []string{"a"}, Series: []Series{{Values: []float64{1, 2, 3}}}}} {
		if got := render(t, odd); strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
			t.Errorf("%s", got)
		}
	}
	many := Chart{Labels: make([]string, 31)}
	for i := range many.Labels {
		many.Labels[i] = strconv.Itoa(i + 1)
	}
	if n := len(slices.DeleteFunc(many.shown(), func(l string) bool { return l == "" })); n > maxLabels {
		t.Errorf("%d labels below one chart", n)
	}
}

func render(t *testing.T, c Chart) string {
	t.Helper()
	var b strings.Builder
	if err := Draw(c).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func float(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
