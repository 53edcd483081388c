package lead

import "github.com/streamflow/streamflow/domain"

// Assign gives the lead to another user; an empty owner takes it from everybody.
type Assign struct {
	OwnerID string `json:"ownerId"`
}

// Normalize trims the id.
func (c Assign) Normalize() Assign {
	c.OwnerID = domain.Line(c.OwnerID)
	return c
}

// Validate refuses what is no id.
func (c Assign) Validate() error {
	var check domain.Check
	check.ID("ownerId", c.OwnerID)
	return check.Err()
}

// Decide changes the owner.
func (c Assign) Decide(s State) ([]Event, error) {
	switch {
	case c.OwnerID == s.OwnerID:
		return nil, nil
	case s.Archived:
		return nil, domain.ErrArchived
	}
	return []Event{Assigned{OwnerID: c.OwnerID, OwnerIDBefore: s.OwnerID}}, nil
}

// AddNote writes a note about the lead. NoteID is a new id.
type AddNote struct {
	NoteID string `json:"-"`
	Text   string `json:"text"`
}

// Normalize trims the text.
func (c AddNote) Normalize() AddNote {
	c.Text = domain.Block(c.Text)
	return c
}

// Validate insists on a text.
func (c AddNote) Validate() error {
	var check domain.Check
	check.Required("text", c.Text)
	check.Block("text", c.Text, domain.MaxText)
	return check.Err()
}

// Decide writes the note; what is written about an erased person would have no
// key to be encrypted with.
func (c AddNote) Decide(s State) ([]Event, error) {
	switch {
	case s.Archived:
		return nil, domain.ErrArchived
	case domain.IsErased(s.Details):
		return nil, domain.ErrErased
	}
	return []Event{Noted{Subject: s.Subject, NoteID: c.NoteID, Text: c.Text}}, nil
}

// Archive puts the lead away; it can be restored.
type Archive struct{}

// Normalize has nothing to trim.
func (c Archive) Normalize() Archive { return c }

// Validate accepts.
func (c Archive) Validate() error { return nil }

// Decide archives the lead.
func (c Archive) Decide(s State) ([]Event, error) {
	if s.Archived {
		return nil, nil
	}
	return []Event{Archived{}}, nil
}

// Restore brings an archived lead back. A lead that lost a merge comes back by
// Unmerge.
type Restore struct{}

// Normalize has nothing to trim.
func (c Restore) Normalize() Restore { return c }

// Validate accepts.
func (c Restore) Validate() error { return nil }

// Decide restores the lead.
func (c Restore) Decide(s State) ([]Event, error) {
	switch {
	case !s.Archived:
		return nil, nil
	case s.MergedInto != "":
		return nil, domain.ErrAlreadyMerged.With("existingId", s.MergedInto)
	}
	return []Event{Restored{}}, nil
}
