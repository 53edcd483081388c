package tenant

import "github.com/streamflow/streamflow/domain"

// Create makes a tenant. OwnerID is the user that the same append creates.
type Create struct {
	Name    string `json:"name"`
	Plan    string `json:"plan,omitempty"`
	OwnerID string `json:"-"`
}

// Normalize trims the fields.
func (c Create) Normalize() Create {
	c.Name = domain.Line(c.Name)
	if c.Plan = domain.Line(c.Plan); c.Plan == "" {
		c.Plan = DefaultPlan
	}
	return c
}

// Validate insists on a name.
func (c Create) Validate() error {
	var check domain.Check
	check.Required("name", c.Name)
	check.Line("name", c.Name, domain.MaxName)
	check.ID("plan", c.Plan)
	return check.Err()
}

// Decide creates the tenant.
func (c Create) Decide(s State) ([]Event, error) {
	if s.Status != "" {
		return nil, domain.ErrExists
	}
	return []Event{Created{Name: c.Name, Plan: c.Plan, OwnerID: c.OwnerID, Standing: s.to(StatusActive)}}, nil
}

func (s State) to(status string) Standing { return Standing{StatusBefore: s.Status, Status: status} }

// Update edits the name and the plan; an empty value keeps what is.
type Update struct {
	Name string `json:"name,omitempty"`
	Plan string `json:"plan,omitempty"`
}

// Normalize trims the fields.
func (c Update) Normalize() Update {
	c.Name, c.Plan = domain.Line(c.Name), domain.Line(c.Plan)
	return c
}

// Validate refuses values of the wrong shape.
func (c Update) Validate() error {
	var check domain.Check
	check.Line("name", c.Name, domain.MaxName)
	check.ID("plan", c.Plan)
	return check.Err()
}

// Decide renames the tenant and changes its plan, one event each.
func (c Update) Decide(s State) ([]Event, error) {
	var events []Event
	if c.Name != "" && c.Name != s.Name {
		events = append(events, Renamed{NameBefore: s.Name, Name: c.Name})
	}
	if c.Plan != "" && c.Plan != s.Plan {
		events = append(events, PlanChanged{PlanBefore: s.Plan, Plan: c.Plan})
	}
	if len(events) > 0 && s.Status == StatusClosed {
		return nil, domain.InvalidTransition(s.Status, "edited")
	}
	return events, nil
}

// ChangeOwner names another owner; the roles of both users change in the same
// append.
type ChangeOwner struct {
	OwnerID string `json:"-"`
}

// Normalize has nothing to trim.
func (c ChangeOwner) Normalize() ChangeOwner { return c }

// Validate insists on an owner.
func (c ChangeOwner) Validate() error {
	var check domain.Check
	check.Required("ownerId", c.OwnerID)
	return check.Err()
}

// Decide changes the owner of a tenant that is not closed.
func (c ChangeOwner) Decide(s State) ([]Event, error) {
	switch {
	case c.OwnerID == s.OwnerID:
		return nil, nil
	case s.Status == StatusClosed:
		return nil, domain.InvalidTransition(s.Status, "edited")
	}
	return []Event{OwnerChanged{OwnerIDBefore: s.OwnerID, OwnerID: c.OwnerID}}, nil
}

// Suspend shuts the tenant's users and keys out until it is reactivated.
type Suspend struct {
	Reason string `json:"reason,omitempty"`
}

// Normalize trims the reason.
func (c Suspend) Normalize() Suspend {
	c.Reason = domain.Block(c.Reason)
	return c
}

// Validate bounds the reason.
func (c Suspend) Validate() error {
	var check domain.Check
	check.Block("reason", c.Reason, domain.MaxText)
	return check.Err()
}

// Decide suspends an active tenant.
func (c Suspend) Decide(s State) ([]Event, error) {
	switch s.Status {
	case StatusSuspended:
		return nil, nil
	case StatusActive:
		return []Event{Suspended{Standing: s.to(StatusSuspended), Plan: s.Plan, Reason: c.Reason}}, nil
	}
	return nil, domain.InvalidTransition(s.Status, StatusSuspended)
}

// Reactivate ends a suspension.
type Reactivate struct{}

// Normalize has nothing to trim.
func (c Reactivate) Normalize() Reactivate { return c }

// Validate accepts.
func (c Reactivate) Validate() error { return nil }

// Decide reactivates a suspended tenant.
func (c Reactivate) Decide(s State) ([]Event, error) {
	switch s.Status {
	case StatusActive:
		return nil, nil
	case StatusSuspended:
		return []Event{Reactivated{Standing: s.to(StatusActive), Plan: s.Plan}}, nil
	}
	return nil, domain.InvalidTransition(s.Status, StatusActive)
}

// Close ends the tenant for good.
type Close struct {
	Reason string `json:"reason"`
}

// Normalize trims the reason.
func (c Close) Normalize() Close {
	c.Reason = domain.Block(c.Reason)
	return c
}

// Validate insists on a reason.
func (c Close) Validate() error {
	var check domain.Check
	check.Required("reason", c.Reason)
	check.Block("reason", c.Reason, domain.MaxText)
	return check.Err()
}

// Decide closes a tenant that is active or suspended.
func (c Close) Decide(s State) ([]Event, error) {
	switch s.Status {
	case StatusClosed:
		return nil, nil
	case StatusActive, StatusSuspended:
		return []Event{Closed{Standing: s.to(StatusClosed), Plan: s.Plan, Reason: c.Reason}}, nil
	}
	return nil, domain.InvalidTransition(s.Status, StatusClosed)
}
