// Package lead decides what may happen to a lead: somebody who may become a
// customer. A lead goes from new over contacted and qualified to converted, may
// skip steps, never goes back, and may be disqualified while it is open.
package lead

import (
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Category is the stream category and the first part of every event type.
const Category = "lead"

// Stream is the name of a lead's stream.
func Stream(id string) string { return Category + "-" + id }

// The statuses of a lead. New, contacted and qualified are open.
const (
	StatusNew          = "new"
	StatusContacted    = "contacted"
	StatusQualified    = "qualified"
	StatusConverted    = "converted"
	StatusDisqualified = "disqualified"
)

// rank orders the steps; disqualified is no step and has none.
var rank = map[string]int{StatusNew: 1, StatusContacted: 2, StatusQualified: 3, StatusConverted: 4}

// IsOpen says whether a lead of this status may still be won.
func IsOpen(status string) bool { return rank[status] > 0 && status != StatusConverted }

// Details are the fields that a person edits.
type Details struct {
	Name       string         `json:"name,omitempty" personal:"subject"`
	Company    string         `json:"company,omitempty"`
	Email      string         `json:"email,omitempty" personal:"subject"`
	Phone      string         `json:"phone,omitempty" personal:"subject"`
	ExternalID string         `json:"externalId,omitempty"`
	Source     string         `json:"source,omitempty"`
	Value      money.Amount   `json:"value,omitzero"`
	Notes      string         `json:"notes,omitempty" personal:"subject"`
	OwnerID    string         `json:"ownerId,omitempty"`
	Tags       []string       `json:"tags,omitempty"`
	Custom     map[string]any `json:"custom,omitempty"`
}

// State is a lead as its events left it.
type State struct {
	// Subject is the person, across lead, contact and merge.
	Subject string `json:"subject"`
	Details
	Status       string      `json:"status"`
	Score        int         `json:"score"`
	ScoreReasons []Reason    `json:"scoreReasons"`
	CreatedOn    domain.Date `json:"createdOn"`
	ConvertedTo  *Targets    `json:"convertedTo,omitempty"`
	ConvertedOn  domain.Date `json:"convertedOn,omitempty"`
	// DisqualifiedFor is the reason that was given.
	DisqualifiedFor string `json:"disqualifiedFor,omitempty"`
	Archived        bool   `json:"archived"`
	// MergedInto is the winner when this lead lost a merge.
	MergedInto string `json:"mergedInto,omitempty"`
	// Merged are the losers that went into this lead.
	Merged []Loser `json:"merged,omitempty"`
}

// Targets are the records that a conversion made or reused; an id is empty
// where the lead had no company or no person.
type Targets struct {
	OrganizationID string `json:"organizationId,omitempty"`
	ContactID      string `json:"contactId,omitempty"`
	OpportunityID  string `json:"opportunityId"`
}

// Loser is a lead that was merged into another one. Its subject is kept because
// erasing the winner has to erase the loser too.
type Loser struct {
	LoserID      string   `json:"loserId"`
	LoserSubject string   `json:"loserSubject,omitempty"`
	Filled       []string `json:"filled,omitempty"`
}

// Event is a fact about a lead.
type Event interface {
	Type() string
	Evolve(State) State
}

// Standing is what every event that moves a lead or its score tells, before and
// after, so that one event alone is enough for every figure. On is the business
// day of the event, CreatedOn the day the lead was created.
type Standing struct {
	StatusBefore string      `json:"statusBefore"`
	Status       string      `json:"status"`
	ScoreBefore  int         `json:"scoreBefore"`
	Score        int         `json:"score"`
	ScoreReasons []Reason    `json:"scoreReasons,omitempty"`
	CreatedOn    domain.Date `json:"createdOn"`
	On           domain.Date `json:"on"`
}

// Effective is UTC midnight of the business day.
func (n Standing) Effective() time.Time { return n.On.Time() }

// HotDelta is what the event adds to the number of hot leads: -1, 0 or 1.
func (n Standing) HotDelta() int {
	return hot(n.Status, n.Score) - hot(n.StatusBefore, n.ScoreBefore)
}

func (n Standing) evolve(s State) State {
	s.Status, s.Score, s.ScoreReasons, s.CreatedOn = n.Status, n.Score, n.ScoreReasons, n.CreatedOn
	return s
}

// Created is the fact that a lead came in.
type Created struct {
	Subject string `json:"subject"`
	Details
	Standing
}

// Type names the event.
func (Created) Type() string { return "lead.created" }

// Evolve starts the lead.
func (e Created) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.Subject, s.Details = e.Subject, e.Details
	return s
}

