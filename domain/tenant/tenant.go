// Package tenant decides what may happen to a business that uses the platform.
// A tenant is active or suspended until it is closed; closing is final and its
// history stays.
package tenant

// Category is the stream category and the first part of every event type.
const Category = "tenant"

// Stream is the name of a tenant's stream.
func Stream(id string) string { return Category + "-" + id }

// The statuses of a tenant.
const (
	StatusActive    = "active"
	StatusSuspended = "suspended"
	StatusClosed    = "closed"
)

// DefaultPlan is the plan of a tenant that names none.
const DefaultPlan = "base"

// State is a tenant as its events left it.
type State struct {
	Name   string `json:"name"`
	Plan   string `json:"plan"`
	Status string `json:"status"`
	// OwnerID is the user who owns the tenant.
	OwnerID string `json:"ownerId,omitempty"`
	// Settings are what it decided for all of its users.
	Settings Settings `json:"settings,omitzero"`
	// Reason is why it was suspended or closed.
	Reason string `json:"reason,omitempty"`
}

// Event is a fact about a tenant.
type Event interface {
	Type() string
	Evolve(State) State
}

// Standing is the status before and after an event.
type Standing struct {
	StatusBefore string `json:"statusBefore"`
	Status       string `json:"status"`
}

// Created is the fact that a business joined the platform.
type Created struct {
	Name    string `json:"name"`
	Plan    string `json:"plan"`
	OwnerID string `json:"ownerId,omitempty"`
	Standing
}

// Type names the event.
func (Created) Type() string { return "tenant.created" }

// Evolve starts the tenant.
func (e Created) Evolve(State) State {
	return State{Name: e.Name, Plan: e.Plan, OwnerID: e.OwnerID, Status: e.Status}
}

// Renamed is the fact that the business has another name.
type Renamed struct {
	NameBefore string `json:"nameBefore"`
	Name       string `json:"name"`
}

// Type names the event.
func (Renamed) Type() string { return "tenant.renamed" }

// Evolve changes the name.
func (e Renamed) Evolve(s State) State {
	s.Name = e.Name
	return s
}

// PlanChanged is the fact that the tenant is on another plan.
type PlanChanged struct {
	PlanBefore string `json:"planBefore"`
	Plan       string `json:"plan"`
}

// Type names the event.
func (PlanChanged) Type() string { return "tenant.plan_changed" }

// Evolve changes the plan.
func (e PlanChanged) Evolve(s State) State {
	s.Plan = e.Plan
	return s
}

// OwnerChanged is the fact that another user owns the tenant.
type OwnerChanged struct {
	OwnerIDBefore string `json:"ownerIdBefore,omitempty"`
	OwnerID       string `json:"ownerId"`
}

// Type names the event.
func (OwnerChanged) Type() string { return "tenant.owner_changed" }

// Evolve changes the owner.
func (e OwnerChanged) Evolve(s State) State {
	s.OwnerID = e.OwnerID
	return s
}

// Suspended is the fact that the tenant's users and keys are shut out.
type Suspended struct {
	Standing
	Plan   string `json:"plan"`
	Reason string `json:"reason,omitempty"`
}

// Type names the event.
func (Suspended) Type() string { return "tenant.suspended" }

// Evolve suspends the tenant.
func (e Suspended) Evolve(s State) State {
	s.Status, s.Reason = e.Status, e.Reason
	return s
}

// Reactivated is the fact that a suspension ended.
type Reactivated struct {
	Standing
	Plan string `json:"plan"`
}

// Type names the event.
func (Reactivated) Type() string { return "tenant.reactivated" }

// Evolve lets the tenant in again.
func (e Reactivated) Evolve(s State) State {
	s.Status, s.Reason = e.Status, ""
	return s
}

// Closed is the fact that the tenant left for good.
type Closed struct {
	Standing
	Plan   string `json:"plan"`
	Reason string `json:"reason"`
}

// Type names the event.
func (Closed) Type() string { return "tenant.closed" }

// Evolve closes the tenant.
func (e Closed) Evolve(s State) State {
	s.Status, s.Reason = e.Status, e.Reason
	return s
}

// Events lists every event type of a tenant.
var Events = []Event{Created{}, Renamed{}, PlanChanged{}, OwnerChanged{}, SettingsChanged{}, Suspended{}, Reactivated{}, Closed{}}
