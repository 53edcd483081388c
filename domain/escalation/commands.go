package escalation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain"
)

// The kinds of update. Comment and waiting change no status.
const (
	KindComment      = "comment"
	KindWaiting      = "waiting"
	KindAcknowledged = "acknowledged"
	KindInProgress   = "in_progress"
	KindResolved     = "resolved"
	KindClosed       = "closed"
	KindReopened     = "reopened"
)

// Kinds are all kinds of update.
var Kinds = []string{
	KindComment, KindAcknowledged, KindInProgress, KindWaiting, KindResolved, KindClosed, KindReopened,
}

// The longest texts of the federation body, in characters.
const (
	maxSummary     = 200
	maxDescription = 5000
	maxAttachments = 10
)

// Open hands an incident over. ReceivedAt is when the platform took it, from
// which the deadlines run.
type Open struct {
	Details
	PartnerID  string    `json:"-"`
	ReceivedAt time.Time `json:"-"`
}

// Normalize trims the fields and brings times to UTC.
func (c Open) Normalize() Open {
	c.IncidentID, c.Severity = domain.Line(c.IncidentID), domain.Line(c.Severity)
	c.Summary, c.Description = domain.Line(c.Summary), domain.Block(c.Description)
	c.SourceSystem = domain.Line(c.SourceSystem)
	c.OccurredAt = c.OccurredAt.UTC().Truncate(time.Microsecond)
	c.Attachments = slices.Clone(c.Attachments)
	for i, a := range c.Attachments {
		c.Attachments[i] = Attachment{URL: domain.Line(a.URL), Name: domain.Line(a.Name)}
	}
	return c
}

// Validate insists on what the federation contract insists on.
func (c Open) Validate() error {
	var check domain.Check
	check.Required("incidentId", c.IncidentID)
	check.Line("incidentId", c.IncidentID, domain.MaxID)
	check.Required("severity", c.Severity)
	check.OneOf("severity", c.Severity, Severities...)
	check.Required("summary", c.Summary)
	check.Line("summary", c.Summary, maxSummary)
	check.Required("description", c.Description)
	check.Block("description", c.Description, maxDescription)
	check.Required("sourceSystem", c.SourceSystem)
	check.Line("sourceSystem", c.SourceSystem, domain.MaxID)
	check.Moment("occurredAt", c.OccurredAt, c.ReceivedAt)
	if len(c.Attachments) > maxAttachments {
		check.Add("attachments", "too_many", fmt.Sprintf("has more than %d entries", maxAttachments))
	}
	for i, a := range c.Attachments {
		at := fmt.Sprintf("attachments[%d].", i)
		check.Required(at+"url", a.URL)
		check.URL(at+"url", a.URL, "https")
		check.Required(at+"name", a.Name)
		check.Line(at+"name", a.Name, domain.MaxName)
	}
	check.Document("metadata", c.Metadata)
	return check.Err()
}

// Matches says whether an escalation holds exactly what this command tells, so
// that a repeated incident is the same escalation and another one a conflict.
func (c Open) Matches(s State) bool {
	// Compared as JSON: numbers in metadata differ in Go type by how they came.
	told, errTold := json.Marshal(c.Normalize().Details)
	held, errHeld := json.Marshal(s.Details)
	return errTold == nil && errHeld == nil && bytes.Equal(told, held)
}

// Decide opens the escalation.
func (c Open) Decide(s State) ([]Event, error) {
	if s.Status != "" {
		return nil, domain.ErrExists
	}
	respondBy, resolveBy := Deadlines(c.Severity, c.ReceivedAt, c.Historical)
	return []Event{Opened{
		Details: c.Details, PartnerID: c.PartnerID, Status: StatusOpen, OpenedAt: c.ReceivedAt.UTC(),
		RespondBy: respondBy, ResolveBy: resolveBy,
	}}, nil
}

// Update says how the work goes. The provider's own actions are updates too:
// acknowledge is the kind acknowledged, start in_progress, and so on.
// ByPartner tells whose it is: only a partner reopens what is closed.
// OccurredAt is the receipt when not given.
type Update struct {
	Kind       string    `json:"kind"`
	Text       string    `json:"text,omitempty"`
	OccurredAt time.Time `json:"occurredAt,omitzero"`
	ReceivedAt time.Time `json:"-"`
	ByPartner  bool      `json:"-"`
}

// Normalize trims the fields and brings times to UTC.
func (c Update) Normalize() Update {
	c.Kind, c.Text = domain.Line(c.Kind), domain.Block(c.Text)
	if c.OccurredAt.IsZero() {
		c.OccurredAt = c.ReceivedAt
	}
	c.OccurredAt = c.OccurredAt.UTC().Truncate(time.Microsecond)
	return c
}

