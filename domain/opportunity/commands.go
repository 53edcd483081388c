package opportunity

import (
	"slices"
	"strings"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
)

// The refusals of an opportunity alone.
var (
	// ErrClosed: the value of a sale that is won or lost is history.
	ErrClosed = domain.Refuse(domain.Conflict, "opportunity_closed",
		"The value and probability of a won or lost opportunity are final; reopen it first.")
	// ErrReasonRequired: nobody learns from a loss without a reason.
	ErrReasonRequired = domain.Refuse(domain.Unprocessable, "reason_required",
		"A lost opportunity needs a reason.")
)

func (d Details) normalize() Details {
	d.Title, d.OwnerID = domain.Line(d.Title), domain.Line(d.OwnerID)
	d.OrganizationID, d.ContactID = domain.Line(d.OrganizationID), domain.Line(d.ContactID)
	d.LeadID = domain.Line(d.LeadID)
	d.Tags, d.Custom = domain.Labels(d.Tags), domain.Custom(d.Custom)
	return d
}

func (d Details) check(c *domain.Check) {
	c.Line("title", d.Title, domain.MaxName)
	c.ID("organizationId", d.OrganizationID)
	c.ID("contactId", d.ContactID)
	c.ID("leadId", d.LeadID)
	c.Amount("value", d.Value)
	if p := d.Probability; p != nil && (p.Sign() < 0 || p.Cmp(money.Int(100)) > 0) {
		c.Add("probability", "out_of_range", "is not a percentage from 0 to 100")
	}
	c.Date("closeDate", d.CloseDate)
	c.ID("ownerId", d.OwnerID)
	c.Labels("tags", d.Tags)
	c.Custom("custom", d.Custom)
}

// probabilityAt is the given probability, or what the stage suggests. A closed
// opportunity is certain either way.
func probabilityAt(stage string, given *money.Decimal) money.Decimal {
	if given == nil || !IsOpen(stage) {
		return money.Int(likely[stage])
	}
	return *given
}

// standing is the opportunity before and after an event of that day.
func (s State) standing(stage string, d Details, on domain.Date) Standing {
	out := Standing{
		StageBefore: s.Stage, Stage: stage, ValueBefore: s.Value, ValueAfter: d.Value,
		ProbabilityAfter: probabilityAt(stage, d.Probability),
		CreatedOn:        s.CreatedOn.Or(on), ClosedOnBefore: s.ClosedOn, On: on,
	}
	if s.Probability != nil {
		out.ProbabilityBefore = *s.Probability
	}
	return out
}

// Create makes a sale possible. Stage is prospecting when empty; CreatedOn is
// the business day.
type Create struct {
	Details
	Stage     string      `json:"stage,omitempty"`
	CreatedOn domain.Date `json:"-"`
}

// Normalize trims the fields.
func (c Create) Normalize() Create {
	c.Details = c.Details.normalize()
	if c.Stage = domain.Line(c.Stage); c.Stage == "" {
		c.Stage = Prospecting
	}
	return c
}

// Validate insists on a title and a stage of the pipeline.
func (c Create) Validate() error {
	var check domain.Check
	check.Required("title", c.Title)
	c.check(&check)
	check.OneOf("stage", c.Stage, Stages...)
	check.NotFuture("createdOn", c.CreatedOn, "")
	return check.Err()
}

// Decide creates the opportunity.
func (c Create) Decide(s State) ([]Event, error) {
	if s.CreatedOn != "" {
		return nil, domain.ErrExists
	}
	standing := s.standing(c.Stage, c.Details, c.CreatedOn)
	c.Probability = &standing.ProbabilityAfter
	return []Event{Created{Details: c.Details, Standing: standing}}, nil
}

// Update edits fields; the stage changes by Move only. On is the business day.
type Update struct {
	domain.Patch[Details]
	On domain.Date `json:"-"`
}

// Normalize trims the given fields.
func (c Update) Normalize() Update {
	c.Values = c.Values.normalize()
	return c
}

