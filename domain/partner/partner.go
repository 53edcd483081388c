// Package partner decides what may happen to an outside system that signs its
// requests. Partners live in provider space, so the tenants they may act for
// are data here. Secrets are never in the log: events name a key and how long
// it holds.
package partner

import (
	"slices"
	"time"

	"github.com/streamflow/streamflow/domain"
)

// Category is the stream category and the first part of every event type.
const Category = "partner"

// Stream is the name of a partner's stream.
func Stream(id string) string { return Category + "-" + id }

// Scopes are what a partner can be allowed to do.
var Scopes = []string{
	"leads:write", "escalations:read", "escalations:write", "invoices:read", "invoices:write",
	"tenants:read", "diagnostics:read", "events:read", "webhooks:write",
}

// The statuses of a partner.
const (
	StatusActive      = "active"
	StatusDeactivated = "deactivated"
)

// Details are the fields that the provider edits. Rate is a count and a window
// like 6000/1m; empty means the installation's own.
type Details struct {
	Name      string   `json:"name"`
	TenantIDs []string `json:"tenantIds"`
	Scopes    []string `json:"scopes"`
	Rate      string   `json:"rate,omitempty"`
}

// Key is a signing key. ValidUntil is zero while no end is set.
type Key struct {
	KeyID      string    `json:"keyId"`
	ValidFrom  time.Time `json:"validFrom"`
	ValidUntil time.Time `json:"validUntil,omitzero"`
	Revoked    bool      `json:"revoked,omitempty"`
}

// ValidAt says whether the key proves anything at that time.
func (k Key) ValidAt(t time.Time) bool {
	return !k.Revoked && !t.Before(k.ValidFrom) && (k.ValidUntil.IsZero() || t.Before(k.ValidUntil))
}

// State is a partner as its events left it.
type State struct {
	Details
	Status string `json:"status"`
	// Keys are all keys ever issued, oldest first.
	Keys []Key `json:"keys"`
}

// ValidKeys are the keys that hold at that time, oldest first.
func (s State) ValidKeys(t time.Time) []Key {
	return slices.DeleteFunc(slices.Clone(s.Keys), func(k Key) bool { return !k.ValidAt(t) })
}

// Event is a fact about a partner.
type Event interface {
	Type() string
	Evolve(State) State
}

// Created is the fact that a partner was admitted.
type Created struct {
	Details
	StatusBefore string `json:"statusBefore"`
	Status       string `json:"status"`
}

// Type names the event.
func (Created) Type() string { return "partner.created" }

// Evolve starts the partner.
func (e Created) Evolve(s State) State {
	s.Details, s.Status = e.Details, e.Status
	return s
}

// Updated is the fact that the partner may do more or less than before.
type Updated struct {
	Details
	Before  Details  `json:"before"`
	Changed []string `json:"changed"`
}

// Type names the event.
func (Updated) Type() string { return "partner.updated" }

// Evolve takes the fields over.
func (e Updated) Evolve(s State) State {
	s.Details = e.Details
	return s
}

// KeyIssued is the fact that the partner has a key.
type KeyIssued struct {
	KeyID     string    `json:"keyId"`
	ValidFrom time.Time `json:"validFrom"`
}

// Type names the event.
func (KeyIssued) Type() string { return "partner.key_issued" }

// Evolve adds the key.
func (e KeyIssued) Evolve(s State) State {
	s.Keys = append(slices.Clone(s.Keys), Key{KeyID: e.KeyID, ValidFrom: e.ValidFrom})
	return s
}

// KeyRotated is the fact that a new key follows an old one, which holds until
// PreviousValidUntil.
type KeyRotated struct {
	KeyID              string    `json:"keyId"`
	ValidFrom          time.Time `json:"validFrom"`
	PreviousKeyID      string    `json:"previousKeyId"`
	PreviousValidUntil time.Time `json:"previousValidUntil"`
}

// Type names the event.
func (KeyRotated) Type() string { return "partner.key_rotated" }

// Evolve adds the new key and ends the old one.
func (e KeyRotated) Evolve(s State) State {
	s.Keys = append(slices.Clone(s.Keys), Key{KeyID: e.KeyID, ValidFrom: e.ValidFrom})
	for i := range s.Keys {
		if s.Keys[i].KeyID == e.PreviousKeyID {
			s.Keys[i].ValidUntil = e.PreviousValidUntil
		}
	}
	return s
}

// KeyRevoked is the fact that a key proves nothing any more.
type KeyRevoked struct {
	KeyID     string    `json:"keyId"`
	RevokedAt time.Time `json:"revokedAt"`
}

// Type names the event.
func (KeyRevoked) Type() string { return "partner.key_revoked" }

// Evolve revokes the key.
func (e KeyRevoked) Evolve(s State) State {
	s.Keys = slices.Clone(s.Keys)
	for i := range s.Keys {
		if s.Keys[i].KeyID == e.KeyID {
			s.Keys[i].Revoked, s.Keys[i].ValidUntil = true, e.RevokedAt
		}
	}
	return s
}

// Deactivated is the fact that the partner is shut out, whatever keys it has.
type Deactivated struct {
	StatusBefore string `json:"statusBefore"`
	Status       string `json:"status"`
	Reason       string `json:"reason,omitempty"`
}

// Type names the event.
func (Deactivated) Type() string { return "partner.deactivated" }

// Evolve shuts the partner out.
func (e Deactivated) Evolve(s State) State {
	s.Status = e.Status
	return s
}

// Reactivated is the fact that the partner is let in again.
type Reactivated struct {
	StatusBefore string `json:"statusBefore"`
	Status       string `json:"status"`
}

// Type names the event.
func (Reactivated) Type() string { return "partner.reactivated" }

// Evolve lets the partner in again.
func (e Reactivated) Evolve(s State) State {
	s.Status = e.Status
	return s
}

// Events lists every event type of a partner.
var Events = []Event{
	Created{}, Updated{}, KeyIssued{}, KeyRotated{}, KeyRevoked{}, Deactivated{}, Reactivated{},
}

// Allows says whether the partner may act for a tenant in a scope.
func (s State) Allows(tenantID, scope string) bool {
	return s.Status == StatusActive && slices.Contains(s.TenantIDs, tenantID) && slices.Contains(s.Scopes, scope)
}

func (d Details) normalize() Details {
	d.Name, d.Rate = domain.Line(d.Name), domain.Line(d.Rate)
	d.TenantIDs, d.Scopes = domain.Labels(d.TenantIDs), domain.Labels(d.Scopes)
	return d
}
