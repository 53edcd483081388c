package contact

import (
	"slices"
	"strings"

	"github.com/streamflow/streamflow/domain"
)

func (d Details) normalize() Details {
	d.Name, d.Title = domain.Line(d.Name), domain.Line(d.Title)
	d.Email, d.Phone = domain.Email(d.Email), domain.Phone(d.Phone)
	d.OrganizationID, d.OwnerID = domain.Line(d.OrganizationID), domain.Line(d.OwnerID)
	d.Tags, d.Custom = domain.Labels(d.Tags), domain.Custom(d.Custom)
	return d
}

func (d Details) check(c *domain.Check) {
	c.Line("name", d.Name, domain.MaxName)
	c.Email("email", d.Email)
	c.Phone("phone", d.Phone)
	c.Line("title", d.Title, domain.MaxName)
	c.ID("organizationId", d.OrganizationID)
	c.ID("ownerId", d.OwnerID)
	c.Labels("tags", d.Tags)
	c.Custom("custom", d.Custom)
}

// Create makes a person known. Subject is a new data-subject id, or the lead's
// when LeadID names one; CreatedOn is the business day.
type Create struct {
	Details
	Subject   string      `json:"-"`
	LeadID    string      `json:"-"`
	CreatedOn domain.Date `json:"-"`
}

// Normalize trims the fields, lowers the e-mail address and brings the phone
// number to E.164.
func (c Create) Normalize() Create {
	c.Details = c.Details.normalize()
	return c
}

// Validate insists on a name.
func (c Create) Validate() error {
	var check domain.Check
	check.Required("name", c.Name)
	c.check(&check)
	check.NotFuture("createdOn", c.CreatedOn, "")
	return check.Err()
}

// Decide creates the contact.
func (c Create) Decide(s State) ([]Event, error) {
	if s.CreatedOn != "" {
		return nil, domain.ErrExists
	}
	return []Event{Created{Subject: c.Subject, Details: c.Details, LeadID: c.LeadID, CreatedOn: c.CreatedOn}}, nil
}

// Update edits fields.
type Update struct{ domain.Patch[Details] }

// Normalize trims the given fields.
func (c Update) Normalize() Update {
	c.Values = c.Values.normalize()
	return c
}

// Validate refuses values of the wrong shape and an empty name.
func (c Update) Validate() error {
	var check domain.Check
	if c.Has("name") {
		check.Required("name", c.Values.Name)
	}
	c.Values.check(&check)
	return check.Err()
}

// Decide edits the contact; values that are so already change nothing.
func (c Update) Decide(s State) ([]Event, error) {
	details, changed := c.Apply(s.Details)
	switch {
	case len(changed) == 0:
		return nil, nil
	case s.Archived:
		return nil, domain.ErrArchived
	case domain.IsErased(s.Details):
		return nil, domain.ErrErased
	}
	return []Event{Updated{
		Subject: s.Subject, Details: details, Changed: changed, OrganizationIDBefore: s.OrganizationID,
	}}, nil
}

// Archive puts the contact away. UsedBy are the records that still point at
// it, as "category id"; while there are any it is refused.
type Archive struct {
	UsedBy []string `json:"-"`
}

// Normalize has nothing to trim.
func (c Archive) Normalize() Archive { return c }

// Validate accepts.
func (c Archive) Validate() error { return nil }

// Decide archives the contact.
func (c Archive) Decide(s State) ([]Event, error) {
	switch {
	case s.Archived:
		return nil, nil
	case len(c.UsedBy) > 0:
		return nil, domain.ErrInUse.With("usedBy", strings.Join(c.UsedBy, ", "))
	}
	return []Event{Archived{}}, nil
}

// Restore brings an archived contact back.
type Restore struct{}

// Normalize has nothing to trim.
func (c Restore) Normalize() Restore { return c }

// Validate accepts.
func (c Restore) Validate() error { return nil }

// Decide restores the contact; what lost a merge stays where it went.
func (c Restore) Decide(s State) ([]Event, error) {
	switch {
	case !s.Archived:
		return nil, nil
	case s.MergedInto != "":
		return nil, domain.ErrAlreadyMerged.With("existingId", s.MergedInto)
	}
	return []Event{Restored{}}, nil
}

// Merge makes this contact the winner over another one. The same append carries
// MergeInto on the loser.
type Merge struct {
	// WinnerID is this contact.
	WinnerID string `json:"-"`
	LoserID  string `json:"loserId"`
	Loser    State  `json:"-"`
}

// Normalize trims the id.
func (c Merge) Normalize() Merge {
	c.LoserID = domain.Line(c.LoserID)
	return c
}

// Validate insists on a loser.
func (c Merge) Validate() error {
	var check domain.Check
	check.Required("loserId", c.LoserID)
	check.ID("loserId", c.LoserID)
	return check.Err()
}

// Decide fills the winner's empty fields.
func (c Merge) Decide(s State) ([]Event, error) {
	switch {
	case c.LoserID == c.WinnerID:
		return nil, domain.ErrMergeWithItself
	case slices.ContainsFunc(s.Merged, func(l Loser) bool { return l.LoserID == c.LoserID }):
		return nil, nil
	case c.Loser.MergedInto != "":
		return nil, domain.ErrAlreadyMerged.With("existingId", c.Loser.MergedInto)
	case s.Archived:
		return nil, domain.ErrArchived
	case domain.IsErased(s.Details) || domain.IsErased(c.Loser.Details):
		return nil, domain.ErrErased
	}
	details, filled := domain.FillBlanks(s.Details, c.Loser.Details)
	return []Event{Merged{
		Subject: s.Subject, Details: details,
		Loser: Loser{LoserID: c.LoserID, LoserSubject: c.Loser.Subject, Filled: filled},
	}}, nil
}

// MergeInto lets this contact go into another one; it follows Merge on the
// winner.
type MergeInto struct {
	WinnerID string `json:"-"`
}

// Normalize has nothing to trim.
func (c MergeInto) Normalize() MergeInto { return c }

// Validate insists on a winner.
func (c MergeInto) Validate() error {
	var check domain.Check
	check.Required("winnerId", c.WinnerID)
	return check.Err()
}

// Decide archives the loser.
func (c MergeInto) Decide(s State) ([]Event, error) {
	switch s.MergedInto {
	case c.WinnerID:
		return nil, nil
	case "":
		return []Event{MergedInto(c)}, nil
	}
	return nil, domain.ErrAlreadyMerged.With("existingId", s.MergedInto)
}
