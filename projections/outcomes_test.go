package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/projections"
)

// made wants the outcome accepted, and returns the id of what it made, if it made anything, and the cursor behind it.
func (h *house) made(out eventstore.Outcome, err error) (id string, after eventstore.Cursor) {
	h.t.Helper()
	if err != nil || out.Verdict != eventstore.Accepted {
		h.t.Fatalf("%v %s %v", out.Verdict, out.Code, err)
	}
	id, _ = commands.MadeBy(out)
	return id, h.use.Log.CursorOf(out)
}

// A sale that is won from the start counts like one that was moved there; one that is lost from the start does not.
func TestSalesWonFromTheStartCount(t *testing.T) {
	h := open(t)
	tenant, ctx, today := uuid.New(), t.Context(), domain.DateOf(time.Now())
	create := func(stage string, value int64, on domain.Date) string {
		id, _ := h.made(h.use.CreateOpportunity(ctx, h.caller(tenant), opportunity.Create{Stage: stage, CreatedOn: on,
			Details: opportunity.Details{Title: stage, Value: money.Of(value, "USD")}}))
		return id
	}
	create(opportunity.Won, 700, today)
	create(opportunity.Won, 900, today.AddDays(-40)) // another month, within 90 days
	create(opportunity.Lost, 5000, today)
	moved := create(opportunity.Proposal, 200, today)
	_, after := h.made(h.use.MoveOpportunity(ctx, h.caller(tenant), moved, opportunity.Move{Stage: opportunity.Won, MovedOn: today}))

	client := h.stats("client", tenant, after, projections.Moment{On: today})
	h.want(client, "wonThisMonth", []money.Amount{money.Of(900, "USD")})
	h.want(client, "averageDealSize", []money.Amount{money.Of(600, "USD")})
	if value, ok := client["pipelineValue"].Value.([]money.Amount); !ok || len(value) != 0 && value[0].Amount != 0 {
		t.Errorf("pipelineValue is %v, and nothing is open", client["pipelineValue"].Value)
	}
}

// Three escalations miss a deadline, one of them both; one is in time, and one of the past has no deadline.
func TestEscalationsBreachedAreCountedOnce(t *testing.T) {
	h := open(t)
	tenant, ctx := uuid.New(), t.Context()
	received := time.Now().AddDate(0, 0, -30)
	var after eventstore.Cursor
	for name, one := range map[string]struct {
		historical bool
		responded  time.Duration // after receipt; a high one is answered within an hour, resolved within a day
		resolved   time.Duration
	}{
		"in time":       {false, 59 * time.Minute, 23 * time.Hour},
		"answered late": {false, 61 * time.Minute, 23 * time.Hour},
		"resolved late": {false, 59 * time.Minute, 25 * time.Hour},
		"both late":     {false, 2 * time.Hour, 48 * time.Hour},
		"of the past":   {true, 2 * time.Hour, 48 * time.Hour},
	} {
		at := func(later time.Duration) { h.use.Now = func() time.Time { return received.Add(later) } }
		at(0)
		id, _ := h.made(h.use.OpenEscalation(ctx, h.caller(tenant), escalation.Open{PartnerID: "p", Details: escalation.Details{
			IncidentID: name, Severity: "high", Summary: name, Description: name, SourceSystem: "test", OccurredAt: received, Historical: one.historical}}))
		at(one.responded)
		h.made(h.use.UpdateEscalation(ctx, h.caller(tenant), id, "", escalation.Update{Kind: escalation.KindAcknowledged}))
		at(one.resolved)
		_, after = h.made(h.use.UpdateEscalation(ctx, h.caller(tenant), id, "", escalation.Update{Kind: escalation.KindResolved, Text: "mended"}))
	}
	h.use.Now = time.Now
	figures := h.stats("provider", uuid.Nil, after, projections.Moment{On: domain.DateOf(time.Now())})
	h.want(figures, "escalationsBreached", int64(3))
	h.want(figures, "escalationsOpen", int64(0))
}
