package commands_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore"
)

// TestMissedDeadlinesAreRecordedOnce: whoever believes that a deadline ran out, the escalation's own events decide. What has not passed
// yet uses no id up, what passed is recorded once, and what was answered in time or late is left alone.
func TestMissedDeadlinesAreRecordedOnce(t *testing.T) {
	c, ctx := open(t), t.Context()
	now := time.Now()
	c.Now = func() time.Time { return now }
	incident := func(name string) string {
		out, err := c.OpenEscalation(ctx, by("partner"), escalation.Open{PartnerID: "p", Details: escalation.Details{
			IncidentID: name, Severity: "critical", Summary: "down", Description: "all of it", SourceSystem: "pager", OccurredAt: now.Add(-time.Minute)}})
		must(t, err)
		id, err := commands.MadeBy(out)
		must(t, err)
		return id
	}
	late, answered := incident("late"), incident("answered")
	record := func(id string) escalation.State {
		found, err := c.Escalation(ctx, space, id, 0)
		must(t, err)
		return found.State
	}
	check := func(id string, same commands.Caller) (eventstore.Outcome, error) {
		t.Helper()
		return c.CheckDeadlines(ctx, same, id)
	}
	first := by("system")
	if _, err := check(late, first); !errors.Is(err, commands.ErrNothingMissed) {
		t.Fatalf("before the deadline: %v", err)
	}
	now = now.Add(5 * time.Minute)
	_, err := c.UpdateEscalation(ctx, by("user"), answered, "", escalation.Update{Kind: escalation.KindAcknowledged})
	must(t, err)
	now = now.Add(11 * time.Minute) // a critical one is to be answered in 15
	for i := range 3 {              // the same command, which asked too early before
		out, err := check(late, first)
		must(t, err)
		if out.Verdict != eventstore.Accepted || out.Events != 1 || out.Replayed != (i > 0) {
			t.Errorf("look %d: %+v", i, out)
		}
	}
	for _, id := range []string{late, answered} { // another that believes so still
		if _, err := check(id, by("system")); !errors.Is(err, commands.ErrNothingMissed) {
			t.Errorf("what is recorded, or was answered: %v", err)
		}
	}
	if s := record(late); !s.ResponseBreached || s.ResolveBreached {
		t.Errorf("late: %+v", s)
	}
	if s := record(answered); s.ResponseBreached {
		t.Errorf("answered in time: %+v", s)
	}
	now = now.Add(4 * time.Hour)
	for _, id := range []string{late, answered} {
		out, err := check(id, by("system"))
		must(t, err)
		if s := record(id); out.Events != 1 || !s.ResolveBreached {
			t.Errorf("not solved in time: %+v %+v", out, s)
		}
	}
	if _, err := check(fmt.Sprintf("%036d", 0), by("system")); !errors.Is(err, commands.ErrNotFound) {
		t.Errorf("none of that id: %v", err)
	}
}
