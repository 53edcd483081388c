package escalation

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/spec"
)

var now = time.Date(2026, 3, 31, 9, 0, 0, 0, time.UTC)

func fire() Open {
	return Open{
		PartnerID: "p1", ReceivedAt: now,
		Details: Details{
			IncidentID: "INC-1", Severity: "high", Summary: "It burns", Description: "In the hall",
			SourceSystem: "monitor", OccurredAt: now.Add(-time.Minute), Metadata: map[string]any{"rack": 7.0},
		},
	}
}

func given(commands ...interface {
	Decide(State) ([]Event, error)
},
) spec.Case[State, Event] {
	c := spec.Given[State, Event]().When(fire())
	for _, command := range commands {
		c = c.When(command)
	}
	return c
}

func update(kind string) Update {
	return Update{Kind: kind, Text: "so", ReceivedAt: now.Add(time.Minute), ByPartner: true}.Normalize()
}

func TestOpen(t *testing.T) {
	c := given()
	c.Then(t, Opened{
		Details: fire().Details, PartnerID: "p1", Status: StatusOpen, OpenedAt: now,
		RespondBy: now.Add(time.Hour), ResolveBy: now.Add(24 * time.Hour),
	})
	c.When(fire()).Refused(t, domain.ErrExists)
	if got := c.Events(t)[0].(Opened).Effective(); got != now.Add(-time.Minute) {
		t.Errorf("effective %v", got)
	}
	spec.Fields(t, fire().Validate())
	spec.Fields(t, Open{}.Validate(), "incidentId", "severity", "summary", "description", "sourceSystem", "occurredAt")
	bad := fire()
	bad.Severity, bad.Summary, bad.Description = "SEV1", strings.Repeat("é", 201), strings.Repeat("x", 5001)
	bad.Attachments = append(make([]Attachment, 10), Attachment{URL: "http://x", Name: "x"})
	bad.OccurredAt = now.Add(25 * time.Hour)
	var found domain.Invalid
	if err, ok := errors.AsType[domain.Invalid](bad.Validate()); ok {
		found = err
	}
	for _, field := range []string{
		"severity", "summary", "description", "occurredAt", "attachments", "attachments[0].url", "attachments[10].url",
	} {
		if !slices.ContainsFunc(found, func(f domain.FieldError) bool { return f.Field == field }) {
			t.Errorf("%s is not found in %v", field, found)
		}
	}
}

func TestMatches(t *testing.T) {
	s := given().State()
	same := fire()
	same.Summary, same.ReceivedAt = " It burns ", now.Add(time.Hour)
	same.OccurredAt = same.OccurredAt.In(time.FixedZone("east", 3600))
	if !same.Matches(s) {
		t.Error("the same incident told again is another one")
	}
	for name, change := range map[string]func(*Open){
		"severity":   func(c *Open) { c.Severity = "low" },
		"time":       func(c *Open) { c.OccurredAt = now },
		"metadata":   func(c *Open) { c.Metadata = map[string]any{"rack": 8.0} },
		"historical": func(c *Open) { c.Historical = true },
	} {
		other := fire()
		if change(&other); other.Matches(s) {
			t.Errorf("another %s is the same incident", name)
		}
	}
}

func TestDeadlines(t *testing.T) {
	var before time.Duration
	for _, severity := range slices.Backward(Severities) {
		respond, resolve := Deadlines(severity, now, false)
		if respond.Sub(now) <= before || !resolve.After(respond) {
			t.Errorf("%s: %v, %v", severity, respond, resolve)
		}
		before = respond.Sub(now)
		if respond, resolve = Deadlines(severity, now, true); !respond.IsZero() || !resolve.IsZero() {
			t.Errorf("historical %s: %v, %v", severity, respond, resolve)
		}
	}
}

// TestUpdates tries every kind of update from every status, by a partner and by
// the provider.
func TestUpdates(t *testing.T) {
	rank := func(status string) int { return slices.Index(Statuses, status) }
	for _, from := range Statuses {
		for _, kind := range Kinds {
			for _, byPartner := range []bool{true, false} {
				name := from + " " + kind
				c := given()
				if from != StatusOpen {
					c = c.When(update(from))
				}
				u := update(kind)
				u.ByPartner = byPartner
				c = c.When(u)
				refused := spec.Refusal("invalid_transition")
				switch {
				case kind == KindComment || kind == KindWaiting:
					if len(c.Events(t)) != 1 || c.State().Status != from {
						t.Errorf("%s: %+v", name, c.State())
					}
				case kind == KindReopened && from == StatusOpen, kind == from:
					c.Then(t)
				case kind == KindReopened:
					if from == StatusResolved || (from == StatusClosed && byPartner) {
						c.Types(t, "escalation.reopened")
					} else {
						c.Refused(t, refused)
					}
				case rank(kind) < rank(from):
					c.Refused(t, refused)
				case c.State().Status != kind || len(c.Events(t)) != 1:
					t.Errorf("%s: %+v", name, c.State())
				}
			}
		}
	}
	for _, kind := range Kinds {
		spec.Given[State, Event]().When(update(kind)).Refused(t, spec.Refusal("invalid_transition"))
	}
	spec.Fields(t, Update{}.Validate(), "kind", "occurredAt")
	spec.Fields(t, Update{Kind: KindComment, ReceivedAt: now}.Normalize().Validate(), "text")
	spec.Fields(t, update("fixed").Validate(), "kind")
}

