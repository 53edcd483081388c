package partner

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain"
)

// MaxOverlap is the longest that an old key may hold beside its successor.
const MaxOverlap = 30 * 24 * time.Hour

// maxTenants keeps an event with all tenants of a partner within its limit.
const maxTenants = 1000

// rate is a count and a window: 6000/1m.
var rate = regexp.MustCompile(`^[1-9][0-9]{0,7}/[1-9][0-9]{0,3}[smh]$`)

// The refusals of a partner alone.
var (
	// ErrTwoKeys: two keys are what a rotation needs and all that it needs.
	ErrTwoKeys = domain.Refuse(domain.Conflict, "too_many_keys",
		"Two keys are valid already; revoke one of them first.")
	// ErrNoSuchKey: the partner has no key of that id.
	ErrNoSuchKey = domain.Refuse(domain.Unprocessable, "unknown_key", "The partner has no such key.")
	// ErrDeactivated: a partner that is shut out gets no keys.
	ErrDeactivated = domain.Refuse(domain.Conflict, "partner_deactivated", "The partner is deactivated.")
)

func (d Details) check(c *domain.Check) {
	c.Line("name", d.Name, domain.MaxName)
	if len(d.TenantIDs) > maxTenants {
		c.Add("tenantIds", "too_many", fmt.Sprintf("has more than %d entries", maxTenants))
	}
	for i, id := range d.TenantIDs {
		c.ID(fmt.Sprintf("tenantIds[%d]", i), id)
	}
	for i, scope := range d.Scopes {
		c.OneOf(fmt.Sprintf("scopes[%d]", i), scope, Scopes...)
	}
	if d.Rate != "" && !rate.MatchString(d.Rate) {
		c.Add("rate", "invalid_rate", "is not a count and a window like 6000/1m")
	}
}

func (d Details) checkRequired(c *domain.Check, given func(string) bool) {
	if given("name") {
		c.Required("name", d.Name)
	}
	if given("tenantIds") && len(d.TenantIDs) == 0 {
		c.Required("tenantIds", "")
	}
	if given("scopes") && len(d.Scopes) == 0 {
		c.Required("scopes", "")
	}
}

// Create admits a partner. Its first key follows by IssueKey in the same append.
type Create struct{ Details }

// Normalize trims the fields.
func (c Create) Normalize() Create {
	c.Details = c.Details.normalize()
	return c
}

// Validate insists on a name, a tenant and a scope.
func (c Create) Validate() error {
	var check domain.Check
	c.checkRequired(&check, func(string) bool { return true })
	c.check(&check)
	return check.Err()
}

// Decide creates the partner.
func (c Create) Decide(s State) ([]Event, error) {
	if s.Status != "" {
		return nil, domain.ErrExists
	}
	return []Event{Created{Details: c.Details, Status: StatusActive}}, nil
}

// Update edits fields.
type Update struct{ domain.Patch[Details] }

// Normalize trims the given fields.
func (c Update) Normalize() Update {
	c.Values = c.Values.normalize()
	return c
}

// Validate refuses values of the wrong shape and empty required ones.
func (c Update) Validate() error {
	var check domain.Check
	c.Values.checkRequired(&check, c.Has)
	c.Values.check(&check)
	return check.Err()
}

// Decide edits the partner; values that are so already change nothing.
func (c Update) Decide(s State) ([]Event, error) {
	details, changed := c.Apply(s.Details)
	if len(changed) == 0 {
		return nil, nil
	}
	return []Event{Updated{Details: details, Before: s.Details, Changed: changed}}, nil
}

// IssueKey gives the partner a key that holds from Now. KeyID is a new id.
type IssueKey struct {
	KeyID string    `json:"-"`
	Now   time.Time `json:"-"`
}

// Normalize has nothing to trim.
func (c IssueKey) Normalize() IssueKey { return c }

// Validate insists on an id and the time.
func (c IssueKey) Validate() error { return checkKey(c.KeyID, c.Now) }

// Decide issues the key unless two hold already.
func (c IssueKey) Decide(s State) ([]Event, error) {
	switch {
	case s.has(c.KeyID):
		return nil, nil
	case s.Status != StatusActive:
		return nil, ErrDeactivated
	case len(s.ValidKeys(c.Now)) >= 2:
		return nil, ErrTwoKeys
	}
	return []Event{KeyIssued{KeyID: c.KeyID, ValidFrom: c.Now.UTC()}}, nil
}

