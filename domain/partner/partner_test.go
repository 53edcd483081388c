package partner

import (
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/spec"
)

var (
	now  = time.Date(2026, 3, 31, 9, 0, 0, 0, time.UTC)
	acme = Create{Details{Name: "Acme", TenantIDs: []string{"t1"}, Scopes: []string{"leads:write"}, Rate: "6000/1m"}}
)

func given(commands ...interface {
	Decide(State) ([]Event, error)
},
) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(acme)
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func issue(id string) IssueKey { return IssueKey{KeyID: id, Now: now} }

func TestCreate(t *testing.T) {
	c := given()
	c.Then(t, Created{Details: acme.Details, Status: StatusActive})
	c.When(acme).Refused(t, domain.ErrExists)
	spec.Fields(t, acme.Validate())
	spec.Fields(t, Create{}.Validate(), "name", "tenantIds", "scopes")
	spec.Fields(t, Create{Details{
		Name: "A", TenantIDs: []string{"a b"}, Scopes: []string{"leads:write", "leads:read"}, Rate: "many",
	}}.Normalize().Validate(), "tenantIds[0]", "scopes[1]", "rate")
}

func TestUpdate(t *testing.T) {
	u := Update{}
	u.Fields, u.Values.Scopes = []string{"scopes"}, []string{"events:read"}
	after := acme.Details
	after.Scopes = u.Values.Scopes
	c := given(u)
	c.Then(t, Updated{Details: after, Before: acme.Details, Changed: []string{"scopes"}})
	c.When(u).Then(t)
	if s := c.State(); !s.Allows("t1", "events:read") || s.Allows("t1", "leads:write") || s.Allows("t2", "events:read") {
		t.Errorf("allows: %+v", s)
	}
	u.Values.Scopes = nil
	spec.Fields(t, u.Validate(), "scopes")
	u.Fields = []string{"rate"}
	spec.Fields(t, u.Validate())
}

func TestIssueKey(t *testing.T) {
	given(issue("k1")).Then(t, KeyIssued{KeyID: "k1", ValidFrom: now})
	given(issue("k1"), issue("k1")).Then(t)
	given(issue("k1"), issue("k2")).Types(t, "partner.key_issued")
	given(issue("k1"), issue("k2"), issue("k3")).Refused(t, ErrTwoKeys)
	given(Deactivate{}, issue("k1")).Refused(t, ErrDeactivated)
	spec.Given[State, Event]().When(issue("k1")).Refused(t, ErrDeactivated)
	spec.Fields(t, IssueKey{}.Validate(), "keyId", "now")
}

func TestRotateKey(t *testing.T) {
	rotate := RotateKey{KeyID: "k2", Overlap: time.Hour, Now: now.Add(time.Minute)}
	c := given(issue("k1"), rotate)
	c.Then(t, KeyRotated{
		KeyID: "k2", ValidFrom: now.Add(time.Minute),
		PreviousKeyID: "k1", PreviousValidUntil: now.Add(time.Hour + time.Minute),
	})
	for _, at := range []struct {
		when time.Duration
		keys int
	}{{-time.Second, 0}, {0, 1}, {time.Minute, 2}, {time.Hour, 2}, {time.Hour + time.Minute, 1}, {time.Hour * 9999, 1}} {
		if got := c.State().ValidKeys(now.Add(at.when)); len(got) != at.keys {
			t.Errorf("%v after: %v", at.when, got)
		}
	}
	c.When(rotate).Then(t)
	c.When(RotateKey{KeyID: "k3", Now: now.Add(time.Minute)}).Refused(t, ErrTwoKeys)
	c.When(RotateKey{KeyID: "k3", Now: now.Add(2 * time.Hour)}).Types(t, "partner.key_rotated")
	given(RotateKey{KeyID: "k1", Now: now}).Then(t, KeyIssued{KeyID: "k1", ValidFrom: now})
	given(Deactivate{}, rotate).Refused(t, ErrDeactivated)
	spec.Fields(t, RotateKey{KeyID: "k", Now: now, Overlap: -1}.Validate(), "overlap")
	spec.Fields(t, RotateKey{KeyID: "k", Now: now, Overlap: MaxOverlap + 1}.Validate(), "overlap")
	spec.Fields(t, rotate.Validate())
}

func TestRevokeKey(t *testing.T) {
	revoke := RevokeKey{KeyID: "k1", Now: now}
	c := given(issue("k1"), revoke)
	c.Then(t, KeyRevoked{KeyID: "k1", RevokedAt: now})
	if got := c.State().ValidKeys(now); len(got) != 0 {
		t.Errorf("a revoked key holds: %v", got)
	}
	c.When(revoke).Then(t)
	given(revoke).Refused(t, ErrNoSuchKey)
}

func TestStatus(t *testing.T) {
	given(Deactivate{Reason: "left"}).Then(t, Deactivated{
		StatusBefore: StatusActive, Status: StatusDeactivated, Reason: "left",
	})
	given(Deactivate{}, Deactivate{}).Then(t)
	given(Deactivate{}, Reactivate{}).Then(t, Reactivated{StatusBefore: StatusDeactivated, Status: StatusActive})
	given(Reactivate{}).Then(t)
	spec.Given[State, Event]().When(Deactivate{}).Refused(t, spec.Refusal("invalid_transition"))
	spec.Given[State, Event]().When(Reactivate{}).Refused(t, spec.Refusal("invalid_transition"))
	if given(Deactivate{}).State().Allows("t1", "leads:write") {
		t.Error("a deactivated partner may do nothing")
	}
}