// Updated is the fact that fields were edited; it carries all of them as they
// are now, and the names of those that changed.
type Updated struct {
	Subject string `json:"subject"`
	Details
	Changed []string `json:"changed"`
	Standing
}

// Type names the event.
func (Updated) Type() string { return "lead.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.Details = e.Details
	return s
}

// Contacted is the fact that somebody spoke to the lead.
type Contacted struct {
	Standing
	Source string `json:"source,omitempty"`
}

// Type names the event.
func (Contacted) Type() string { return "lead.contacted" }

// Evolve moves the lead to contacted.
func (e Contacted) Evolve(s State) State { return e.Standing.evolve(s) }

// Qualified is the fact that the lead is worth an offer.
type Qualified struct {
	Standing
	Source string `json:"source,omitempty"`
}

// Type names the event.
func (Qualified) Type() string { return "lead.qualified" }

// Evolve moves the lead to qualified.
func (e Qualified) Evolve(s State) State { return e.Standing.evolve(s) }

// Disqualified is the fact that the lead will not become a customer.
type Disqualified struct {
	Standing
	Source string `json:"source,omitempty"`
	Reason string `json:"reason"`
}

// Type names the event.
func (Disqualified) Type() string { return "lead.disqualified" }

// Evolve closes the lead.
func (e Disqualified) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.DisqualifiedFor = e.Reason
	return s
}

// Converted is the fact that the lead became a customer, and which records
// were made or reused for it.
type Converted struct {
	Standing
	Targets
	Source string       `json:"source,omitempty"`
	Value  money.Amount `json:"value,omitzero"`
}

// Type names the event.
func (Converted) Type() string { return "lead.converted" }

// Evolve closes the lead as won.
func (e Converted) Evolve(s State) State {
	s = e.Standing.evolve(s)
	targets := e.Targets
	s.ConvertedTo, s.ConvertedOn = &targets, e.On
	return s
}

// Assigned is the fact that another user looks after the lead.
type Assigned struct {
	OwnerID       string `json:"ownerId,omitempty"`
	OwnerIDBefore string `json:"ownerIdBefore,omitempty"`
}

// Type names the event.
func (Assigned) Type() string { return "lead.assigned" }

// Evolve changes the owner.
func (e Assigned) Evolve(s State) State {
	s.OwnerID = e.OwnerID
	return s
}

// Noted is the fact that somebody wrote a note; notes are read from the
// lead's history.
type Noted struct {
	Subject string `json:"subject"`
	NoteID  string `json:"noteId"`
	Text    string `json:"text" personal:"subject"`
}

// Type names the event.
func (Noted) Type() string { return "lead.noted" }

// Evolve changes nothing that a rule or the record needs.
func (e Noted) Evolve(s State) State { return s }

// Archived is the fact that the lead was archived.
type Archived struct{}

// Type names the event.
func (Archived) Type() string { return "lead.archived" }

// Evolve archives the lead.
func (Archived) Evolve(s State) State {
	s.Archived = true
	return s
}

// Restored is the fact that an archived lead came back.
type Restored struct{}

// Type names the event.
func (Restored) Type() string { return "lead.restored" }

// Evolve brings the lead back.
func (Restored) Evolve(s State) State {
	s.Archived = false
	return s
}

// Events lists every event type of a lead.
var Events = []Event{
	Created{}, Updated{}, Contacted{}, Qualified{}, Disqualified{}, Converted{},
	Assigned{}, Noted{}, Archived{}, Restored{}, Merged{}, MergedInto{}, MergeUndone{}, Unmerged{},
}
