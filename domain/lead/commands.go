package lead

import (
	"strings"

	"github.com/streamflow/streamflow/domain"
)

// The refusals of a lead alone.
var (
	// ErrUnidentified: an edit would leave nothing to call the lead by.
	ErrUnidentified = domain.Refuse(domain.Unprocessable, "lead_unidentified",
		"A lead needs a name, a company or an external id.")
	// ErrUnreachable: an edit would leave no way to reach or find the lead.
	ErrUnreachable = domain.Refuse(domain.Unprocessable, "lead_unreachable",
		"A lead needs an e-mail address, a phone number or an external id.")
)

// Key is a value that two leads of a tenant must not share while neither is
// archived. Value is normalised; Field is the input field it came from.
type Key struct {
	Kind, Field, Value string
	// Personal keys are kept only as a keyed hash.
	Personal bool
}

// Keys are the keys of a lead about to be created.
func Keys(c Create) []Key { return c.Normalize().Details.Keys() }

// Keys are the deduplication keys of a lead: e-mail, phone, source with
// external id. An erased person has none.
func (d Details) Keys() []Key {
	var keys []Key
	if d.Email != "" && d.Email != domain.Erased {
		keys = append(keys, Key{Kind: "email", Field: "email", Value: d.Email, Personal: true})
	}
	if d.Phone != "" && d.Phone != domain.Erased {
		keys = append(keys, Key{Kind: "phone", Field: "phone", Value: d.Phone, Personal: true})
	}
	if d.ExternalID != "" {
		// A line break cannot be in either part, so the pair stays unambiguous.
		value := strings.ToLower(d.Source) + "\n" + d.ExternalID
		keys = append(keys, Key{Kind: "external", Field: "externalId", Value: value})
	}
	return keys
}

// Held are the keys that no other lead may have now: none once it is archived.
func (s State) Held() []Key {
	if s.Archived {
		return nil
	}
	return s.Keys()
}

func (d Details) normalize() Details {
	d.Name, d.Company = domain.Line(d.Name), domain.Line(d.Company)
	d.Email, d.Phone = domain.Email(d.Email), domain.Phone(d.Phone)
	d.ExternalID, d.Source = domain.Line(d.ExternalID), domain.Line(d.Source)
	d.Notes, d.OwnerID = domain.Block(d.Notes), domain.Line(d.OwnerID)
	d.Tags, d.Custom = domain.Labels(d.Tags), domain.Custom(d.Custom)
	return d
}

func (d Details) check(c *domain.Check) {
	c.Line("name", d.Name, domain.MaxName)
	c.Line("company", d.Company, domain.MaxName)
	c.Email("email", d.Email)
	c.Phone("phone", d.Phone)
	c.Line("externalId", d.ExternalID, domain.MaxID)
	c.Line("source", d.Source, domain.MaxName)
	c.Amount("value", d.Value)
	c.Block("notes", d.Notes, domain.MaxText)
	c.ID("ownerId", d.OwnerID)
	c.Labels("tags", d.Tags)
	c.Custom("custom", d.Custom)
}

func (d Details) identified() bool { return d.Name != "" || d.Company != "" || d.ExternalID != "" }
func (d Details) reachable() bool  { return d.Email != "" || d.Phone != "" || d.ExternalID != "" }

// standing is the lead before and after an event of that day.
func (s State) standing(status string, d Details, on domain.Date) Standing {
	score, reasons := Score(d, status)
	return Standing{
		StatusBefore: s.Status, Status: status,
		ScoreBefore: s.Score, Score: score, ScoreReasons: reasons,
		CreatedOn: s.CreatedOn.Or(on), On: on,
	}
}

// step is the standing after a move to a status. ok is false when the lead is
// there already.
func (s State) step(to string, on domain.Date) (standing Standing, ok bool, err error) {
	switch {
	case s.Status == to:
		return Standing{}, false, nil
	case s.Archived:
		return Standing{}, false, domain.InvalidTransition("archived", to)
	case !IsOpen(s.Status), to != StatusDisqualified && rank[to] < rank[s.Status]:
		return Standing{}, false, domain.InvalidTransition(s.Status, to)
	}
	standing = s.standing(to, s.Details, on)
	if to == StatusDisqualified {
		standing.Score, standing.ScoreReasons = s.Score, s.ScoreReasons
	}
	return standing, true, nil
}

// Create takes a lead in. Subject is a new data-subject id, CreatedOn the
// business day (today, or the day a file names).
type Create struct {
	Details
	Subject   string      `json:"-"`
	CreatedOn domain.Date `json:"-"`
}

// Normalize trims the fields, lowers the e-mail address and brings the phone
// number to E.164.
func (c Create) Normalize() Create {
	c.Details = c.Details.normalize()
	return c
}

