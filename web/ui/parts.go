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