// RotateKey lets a new key follow the one that holds. The old one holds for
// Overlap more; the default of zero ends it at once. KeyID is a new id.
type RotateKey struct {
	KeyID   string        `json:"-"`
	Overlap time.Duration `json:"-"`
	Now     time.Time     `json:"-"`
}

// Normalize has nothing to trim.
func (c RotateKey) Normalize() RotateKey { return c }

// Validate insists on an id and the time, and bounds the overlap.
func (c RotateKey) Validate() error {
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		var check domain.Check
		check.Add("overlap", "out_of_range", "is negative or longer than 30 days")
		return check.Err()
	}
	return checkKey(c.KeyID, c.Now)
}

// Decide rotates; without a key that holds it issues one.
func (c RotateKey) Decide(s State) ([]Event, error) {
	valid := s.ValidKeys(c.Now)
	switch {
	case s.has(c.KeyID):
		return nil, nil
	case s.Status != StatusActive:
		return nil, ErrDeactivated
	case len(valid) == 0:
		return []Event{KeyIssued{KeyID: c.KeyID, ValidFrom: c.Now.UTC()}}, nil
	case len(valid) >= 2:
		return nil, ErrTwoKeys
	}
	return []Event{KeyRotated{
		KeyID: c.KeyID, ValidFrom: c.Now.UTC(),
		PreviousKeyID: valid[0].KeyID, PreviousValidUntil: c.Now.Add(c.Overlap).UTC(),
	}}, nil
}

// RevokeKey ends a key at once.
type RevokeKey struct {
	KeyID string    `json:"-"`
	Now   time.Time `json:"-"`
}

// Normalize has nothing to trim.
func (c RevokeKey) Normalize() RevokeKey { return c }

// Validate insists on an id and the time.
func (c RevokeKey) Validate() error { return checkKey(c.KeyID, c.Now) }

// Decide revokes a key of this partner, also one that ran out.
func (c RevokeKey) Decide(s State) ([]Event, error) {
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return k.KeyID == c.KeyID })
	switch {
	case i < 0:
		return nil, ErrNoSuchKey
	case s.Keys[i].Revoked:
		return nil, nil
	}
	return []Event{KeyRevoked{KeyID: c.KeyID, RevokedAt: c.Now.UTC()}}, nil
}

// Deactivate shuts the partner out with all its keys.
type Deactivate struct {
	Reason string `json:"reason,omitempty"`
}

// Normalize trims the reason.
func (c Deactivate) Normalize() Deactivate {
	c.Reason = domain.Block(c.Reason)
	return c
}

// Validate bounds the reason.
func (c Deactivate) Validate() error {
	var check domain.Check
	check.Block("reason", c.Reason, domain.MaxText)
	return check.Err()
}

// Decide deactivates an active partner.
func (c Deactivate) Decide(s State) ([]Event, error) {
	switch s.Status {
	case StatusDeactivated:
		return nil, nil
	case StatusActive:
		return []Event{Deactivated{StatusBefore: s.Status, Status: StatusDeactivated, Reason: c.Reason}}, nil
	}
	return nil, domain.InvalidTransition(s.Status, StatusDeactivated)
}

// Reactivate lets a partner in again; keys that were not revoked hold again.
type Reactivate struct{}

// Normalize has nothing to trim.
func (c Reactivate) Normalize() Reactivate { return c }

// Validate accepts.
func (c Reactivate) Validate() error { return nil }

// Decide reactivates a deactivated partner.
func (c Reactivate) Decide(s State) ([]Event, error) {
	switch s.Status {
	case StatusActive:
		return nil, nil
	case StatusDeactivated:
		return []Event{Reactivated{StatusBefore: s.Status, Status: StatusActive}}, nil
	}
	return nil, domain.InvalidTransition(s.Status, StatusActive)
}

func (s State) has(keyID string) bool {
	return slices.ContainsFunc(s.Keys, func(k Key) bool { return k.KeyID == keyID })
}

func checkKey(keyID string, now time.Time) error {
	var check domain.Check
	check.Required("keyId", keyID)
	check.ID("keyId", keyID)
	check.Moment("now", now, now)
	return check.Err()
}