func TestUpdateTellsEverything(t *testing.T) {
	given(update(KindInProgress)).Then(t, Started{Progress{
		StatusBefore: StatusOpen, Status: StatusInProgress, Severity: "high", PartnerID: "p1", IncidentID: "INC-1",
		OpenedAt: now, Text: "so", OccurredAt: now.Add(time.Minute),
	}})
	s := given(update(KindComment), update(KindResolved)).State()
	want := []Entry{
		{Kind: KindComment, Text: "so", OccurredAt: now.Add(time.Minute)},
		{Kind: KindResolved, Text: "so", OccurredAt: now.Add(time.Minute)},
	}
	if !slices.Equal(s.Updates, want) {
		t.Errorf("updates %v", s.Updates)
	}
	c := given()
	for range shownEntries + 5 {
		c = c.When(update(KindComment))
	}
	if got := len(c.State().Updates); got != shownEntries {
		t.Errorf("%d updates are shown", got)
	}
}

func TestReopeningRunsAnew(t *testing.T) {
	late := update(KindReopened)
	late.ReceivedAt = now.Add(100 * time.Hour)
	s := given(update(KindResolved), late).State()
	if s.Status != StatusOpen || s.RespondBy != now.Add(101*time.Hour) || s.ResolveBy != now.Add(124*time.Hour) {
		t.Errorf("state %+v", s)
	}
	old := fire()
	old.Historical = true
	s = spec.Given[State, Event]().When(old).When(update(KindResolved)).When(late).State()
	if !s.RespondBy.IsZero() || !s.ResolveBy.IsZero() {
		t.Errorf("a historical escalation has deadlines: %+v", s)
	}
}

func TestBreaches(t *testing.T) {
	check := func(after time.Duration) CheckDeadlines { return CheckDeadlines{Now: now.Add(after)} }
	breach := Breach{
		Deadline: now.Add(time.Hour), First: true, Status: StatusOpen, Severity: "high", PartnerID: "p1", OpenedAt: now,
	}
	given(check(time.Hour)).Then(t)
	c := given(check(61 * time.Minute))
	c.Then(t, ResponseBreached{breach})
	c.When(check(2 * time.Hour)).Then(t)
	second := breach
	second.Deadline, second.First = now.Add(24*time.Hour), false
	c.When(check(25*time.Hour)).Then(t, ResolveBreached{second})
	given(check(25*time.Hour)).Then(t, ResponseBreached{breach}, ResolveBreached{second})
	if got := (ResponseBreached{breach}).Effective(); got != now.Add(time.Hour) {
		t.Errorf("effective %v", got)
	}

	given(update(KindAcknowledged), check(2*time.Hour)).Then(t)
	given(update(KindAcknowledged), check(25*time.Hour)).Types(t, "escalation.resolve_breached")
	given(update(KindResolved), check(25*time.Hour)).Then(t)

	// Being late does not depend on who looks first.
	late := update(KindAcknowledged)
	late.ReceivedAt = now.Add(2 * time.Hour)
	given(late).Types(t, "escalation.response_breached", "escalation.acknowledged")
	given(check(2*time.Hour), late).Types(t, "escalation.acknowledged")

	old := fire()
	old.Historical = true
	spec.Given[State, Event]().When(old).When(check(9999 * time.Hour)).Then(t)
	spec.Given[State, Event]().When(check(time.Hour)).Then(t)
	spec.Fields(t, CheckDeadlines{}.Validate(), "now")
}

func TestAssign(t *testing.T) {
	given(Assign{AssigneeID: "u1"}).Then(t, Assigned{AssigneeID: "u1"})
	given(Assign{AssigneeID: "u1"}, Assign{AssigneeID: "u1"}).Then(t)
	given(Assign{AssigneeID: "u1"}, Assign{}).Then(t, Assigned{AssigneeIDBefore: "u1"})
	given(update(KindClosed), Assign{AssigneeID: "u1"}).Refused(t, spec.Refusal("invalid_transition"))
	spec.Fields(t, Assign{AssigneeID: "a b"}.Validate(), "assigneeId")
}

// TestWhatIsDue: the next breach is the time at which a look would find one, and not sooner, whatever happened before.
func TestWhatIsDue(t *testing.T) {
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	reopened := update(KindReopened)
	reopened.ReceivedAt = hour(48)
	for name, c := range map[string]struct {
		s               State
		due, nextBreach time.Time
	}{
		"open":         {given().State(), hour(1), hour(1)},
		"unanswered":   {given(CheckDeadlines{Now: hour(2)}).State(), hour(1), hour(24)},
		"acknowledged": {given(update(KindAcknowledged)).State(), hour(24), hour(24)},
		"too late":     {given(CheckDeadlines{Now: hour(25)}).State(), hour(1), time.Time{}},
		"resolved":     {given(update(KindResolved)).State(), time.Time{}, time.Time{}},
		"closed":       {given(update(KindClosed)).State(), time.Time{}, time.Time{}},
		"reopened":     {given(update(KindResolved), reopened).State(), hour(49), hour(49)},
		"late again":   {given(CheckDeadlines{Now: hour(2)}, update(KindResolved), reopened).State(), hour(49), hour(72)},
		"none":         {State{}, time.Time{}, time.Time{}},
	} {
		if got := c.s.Due(); !got.Equal(c.due) {
			t.Errorf("%s: due %v, want %v", name, got, c.due)
		}
		next := c.s.NextBreach()
		if !next.Equal(c.nextBreach) {
			t.Errorf("%s: next breach %v, want %v", name, next, c.nextBreach)
		}
		look := func(at time.Time) []Event { events, _ := CheckDeadlines{Now: at}.Decide(c.s); return events }
		if next.IsZero() && len(look(hour(9999))) > 0 || !next.IsZero() && (len(look(next)) > 0 || len(look(next.Add(1))) == 0) {
			t.Errorf("%s: a look does not find it then, or does so before", name)
		}
	}
}