// Validate refuses values of the wrong shape and an empty title.
func (c Update) Validate() error {
	var check domain.Check
	if c.Has("title") {
		check.Required("title", c.Values.Title)
	}
	c.Values.check(&check)
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide edits the opportunity; values that are so already change nothing.
func (c Update) Decide(s State) ([]Event, error) {
	if c.Has("probability") && c.Values.Probability == nil {
		probability := probabilityAt(s.Stage, nil)
		c.Values.Probability = &probability
	}
	details, changed := c.Apply(s.Details)
	switch {
	case len(changed) == 0:
		return nil, nil
	case s.Archived:
		return nil, domain.ErrArchived
	case !IsOpen(s.Stage) && (slices.Contains(changed, "value") || slices.Contains(changed, "probability")):
		return nil, ErrClosed
	}
	standing := s.standing(s.Stage, details, c.On)
	details.Probability = &standing.ProbabilityAfter
	return []Event{Updated{Details: details, Changed: changed, Standing: standing}}, nil
}

// Move brings an open opportunity to another stage of the pipeline, in either
// direction. MovedOn is the business day, today when empty.
type Move struct {
	Stage   string      `json:"stage"`
	Reason  string      `json:"reason,omitempty"`
	MovedOn domain.Date `json:"movedOn,omitempty"`
	Today   domain.Date `json:"-"`
}

// Normalize trims the fields and dates the move.
func (c Move) Normalize() Move {
	c.Stage, c.Reason = domain.Line(c.Stage), domain.Block(c.Reason)
	c.MovedOn = c.MovedOn.Or(c.Today)
	return c
}

// Validate insists on a stage of the pipeline.
func (c Move) Validate() error {
	var check domain.Check
	check.Required("stage", c.Stage)
	check.OneOf("stage", c.Stage, Stages...)
	check.Block("reason", c.Reason, domain.MaxText)
	check.NotFuture("movedOn", c.MovedOn, c.Today)
	return check.Err()
}

// Decide moves the opportunity. Its probability becomes what the new stage
// suggests: what was said of another stage no longer holds.
func (c Move) Decide(s State) ([]Event, error) {
	switch {
	case c.Stage == s.Stage:
		return nil, nil
	case s.Archived, !IsOpen(s.Stage):
		return nil, domain.InvalidTransition(s.Stage, c.Stage)
	case c.Stage == Lost && c.Reason == "":
		return nil, ErrReasonRequired
	}
	details := s.Details
	details.Probability = nil
	return []Event{Moved{Standing: s.standing(c.Stage, details, c.MovedOn), OwnerID: s.OwnerID, Reason: c.Reason}}, nil
}

// Reopen takes a win or a loss back. Stage is negotiation when empty. On is the
// business day.
type Reopen struct {
	Stage string      `json:"stage,omitempty"`
	On    domain.Date `json:"-"`
}

// Normalize trims the stage.
func (c Reopen) Normalize() Reopen {
	if c.Stage = domain.Line(c.Stage); c.Stage == "" {
		c.Stage = Negotiation
	}
	return c
}

// Validate insists on an open stage.
func (c Reopen) Validate() error {
	var check domain.Check
	check.OneOf("stage", c.Stage, Stages[:4]...)
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide opens the opportunity again; an open one is left as it is.
func (c Reopen) Decide(s State) ([]Event, error) {
	switch {
	case IsOpen(s.Stage):
		return nil, nil
	case s.Archived, s.Stage == "":
		return nil, domain.InvalidTransition(s.Stage, c.Stage)
	}
	details := s.Details
	details.Probability = nil
	return []Event{Reopened{Standing: s.standing(c.Stage, details, c.On), OwnerID: s.OwnerID}}, nil
}

// Archive puts the opportunity away. UsedBy are the records that still point at
// it, as "category id"; while there are any it is refused.
type Archive struct {
	UsedBy []string `json:"-"`
}

// Normalize has nothing to trim.
func (c Archive) Normalize() Archive { return c }

// Validate accepts.
func (c Archive) Validate() error { return nil }

// Decide archives the opportunity.
func (c Archive) Decide(s State) ([]Event, error) {
	switch {
	case s.Archived:
		return nil, nil
	case len(c.UsedBy) > 0:
		return nil, domain.ErrInUse.With("usedBy", strings.Join(c.UsedBy, ", "))
	}
	return []Event{Archived{}}, nil
}

// Restore brings an archived opportunity back.
type Restore struct{}

// Normalize has nothing to trim.
func (c Restore) Normalize() Restore { return c }

// Validate accepts.
func (c Restore) Validate() error { return nil }

// Decide restores the opportunity.
func (c Restore) Decide(s State) ([]Event, error) {
	if !s.Archived {
		return nil, nil
	}
	return []Event{Restored{}}, nil
}
