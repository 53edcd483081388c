package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)*time.Millisecond)
	}
	for _, c := range []struct {
		of   []time.Duration
		p    float64
		want float64
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7 * time.Millisecond}, 0.99, 7},
		{hundred, 0, 1},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	} {
		if got := percentile(slices.Clone(c.of), c.p); got != c.want {
			t.Errorf("the %v percentile of %d latencies is %v ms, want %v", c.p, len(c.of), got, c.want)
		}
	}
}

func TestMedianAndRound(t *testing.T) {
	if m := median([]float64{9, 1, 5}); m != 5 {
		t.Errorf("median of three: %v", m)
	}
	if m := median([]float64{9, 1, 5, 7}); m != 6 {
		t.Errorf("median of four: %v", m)
	}
	for v, want := range map[float64]float64{0: 0, 12345.6: 12350, 0.00123456: 0.001235, -98765: -98770} {
		if got := round(v); got != want {
			t.Errorf("round(%v) is %v, want %v", v, got, want)
		}
	}
}

// A ratio is better the higher it is, for rates and for times.
func TestCompare(t *testing.T) {
	turn := func(rate int, latency time.Duration) sample {
		return sample{events: rate, seconds: 1, latencies: []time.Duration{latency}}
	}
	ms := time.Millisecond
	both := turns{ours: []sample{turn(300, 2*ms), turn(100, 6*ms), turn(200, 4*ms)}, limit: []sample{turn(100, 4*ms), turn(100, 3*ms), turn(100, 4*ms)}}
	if r := both.rate("r", 1.5); r.Value != 200 || r.Limit != 100 || r.Ratio != 2 || r.Min != 100 || r.Max != 300 || r.Target != 1.5 {
		t.Errorf("rates: %+v", r)
	}
	if r := both.latency("l", 0.99); r.Value != 4 || r.Limit != 4 || r.Ratio != 1 {
		t.Errorf("latencies: %+v", r)
	}
	var of results
	of.atMost("m", 75, "MiB", 150, "")
	if of[0].Ratio != 2 || of[0].Limit != 150 {
		t.Errorf("at most: %+v", of[0])
	}
}

func TestJSONHasTheNamedFields(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	var of results
	of.add(result{Name: "follow_lost", Unit: "events", Ratio: 1, Target: 1})
	of.add(result{Name: "append_1", Value: 1234.56, Unit: "events/s", Limit: 1500, Ratio: 0.82304, Target: 0.7})
	if err := of.write(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var read []map[string]any
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	for i, one := range read {
		for _, field := range []string{"name", "value", "unit", "limit", "ratio"} {
			if _, ok := one[field]; !ok {
				t.Errorf("%v has no %s", one, field)
			}
		}
		if one["name"] != of[i].Name || one["value"] != of[i].Value {
			t.Errorf("wrote %+v, read %v", of[i], one)
		}
	}
	if read[1]["value"] != 1235. || read[1]["ratio"] != 0.823 {
		t.Errorf("not rounded: %v", read[1])
	}
	if err := (results{}).write(path); err != nil {
		t.Fatal(err)
	}
	if raw, _ := os.ReadFile(path); strings.TrimSpace(string(raw)) != "[]" {
		t.Errorf("no results are %s, want an empty list", raw)
	}
}

func TestTableSaysWhatWasMissed(t *testing.T) {
	var out bytes.Buffer
	results{{Name: "a", Value: 1, Ratio: 0.5, Target: 0.7}, {Name: "b", Value: 2, Ratio: 0.8, Target: 0.7}, {Name: "c", Value: 3}}.print(&out)
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"MISSED", "ok", ""} {
		if line := lines[i+1]; strings.Contains(line, "MISSED") != (want == "MISSED") || strings.Contains(line, "ok") != (want == "ok") {
			t.Errorf("want %q in %q", want, line)
		}
	}
}

