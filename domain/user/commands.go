package user

import "github.com/streamflow/streamflow/domain"

// Create makes an account. Subject is a new data-subject id. TenantID is empty
// for the provider's staff. Portal is the role's own when empty. Invited makes
// an account that waits for its invitation to be accepted.
type Create struct {
	Email    string `json:"email"`
	Name     string `json:"name,omitempty"`
	Role     string `json:"role"`
	Portal   string `json:"portal,omitempty"`
	TenantID string `json:"-"`
	Subject  string `json:"-"`
	Invited  bool   `json:"-"`
}

// Normalize trims the fields and lowers the e-mail address.
func (c Create) Normalize() Create {
	c.Email, c.Name, c.Role = domain.Email(c.Email), domain.Line(c.Name), domain.Line(c.Role)
	if c.Portal = domain.Line(c.Portal); c.Portal == "" {
		c.Portal = PortalOf(c.Role)
	}
	return c
}

// Validate insists on an address, a name unless the person is invited, and a
// role that fits the tenant or the provider.
func (c Create) Validate() error {
	var check domain.Check
	check.Required("email", c.Email)
	check.Email("email", c.Email)
	if !c.Invited {
		check.Required("name", c.Name)
	}
	check.Line("name", c.Name, domain.MaxName)
	check.Required("role", c.Role)
	check.OneOf("role", c.Role, rolesOf(c.TenantID)...)
	check.OneOf("portal", c.Portal, Portals...)
	if c.TenantID != "" && (c.Portal == PortalProvider || c.Portal == PortalDeveloper) {
		check.Add("portal", "not_allowed", "is the provider's own")
	}
	return check.Err()
}

// Decide creates the user.
func (c Create) Decide(s State) ([]Event, error) {
	if s.Status != "" {
		return nil, domain.ErrExists
	}
	standing := Standing{TenantID: c.TenantID, Role: c.Role, Status: StatusActive}
	if c.Invited {
		standing.Status = StatusInvited
	}
	return []Event{Created{Subject: c.Subject, Email: c.Email, Name: c.Name, Portal: c.Portal, Standing: standing}}, nil
}

// Update edits the name and the e-mail address; an empty value keeps what is.
type Update struct {
	Email string `json:"email,omitempty"`
	Name  string `json:"name,omitempty"`
}

// Normalize trims the fields and lowers the e-mail address.
func (c Update) Normalize() Update {
	c.Email, c.Name = domain.Email(c.Email), domain.Line(c.Name)
	return c
}

// Validate refuses values of the wrong shape.
func (c Update) Validate() error {
	var check domain.Check
	check.Email("email", c.Email)
	check.Line("name", c.Name, domain.MaxName)
	return check.Err()
}

// Decide edits the user.
func (c Update) Decide(s State) ([]Event, error) {
	after := Updated{Subject: s.Subject, Email: s.Email, Name: s.Name, TenantID: s.TenantID}
	if c.Email != "" && c.Email != s.Email {
		after.Email, after.Changed = c.Email, append(after.Changed, "email")
	}
	if c.Name != "" && c.Name != s.Name {
		after.Name, after.Changed = c.Name, append(after.Changed, "name")
	}
	switch {
	case len(after.Changed) == 0:
		return nil, nil
	case s.erased():
		return nil, domain.ErrErased
	case s.Status == StatusDeactivated:
		return nil, domain.InvalidTransition(s.Status, "edited")
	}
	return []Event{after}, nil
}

// Activate accepts an invitation.
type Activate struct {
	Name string `json:"name"`
}

// Normalize trims the name.
func (c Activate) Normalize() Activate {
	c.Name = domain.Line(c.Name)
	return c
}

// Validate insists on a name.
func (c Activate) Validate() error {
	var check domain.Check
	check.Required("name", c.Name)
	check.Line("name", c.Name, domain.MaxName)
	return check.Err()
}

// Decide activates an invited user.
func (c Activate) Decide(s State) ([]Event, error) {
	switch {
	case s.Status == StatusActive:
		return nil, nil
	case s.Status != StatusInvited:
		return nil, domain.InvalidTransition(s.Status, StatusActive)
	case s.erased():
		return nil, domain.ErrErased
	}
	return []Event{Activated{Subject: s.Subject, Name: c.Name, Standing: s.to(StatusActive)}}, nil
}

// Deactivate shuts a user out; sessions and tokens end with it.
type Deactivate struct{}

// Normalize has nothing to trim.
func (c Deactivate) Normalize() Deactivate { return c }

// Validate accepts.
func (c Deactivate) Validate() error { return nil }

// Decide deactivates anybody but a tenant's owner.
func (c Deactivate) Decide(s State) ([]Event, error) {
	switch {
	case s.Status == StatusDeactivated:
		return nil, nil
	case s.Status == "":
		return nil, domain.InvalidTransition(s.Status, StatusDeactivated)
	case s.Role == RoleOwner:
		return nil, ErrOwnerStays
	}
	return []Event{Deactivated{s.to(StatusDeactivated)}}, nil
}

// Reactivate lets a deactivated user in again.
type Reactivate struct{}

// Normalize has nothing to trim.
func (c Reactivate) Normalize() Reactivate { return c }

// Validate accepts.
func (c Reactivate) Validate() error { return nil }

// Decide reactivates a user whose person was not erased.
func (c Reactivate) Decide(s State) ([]Event, error) {
	switch {
	case s.Status == StatusActive:
		return nil, nil
	case s.Status != StatusDeactivated:
		return nil, domain.InvalidTransition(s.Status, StatusActive)
	case s.erased():
		return nil, domain.ErrErased
	}
	return []Event{Reactivated{s.to(StatusActive)}}, nil
}

// ChangePassword records that there is a new password; the password itself is
// stored elsewhere.
type ChangePassword struct{}

// Normalize has nothing to trim.
func (c ChangePassword) Normalize() ChangePassword { return c }

// Validate accepts.
func (c ChangePassword) Validate() error { return nil }

// Decide records every change, also one to the same password, which nobody can
// tell.
func (c ChangePassword) Decide(s State) ([]Event, error) {
	if s.Status == StatusDeactivated || s.Status == "" {
		return nil, domain.InvalidTransition(s.Status, "edited")
	}
	return []Event{PasswordChanged{TenantID: s.TenantID}}, nil
}

// EnrolFactor records that a second factor is asked for from now on.
type EnrolFactor struct{}

// Normalize has nothing to trim.
func (c EnrolFactor) Normalize() EnrolFactor { return c }

// Validate accepts.
func (c EnrolFactor) Validate() error { return nil }

// Decide enrols the factor of a user who can sign in.
func (c EnrolFactor) Decide(s State) ([]Event, error) {
	switch {
	case s.Factor:
		return nil, nil
	case s.Status != StatusActive:
		return nil, domain.InvalidTransition(s.Status, "edited")
	}
	return []Event{FactorEnrolled{TenantID: s.TenantID}}, nil
}

// RemoveFactor records that no second factor is asked for any more.
type RemoveFactor struct{}

// Normalize has nothing to trim.
func (c RemoveFactor) Normalize() RemoveFactor { return c }

// Validate accepts.
func (c RemoveFactor) Validate() error { return nil }

// Decide removes the factor.
func (c RemoveFactor) Decide(s State) ([]Event, error) {
	if !s.Factor {
		return nil, nil
	}
	return []Event{FactorRemoved{TenantID: s.TenantID}}, nil
}