// Validate insists on a kind, and on a text where that is all there is.
func (c Update) Validate() error {
	var check domain.Check
	check.Required("kind", c.Kind)
	check.OneOf("kind", c.Kind, Kinds...)
	if c.Kind == KindComment {
		check.Required("text", c.Text)
	}
	check.Block("text", c.Text, maxDescription)
	check.Moment("occurredAt", c.OccurredAt, c.ReceivedAt)
	return check.Err()
}

// Decide records the update. The status already reached changes nothing; a step
// back other than a reopening is refused. A deadline that ran out before the
// update came is recorded first, so that being late does not depend on who
// looks first.
func (c Update) Decide(s State) ([]Event, error) {
	to := s.Status
	switch c.Kind {
	case KindComment, KindWaiting:
		if s.Status == "" {
			return nil, domain.InvalidTransition(s.Status, c.Kind)
		}
	case KindReopened:
		to = StatusOpen
		reopenable := s.Status == StatusResolved || (s.Status == StatusClosed && c.ByPartner)
		if s.Status != StatusOpen && !reopenable {
			return nil, domain.InvalidTransition(s.Status, KindReopened)
		}
	default:
		to = c.Kind
		if slices.Index(Statuses, to) < slices.Index(Statuses, s.Status) || s.Status == "" {
			return nil, domain.InvalidTransition(s.Status, to)
		}
	}
	if to == s.Status && c.Kind != KindComment && c.Kind != KindWaiting {
		return nil, nil
	}
	return append(s.breaches(c.ReceivedAt), c.event(s, to)), nil
}

func (c Update) event(s State, to string) Event {
	p := Progress{
		StatusBefore: s.Status, Status: to, Severity: s.Severity, PartnerID: s.PartnerID,
		IncidentID: s.IncidentID, OpenedAt: s.OpenedAt, Text: c.Text, OccurredAt: c.OccurredAt,
	}
	switch c.Kind {
	case KindWaiting:
		return Waiting{p}
	case KindAcknowledged:
		return Acknowledged{p}
	case KindInProgress:
		return Started{p}
	case KindResolved:
		return Resolved{p}
	case KindClosed:
		return Closed{p}
	case KindReopened:
		respondBy, resolveBy := Deadlines(s.Severity, c.ReceivedAt, s.Historical)
		return Reopened{Progress: p, RespondBy: respondBy, ResolveBy: resolveBy}
	}
	return Commented{p}
}

// Assign gives the escalation to a user of the provider; an empty id takes it
// from everybody.
type Assign struct {
	AssigneeID string `json:"assigneeId"`
}

// Normalize trims the id.
func (c Assign) Normalize() Assign {
	c.AssigneeID = domain.Line(c.AssigneeID)
	return c
}

// Validate refuses what is no id.
func (c Assign) Validate() error {
	var check domain.Check
	check.ID("assigneeId", c.AssigneeID)
	return check.Err()
}

// Decide assigns an escalation that is not closed.
func (c Assign) Decide(s State) ([]Event, error) {
	switch {
	case c.AssigneeID == s.AssigneeID:
		return nil, nil
	case s.Status == StatusClosed || s.Status == "":
		return nil, domain.InvalidTransition(s.Status, "assigned")
	}
	return []Event{Assigned{AssigneeIDBefore: s.AssigneeID, AssigneeID: c.AssigneeID}}, nil
}

// CheckDeadlines records the deadlines that ran out by Now.
type CheckDeadlines struct {
	Now time.Time `json:"-"`
}

// Normalize has nothing to trim.
func (c CheckDeadlines) Normalize() CheckDeadlines { return c }

// Validate insists on the time.
func (c CheckDeadlines) Validate() error {
	var check domain.Check
	check.Moment("now", c.Now, c.Now)
	return check.Err()
}

// Decide records each missed deadline once.
func (c CheckDeadlines) Decide(s State) ([]Event, error) { return s.breaches(c.Now), nil }

// breaches are the deadlines missed by then and not recorded yet.
func (s State) breaches(now time.Time) []Event {
	var events []Event
	missed := func(deadline time.Time) bool { return !deadline.IsZero() && now.After(deadline) }
	breach := func(deadline time.Time) Breach {
		first := !s.ResponseBreached && !s.ResolveBreached && len(events) == 0
		return Breach{
			Deadline: deadline, First: first, Status: s.Status,
			Severity: s.Severity, PartnerID: s.PartnerID, OpenedAt: s.OpenedAt,
		}
	}
	if s.Status == StatusOpen && missed(s.RespondBy) && !s.ResponseBreached {
		events = append(events, ResponseBreached{breach(s.RespondBy)})
	}
	if IsOpen(s.Status) && missed(s.ResolveBy) && !s.ResolveBreached {
		events = append(events, ResolveBreached{breach(s.ResolveBy)})
	}
	return events
}
