package web

import (
	"strconv"
	"time"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/web/ui"
)

// deadline is what is due of an escalation, and how long there is until then.
type deadline struct {
	does string // what is to be done by then; empty where nothing is due
	left time.Duration
	soon bool // most of the time has gone
}

// dueOf is what is due of an escalation, as of a time.
func dueOf(s escalation.State, now time.Time) deadline {
	at := s.Due()
	if at.IsZero() {
		return deadline{}
	}
	respond, resolve := escalation.Deadlines(s.Severity, time.Time{}.Add(time.Hour), false)
	d, whole := deadline{does: "Resolve", left: at.Sub(now)}, resolve.Sub(time.Time{}.Add(time.Hour))
	if s.Status == escalation.StatusOpen {
		d.does, whole = "Answer", respond.Sub(time.Time{}.Add(time.Hour))
	}
	d.soon = d.left < whole/4
	return d
}

// words are like "Answer in 12 min" and "Resolve overdue by 3 h 5 min".
func (d deadline) words() string {
	switch {
	case d.does == "":
		return ""
	case d.left < 0:
		return d.does + " overdue by " + span(-d.left)
	}
	return d.does + " in " + span(d.left)
}

// tone marks what cannot wait.
func (d deadline) tone() ui.Tone {
	switch {
	case d.does == "":
		return ui.Neutral
	case d.left < 0:
		return ui.Danger
	case d.soon:
		return ui.Warning
	}
	return ui.Neutral
}

func (d deadline) cell() ui.Cell { return ui.Cell{Text: d.words(), Tone: d.tone()} }

// span is a length of time in its two largest units.
func span(d time.Duration) string {
	const day, still = 24 * time.Hour, "\u00a0" // a line does not break in it
	two := func(large int64, unit string, small int64, of string) string {
		text := strconv.FormatInt(large, 10) + still + unit
		if small > 0 {
			text += still + strconv.FormatInt(small, 10) + still + of
		}
		return text
	}
	switch minutes := int64(d / time.Minute); {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return two(minutes, "min", 0, "")
	case d < day:
		return two(minutes/60, "h", minutes%60, "min")
	case d < 2*day:
		return two(1, "day", minutes/60-24, "h")
	default:
		return two(int64(d/day), "days", minutes/60%24, "h")
	}
}
