// Package user decides what may happen to an account. Users live in provider
// space, so the tenant they work for is data here; it is empty for the
// provider's own staff. Passwords, sessions and second factors are kept outside
// the log: events only name their change. That an e-mail address belongs to one
// user, and a tenant to one owner, are claims taken in the append.
package user

import (
	"github.com/streamflow/streamflow/domain"
)

// Category is the stream category and the first part of every event type.
const Category = "user"

// Stream is the name of a user's stream.
func Stream(id string) string { return Category + "-" + id }

// The roles. Accountant is a role of a tenant and of the provider.
const (
	RoleOwner      = "owner"
	RoleManager    = "manager"
	RoleStaff      = "staff"
	RoleAccountant = "accountant"
	RoleProvider   = "provider"
	RoleDeveloper  = "developer"
	RoleAnalyst    = "analyst"
)

// TenantRoles and StaffRoles are who may work for a tenant and for the provider.
var (
	TenantRoles = []string{RoleOwner, RoleManager, RoleStaff, RoleAccountant}
	StaffRoles  = []string{RoleProvider, RoleDeveloper, RoleAccountant, RoleAnalyst}
)

// The portals.
const (
	PortalProvider   = "provider"
	PortalDeveloper  = "developer"
	PortalAccountant = "accountant"
	PortalClient     = "client"
)

// Portals are all portals.
var Portals = []string{PortalProvider, PortalDeveloper, PortalAccountant, PortalClient}

// PortalOf is the portal that a role signs in to when it names none.
func PortalOf(role string) string {
	switch role {
	case RoleProvider, RoleAnalyst:
		return PortalProvider
	case RoleDeveloper:
		return PortalDeveloper
	case RoleAccountant:
		return PortalAccountant
	}
	return PortalClient
}

// The statuses of a user.
const (
	StatusInvited     = "invited"
	StatusActive      = "active"
	StatusDeactivated = "deactivated"
)

// State is a user as its events left it.
type State struct {
	// Subject is the person.
	Subject string `json:"subject"`
	Email   string `json:"email" personal:"subject"`
	Name    string `json:"name" personal:"subject"`
	Role    string `json:"role"`
	Portal  string `json:"portal"`
	// TenantID is empty for the provider's staff.
	TenantID string `json:"tenantId,omitempty"`
	Status   string `json:"status"`
	// Factor says whether a second factor is enrolled.
	Factor bool `json:"factor"`
}

// Event is a fact about a user.
type Event interface {
	Type() string
	Evolve(State) State
}

// Standing is who a user is for and how it stands, before and after an event.
type Standing struct {
	TenantID     string `json:"tenantId,omitempty"`
	Role         string `json:"role"`
	StatusBefore string `json:"statusBefore"`
	Status       string `json:"status"`
}

func (n Standing) evolve(s State) State {
	s.TenantID, s.Role, s.Status = n.TenantID, n.Role, n.Status
	return s
}

// Created is the fact that an account was made; an invited one cannot sign in
// yet.
type Created struct {
	Subject string `json:"subject"`
	Email   string `json:"email" personal:"subject"`
	Name    string `json:"name" personal:"subject"`
	Portal  string `json:"portal"`
	Standing
}

// Type names the event.
func (Created) Type() string { return "user.created" }

// Evolve starts the user.
func (e Created) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.Subject, s.Email, s.Name, s.Portal = e.Subject, e.Email, e.Name, e.Portal
	return s
}

// Updated is the fact that the name or the e-mail address changed.
type Updated struct {
	Subject  string   `json:"subject"`
	Email    string   `json:"email" personal:"subject"`
	Name     string   `json:"name" personal:"subject"`
	TenantID string   `json:"tenantId,omitempty"`
	Changed  []string `json:"changed"`
}

// Type names the event.
func (Updated) Type() string { return "user.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	s.Email, s.Name = e.Email, e.Name
	return s
}

// Activated is the fact that an invited person accepted and chose a name.
type Activated struct {
	Subject string `json:"subject"`
	Name    string `json:"name" personal:"subject"`
	Standing
}

// Type names the event.
func (Activated) Type() string { return "user.activated" }

// Evolve lets the user sign in.
func (e Activated) Evolve(s State) State {
	s = e.Standing.evolve(s)
	s.Name = e.Name
	return s
}

// RoleChanged is the fact that a user may do other things than before.
type RoleChanged struct {
	TenantID   string `json:"tenantId,omitempty"`
	RoleBefore string `json:"roleBefore"`
	Role       string `json:"role"`
	Portal     string `json:"portal"`
	Status     string `json:"status"`
}

// Type names the event.
func (RoleChanged) Type() string { return "user.role_changed" }

// Evolve changes the role.
func (e RoleChanged) Evolve(s State) State {
	s.Role, s.Portal = e.Role, e.Portal
	return s
}

// Deactivated is the fact that a user can no longer sign in.
type Deactivated struct{ Standing }

// Type names the event.
func (Deactivated) Type() string { return "user.deactivated" }

// Evolve shuts the user out.
func (e Deactivated) Evolve(s State) State { return e.Standing.evolve(s) }

// Reactivated is the fact that a user may sign in again.
type Reactivated struct{ Standing }

// Type names the event.
func (Reactivated) Type() string { return "user.reactivated" }

// Evolve lets the user in again.
func (e Reactivated) Evolve(s State) State { return e.Standing.evolve(s) }

// PasswordChanged is the fact that there is a new password.
type PasswordChanged struct {
	TenantID string `json:"tenantId,omitempty"`
}

// Type names the event.
func (PasswordChanged) Type() string { return "user.password_changed" }

// Evolve changes nothing: the password is not in the log.
func (PasswordChanged) Evolve(s State) State { return s }

// FactorEnrolled is the fact that a second factor is asked for from now on.
type FactorEnrolled struct {
	TenantID string `json:"tenantId,omitempty"`
}

// Type names the event.
func (FactorEnrolled) Type() string { return "user.factor_enrolled" }

// Evolve remembers the factor.
func (FactorEnrolled) Evolve(s State) State {
	s.Factor = true
	return s
}

// FactorRemoved is the fact that no second factor is asked for any more.
type FactorRemoved struct {
	TenantID string `json:"tenantId,omitempty"`
}

// Type names the event.
func (FactorRemoved) Type() string { return "user.factor_removed" }

// Evolve forgets the factor.
func (FactorRemoved) Evolve(s State) State {
	s.Factor = false
	return s
}

// Events lists every event type of a user.
var Events = []Event{
	Created{}, Updated{}, Activated{}, RoleChanged{}, Deactivated{}, Reactivated{},
	PasswordChanged{}, FactorEnrolled{}, FactorRemoved{},
}

func (s State) to(status string) Standing {
	return Standing{TenantID: s.TenantID, Role: s.Role, StatusBefore: s.Status, Status: status}
}

func (s State) erased() bool { return s.Email == domain.Erased || s.Name == domain.Erased }

func rolesOf(tenantID string) []string {
	if tenantID == "" {
		return StaffRoles
	}
	return TenantRoles
}
