package contact

import (
	"reflect"
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/spec"
)

const day = domain.Date("2026-03-31")

func ada() Create {
	return Create{Subject: "s1", LeadID: "l1", CreatedOn: day, Details: Details{Name: "Ada", OrganizationID: "g1"}}
}

func given(commands ...interface {
	Decide(State) ([]Event, error)
},
) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(ada())
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func update(values Details, fields ...string) Update {
	u := Update{}
	u.Fields, u.Values = fields, values
	return u.Normalize()
}

func TestCreate(t *testing.T) {
	c := spec.Given[State, Event]().When(ada())
	c.Then(t, Created{Subject: "s1", Details: ada().Details, LeadID: "l1", CreatedOn: day})
	c.When(ada()).Refused(t, domain.ErrExists)
	if got := c.Events(t)[0].(Created).Effective(); got != day.Time() {
		t.Errorf("effective %v", got)
	}
	got := Create{Details: Details{Name: " Ada ", Email: "ADA@example.com", Phone: "415 555 2671"}}.Normalize().Details
	if want := (Details{Name: "Ada", Email: "ada@example.com", Phone: "+14155552671"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	spec.Fields(t, ada().Validate())
	spec.Fields(t, Create{Details: Details{Email: "x", Phone: "1"}}.Validate(), "name", "email", "phone", "createdOn")
}

func TestUpdate(t *testing.T) {
	given(update(Details{Name: "Ada"}, "name")).Then(t)
	given(update(Details{Title: "Countess", OrganizationID: "g2"}, "title", "organizationId")).Then(t, Updated{
		Subject: "s1", Details: Details{Name: "Ada", Title: "Countess", OrganizationID: "g2"},
		Changed: []string{"title", "organizationId"}, OrganizationIDBefore: "g1",
	})
	given(Archive{}, update(Details{Title: "x"}, "title")).Refused(t, domain.ErrArchived)
	spec.Given[State, Event](Created{Subject: "s1", Details: Details{Name: domain.Erased}, CreatedOn: day}).
		When(update(Details{Title: "x"}, "title")).Refused(t, domain.ErrErased)
	spec.Fields(t, update(Details{}, "name").Validate(), "name")
	spec.Fields(t, update(Details{Email: "x"}, "email").Validate(), "email")
}

func TestArchive(t *testing.T) {
	given(Archive{}).Then(t, Archived{})
	given(Archive{}, Archive{}).Then(t)
	given(Archive{UsedBy: []string{"opportunity 1"}}).Refused(t, domain.ErrInUse)
	given(Archive{}, Restore{}).Then(t, Restored{})
	given(Restore{}).Then(t)
}

func TestMerge(t *testing.T) {
	loser := State{Subject: "s2", Details: Details{Name: "A.", Email: "ada@example.com"}}
	c := given(Merge{WinnerID: "1", LoserID: "2", Loser: loser})
	c.Then(t, Merged{
		Subject: "s1", Details: Details{Name: "Ada", Email: "ada@example.com", OrganizationID: "g1"},
		Loser: Loser{LoserID: "2", LoserSubject: "s2", Filled: []string{"email"}},
	})
	c.When(Merge{WinnerID: "1", LoserID: "2", Loser: loser}).Then(t)
	erased := State{Details: Details{Name: domain.Erased}}
	given(Merge{WinnerID: "1", LoserID: "2", Loser: erased}).Refused(t, domain.ErrErased)
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
