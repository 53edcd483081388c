package lead

import (
	"slices"

	"github.com/streamflow/streamflow/domain"
)

// Merged is the fact, on the winner, that another lead went into this one and
// filled its empty fields. The personal data taken over belongs to the winner's
// subject from here on.
type Merged struct {
	Subject string `json:"subject"`
	Details
	Loser
	Standing
}

// Type names the event.
func (Merged) Type() string { return "lead.merged" }

// Evolve takes the filled fields over and remembers the loser.
func (e Merged) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.Details = e.Details
	s.Merged = append(slices.Clone(s.Merged), e.Loser)
	return s
}

// MergedInto is the fact, on the loser, that it went into another lead.
type MergedInto struct {
	WinnerID string `json:"winnerId"`
}

// Type names the event.
func (MergedInto) Type() string { return "lead.merged_into" }

// Evolve archives the loser.
func (e MergedInto) Evolve(s State) State {
	s.MergedInto, s.Archived = e.WinnerID, true
	return s
}

// MergeUndone is the fact, on the winner, that a merge was taken back; fields
// that the loser had filled and nobody changed since are empty again.
type MergeUndone struct {
	Subject string `json:"subject"`
	Details
	LoserID string `json:"loserId"`
	Standing
}

// Type names the event.
func (MergeUndone) Type() string { return "lead.merge_undone" }

// Evolve gives the filled fields up and forgets the loser.
func (e MergeUndone) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.Details = e.Details
	s.Merged = slices.DeleteFunc(slices.Clone(s.Merged), func(l Loser) bool { return l.LoserID == e.LoserID })
	return s
}

// Unmerged is the fact, on the loser, that it stands for itself again.
type Unmerged struct {
	WinnerID string `json:"winnerId"`
}

// Type names the event.
func (Unmerged) Type() string { return "lead.unmerged" }

// Evolve brings the loser back.
func (e Unmerged) Evolve(s State) State {
	s.MergedInto, s.Archived = "", false
	return s
}

// Merge makes this lead the winner over another one. The same append carries
// MergeInto on the loser. Refuses itself, an archived winner and a loser that
// already went elsewhere.
type Merge struct {
	// WinnerID is this lead.
	WinnerID string      `json:"-"`
	LoserID  string      `json:"loserId"`
	Loser    State       `json:"-"`
	On       domain.Date `json:"-"`
}

// Normalize trims the command.
func (c Merge) Normalize() Merge {
	c.LoserID = domain.Line(c.LoserID)
	return c
}

// Validate refuses a command without a loser.
func (c Merge) Validate() error {
	var check domain.Check
	check.Required("loserId", c.LoserID)
	check.ID("loserId", c.LoserID)
	check.NotFuture("on", c.On, "")
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
		Loser:    Loser{LoserID: c.LoserID, LoserSubject: c.Loser.Subject, Filled: filled},
		Standing: s.standing(s.Status, details, c.On),
	}}, nil
}

// MergeInto lets this lead go into another one; it follows Merge on the winner.
type MergeInto struct {
	WinnerID string `json:"-"`
}

// Normalize has nothing to trim.
func (c MergeInto) Normalize() MergeInto { return c }

// Validate refuses a command without a winner.
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

// UndoMerge takes a merge back on the winner. The same append carries Unmerge on
// the loser. A loser that is not part of this lead changes nothing.
type UndoMerge struct {
	LoserID string      `json:"-"`
	Loser   State       `json:"-"`
	On      domain.Date `json:"-"`
}

// Normalize has nothing to trim.
func (c UndoMerge) Normalize() UndoMerge { return c }

// Validate refuses a command without a loser.
func (c UndoMerge) Validate() error {
	var check domain.Check
	check.Required("loserId", c.LoserID)
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide empties the fields that the loser had filled and that still hold its
// values.
func (c UndoMerge) Decide(s State) ([]Event, error) {
	i := slices.IndexFunc(s.Merged, func(l Loser) bool { return l.LoserID == c.LoserID })
	switch {
	case i < 0:
		return nil, nil
	case domain.IsErased(s.Details):
		return nil, domain.ErrErased
	}
	_, edited := domain.Patch[Details]{Fields: s.Merged[i].Filled, Values: c.Loser.Details}.Apply(s.Details)
	untouched := slices.DeleteFunc(slices.Clone(s.Merged[i].Filled), func(f string) bool {
		return slices.Contains(edited, f)
	})
	details, _ := domain.Patch[Details]{Fields: untouched}.Apply(s.Details)
	return []Event{MergeUndone{
		Subject: s.Subject, Details: details, LoserID: c.LoserID,
		Standing: s.standing(s.Status, details, c.On),
	}}, nil
}

// Unmerge lets a lead that lost a merge stand for itself again.
type Unmerge struct{}

// Normalize has nothing to trim.
func (c Unmerge) Normalize() Unmerge { return c }

// Validate accepts.
func (c Unmerge) Validate() error { return nil }

// Decide brings the loser back; a lead that lost no merge is left as it is.
func (c Unmerge) Decide(s State) ([]Event, error) {
	if s.MergedInto == "" {
		return nil, nil
	}
	return []Event{Unmerged{WinnerID: s.MergedInto}}, nil
}
