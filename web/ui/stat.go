package ui

import (
	"fmt"
	"time"
)

// Stat is one figure as text: what it is called, what it is, and when it held.
type Stat struct {
	Name, Title string     // Name is its public name, and the id of its tile
	Href        string     // address of what it is made of; empty where it is of nothing
	Tone        Tone       // of how something is; its value says it too
	Values      []Quantity // none: unknown
	Note        string     // "n of m", or why there is no value
	Share       string     // a ratio in per cent, to be drawn; empty for everything else
	Source      string     // log or gauge
	At          time.Time
}

// Quantity is a number with its unit.
type Quantity struct{ Number, Unit string }

// Portion is a part of a sum: so many, and what they come to.
type Portion struct {
	Title, Address, Note string
	Values               []Quantity
	Tone                 Tone
}

// Breakdown is a sum and the parts that it is made of.
type Breakdown struct {
	ID, Title, Note string
	Portions        []Portion
	Total           Portion
}

// Moment is a time for people, in the zone that the whole product speaks.
func Moment(t time.Time) string {
	t = t.UTC()
	return fmt.Sprintf("%s %s UTC", t.Format("2 Jan 2006,"), t.Format("15:04:05"))
}

// Hour is the same without its day, where the page says that elsewhere.
func Hour(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// minute is when a tile held: as short as it can be, because each of them says it. Its title has the rest.
func minute(t time.Time) string { return t.UTC().Format("15:04") + " UTC" }
