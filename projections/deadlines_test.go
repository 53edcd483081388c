package projections_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/projections"
)

// escalate opens an escalation that was received then.
func (h *house) escalate(tenant uuid.UUID, severity string, received time.Time, historical bool) (string, eventstore.Cursor) {
	h.t.Helper()
	use := *h.use
	use.Now = func() time.Time { return received }
	out, err := use.OpenEscalation(h.t.Context(), h.caller(tenant), escalation.Open{PartnerID: uuid.NewString(), Details: escalation.Details{
		IncidentID: uuid.NewString(), Severity: severity, Summary: "S", Description: "D", SourceSystem: "s", OccurredAt: received.Add(-time.Minute), Historical: historical}})
	if err != nil {
		h.t.Fatal(err)
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		h.t.Fatal(err)
	}
	return id, h.use.Log.CursorOf(out)
}

// TestMissedBy: those whose next deadline has passed, over all tenants and pages, until it is recorded or of no matter; a list sorted by
// what is due begins with them.
func TestMissedBy(t *testing.T) {
	h := open(t)
	a, b := uuid.New(), uuid.New()
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	second, _ := h.escalate(a, "critical", ago(20*time.Minute), false)
	first, elsewhere := h.escalate(b, "high", ago(90*time.Minute), false)
	none, _ := h.escalate(a, "critical", ago(20*time.Minute), true)
	fine, _ := h.escalate(a, "critical", ago(10*time.Minute), false)
	answered, after := h.escalate(a, "critical", ago(30*time.Minute), false)
	missed := func(after eventstore.Cursor) (ids []string) {
		h.ids(escalation.Category, uuid.Nil, nil, after, nil) // waits
		var behind *projections.Missed
		for {
			page, err := projections.MissedBy(t.Context(), h.reader, now, behind, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return ids
			}
			ids, behind = append(ids, page[0].ID), &page[0]
		}
	}
	want := func(after eventstore.Cursor, ids ...string) {
		t.Helper()
		if got := missed(after); !slices.Equal(got, ids) {
			t.Errorf("missed %v, want %v", got, ids)
		}
	}
	want(h.merged(after, elsewhere), first, answered, second)
	past := *h.use
	past.Now = func() time.Time { return ago(20 * time.Minute) } // later than 15 minutes no answer is in time
	out, err := past.UpdateEscalation(t.Context(), h.caller(a), answered, "", escalation.Update{Kind: escalation.KindAcknowledged})
	if err != nil {
		t.Fatal(err)
	}
	after = h.use.Log.CursorOf(out)
	for id, tenant := range map[string]uuid.UUID{first: b, second: a} {
		out, err := h.use.CheckDeadlines(t.Context(), h.caller(tenant), id)
		if err != nil {
			t.Fatal(err)
		}
		after = h.merged(after, h.use.Log.CursorOf(out))
	}
	want(after)
	if got := h.ids(escalation.Category, uuid.Nil, map[string]string{"sort": "dueAt"}, after, nil); !slices.Equal(got, []string{first, second, fine, answered, none}) {
		t.Errorf("by what is due: %v", got)
	}
	now = now.Add(4 * time.Hour)
	want(after, fine, answered, second)
	if err := h.engine.Rebuild(t.Context(), "records", func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	want(after, fine, answered, second)
	of, err := h.use.Escalation(t.Context(), a, fine, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.ids(escalation.Category, uuid.Nil, map[string]string{"partnerId": of.State.PartnerID}, after, nil); !slices.Equal(got, []string{fine}) {
		t.Errorf("of one partner: %v", got)
	}
}