func TestChoose(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != len(jobs) {
		t.Errorf("all: %d jobs, %v", len(all), err)
	}
	some, err := choose("visible_p99,append_64_p99,append_64")
	if err != nil || len(some) != 2 || some[0].names[0] != "append_64" {
		t.Errorf("some: %v, %v", some, err)
	}
	if _, err := choose("append_64,fast"); err == nil || !strings.Contains(err.Error(), "fast") {
		t.Errorf("an unknown name: %v", err)
	}
	seen := map[string]bool{}
	for _, j := range jobs {
		for _, name := range j.names {
			if seen[name] {
				t.Errorf("two jobs measure %s", name)
			}
			seen[name] = true
		}
	}
	for _, name := range []string{"append_1", "append_64", "append_512", "hot_32", "append_guarded", "append_bulk", "relay", "project_live", "rebuild", "visible_p50", "visible_p99", "follow_lost"} {
		if !seen[name] {
			t.Errorf("nothing measures %s", name)
		}
	}
}

func TestEventIsWhatTheLogStores(t *testing.T) {
	q := newQualified(rand.New(rand.NewPCG(1, 1)))
	stored, err := jsonv2.Marshal(q, jsonv2.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	if string(stored) != q.json() || len(stored) != eventBytes {
		t.Errorf("the log would store %d bytes\n%s\nthe raw limit %d\n%s", len(stored), stored, len(q.json()), q.json())
	}
}

func TestClosedLoopEndsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	s, err := closedLoop(t.Context(), []call{
		func(context.Context) (int, error) { return 0, broken },
		func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
	}, time.Hour)
	if !errors.Is(err, broken) || s.events != 0 {
		t.Errorf("%d events, %v", s.events, err)
	}
}

func TestClosedLoopCountsEventsAndCalls(t *testing.T) {
	s, err := closedLoop(t.Context(), []call{func(context.Context) (int, error) { return 3, nil }, func(context.Context) (int, error) { return 3, nil }}, time.Millisecond)
	if err != nil || s.events != 3*len(s.latencies) || s.events == 0 {
		t.Errorf("%d events in %d calls, %v", s.events, len(s.latencies), err)
	}
}

func TestWritersWalkThroughStreamsOfTen(t *testing.T) {
	w := newSupply().writer(1)
	for i := range 25 {
		if i%10 == 0 {
			last := w.stream
			if before := w.next(10); before != 0 || w.stream == last {
				t.Fatalf("append %d: version %d of %s", i, before, w.stream)
			}
		} else if before := w.next(10); before != i%10*10 {
			t.Fatalf("append %d: version %d, want %d", i, before, i%10*10)
		}
	}
}

func TestFillIsWhatTheDomainDecides(t *testing.T) {
	m := mix{random: rand.New(rand.NewPCG(1, 1))}
	a, err := m.append(fillStart)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, w := range a.Writes {
		for _, f := range w.Facts {
			seen[f.Type()]++
		}
	}
	for _, typ := range []string{"lead.created", "lead.converted", "invoice.issued", "invoice.payment_received"} {
		if seen[typ] == 0 {
			t.Errorf("no %s in %v", typ, seen)
		}
	}
}

// What a process and those it started use is counted, also after they ended.
func TestProcessTicksCountChildren(t *testing.T) {
	if busyTicks() == 0 {
		t.Log("this system has no /proc: CPU figures are 0 here")
		return
	}
	if residentMB(os.Getpid()) < 1 || processTicks(-1) != 0 {
		t.Error("this process holds no memory, or one that is not there has used time")
	}
	before := processTicks(os.Getpid())
	child := exec.Command("sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	used := (child.ProcessState.UserTime() + child.ProcessState.SystemTime()).Seconds() * ticksPerSecond
	if got := processTicks(os.Getpid()) - before; got < used-2 { // user and system time are each cut to a tick
		t.Errorf("a child used %.1f ticks, %.1f were counted", used, got)
	}
}
