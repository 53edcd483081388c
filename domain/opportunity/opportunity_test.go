package opportunity

import (
	"encoding/json"
	"testing"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/spec"
)

const day = domain.Date("2026-03-31")

var usd = func(n int64) money.Amount { return money.Of(n, "USD") }

func deal() Create {
	return Create{Details: Details{Title: "Cleaning", Value: usd(1050)}, CreatedOn: day}.Normalize()
}

func given(commands ...interface {
	Decide(State) ([]Event, error)
},
) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(deal())
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func move(stage string) Move { return Move{Stage: stage, MovedOn: day} }

func lose() Move { return Move{Stage: Lost, Reason: "price", MovedOn: day} }

func patch(t *testing.T, text string) Update {
	t.Helper()
	u := Update{On: day}
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		t.Fatal(err)
	}
	return u.Normalize()
}

func TestCreate(t *testing.T) {
	ten := money.Int(10)
	c := spec.Given[State, Event]().When(deal())
	c.Then(t, Created{
		Details: Details{Title: "Cleaning", Value: usd(1050), Probability: &ten},
		Standing: Standing{
			Stage: Prospecting, ValueAfter: usd(1050), ProbabilityAfter: ten, CreatedOn: day, On: day,
		},
	})
	c.When(deal()).Refused(t, domain.ErrExists)
	spec.Fields(t, deal().Validate())
	spec.Fields(t, Create{Stage: "closing"}.Validate(), "title", "stage", "createdOn")
	over := money.Int(101)
	spec.Fields(t, Create{Details: Details{Title: "x", Probability: &over}, CreatedOn: day}.Validate(), "probability")
	won := deal()
	won.Stage = Won
	if s := spec.Given[State, Event]().When(won).State(); s.ClosedOn != day || *s.Probability != money.Int(100) {
		t.Errorf("created as won: %+v", s)
	}
}

// TestMoves tries every stage from every stage.
func TestMoves(t *testing.T) {
	for _, from := range Stages {
		for _, to := range Stages {
			t.Run(from+" to "+to, func(t *testing.T) {
				c := given(Move{Stage: from, Reason: "x", MovedOn: day}).When(Move{Stage: to, Reason: "y", MovedOn: day})
				switch {
				case from == to:
					c.Then(t)
				case !IsOpen(from):
					c.Refused(t, spec.Refusal("invalid_transition"))
				default:
					c.Types(t, "opportunity.moved")
					if s := c.State(); s.Stage != to || (s.ClosedOn != "") == IsOpen(to) {
						t.Errorf("state %+v", s)
					}
				}
			})
		}
	}
	given(Move{Stage: Lost, MovedOn: day}).Refused(t, ErrReasonRequired)
	given(Archive{}, move(Won)).Refused(t, spec.Refusal("invalid_transition"))
	spec.Given[State, Event]().When(move(Won)).Refused(t, spec.Refusal("invalid_transition"))
	spec.Fields(t, Move{Stage: "x", Today: day}.Normalize().Validate(), "stage")
	spec.Fields(t, Move{Stage: Won, MovedOn: "2026-04-02", Today: day}.Normalize().Validate(), "movedOn")
}

func TestReopen(t *testing.T) {
	c := given(move(Won)).When(Reopen{On: "2026-04-05"}.Normalize())
	e := c.Events(t)[0].(Reopened)
	if e.StageBefore != Won || e.Stage != Negotiation || e.ClosedOnBefore != day || e.ValueBefore != usd(1050) {
		t.Errorf("got %+v", e)
	}
	if s := c.State(); s.ClosedOn != "" || s.Stage != Negotiation || *s.Probability != money.Int(75) {
		t.Errorf("state %+v", s)
	}
	given(Reopen{Stage: Proposal, On: day}).Then(t)
	given(lose(), Archive{}, Reopen{Stage: Proposal, On: day}).Refused(t, spec.Refusal("invalid_transition"))
	spec.Fields(t, Reopen{Stage: Won, On: day}.Validate(), "stage")
}

func TestUpdate(t *testing.T) {
	given(patch(t, `{"title": " Cleaning "}`)).Then(t)
	e := given(patch(t, `{"value": {"amount": 2000, "currency": "EUR"}, "probability": 33.3}`)).Events(t)[0].(Updated)
	before, after := e.PipelineWeighted()
	if before != usd(105) || after != money.Of(666, "EUR") {
		t.Errorf("weighted %v to %v", before, after)
	}
	c := given(patch(t, `{"probability": 33.3}`), patch(t, `{"probability": null}`))
	if got := c.State().Probability; *got != money.Int(10) {
		t.Errorf("cleared, the stage decides: %s", got)
	}
	given(move(Won), patch(t, `{"value": null}`)).Refused(t, ErrClosed)
	given(move(Won), patch(t, `{"probability": 50}`)).Refused(t, ErrClosed)
	given(move(Won), patch(t, `{"title": "Big"}`)).Types(t, "opportunity.updated")
	given(Archive{}, patch(t, `{"title": "Big"}`)).Refused(t, domain.ErrArchived)
	spec.Fields(t, patch(t, `{"title": null}`).Validate(), "title")
}

// TestFiguresFollowTheState: after any of these histories the deltas of the
// events sum to what the state says the pipeline holds.
func TestFiguresFollowTheState(t *testing.T) {
	steps := []interface {
		Decide(State) ([]Event, error)
	}{
		patch(t, `{"value": {"amount": 777, "currency": "USD"}}`), patch(t, `{"probability": 12.5}`), move(Proposal),
		move(Won), Reopen{Stage: Negotiation, On: day}, lose(), Reopen{Stage: Prospecting, On: day}, Archive{}, Restore{},
	}
	c := spec.Given[State, Event]().When(deal())
	var pipeline, weighted int64
	count := func() {
		for _, e := range c.Events(t) {
			if f, ok := e.(interface {
				Pipeline() (money.Amount, money.Amount)
				PipelineWeighted() (money.Amount, money.Amount)
			}); ok {
				before, after := f.Pipeline()
				pipeline += after.Amount - before.Amount
				before, after = f.PipelineWeighted()
				weighted += after.Amount - before.Amount
			}
		}
	}
	count()
	for i, step := range steps {
		c = c.When(step)
		count()
		s, want, wantWeighted := c.State(), int64(0), int64(0)
		if IsOpen(s.Stage) {
			want, wantWeighted = s.Value.Amount, Weighted(s.Value, *s.Probability).Amount
		}
		if pipeline != want || weighted != wantWeighted {
			t.Fatalf("step %d: pipeline %d, want %d; weighted %d, want %d", i, pipeline, want, weighted, wantWeighted)
		}
	}
}

func TestArchive(t *testing.T) {
	given(Archive{}).Then(t, Archived{})
	given(Archive{}, Archive{}).Then(t)
	given(Archive{UsedBy: []string{"lead 1"}}).Refused(t, domain.ErrInUse)
	given(Archive{}, Restore{}).Then(t, Restored{})
	given(Restore{}).Then(t)
	if got := Weighted(money.Amount{}, money.Int(50)); !got.IsZero() {
		t.Errorf("no value weighs %v", got)
	}
}
