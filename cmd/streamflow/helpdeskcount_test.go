package main

import (
	"strconv"
	"strings"
	"testing"
)

// deskCount is what a help desk's log says, counted from its text alone.
type deskCount struct {
	cases int64
	// events are how often each fact has to be in the log.
	events map[string]int64
	// last are the cases by the status that they ended in.
	last map[string]int64
	// turns are how many more cases were open after a day, by days since 1970-01-01.
	turns map[int64]int64
}

// openOn is how many cases were open at the end of a day.
func (c deskCount) openOn(day int64) int64 {
	var n int64
	for d, delta := range c.turns {
		if d <= day {
			n += delta
		}
	}
	return n
}

// step is how far an activity brings a case: 1 acknowledged, 2 in progress, 3 resolved, 4 closed; 0 is a remark.
func step(activity string) int {
	switch activity {
	case "Assign seriousness":
		return 1
	case "Take in charge ticket":
		return 2
	case "Resolve ticket":
		return 3
	case "Closed":
		return 4
	}
	return 0
}

var stepNames = [...]string{"open", "acknowledged", "in_progress", "resolved", "closed"}

func countDesk(t *testing.T, path string) deskCount {
	t.Helper()
	columns, rows := table(t, path)
	c := deskCount{events: map[string]int64{}, last: map[string]int64{}, turns: map[int64]int64{}}
	at := map[string]int{} // where each case stands
	for _, cells := range rows {
		id, activity, when := cells[columns["Case ID"]], cells[columns["Activity"]], cells[columns["Complete Timestamp"]]
		day := dayOfStamp(t, when)
		before, known := at[id]
		if !known {
			c.cases++
			c.events["escalation.opened"]++
			c.turns[day]++
		}
		now := step(activity)
		switch {
		case activity == "Wait":
			c.events["escalation.waiting"]++
			now = before
		case now == 0, now < before && before < 3:
			c.events["escalation.commented"]++
			now = before
		case now == before:
		case now < before:
			c.events["escalation.reopened"]++
			c.turns[day]++
			before = 0
			fallthrough
		default:
			c.events[[...]string{"", "escalation.acknowledged", "escalation.started", "escalation.resolved", "escalation.closed"}[now]]++
			if before < 3 && now >= 3 {
				c.turns[day]--
			}
		}
		at[id] = now
	}
	for _, n := range at {
		c.last[stepNames[n]]++
	}
	return c
}

// dayOfStamp reads year/month/day and whatever follows a space.
func dayOfStamp(t *testing.T, text string) int64 {
	t.Helper()
	date, _, _ := strings.Cut(text, " ")
	parts := strings.Split(date, "/")
	var n [3]int64
	for i := range n {
		v, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n[i] = v
	}
	day, ok := dayOf(n[0], n[1], n[2])
	if !ok {
		t.Fatalf("%q is no day", text)
	}
	return day
}
