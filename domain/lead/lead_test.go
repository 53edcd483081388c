package lead

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/spec"
)

const day = domain.Date("2026-03-31")

func ada() Create {
	return Create{Subject: "s1", CreatedOn: day, Details: Details{
		Name: "Ada", Company: "Engines", Email: "ada@example.com", Phone: "+14155552671",
		Source: "referral", Value: money.Of(500_00, "USD"),
	}}
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

func TestCreate(t *testing.T) {
	c := spec.Given[State, Event]().When(ada())
	reasons := []Reason{
		{"a lead", 20},
		{"e-mail address known", 10},
		{"phone number known", 10},
		{"company known", 10},
		{"name known", 5},
		{"value estimated", 10},
		{"source referral", 20},
	}
	c.Then(t, Created{Subject: "s1", Details: ada().Details, Standing: Standing{
		Status: StatusNew, Score: 85, ScoreReasons: reasons, CreatedOn: day, On: day,
	}})
	c.When(ada()).Refused(t, domain.ErrExists)
	if e := c.Events(t)[0].(Created); e.HotDelta() != 1 || e.Effective() != day.Time() {
		t.Errorf("hot %d, effective %v", e.HotDelta(), e.Effective())
	}
}

func TestCreateNormalize(t *testing.T) {
	c := Create{Details: Details{
		Name: " Ada ", Email: " ADA@Example.com", Phone: "(415) 555-2671", Notes: "a\r\nb ",
		Tags: []string{" x", "x", ""}, Custom: map[string]any{"size": " L "},
	}}.Normalize()
	want := Details{
		Name: "Ada", Email: "ada@example.com", Phone: "+14155552671", Notes: "a\nb",
		Tags: []string{"x"}, Custom: map[string]any{"size": "L"},
	}
	if !reflect.DeepEqual(c.Details, want) {
		t.Errorf("got %+v", c.Details)
	}
}

func TestCreateValidate(t *testing.T) {
	spec.Fields(t, ada().Validate())
	spec.Fields(t, Create{CreatedOn: day, Details: Details{ExternalID: "x-1"}}.Validate())
	spec.Fields(t, Create{CreatedOn: day, Details: Details{Company: "Engines", Phone: "+14155552671"}}.Validate())
	spec.Fields(t, Create{}.Validate(), "name", "email", "createdOn")
	spec.Fields(t, Create{CreatedOn: day, Details: Details{Name: "Ada"}}.Validate(), "email")
	spec.Fields(t, Create{CreatedOn: day, Details: Details{
		Name: "a\x00", Email: "ada", Phone: "12", Value: money.Of(-1, "XXX"), ExternalID: strings.Repeat("x", 129),
		Custom: map[string]any{"a": []any{}}, OwnerID: "a b",
	}}.Validate(), "name", "email", "phone", "externalId", "value.currency", "value.amount", "ownerId", "custom.a")
}

func TestKeys(t *testing.T) {
	c := Create{Details: Details{Email: "ADA@example.com ", Phone: "415 555 2671", Source: "Web", ExternalID: "x-1"}}
	want := []Key{
		{Kind: "email", Field: "email", Value: "ada@example.com", Personal: true},
		{Kind: "phone", Field: "phone", Value: "+14155552671", Personal: true},
		{Kind: "external", Field: "externalId", Value: "web\nx-1"},
	}
	if got := Keys(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := (Details{Name: "Ada", Email: domain.Erased, Phone: domain.Erased}).Keys(); got != nil {
		t.Errorf("an erased person has the keys %v", got)
	}
}

// TestSteps walks the whole status machine: every step from every status.
func TestSteps(t *testing.T) {
	commands := map[string]interface {
		Decide(State) ([]Event, error)
	}{
		StatusContacted: Contact{On: day}, StatusQualified: Qualify{On: day},
		StatusDisqualified: Disqualify{Reason: "no budget", On: day},
		StatusConverted:    Convert{Targets: Targets{OpportunityID: "o1"}, On: day},
	}
	const ok, same, no = "ok", "same", "no"
	for from, row := range map[string]map[string]string{
		StatusNew:          {StatusContacted: ok, StatusQualified: ok, StatusDisqualified: ok, StatusConverted: ok},
		StatusContacted:    {StatusContacted: same, StatusQualified: ok, StatusDisqualified: ok, StatusConverted: ok},
		StatusQualified:    {StatusContacted: no, StatusQualified: same, StatusDisqualified: ok, StatusConverted: ok},
		StatusConverted:    {StatusContacted: no, StatusQualified: no, StatusDisqualified: no, StatusConverted: same},
		StatusDisqualified: {StatusContacted: no, StatusQualified: no, StatusDisqualified: same, StatusConverted: no},
		"":                 {StatusContacted: no, StatusQualified: no, StatusDisqualified: no, StatusConverted: no},
	} {
		for to, want := range row {
			t.Run(from+" to "+to, func(t *testing.T) {
				c := given()
				switch {
				case from == "":
					c = spec.Given[State, Event]()
				case from != StatusNew:
					c = c.When(commands[from])
				}
				before := c.State()
				c = c.When(commands[to])
				switch want {
				case no:
					c.Refused(t, spec.Refusal("invalid_transition"))
				case same:
					c.Then(t)
				default:
					c.Types(t, "lead."+to)
					e := c.Events(t)[0].(interface{ HotDelta() int })
					if got := hot(c.State().Status, c.State().Score) - hot(before.Status, before.Score); e.HotDelta() != got {
						t.Errorf("hot delta %d, the states say %d", e.HotDelta(), got)
					}
				}
				if c.State().Status != to && want == ok {
					t.Errorf("status %s", c.State().Status)
				}
			})
		}
	}
	given(Archive{}).When(Contact{On: day}).Refused(t, spec.Refusal("invalid_transition"))
}

func TestConvertTellsEverything(t *testing.T) {
	targets := Targets{OrganizationID: "g1", ContactID: "c1", OpportunityID: "o1"}
	c := given(Qualify{On: "2026-04-01"}, Convert{Targets: targets, On: "2026-04-02"})
	e := c.Events(t)[0].(Converted)
	if e.CreatedOn != day || e.On != "2026-04-02" || e.Source != "referral" || e.Value != money.Of(500_00, "USD") ||
		e.StatusBefore != StatusQualified || e.ScoreBefore != 100 || e.Score != 100 || e.HotDelta() != -1 {
		t.Errorf("got %+v", e)
	}
	if s := c.State(); *s.ConvertedTo != targets || s.ConvertedOn != "2026-04-02" {
		t.Errorf("state %+v", s)
	}
	spec.Fields(t, Convert{}.Validate(), "opportunityId", "on")
	spec.Fields(t, Disqualify{On: day}.Validate(), "reason")
	spec.Fields(t, Contact{}.Validate(), "on")
	spec.Fields(t, Qualify{On: day}.Validate())
}

func TestUpdate(t *testing.T) {
	patch := func(text string) Update {
		t.Helper()
		u := Update{On: day}
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			t.Fatal(err)
		}
		return u.Normalize()
	}
	c := given(patch(`{"email": "ADA@example.com ", "company": "Engines"}`))
	c.Then(t) // as they are already
	c = given(patch(`{"company": null, "notes": "rang"}`))
	e := c.Events(t)[0].(Updated)
	if !reflect.DeepEqual(e.Changed, []string{"company", "notes"}) || e.Name != "Ada" || e.Notes != "rang" ||
		e.ScoreBefore != 85 || e.Score != 75 || e.HotDelta() != 0 || e.Subject != "s1" {
		t.Errorf("got %+v", e)
	}
	given(patch(`{"name": null, "company": null}`)).Refused(t, ErrUnidentified)
	given(patch(`{"email": null, "phone": null}`)).Refused(t, ErrUnreachable)
	given(Archive{}, patch(`{"notes": "x"}`)).Refused(t, domain.ErrArchived)
	spec.Fields(t, patch(`{"email": "no", "phone": "1"}`).Validate(), "email", "phone")
	spec.Fields(t, patch(`{"email": null}`).Validate())
}

func TestErasedPersonIsNotWrittenAgain(t *testing.T) {
	created := given().Events(t)[0].(Created)
	created.Name, created.Email, created.Phone = domain.Erased, domain.Erased, domain.Erased
	c := spec.Given[State, Event](created)
	u := Update{On: day}
	u.Fields, u.Values.Company = []string{"company"}, "Other"
	c.When(u).Refused(t, domain.ErrErased)
	c.When(AddNote{Text: "x"}).Refused(t, domain.ErrErased)
	c.When(Convert{Targets: Targets{OpportunityID: "o"}, On: day}).Refused(t, domain.ErrErased)
	c.When(Merge{WinnerID: "1", LoserID: "2", Loser: given().State(), On: day}).Refused(t, domain.ErrErased)
	c.When(Archive{}).Types(t, "lead.archived")
}

func TestCare(t *testing.T) {
	given(Assign{OwnerID: "u1"}).Then(t, Assigned{OwnerID: "u1"})
	given(Assign{OwnerID: "u1"}, Assign{OwnerID: "u1"}).Then(t)
	given(Assign{OwnerID: "u1"}, Assign{}).Then(t, Assigned{OwnerIDBefore: "u1"})
	given(AddNote{NoteID: "n1", Text: "rang"}).Then(t, Noted{Subject: "s1", NoteID: "n1", Text: "rang"})
	given(Archive{}).Then(t, Archived{})
	given(Archive{}, Archive{}).Then(t)
	given(Archive{}, Restore{}).Then(t, Restored{})
	given(Restore{}).Then(t)
	if c := given(Archive{}); len(c.State().Held()) != 0 || len(c.When(Restore{}).State().Held()) != 2 {
		t.Error("a lead has its keys exactly while it is not archived")
	}
	given(Qualify{On: day}, Archive{}).When(Disqualify{Reason: "no", On: day}).Refused(t, domain.InvalidTransition("archived", StatusDisqualified))
	given(Archive{}, Assign{OwnerID: "u1"}).Refused(t, domain.ErrArchived)
	given(Archive{}, AddNote{Text: "x"}).Refused(t, domain.ErrArchived)
	spec.Fields(t, AddNote{}.Validate(), "text")
	spec.Fields(t, Assign{OwnerID: "a b"}.Validate(), "ownerId")
}

func TestMerge(t *testing.T) {
	loser := State{Subject: "s2", Status: StatusNew, Details: Details{Name: "A.", Notes: "old", OwnerID: "u1"}}
	c := given(Merge{WinnerID: "1", LoserID: "2", Loser: loser, On: day})
	e := c.Events(t)[0].(Merged)
	if e.Name != "Ada" || e.Notes != "old" || e.OwnerID != "u1" || e.LoserSubject != "s2" ||
		!reflect.DeepEqual(e.Filled, []string{"notes", "ownerId"}) {
		t.Errorf("got %+v", e)
	}
	c.When(Merge{WinnerID: "1", LoserID: "2", Loser: loser, On: day}).Then(t)

	// A field that was edited since stays; the other one is empty again.
	note := Update{On: day}
	note.Fields, note.Values.Notes = []string{"notes"}, "new"
	undone := c.When(note).When(UndoMerge{LoserID: "2", Loser: loser, On: day})
	undone.Types(t, "lead.merge_undone")
	if s := undone.State(); s.Notes != "new" || s.OwnerID != "" || len(s.Merged) != 0 {
		t.Errorf("state %+v", s)
	}
	undone.When(UndoMerge{LoserID: "2", On: day}).Then(t)

	given(Merge{WinnerID: "1", LoserID: "1", On: day}).Refused(t, domain.ErrMergeWithItself)
	given(Merge{WinnerID: "1", LoserID: "2", Loser: State{MergedInto: "3"}, On: day}).Refused(t, domain.ErrAlreadyMerged)
	given(Archive{}, Merge{WinnerID: "1", LoserID: "2", On: day}).Refused(t, domain.ErrArchived)
	spec.Fields(t, Merge{On: day}.Validate(), "loserId")
}

func TestMergeInto(t *testing.T) {
	given(MergeInto{WinnerID: "1"}).Then(t, MergedInto{WinnerID: "1"})
	given(MergeInto{WinnerID: "1"}, MergeInto{WinnerID: "1"}).Then(t)
	given(MergeInto{WinnerID: "1"}, MergeInto{WinnerID: "3"}).Refused(t, domain.ErrAlreadyMerged)
	given(MergeInto{WinnerID: "1"}, Restore{}).Refused(t, domain.ErrAlreadyMerged)
	c := given(MergeInto{WinnerID: "1"}, Unmerge{})
	c.Then(t, Unmerged{WinnerID: "1"})
	if s := c.State(); s.Archived || s.MergedInto != "" {
		t.Errorf("state %+v", s)
	}
	c.When(Unmerge{}).Then(t)
}

// TestScoreIsItsReasons: the score is the sum of its reasons and within bounds
// for every combination of what is known.
func TestScoreIsItsReasons(t *testing.T) {
	full := ada().Details
	for _, status := range []string{StatusNew, StatusContacted, StatusQualified, StatusConverted, StatusDisqualified} {
		for _, source := range []string{"", "Referral", "website", "carrier pigeon"} {
			for bits := range 32 {
				d := Details{Source: source}
				for i, set := range []func(){
					func() { d.Name = full.Name },
					func() { d.Company = full.Company },
					func() { d.Email = full.Email },
					func() { d.Phone = full.Phone },
					func() { d.Value = full.Value },
				} {
					if bits&(1<<i) != 0 {
						set()
					}
				}
				score, reasons := Score(d, status)
				sum := 0
				for _, r := range reasons {
					sum += r.Points
				}
				if sum != score || score < 0 || score > 100 {
					t.Fatalf("%+v as %s: %d, reasons %v", d, status, score, reasons)
				}
			}
		}
	}
}
