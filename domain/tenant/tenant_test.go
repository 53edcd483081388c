package tenant

import (
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/spec"
)

var acme = Create{Name: "Acme", Plan: "pro", OwnerID: "u1"}

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

func TestCreate(t *testing.T) {
	c := spec.Given[State, Event]().When(acme)
	c.Then(t, Created{Name: "Acme", Plan: "pro", OwnerID: "u1", Standing: Standing{Status: StatusActive}})
	c.When(acme).Refused(t, domain.ErrExists)
	if got := (Create{Name: " Acme "}).Normalize(); got != (Create{Name: "Acme", Plan: DefaultPlan}) {
		t.Errorf("got %+v", got)
	}
	spec.Fields(t, acme.Validate())
	spec.Fields(t, Create{Plan: "a b"}.Validate(), "name", "plan")
}

func TestUpdate(t *testing.T) {
	given(Update{Name: "Acme", Plan: "pro"}).Then(t)
	given(Update{}).Then(t)
	given(Update{Name: "Apex", Plan: "elite"}).Then(t,
		Renamed{NameBefore: "Acme", Name: "Apex"}, PlanChanged{PlanBefore: "pro", Plan: "elite"})
	given(Close{Reason: "left"}, Update{Name: "Apex"}).Refused(t, spec.Refusal("invalid_transition"))
	given(ChangeOwner{OwnerID: "u2"}).Then(t, OwnerChanged{OwnerIDBefore: "u1", OwnerID: "u2"})
	given(ChangeOwner{OwnerID: "u1"}).Then(t)
	given(Close{Reason: "left"}, ChangeOwner{OwnerID: "u2"}).Refused(t, spec.Refusal("invalid_transition"))
	harbor := ChangeSettings{domain.Patch[Settings]{Fields: []string{"theme"}, Values: Settings{Theme: "harbor"}}}
	given(harbor).Then(t, SettingsChanged{Settings: Settings{Theme: "harbor"}})
	given(harbor, harbor).Then(t)
	given(harbor, ChangeSettings{domain.Patch[Settings]{Fields: []string{"theme"}}}).Then(t, SettingsChanged{SettingsBefore: Settings{Theme: "harbor"}})
	given(harbor, ChangeSettings{}).Then(t)
	given(Close{Reason: "left"}, harbor).Refused(t, spec.Refusal("invalid_transition"))
	spec.Fields(t, ChangeSettings{domain.Patch[Settings]{Values: Settings{Theme: "a b", Mode: "dusk"}}}.Normalize().Validate(), "theme", "mode")
	dark := ChangeSettings{domain.Patch[Settings]{Fields: []string{"mode", "usersMayChoose"}, Values: Settings{Mode: " dark ", UsersMayChoose: true}}}
	given(harbor, dark.Normalize()).Then(t, SettingsChanged{SettingsBefore: Settings{Theme: "harbor"}, Settings: Settings{Theme: "harbor", Mode: "dark", UsersMayChoose: true}})
	spec.Fields(t, Update{Name: "a\x00"}.Normalize().Validate(), "name")
	spec.Fields(t, ChangeOwner{}.Validate(), "ownerId")
}

// TestStatus tries every step from every status.
func TestStatus(t *testing.T) {
	steps := map[string]interface {
		Decide(State) ([]Event, error)
	}{
		StatusSuspended: Suspend{Reason: "unpaid"}, StatusActive: Reactivate{}, StatusClosed: Close{Reason: "left"},
	}
	for _, from := range []string{StatusActive, StatusSuspended, StatusClosed} {
		for to, step := range steps {
			c := given()
			if from != StatusActive {
				c = c.When(steps[from])
			}
			c = c.When(step)
			switch {
			case from == to:
				c.Then(t)
			case from == StatusClosed:
				c.Refused(t, spec.Refusal("invalid_transition"))
			case c.State().Status != to || len(c.Events(t)) != 1:
				t.Errorf("%s to %s: %+v", from, to, c.State())
			}
		}
	}
	for to, step := range steps {
		t.Run("unborn to "+to, func(t *testing.T) {
			spec.Given[State, Event]().When(step).Refused(t, spec.Refusal("invalid_transition"))
		})
	}
	given(Suspend{Reason: "unpaid"}).Then(t, Suspended{
		Standing: Standing{StatusBefore: StatusActive, Status: StatusSuspended}, Plan: "pro", Reason: "unpaid",
	})
	spec.Fields(t, Close{}.Validate(), "reason")
	spec.Fields(t, Suspend{}.Validate())
}