// Validate refuses a lead without a name for it or a way to reach it.
func (c Create) Validate() error {
	var check domain.Check
	c.check(&check)
	if !c.identified() {
		check.Add("name", "required", "a name, a company or an external id is required")
	}
	if !c.reachable() {
		check.Add("email", "required", "an e-mail address, a phone number or an external id is required")
	}
	check.NotFuture("createdOn", c.CreatedOn, "")
	return check.Err()
}

// Decide creates the lead.
func (c Create) Decide(s State) ([]Event, error) {
	if s.Status != "" {
		return nil, domain.ErrExists
	}
	return []Event{Created{
		Subject: c.Subject, Details: c.Details, Standing: s.standing(StatusNew, c.Details, c.CreatedOn),
	}}, nil
}

// Update edits fields. On is the business day.
type Update struct {
	domain.Patch[Details]
	On domain.Date `json:"-"`
}

// Normalize trims the given fields.
func (c Update) Normalize() Update {
	c.Values = c.Values.normalize()
	return c
}

// Validate refuses values of the wrong shape.
func (c Update) Validate() error {
	var check domain.Check
	c.Values.check(&check)
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide edits the lead; values that are so already change nothing.
func (c Update) Decide(s State) ([]Event, error) {
	details, changed := c.Apply(s.Details)
	switch {
	case len(changed) == 0:
		return nil, nil
	case s.Archived:
		return nil, domain.ErrArchived
	case domain.IsErased(s.Details):
		return nil, domain.ErrErased
	case !details.identified():
		return nil, ErrUnidentified
	case !details.reachable():
		return nil, ErrUnreachable
	}
	return []Event{Updated{
		Subject: s.Subject, Details: details, Changed: changed, Standing: s.standing(s.Status, details, c.On),
	}}, nil
}

// Contact says that somebody spoke to the lead. On is the business day.
type Contact struct {
	On domain.Date `json:"-"`
}

// Normalize has nothing to trim.
func (c Contact) Normalize() Contact { return c }

// Validate insists on the day.
func (c Contact) Validate() error { return checkDay(c.On) }

// Decide moves the lead to contacted.
func (c Contact) Decide(s State) ([]Event, error) {
	standing, ok, err := s.step(StatusContacted, c.On)
	if !ok {
		return nil, err
	}
	return []Event{Contacted{Standing: standing, Source: s.Source}}, nil
}

// Qualify says that the lead is worth an offer. On is the business day.
type Qualify struct {
	On domain.Date `json:"-"`
}

// Normalize has nothing to trim.
func (c Qualify) Normalize() Qualify { return c }

// Validate insists on the day.
func (c Qualify) Validate() error { return checkDay(c.On) }

// Decide moves the lead to qualified.
func (c Qualify) Decide(s State) ([]Event, error) {
	standing, ok, err := s.step(StatusQualified, c.On)
	if !ok {
		return nil, err
	}
	return []Event{Qualified{Standing: standing, Source: s.Source}}, nil
}

// Disqualify gives an open lead up. On is the business day.
type Disqualify struct {
	Reason string      `json:"reason"`
	On     domain.Date `json:"-"`
}

// Normalize trims the reason.
func (c Disqualify) Normalize() Disqualify {
	c.Reason = domain.Block(c.Reason)
	return c
}

// Validate insists on a reason.
func (c Disqualify) Validate() error {
	var check domain.Check
	check.Required("reason", c.Reason)
	check.Block("reason", c.Reason, domain.MaxText)
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide closes the lead as lost.
func (c Disqualify) Decide(s State) ([]Event, error) {
	standing, ok, err := s.step(StatusDisqualified, c.On)
	if !ok {
		return nil, err
	}
	return []Event{Disqualified{Standing: standing, Source: s.Source, Reason: c.Reason}}, nil
}

// Convert makes a customer of an open lead. The caller has chosen the ids of
// the records that the same append creates; asked again it changes nothing, and
// the first targets are in State.ConvertedTo.
type Convert struct {
	Targets `json:"-"`
	On      domain.Date `json:"-"`
}

// Normalize has nothing to trim.
func (c Convert) Normalize() Convert { return c }

// Validate insists on an opportunity and the day.
func (c Convert) Validate() error {
	var check domain.Check
	check.Required("opportunityId", c.OpportunityID)
	check.NotFuture("on", c.On, "")
	return check.Err()
}

// Decide closes the lead as won. An erased person cannot become a contact.
func (c Convert) Decide(s State) ([]Event, error) {
	standing, ok, err := s.step(StatusConverted, c.On)
	switch {
	case !ok:
		return nil, err
	case domain.IsErased(s.Details):
		return nil, domain.ErrErased
	}
	return []Event{Converted{Standing: standing, Targets: c.Targets, Source: s.Source, Value: s.Value}}, nil
}

func checkDay(on domain.Date) error {
	var check domain.Check
	check.NotFuture("on", on, "")
	return check.Err()
}
