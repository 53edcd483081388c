package user

import (
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/spec"
)

var ada = Create{Email: "ada@example.com", Name: "Ada", Role: RoleStaff, Portal: PortalClient, TenantID: "t1", Subject: "s1"}

func as(role string) Create {
	c := ada
	c.Role, c.Portal = role, PortalOf(role)
	return c
}

func given(first Create, commands ...interface {
	Decide(State) ([]Event, error)
},
) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(first)
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func TestCreate(t *testing.T) {
	c := given(ada)
	c.Then(t, Created{
		Subject: "s1", Email: "ada@example.com", Name: "Ada", Portal: PortalClient,
		Standing: Standing{TenantID: "t1", Role: RoleStaff, Status: StatusActive},
	})
	c.When(ada).Refused(t, domain.ErrExists)
	spec.Fields(t, ada.Validate())
	spec.Fields(t, Create{}.Validate(), "email", "name", "role")
	spec.Fields(t, Create{Email: "a@b.co", Role: RoleManager, TenantID: "t1", Invited: true}.Normalize().Validate())
	for role, portal := range map[string]string{
		RoleOwner: PortalClient, RoleManager: PortalClient, RoleStaff: PortalClient, RoleAccountant: PortalAccountant,
		RoleProvider: PortalProvider, RoleDeveloper: PortalDeveloper, RoleAnalyst: PortalProvider,
	} {
		if got := (Create{Role: role}).Normalize().Portal; got != portal {
			t.Errorf("%s signs in to %s", role, got)
		}
	}
}

// TestNobodyOfATenantIsStaff: the roles of a tenant and of the provider do not
// mix, and the provider's portals are its own.
func TestNobodyOfATenantIsStaff(t *testing.T) {
	for _, role := range []string{RoleProvider, RoleDeveloper, RoleAnalyst} {
		c := as(role)
		spec.Fields(t, c.Validate(), "role", "portal")
		c.TenantID = ""
		spec.Fields(t, c.Validate())
		given(ada, ChangeRole{Role: role}).Refused(t, spec.Refusal("invalid_transition"))
	}
	for _, role := range []string{RoleOwner, RoleManager, RoleStaff} {
		c := as(role)
		c.TenantID = ""
		spec.Fields(t, c.Validate(), "role")
	}
}

func TestInvitation(t *testing.T) {
	invited := ada
	invited.Invited, invited.Name = true, ""
	c := given(invited)
	if c.State().Status != StatusInvited {
		t.Errorf("state %+v", c.State())
	}
	c = c.When(Activate{Name: "Ada L."})
	c.Then(t, Activated{Subject: "s1", Name: "Ada L.", Standing: Standing{
		TenantID: "t1", Role: RoleStaff, StatusBefore: StatusInvited, Status: StatusActive,
	}})
	c.When(Activate{Name: "Eve"}).Then(t)
	c.When(Deactivate{}).When(Activate{Name: "Eve"}).Refused(t, spec.Refusal("invalid_transition"))
	given(invited, Reactivate{}).Refused(t, spec.Refusal("invalid_transition"))
	given(invited, EnrolFactor{}).Refused(t, spec.Refusal("invalid_transition"))
	spec.Fields(t, Activate{}.Validate(), "name")
}

func TestUpdate(t *testing.T) {
	given(ada, Update{Email: "ada@example.com", Name: "Ada"}).Then(t)
	given(ada, Update{Email: "al@example.com"}).Then(t, Updated{
		Subject: "s1", Email: "al@example.com", Name: "Ada", TenantID: "t1", Changed: []string{"email"},
	})
	given(ada, Deactivate{}, Update{Name: "A"}).Refused(t, spec.Refusal("invalid_transition"))
	erased := spec.Given[State, Event](Created{
		Subject: "s1", Email: domain.Erased, Name: domain.Erased, Standing: Standing{Status: StatusDeactivated},
	})
	erased.When(Update{Name: "A"}).Refused(t, domain.ErrErased)
	erased.When(Reactivate{}).Refused(t, domain.ErrErased)
	spec.Fields(t, Update{Email: "x"}.Normalize().Validate(), "email")
}

// TestOneOwner: nobody becomes or stops being owner but by handing it over.
func TestOneOwner(t *testing.T) {
	owner := as(RoleOwner)
	given(owner, ChangeRole{Role: RoleStaff}).Refused(t, ErrOwnerStays)
	given(owner, Deactivate{}).Refused(t, ErrOwnerStays)
	given(ada, ChangeRole{Role: RoleOwner}).Refused(t, ErrOwnerStays)
	given(ada, TakeOwnership{TenantID: "t1"}).Then(t, RoleChanged{
		TenantID: "t1", RoleBefore: RoleStaff, Role: RoleOwner, Portal: PortalClient, Status: StatusActive,
	})
	given(owner, TakeOwnership{TenantID: "t1"}).Then(t)
	given(ada, TakeOwnership{TenantID: "t2"}).Refused(t, ErrOtherTenant)
	given(ada, Deactivate{}, TakeOwnership{TenantID: "t1"}).Refused(t, ErrOtherTenant)
	given(owner, GiveOwnership{}).Then(t, RoleChanged{
		TenantID: "t1", RoleBefore: RoleOwner, Role: RoleManager, Portal: PortalClient, Status: StatusActive,
	})
	given(ada, GiveOwnership{}).Then(t)
	spec.Fields(t, TakeOwnership{}.Validate(), "tenantId")
}

func TestRole(t *testing.T) {
	given(ada, ChangeRole{Role: RoleAccountant}).Then(t, RoleChanged{
		TenantID: "t1", RoleBefore: RoleStaff, Role: RoleAccountant, Portal: PortalAccountant, Status: StatusActive,
	})
	given(ada, ChangeRole{Role: RoleStaff}).Then(t)
	given(ada, Deactivate{}, ChangeRole{Role: RoleManager}).Refused(t, spec.Refusal("invalid_transition"))
	spec.Fields(t, ChangeRole{Role: "god"}.Normalize().Validate(), "role")
}

func TestAccess(t *testing.T) {
	given(ada, Deactivate{}).Types(t, "user.deactivated")
	given(ada, Deactivate{}, Deactivate{}).Then(t)
	given(ada, Deactivate{}, Reactivate{}).Types(t, "user.reactivated")
	given(ada, Reactivate{}).Then(t)
	spec.Given[State, Event]().When(Deactivate{}).Refused(t, spec.Refusal("invalid_transition"))
	given(ada, ChangePassword{}).Then(t, PasswordChanged{TenantID: "t1"})
	given(ada, ChangePassword{}, ChangePassword{}).Then(t, PasswordChanged{TenantID: "t1"})
	given(ada, Deactivate{}, ChangePassword{}).Refused(t, spec.Refusal("invalid_transition"))
	given(ada, EnrolFactor{}).Then(t, FactorEnrolled{TenantID: "t1"})
	given(ada, EnrolFactor{}, EnrolFactor{}).Then(t)
	given(ada, EnrolFactor{}, RemoveFactor{}).Then(t, FactorRemoved{TenantID: "t1"})
	given(ada, RemoveFactor{}).Then(t)
}
