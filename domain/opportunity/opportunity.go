// Package opportunity decides what may happen to a possible sale. It moves
// freely between the open stages of the default pipeline; won and lost are
// final until it is reopened.
package opportunity

import (
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// Category is the stream category and the first part of every event type.
const Category = "opportunity"

// Stream is the name of an opportunity's stream.
func Stream(id string) string { return Category + "-" + id }

// The stages of the default pipeline.
const (
	Prospecting   = "prospecting"
	Qualification = "qualification"
	Proposal      = "proposal"
	Negotiation   = "negotiation"
	Won           = "won"
	Lost          = "lost"
)

// Stages are the stages of the default pipeline in their order.
var Stages = []string{Prospecting, Qualification, Proposal, Negotiation, Won, Lost}

// likely is the probability, in percent, of an opportunity that names none.
var likely = map[string]int{Prospecting: 10, Qualification: 25, Proposal: 50, Negotiation: 75, Won: 100, Lost: 0}

// IsOpen says whether an opportunity of this stage may still be won.
func IsOpen(stage string) bool {
	return slices.Contains(Stages, stage) && stage != Won && stage != Lost
}

// Weighted is a value times a probability in percent, rounded half up; the zero
// Amount when there is no value.
func Weighted(value money.Amount, probability money.Decimal) money.Amount {
	minor, err := money.Percent(value.Amount, probability)
	if err != nil || value.IsZero() {
		return money.Amount{}
	}
	return money.Of(minor, value.Currency)
}

// Details are the fields that a person edits. Probability is in percent, 0 to
// 100; nil means what the stage suggests.
type Details struct {
	Title          string         `json:"title"`
	OrganizationID string         `json:"organizationId,omitempty"`
	ContactID      string         `json:"contactId,omitempty"`
	LeadID         string         `json:"leadId,omitempty"`
	Value          money.Amount   `json:"value,omitzero"`
	Probability    *money.Decimal `json:"probability,omitempty"`
	CloseDate      domain.Date    `json:"closeDate,omitempty"`
	OwnerID        string         `json:"ownerId,omitempty"`
	Tags           []string       `json:"tags,omitempty"`
	Custom         map[string]any `json:"custom,omitempty"`
}

// State is an opportunity as its events left it; its probability is never nil.
type State struct {
	Details
	Stage string `json:"stage"`
	// Reason is why it was lost, or what the last move said.
	Reason    string      `json:"reason,omitempty"`
	CreatedOn domain.Date `json:"createdOn"`
	// ClosedOn is the day it was won or lost.
	ClosedOn domain.Date `json:"closedOn,omitempty"`
	Archived bool        `json:"archived"`
}

// Event is a fact about an opportunity.
type Event interface {
	Type() string
	Evolve(State) State
}

// Standing is what every event that moves an opportunity or its worth tells,
// before and after, so that one event alone is enough for every figure. On is
// the business day. An amount without currency means no value.
type Standing struct {
	StageBefore       string        `json:"stageBefore"`
	Stage             string        `json:"stage"`
	ValueBefore       money.Amount  `json:"valueBefore,omitzero"`
	ValueAfter        money.Amount  `json:"valueAfter,omitzero"`
	ProbabilityBefore money.Decimal `json:"probabilityBefore"`
	ProbabilityAfter  money.Decimal `json:"probabilityAfter"`
	CreatedOn         domain.Date   `json:"createdOn"`
	// ClosedOnBefore is the day of the win or loss that a reopening takes back.
	ClosedOnBefore domain.Date `json:"closedOnBefore,omitempty"`
	On             domain.Date `json:"on"`
}

// Effective is UTC midnight of the business day.
func (n Standing) Effective() time.Time { return n.On.Time() }

// Pipeline is what the opportunity was worth in the open stages before and
// after the event; the zero Amount while it is closed.
func (n Standing) Pipeline() (before, after money.Amount) {
	if IsOpen(n.StageBefore) {
		before = n.ValueBefore
	}
	if IsOpen(n.Stage) {
		after = n.ValueAfter
	}
	return before, after
}

// PipelineWeighted is Pipeline times the probability, each rounded half up.
func (n Standing) PipelineWeighted() (before, after money.Amount) {
	before, after = n.Pipeline()
	return Weighted(before, n.ProbabilityBefore), Weighted(after, n.ProbabilityAfter)
}

func (n Standing) evolve(s State) State {
	s.Stage, s.CreatedOn, s.Value = n.Stage, n.CreatedOn, n.ValueAfter
	probability := n.ProbabilityAfter
	s.Probability = &probability
	return s
}

// Created is the fact that a sale became possible.
type Created struct {
	Details
	Standing
}

// Type names the event.
func (Created) Type() string { return "opportunity.created" }

// Evolve starts the opportunity.
func (e Created) Evolve(s State) State {
	s.Details = e.Details
	if !IsOpen(e.Stage) {
		s.ClosedOn = e.On
	}
	return e.Standing.evolve(s)
}

// Updated is the fact that fields were edited; it carries all of them as they
// are now, and the names of those that changed.
type Updated struct {
	Details
	Changed []string `json:"changed"`
	Standing
}

// Type names the event.
func (Updated) Type() string { return "opportunity.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	s.Details = e.Details
	return e.Standing.evolve(s)
}

// Moved is the fact that the opportunity reached another stage; won and lost
// are stages too.
type Moved struct {
	Standing
	OwnerID string `json:"ownerId,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Type names the event.
func (Moved) Type() string { return "opportunity.moved" }

// Evolve changes the stage.
func (e Moved) Evolve(s State) State {
	s.Reason, s.ClosedOn = e.Reason, ""
	if !IsOpen(e.Stage) {
		s.ClosedOn = e.On
	}
	return e.Standing.evolve(s)
}

// Reopened is the fact that a win or a loss was taken back.
type Reopened struct {
	Standing
	OwnerID string `json:"ownerId,omitempty"`
}

// Type names the event.
func (Reopened) Type() string { return "opportunity.reopened" }

// Evolve opens the opportunity again.
func (e Reopened) Evolve(s State) State {
	s.Reason, s.ClosedOn = "", ""
	return e.Standing.evolve(s)
}

// Archived is the fact that the opportunity was put away.
type Archived struct{}

// Type names the event.
func (Archived) Type() string { return "opportunity.archived" }

// Evolve archives the opportunity.
func (Archived) Evolve(s State) State {
	s.Archived = true
	return s
}

// Restored is the fact that an archived opportunity came back.
type Restored struct{}

// Type names the event.
func (Restored) Type() string { return "opportunity.restored" }

// Evolve brings the opportunity back.
func (Restored) Evolve(s State) State {
	s.Archived = false
	return s
}

// Events lists every event type of an opportunity.
var Events = []Event{Created{}, Updated{}, Moved{}, Reopened{}, Archived{}, Restored{}}
