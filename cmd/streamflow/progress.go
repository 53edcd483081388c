package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	barWidth = 30 // characters
	barEvery = 200 * time.Millisecond
)

// progress tells on a terminal how far long work is, with its speed and, where the end is known, what is left. Elsewhere it is
// silent.
type progress struct {
	out    io.Writer // nil: silent
	things string    // what is counted
	begun  time.Time

	mu    sync.Mutex
	added int64
	drawn time.Time
}

func newProgress(out io.Writer, quiet bool, things string) *progress {
	if quiet || !isTerminal(out) {
		out = nil
	}
	return &progress{out: out, things: things, begun: time.Now()}
}

// add counts more of what has no known end.
func (p *progress) add(n int64) {
	p.mu.Lock()
	p.added += n
	done := p.added
	p.mu.Unlock()
	p.show(done, 0)
}

// show draws how much of a total is done, now and then and at the end. A total of 0 is not known.
func (p *progress) show(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil || (total == 0 || done < total) && time.Since(p.drawn) < barEvery {
		return
	}
	p.drawn = time.Now()
	rate := float64(done) / max(time.Since(p.begun).Seconds(), 0.001)
	if total == 0 {
		fmt.Fprintf(p.out, "\r%d %s, %.0f/s \x1b[K", done, p.things, rate)
		return
	}
	filled := int(barWidth * done / total)
	fmt.Fprintf(p.out, "\r[%s%s] %3d%%  %d of %d %s, %.0f/s, %.0f s left \x1b[K", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled),
		100*done/total, done, total, p.things, rate, float64(total-done)/max(rate, 1))
}

// end leaves the line. Calling it again does nothing.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil && !p.drawn.IsZero() {
		fmt.Fprintln(p.out)
	}
	p.drawn = time.Time{}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
