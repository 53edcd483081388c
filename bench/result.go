package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one figure. Ratio compares it with Limit such that more is better: value/limit of rates, limit/value of times
// and sizes. Where rounds were interleaved it is the median of the rounds' ratios, so not exactly the ratio of the medians.
type result struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Limit  float64 `json:"limit"`            // what it is compared with: measured in the same run, or a fixed goal
	Ratio  float64 `json:"ratio"`            // 0: nothing to compare with
	Target float64 `json:"target,omitempty"` // the ratio that is asked for; 0: none is
	Min    float64 `json:"min,omitempty"`    // over the rounds
	Max    float64 `json:"max,omitempty"`
	Other  float64 `json:"other"` // cores that other work used meanwhile: above 0.3 the figures are doubtful
	Note   string  `json:"note,omitempty"`
}

type results []result

// add takes a figure in, rounded to four digits.
func (r *results) add(one result) {
	for _, v := range []*float64{&one.Value, &one.Limit, &one.Ratio, &one.Min, &one.Max} {
		*v = round(*v)
	}
	*r = append(*r, one)
}

// atMost adds a figure that should not be above a goal.
func (r *results) atMost(name string, value float64, unit string, goal float64, note string) {
	r.add(result{Name: name, Value: value, Unit: unit, Limit: goal, Ratio: goal / value, Target: 1, Note: note})
}

func (r results) write(path string) error {
	text, err := json.MarshalIndent(append(results{}, r...), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func (r results) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight) // but the last column
	fmt.Fprintln(w, "name\tvalue\tmin–max\tunit\tagainst\tratio\ttarget\t\tother\t  note")
	for _, one := range r {
		spread, against, ratio, target, verdict := "", "", "", "", ""
		if one.Max > 0 {
			spread = number(one.Min) + "–" + number(one.Max)
		}
		if one.Ratio > 0 {
			against, ratio = number(one.Limit), fmt.Sprintf("%.2f", one.Ratio)
		}
		if one.Target > 0 {
			target, verdict = fmt.Sprintf("≥ %.2f", one.Target), "ok"
			if one.Ratio < one.Target {
				verdict = "MISSED"
			}
		}
		fmt.Fprintln(w, strings.Join([]string{one.Name, number(one.Value), spread, one.Unit, against, ratio, target, verdict,
			fmt.Sprintf("%.2f", one.Other), "  " + one.Note}, "\t"))
	}
	_ = w.Flush() // standard output
}

func number(v float64) string {
	switch {
	case v == math.Trunc(v), math.Abs(v) >= 1000:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// round keeps four significant digits: more would claim a precision that a run of seconds does not have.
func round(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// percentile is the smallest latency that at least the share p of all do not exceed, in ms. It sorts its argument.
func percentile(latencies []time.Duration, p float64) float64 {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	rank := int(math.Ceil(p * float64(len(latencies))))
	return ms(latencies[max(rank, 1)-1])
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func minimum(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Min(values)
}

func maximum(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Max(values)
}
