// Package contact decides what may happen to a person in a tenant's CRM. The
// data subject of a contact that came from a lead is the lead's.
package contact

import (
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain"
)

// Category is the stream category and the first part of every event type.
const Category = "contact"

// Stream is the name of a contact's stream.
func Stream(id string) string { return Category + "-" + id }

// Details are the fields that a person edits.
type Details struct {
	Name           string         `json:"name" personal:"subject"`
	Email          string         `json:"email,omitempty" personal:"subject"`
	Phone          string         `json:"phone,omitempty" personal:"subject"`
	Title          string         `json:"title,omitempty"`
	OrganizationID string         `json:"organizationId,omitempty"`
	Primary        bool           `json:"primary,omitempty"`
	OwnerID        string         `json:"ownerId,omitempty"`
	Tags           []string       `json:"tags,omitempty"`
	Custom         map[string]any `json:"custom,omitempty"`
}

// State is a contact as its events left it.
type State struct {
	// Subject is the person, across lead, contact and merge.
	Subject string `json:"subject"`
	Details
	CreatedOn domain.Date `json:"createdOn"`
	Archived  bool        `json:"archived"`
	// MergedInto is the winner when this contact lost a merge.
	MergedInto string `json:"mergedInto,omitempty"`
	// Merged are the losers that went into this contact.
	Merged []Loser `json:"merged,omitempty"`
}

// Loser is a contact that was merged into another one. Its subject is kept
// because erasing the winner has to erase the loser too.
type Loser struct {
	LoserID      string   `json:"loserId"`
	LoserSubject string   `json:"loserSubject,omitempty"`
	Filled       []string `json:"filled,omitempty"`
}

// Event is a fact about a contact.
type Event interface {
	Type() string
	Evolve(State) State
}

// Created is the fact that the person became known. LeadID is the lead that was
// converted, if one was.
type Created struct {
	Subject string `json:"subject"`
	Details
	LeadID    string      `json:"leadId,omitempty"`
	CreatedOn domain.Date `json:"createdOn"`
}

// Type names the event.
func (Created) Type() string { return "contact.created" }

// Evolve starts the contact.
func (e Created) Evolve(s State) State {
	s.Subject, s.Details, s.CreatedOn = e.Subject, e.Details, e.CreatedOn
	return s
}

// Effective is UTC midnight of the day of creation.
func (e Created) Effective() time.Time { return e.CreatedOn.Time() }

// Updated is the fact that fields were edited; it carries all of them as they
// are now, and the names of those that changed.
type Updated struct {
	Subject string `json:"subject"`
	Details
	Changed              []string `json:"changed"`
	OrganizationIDBefore string   `json:"organizationIdBefore,omitempty"`
}

// Type names the event.
func (Updated) Type() string { return "contact.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	s.Details = e.Details
	return s
}

// Archived is the fact that the contact was put away.
type Archived struct{}

// Type names the event.
func (Archived) Type() string { return "contact.archived" }

// Evolve archives the contact.
func (Archived) Evolve(s State) State {
	s.Archived = true
	return s
}

// Restored is the fact that an archived contact came back.
type Restored struct{}

// Type names the event.
func (Restored) Type() string { return "contact.restored" }

// Evolve brings the contact back.
func (Restored) Evolve(s State) State {
	s.Archived = false
	return s
}

// Merged is the fact, on the winner, that another contact went into it and
// filled its empty fields. The personal data taken over belongs to the winner's
// subject from here on.
type Merged struct {
	Subject string `json:"subject"`
	Details
	Loser
}

// Type names the event.
func (Merged) Type() string { return "contact.merged" }

// Evolve takes the filled fields over and remembers the loser.
func (e Merged) Evolve(s State) State {
	s.Details = e.Details
	s.Merged = append(slices.Clone(s.Merged), e.Loser)
	return s
}

// MergedInto is the fact, on the loser, that it went into another contact.
type MergedInto struct {
	WinnerID string `json:"winnerId"`
}

// Type names the event.
func (MergedInto) Type() string { return "contact.merged_into" }

// Evolve archives the loser.
func (e MergedInto) Evolve(s State) State {
	s.MergedInto, s.Archived = e.WinnerID, true
	return s
}

// Events lists every event type of a contact.
var Events = []Event{Created{}, Updated{}, Archived{}, Restored{}, Merged{}, MergedInto{}}
