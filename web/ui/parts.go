package ui

import "time"

// Tab is one of several views of the same thing, each at an address of its own.
type Tab struct {
	Address, Title string
	Count          string // of what it holds; empty where that is of no matter
	Current        bool
}

// Entry is one thing that happened.
type Entry struct {
	At          time.Time
	Title, Text string
	Actor       string
	Tone        Tone
	Then        string // address of the page as it stood just after; empty where there is none
	Current     bool   // the page is as of then
	Later       bool   // it had not happened yet, as of when the page is
}

// Moments is the way through what was at each of a record's events, the oldest first and now last.
type Moments struct {
	Label string
	Steps []Entry
	Now   string // address of the page as it stands now
	Past  bool   // the page stands as it was
}

// Note is something that is said in passing. It stays until who reads it takes it away: nothing runs out while it is read.
type Note struct {
	Tone    Tone
	Text    string
	Undo    string // address of what takes back what was done; empty where nothing does
	Dismiss string // address of the page without it
}

// Modal is a dialog. Its button opens it without scripts, and where the browser does not know how, leads to its address.
type Modal struct {
	ID, Title, Text string
	Open            string // what its button says
	Action          string // where its answer is sent
	Confirm         string // what the answer is called
	Danger          bool   // it cannot be taken back: Cancel has the focus
}
