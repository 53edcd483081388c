package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	barWidth = 30 // characters
	barEvery = 200 * time.Millisecond
)

// progressBar tells on a terminal how far long work is, with its speed and what is left. Elsewhere it is silent.
type progressBar struct {
	out          io.Writer // nil: silent
	begun, drawn time.Time
}

func newProgressBar(out io.Writer, quiet bool) *progressBar {
	if quiet || !isTerminal(out) {
		out = nil
	}
	return &progressBar{out: out, begun: time.Now()}
}

// show draws the bar, now and then and at the end.
func (b *progressBar) show(done, total int64) {
	if b.out == nil || total == 0 || done < total && time.Since(b.drawn) < barEvery {
		return
	}
	b.drawn = time.Now()
	rate := float64(done) / max(time.Since(b.begun).Seconds(), 0.001)
	filled := int(barWidth * done / total)
	fmt.Fprintf(b.out, "\r[%s%s] %3d%%  %d of %d events, %.0f/s, %.0f s left \x1b[K", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled),
		100*done/total, done, total, rate, float64(total-done)/max(rate, 1))
}

// end leaves the line.
func (b *progressBar) end() {
	if b.out != nil && !b.drawn.IsZero() {
		fmt.Fprintln(b.out)
	}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
