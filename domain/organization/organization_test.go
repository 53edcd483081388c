package organization

import (
	"reflect"
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/spec"
)

const day = domain.Date("2026-03-31")

func acme() Create { return Create{Details: Details{Name: "Acme", Industry: "hvac"}, CreatedOn: day} }

func given(commands ...interface {
	Decide(State) ([]Event, error)
},
) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(acme())
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func update(id string, values Details, fields ...string) Update {
	u := Update{ID: id}
	u.Fields, u.Values = fields, values
	return u.Normalize()
}

func TestCreate(t *testing.T) {
	c := spec.Given[State, Event]().When(acme())
	c.Then(t, Created{Details: acme().Details, CreatedOn: day})
	c.When(acme()).Refused(t, domain.ErrExists)
	if got := c.Events(t)[0].(Created).Effective(); got != day.Time() {
		t.Errorf("effective %v", got)
	}
	if Key(" ACME Ltd ") != Key("acme ltd") {
		t.Error("names compare without regard to case")
	}
}

func TestCreateValidate(t *testing.T) {
	got := Create{Details: Details{
		Name: " Acme ", Domain: "HTTPS://Acme.example/", Phone: "415 555 2671", Email: "X@Acme.example",
		Address: Address{City: " Bath "},
	}}.Normalize().Details
	want := Details{
		Name: "Acme", Domain: "acme.example", Phone: "+14155552671", Email: "x@acme.example",
		Address: Address{City: "Bath"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	spec.Fields(t, acme().Validate())
	spec.Fields(t, Create{}.Validate(), "name", "createdOn")
	spec.Fields(t, Create{CreatedOn: day, Details: Details{
		Name: "A", Size: -1, AnnualRevenue: money.Of(1, "XXX"), Website: "acme", Email: "x", Phone: "1",
	}}.Validate(), "size", "annualRevenue.currency", "website", "phone", "email")
}

func TestUpdate(t *testing.T) {
	given(update("1", Details{Name: "Acme"}, "name")).Then(t)
	given(update("1", Details{Name: "Apex"}, "name", "industry")).Then(t, Updated{
		Details: Details{Name: "Apex"}, Changed: []string{"name", "industry"}, NameBefore: "Acme",
	})
	given(update("1", Details{ParentID: "1"}, "parentId")).Refused(t, ErrOwnParent)
	given(Archive{}, update("1", Details{Name: "Apex"}, "name")).Refused(t, domain.ErrArchived)
	spec.Fields(t, update("1", Details{}, "name").Validate(), "name")
	spec.Fields(t, update("1", Details{Size: -1}, "size").Validate(), "size")
	spec.Fields(t, update("1", Details{}, "industry").Validate())
}

func TestArchive(t *testing.T) {
	given(Archive{}).Then(t, Archived{})
	given(Archive{}, Archive{}).Then(t)
	given(Archive{UsedBy: []string{"contact 1"}}).Refused(t, domain.ErrInUse)
	given(Archive{}, Restore{}).Then(t, Restored{})
	given(Restore{}).Then(t)
}

func TestMerge(t *testing.T) {
	loser := State{Details: Details{Name: "Acme Inc", Domain: "acme.example", ParentID: "1"}}
	c := given(Merge{WinnerID: "1", LoserID: "2", Loser: loser})
	c.Then(t, Merged{
		Details: Details{Name: "Acme", Industry: "hvac", Domain: "acme.example"},
		LoserID: "2", Filled: []string{"domain"},
	})
	c.When(Merge{WinnerID: "1", LoserID: "2", Loser: loser}).Then(t)
	given(Merge{WinnerID: "1", LoserID: "1"}).Refused(t, domain.ErrMergeWithItself)
	given(Merge{WinnerID: "1", LoserID: "2", Loser: State{MergedInto: "3"}}).Refused(t, domain.ErrAlreadyMerged)
	given(Archive{}, Merge{WinnerID: "1", LoserID: "2"}).Refused(t, domain.ErrArchived)
	given(MergeInto{WinnerID: "1"}).Then(t, MergedInto{WinnerID: "1"})
	given(MergeInto{WinnerID: "1"}, MergeInto{WinnerID: "1"}).Then(t)
	given(MergeInto{WinnerID: "1"}, MergeInto{WinnerID: "3"}).Refused(t, domain.ErrAlreadyMerged)
	given(MergeInto{WinnerID: "1"}, Restore{}).Refused(t, domain.ErrAlreadyMerged)
	spec.Fields(t, Merge{}.Validate(), "loserId")
	spec.Fields(t, MergeInto{}.Validate(), "winnerId")
}
