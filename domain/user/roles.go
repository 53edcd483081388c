package user

import (
	"slices"

	"github.com/streamflow/streamflow/domain"
)

// The refusals of a user alone.
var (
	// ErrOwnerStays: a tenant has exactly one owner, so an owner leaves the role
	// only by handing it over.
	ErrOwnerStays = domain.Refuse(domain.Conflict, "owner_required",
		"A tenant needs its owner; transfer the ownership first.")
	// ErrOtherTenant: ownership moves inside a tenant.
	ErrOtherTenant = domain.Refuse(domain.Unprocessable, "not_in_tenant",
		"Only an active user of the tenant can become its owner.")
)

// ChangeRole gives a user another role, but never that of owner.
type ChangeRole struct {
	Role string `json:"role"`
}

// Normalize trims the role.
func (c ChangeRole) Normalize() ChangeRole {
	c.Role = domain.Line(c.Role)
	return c
}

// Validate insists on a role.
func (c ChangeRole) Validate() error {
	var check domain.Check
	check.Required("role", c.Role)
	check.OneOf("role", c.Role, slices.Concat(TenantRoles, StaffRoles)...)
	return check.Err()
}

// Decide changes the role within the tenant or within the provider's staff.
func (c ChangeRole) Decide(s State) ([]Event, error) {
	switch {
	case c.Role == s.Role:
		return nil, nil
	case s.Role == RoleOwner, c.Role == RoleOwner:
		return nil, ErrOwnerStays
	case s.Status == StatusDeactivated || !slices.Contains(rolesOf(s.TenantID), c.Role):
		return nil, domain.InvalidTransition(s.Role, c.Role)
	}
	return []Event{s.roleChanged(c.Role)}, nil
}

func (s State) roleChanged(role string) RoleChanged {
	return RoleChanged{
		TenantID: s.TenantID, RoleBefore: s.Role, Role: role, Portal: PortalOf(role), Status: s.Status,
	}
}

// TakeOwnership makes a user of the tenant its owner. The same append carries
// GiveOwnership on the owner so far, and moves the claim on the tenant.
type TakeOwnership struct {
	TenantID string `json:"-"`
}

// Normalize has nothing to trim.
func (c TakeOwnership) Normalize() TakeOwnership { return c }

// Validate insists on a tenant.
func (c TakeOwnership) Validate() error {
	var check domain.Check
	check.Required("tenantId", c.TenantID)
	return check.Err()
}

// Decide makes an active user of that tenant its owner.
func (c TakeOwnership) Decide(s State) ([]Event, error) {
	switch {
	case s.TenantID != c.TenantID, s.Status != StatusActive:
		return nil, ErrOtherTenant
	case s.Role == RoleOwner:
		return nil, nil
	}
	return []Event{s.roleChanged(RoleOwner)}, nil
}

// GiveOwnership makes the owner a manager; it follows TakeOwnership on the next
// owner.
type GiveOwnership struct{}

// Normalize has nothing to trim.
func (c GiveOwnership) Normalize() GiveOwnership { return c }

// Validate accepts.
func (c GiveOwnership) Validate() error { return nil }

// Decide takes the role of owner from who has it.
func (c GiveOwnership) Decide(s State) ([]Event, error) {
	if s.Role != RoleOwner {
		return nil, nil
	}
	return []Event{s.roleChanged(RoleManager)}, nil
}
