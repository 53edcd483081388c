// Package escalation decides what may happen to an incident that a partner
// handed to the provider. It goes from open over acknowledged and in_progress
// to resolved and closed, may skip steps, and goes back only by being reopened.
package escalation

import (
	"slices"
	"time"
)

// Category is the stream category and the first part of every event type.
const Category = "escalation"

// Stream is the name of an escalation's stream.
func Stream(id string) string { return Category + "-" + id }

// The statuses of an escalation, in their order.
const (
	StatusOpen         = "open"
	StatusAcknowledged = "acknowledged"
	StatusInProgress   = "in_progress"
	StatusResolved     = "resolved"
	StatusClosed       = "closed"
)

// Statuses are the statuses in their order.
var Statuses = []string{StatusOpen, StatusAcknowledged, StatusInProgress, StatusResolved, StatusClosed}

// IsOpen says whether somebody still has to do something.
func IsOpen(status string) bool {
	return status == StatusOpen || status == StatusAcknowledged || status == StatusInProgress
}

// Severities are the severities, mildest first.
var Severities = []string{"low", "medium", "high", "critical"}

// deadline is how soon a severity is answered and solved.
type deadline struct{ response, resolve time.Duration }

var deadlines = map[string]deadline{
	"low":      {24 * time.Hour, 7 * 24 * time.Hour},
	"medium":   {8 * time.Hour, 72 * time.Hour},
	"high":     {time.Hour, 24 * time.Hour},
	"critical": {15 * time.Minute, 4 * time.Hour},
}

// Deadlines are the times until which an escalation of that severity, received
// then, is answered and resolved. A historical one has none: both are zero.
func Deadlines(severity string, receivedAt time.Time, historical bool) (respondBy, resolveBy time.Time) {
	d, ok := deadlines[severity]
	if historical || !ok {
		return time.Time{}, time.Time{}
	}
	return receivedAt.UTC().Add(d.response), receivedAt.UTC().Add(d.resolve)
}

// Attachment is a file that the partner keeps.
type Attachment struct {
	URL  string `json:"url"`
	Name string `json:"name"`
}

// Details are what the partner told.
type Details struct {
	IncidentID   string         `json:"incidentId"`
	Severity     string         `json:"severity"`
	Summary      string         `json:"summary"`
	Description  string         `json:"description"`
	SourceSystem string         `json:"sourceSystem"`
	OccurredAt   time.Time      `json:"occurredAt"`
	Attachments  []Attachment   `json:"attachments,omitempty"`
	Metadata     map[string]any `json:"metadata,omitempty"`
	Historical   bool           `json:"historical,omitempty"`
}

// Entry is one update of an escalation.
type Entry struct {
	Kind       string    `json:"kind"`
	Text       string    `json:"text,omitempty"`
	OccurredAt time.Time `json:"occurredAt"`
}

// shownEntries is how many updates a record shows; its history has them all.
const shownEntries = 100

// State is an escalation as its events left it.
type State struct {
	Details
	PartnerID string `json:"partnerId,omitempty"`
	Status    string `json:"status"`
	// OpenedAt is the receipt.
	OpenedAt time.Time `json:"openedAt"`
	// RespondBy and ResolveBy are zero when the escalation is historical.
	RespondBy        time.Time `json:"respondBy,omitzero"`
	ResolveBy        time.Time `json:"resolveBy,omitzero"`
	ResponseBreached bool      `json:"responseBreached"`
	ResolveBreached  bool      `json:"resolveBreached"`
	AssigneeID       string    `json:"assigneeId,omitempty"`
	// Updates are the latest updates, oldest first.
	Updates []Entry `json:"updates,omitempty"`
}

// Due is the deadline that the status asks for: to be answered while it is
// open, to be resolved afterwards. It is zero where nothing is due.
func (s State) Due() time.Time {
	switch {
	case s.Status == StatusOpen:
		return s.RespondBy
	case IsOpen(s.Status):
		return s.ResolveBy
	}
	return time.Time{}
}

// NextBreach is the first deadline that is to be recorded as missed once it has
// passed, or zero where there is none: what was answered or resolved misses
// nothing any more, and what was missed is recorded once.
func (s State) NextBreach() time.Time {
	switch {
	case s.Status == StatusOpen && !s.ResponseBreached:
		return s.RespondBy
	case IsOpen(s.Status) && !s.ResolveBreached:
		return s.ResolveBy
	}
	return time.Time{}
}

// Event is a fact about an escalation.
type Event interface {
	Type() string
	Evolve(State) State
}

// Progress is what every update tells: what was said, when it happened at the
// partner's, and the status before and after.
type Progress struct {
	StatusBefore string    `json:"statusBefore"`
	Status       string    `json:"status"`
	Severity     string    `json:"severity"`
	PartnerID    string    `json:"partnerId,omitempty"`
	IncidentID   string    `json:"incidentId,omitempty"`
	OpenedAt     time.Time `json:"openedAt"`
	Text         string    `json:"text,omitempty"`
	OccurredAt   time.Time `json:"occurredAt"`
}

// Effective is when the update happened.
func (p Progress) Effective() time.Time { return p.OccurredAt }

