package organization

import (
	"slices"
	"strings"

	"github.com/streamflow/streamflow/domain"
)

// ErrOwnParent: an organization cannot be its own parent.
var ErrOwnParent = domain.Refuse(domain.Unprocessable, "own_parent", "An organization cannot be its own parent.")

func (d Details) normalize() Details {
	d.Name, d.Industry = domain.Line(d.Name), domain.Line(d.Industry)
	d.Domain = host(d.Domain)
	d.Website, d.Phone, d.Email = domain.Line(d.Website), domain.Phone(d.Phone), domain.Email(d.Email)
	d.ParentID, d.OwnerID = domain.Line(d.ParentID), domain.Line(d.OwnerID)
	a := d.Address
	d.Address = Address{
		Street: domain.Line(a.Street), City: domain.Line(a.City), State: domain.Line(a.State),
		Zip: domain.Line(a.Zip), Country: domain.Line(a.Country),
	}
	d.Tags, d.Custom = domain.Labels(d.Tags), domain.Custom(d.Custom)
	return d
}

// host is the bare host of what people paste into a domain field.
func host(text string) string {
	text = strings.ToLower(domain.Line(text))
	text = strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://")
	return strings.TrimSuffix(text, "/")
}

func (d Details) check(c *domain.Check) {
	c.Line("name", d.Name, domain.MaxName)
	c.Line("domain", d.Domain, domain.MaxName)
	c.Line("industry", d.Industry, domain.MaxName)
	if d.Size < 0 || d.Size > 100_000_000 {
		c.Add("size", "out_of_range", "is negative or too large")
	}
	c.Amount("annualRevenue", d.AnnualRevenue)
	c.URL("website", d.Website, "https", "http")
	c.Phone("phone", d.Phone)
	c.Email("email", d.Email)
	c.ID("parentId", d.ParentID)
	c.Line("address.street", d.Address.Street, domain.MaxName)
	c.Line("address.city", d.Address.City, domain.MaxName)
	c.Line("address.state", d.Address.State, domain.MaxName)
	c.Line("address.zip", d.Address.Zip, domain.MaxName)
	c.Line("address.country", d.Address.Country, domain.MaxName)
	c.ID("ownerId", d.OwnerID)
	c.Labels("tags", d.Tags)
	c.Custom("custom", d.Custom)
}

// Create makes a company known. CreatedOn is the business day.
type Create struct {
	Details
	CreatedOn domain.Date `json:"-"`
}

// Normalize trims the fields.
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

// Decide creates the organization.
func (c Create) Decide(s State) ([]Event, error) {
	if s.CreatedOn != "" {
		return nil, domain.ErrExists
	}
	return []Event{Created{Details: c.Details, CreatedOn: c.CreatedOn}}, nil
}

// Update edits fields. ID is this organization.
type Update struct {
	domain.Patch[Details]
	ID string `json:"-"`
}

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

// Decide edits the organization; values that are so already change nothing.
func (c Update) Decide(s State) ([]Event, error) {
	details, changed := c.Apply(s.Details)
	switch {
	case len(changed) == 0:
		return nil, nil
	case s.Archived:
		return nil, domain.ErrArchived
	case details.ParentID != "" && details.ParentID == c.ID:
		return nil, ErrOwnParent
	}
	return []Event{Updated{Details: details, Changed: changed, NameBefore: s.Name}}, nil
}

// Archive puts the organization away. UsedBy are the records that still point
// at it, as "category id"; while there are any it is refused.
type Archive struct {
	UsedBy []string `json:"-"`
}

// Normalize has nothing to trim.
func (c Archive) Normalize() Archive { return c }

// Validate accepts.
func (c Archive) Validate() error { return nil }

// Decide archives the organization.
func (c Archive) Decide(s State) ([]Event, error) {
	switch {
	case s.Archived:
		return nil, nil
	case len(c.UsedBy) > 0:
		return nil, domain.ErrInUse.With("usedBy", strings.Join(c.UsedBy, ", "))
	}
	return []Event{Archived{}}, nil
}

// Restore brings an archived organization back.
type Restore struct{}

// Normalize has nothing to trim.
func (c Restore) Normalize() Restore { return c }

// Validate accepts.
func (c Restore) Validate() error { return nil }

// Decide restores the organization; what lost a merge stays where it went.
func (c Restore) Decide(s State) ([]Event, error) {
	switch {
	case !s.Archived:
		return nil, nil
	case s.MergedInto != "":
		return nil, domain.ErrAlreadyMerged.With("existingId", s.MergedInto)
	}
	return []Event{Restored{}}, nil
}

// Merge makes this organization the winner over another one. The same append
// carries MergeInto on the loser.
type Merge struct {
	// WinnerID is this organization.
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
	case slices.Contains(s.Merged, c.LoserID):
		return nil, nil
	case c.Loser.MergedInto != "":
		return nil, domain.ErrAlreadyMerged.With("existingId", c.Loser.MergedInto)
	case s.Archived:
		return nil, domain.ErrArchived
	}
	if c.Loser.ParentID == c.WinnerID {
		c.Loser.ParentID = "" // the winner would become its own parent
	}
	details, filled := domain.FillBlanks(s.Details, c.Loser.Details)
	return []Event{Merged{Details: details, LoserID: c.LoserID, Filled: filled}}, nil
}

// MergeInto lets this organization go into another one; it follows Merge on
// the winner.
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
