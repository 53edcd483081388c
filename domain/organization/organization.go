// Package organization decides what may happen to a company in a tenant's CRM.
// Its name is unique in the tenant: the claim on Key is taken and released in
// the append, because no aggregate can see another.
package organization

import (
	"slices"
	"strings"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Category is the stream category and the first part of every event type.
const Category = "organization"

// Stream is the name of an organization's stream.
func Stream(id string) string { return Category + "-" + id }

// Key is the name as it is compared in the tenant: without regard to case.
func Key(name string) string { return strings.ToLower(domain.Line(name)) }

// Address is a postal address.
type Address struct {
	Street  string `json:"street,omitempty"`
	City    string `json:"city,omitempty"`
	State   string `json:"state,omitempty"`
	Zip     string `json:"zip,omitempty"`
	Country string `json:"country,omitempty"`
}

// Details are the fields that a person edits. A company's own phone number and
// e-mail address are not personal.
type Details struct {
	Name          string         `json:"name"`
	Domain        string         `json:"domain,omitempty"`
	Industry      string         `json:"industry,omitempty"`
	Size          int            `json:"size,omitempty"` // employees
	AnnualRevenue money.Amount   `json:"annualRevenue,omitzero"`
	Website       string         `json:"website,omitempty"`
	Phone         string         `json:"phone,omitempty"`
	Email         string         `json:"email,omitempty"`
	ParentID      string         `json:"parentId,omitempty"`
	Address       Address        `json:"address,omitzero"`
	OwnerID       string         `json:"ownerId,omitempty"`
	Tags          []string       `json:"tags,omitempty"`
	Custom        map[string]any `json:"custom,omitempty"`
}

// State is an organization as its events left it.
type State struct {
	Details
	CreatedOn domain.Date `json:"createdOn"`
	Archived  bool        `json:"archived"`
	// MergedInto is the winner when this organization lost a merge.
	MergedInto string `json:"mergedInto,omitempty"`
	// Merged are the ids of the losers that went into this organization.
	Merged []string `json:"merged,omitempty"`
}

// Event is a fact about an organization.
type Event interface {
	Type() string
	Evolve(State) State
}

// Created is the fact that the company became known.
type Created struct {
	Details
	CreatedOn domain.Date `json:"createdOn"`
}

// Type names the event.
func (Created) Type() string { return "organization.created" }

// Evolve starts the organization.
func (e Created) Evolve(s State) State {
	s.Details, s.CreatedOn = e.Details, e.CreatedOn
	return s
}

// Effective is UTC midnight of the day of creation.
func (e Created) Effective() time.Time { return e.CreatedOn.Time() }

// Updated is the fact that fields were edited; it carries all of them as they
// are now, the names of those that changed, and the name before.
type Updated struct {
	Details
	Changed    []string `json:"changed"`
	NameBefore string   `json:"nameBefore"`
}

// Type names the event.
func (Updated) Type() string { return "organization.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	s.Details = e.Details
	return s
}

// Archived is the fact that the organization was put away.
type Archived struct{}

// Type names the event.
func (Archived) Type() string { return "organization.archived" }

// Evolve archives the organization.
func (Archived) Evolve(s State) State {
	s.Archived = true
	return s
}

// Restored is the fact that an archived organization came back.
type Restored struct{}

// Type names the event.
func (Restored) Type() string { return "organization.restored" }

// Evolve brings the organization back.
func (Restored) Evolve(s State) State {
	s.Archived = false
	return s
}

// Merged is the fact, on the winner, that another organization went into it and
// filled its empty fields.
type Merged struct {
	Details
	LoserID string   `json:"loserId"`
	Filled  []string `json:"filled,omitempty"`
}

// Type names the event.
func (Merged) Type() string { return "organization.merged" }

// Evolve takes the filled fields over and remembers the loser.
func (e Merged) Evolve(s State) State {
	s.Details = e.Details
	s.Merged = append(slices.Clone(s.Merged), e.LoserID)
	return s
}

// MergedInto is the fact, on the loser, that it went into another organization.
type MergedInto struct {
	WinnerID string `json:"winnerId"`
}

// Type names the event.
func (MergedInto) Type() string { return "organization.merged_into" }

// Evolve archives the loser.
func (e MergedInto) Evolve(s State) State {
	s.MergedInto, s.Archived = e.WinnerID, true
	return s
}

// Events lists every event type of an organization.
var Events = []Event{Created{}, Updated{}, Archived{}, Restored{}, Merged{}, MergedInto{}}