func (p Progress) evolve(s State, kind string) State {
	s.Status = p.Status
	keep := s.Updates[max(0, len(s.Updates)-shownEntries+1):]
	s.Updates = append(slices.Clone(keep), Entry{Kind: kind, Text: p.Text, OccurredAt: p.OccurredAt})
	return s
}

// Opened is the fact that a partner handed an incident over.
type Opened struct {
	Details
	PartnerID    string    `json:"partnerId,omitempty"`
	StatusBefore string    `json:"statusBefore"`
	Status       string    `json:"status"`
	OpenedAt     time.Time `json:"openedAt"`
	RespondBy    time.Time `json:"respondBy,omitzero"`
	ResolveBy    time.Time `json:"resolveBy,omitzero"`
}

// Type names the event.
func (Opened) Type() string { return "escalation.opened" }

// Evolve starts the escalation.
func (e Opened) Evolve(s State) State {
	s.Details, s.PartnerID, s.Status, s.OpenedAt = e.Details, e.PartnerID, e.Status, e.OpenedAt
	s.RespondBy, s.ResolveBy = e.RespondBy, e.ResolveBy
	return s
}

// Effective is when the incident happened.
func (e Opened) Effective() time.Time { return e.OccurredAt }

// Commented is the fact that somebody said something.
type Commented struct{ Progress }

// Type names the event.
func (Commented) Type() string { return "escalation.commented" }

// Evolve adds the comment.
func (e Commented) Evolve(s State) State { return e.evolve(s, KindComment) }

// Waiting is the fact that somebody else has to act first; the status stays.
type Waiting struct{ Progress }

// Type names the event.
func (Waiting) Type() string { return "escalation.waiting" }

// Evolve adds the update.
func (e Waiting) Evolve(s State) State { return e.evolve(s, KindWaiting) }

// Acknowledged is the fact that somebody took notice.
type Acknowledged struct{ Progress }

// Type names the event.
func (Acknowledged) Type() string { return "escalation.acknowledged" }

// Evolve moves the escalation on.
func (e Acknowledged) Evolve(s State) State { return e.evolve(s, KindAcknowledged) }

// Started is the fact that somebody works on it.
type Started struct{ Progress }

// Type names the event.
func (Started) Type() string { return "escalation.started" }

// Evolve moves the escalation on.
func (e Started) Evolve(s State) State { return e.evolve(s, KindInProgress) }

// Resolved is the fact that the incident is solved.
type Resolved struct{ Progress }

// Type names the event.
func (Resolved) Type() string { return "escalation.resolved" }

// Evolve moves the escalation on.
func (e Resolved) Evolve(s State) State { return e.evolve(s, KindResolved) }

// Closed is the fact that nothing more is expected.
type Closed struct{ Progress }

// Type names the event.
func (Closed) Type() string { return "escalation.closed" }

// Evolve moves the escalation on.
func (e Closed) Evolve(s State) State { return e.evolve(s, KindClosed) }

// Reopened is the fact that the incident was not solved after all; its
// deadlines run anew from the receipt of the reopening.
type Reopened struct {
	Progress
	RespondBy time.Time `json:"respondBy,omitzero"`
	ResolveBy time.Time `json:"resolveBy,omitzero"`
}

// Type names the event.
func (Reopened) Type() string { return "escalation.reopened" }

// Evolve opens the escalation again.
func (e Reopened) Evolve(s State) State {
	s.RespondBy, s.ResolveBy = e.RespondBy, e.ResolveBy
	return e.evolve(s, KindReopened)
}

// Assigned is the fact that another user looks after the escalation.
type Assigned struct {
	AssigneeIDBefore string `json:"assigneeIdBefore,omitempty"`
	AssigneeID       string `json:"assigneeId,omitempty"`
}

// Type names the event.
func (Assigned) Type() string { return "escalation.assigned" }

// Evolve changes the assignee.
func (e Assigned) Evolve(s State) State {
	s.AssigneeID = e.AssigneeID
	return s
}

// Breach is what a missed deadline tells. First says that the escalation had
// missed none before, so that it is counted once.
type Breach struct {
	Deadline  time.Time `json:"deadline"`
	First     bool      `json:"first"`
	Status    string    `json:"status"`
	Severity  string    `json:"severity"`
	PartnerID string    `json:"partnerId,omitempty"`
	OpenedAt  time.Time `json:"openedAt"`
}

// Effective is the deadline: that is when it was missed, whenever it was
// noticed.
func (b Breach) Effective() time.Time { return b.Deadline }

// ResponseBreached is the fact that nobody answered in time.
type ResponseBreached struct{ Breach }

// Type names the event.
func (ResponseBreached) Type() string { return "escalation.response_breached" }

// Evolve remembers the breach.
func (ResponseBreached) Evolve(s State) State {
	s.ResponseBreached = true
	return s
}

// ResolveBreached is the fact that it was not solved in time.
type ResolveBreached struct{ Breach }

// Type names the event.
func (ResolveBreached) Type() string { return "escalation.resolve_breached" }

// Evolve remembers the breach.
func (ResolveBreached) Evolve(s State) State {
	s.ResolveBreached = true
	return s
}

// Events lists every event type of an escalation.
var Events = []Event{
	Opened{}, Commented{}, Waiting{}, Acknowledged{}, Started{}, Resolved{}, Closed{}, Reopened{},
	Assigned{}, ResponseBreached{}, ResolveBreached{},
}
