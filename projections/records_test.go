package projections_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

// ids reads a list to its end.
func (h *house) ids(kind string, tenant uuid.UUID, asked map[string]string, after, at eventstore.Cursor) []string {
	h.t.Helper()
	list, err := projections.NewList(kind, asked, domain.DateOf(time.Now()))
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []string
	var behind *projections.Row
	for {
		rows, _, err := list.Read(h.t.Context(), h.reader, projection.Query{Tenant: tenant, After: after, Wait: 10 * time.Second}, at, behind, 7)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		if len(rows) < 7 {
			return ids
		}
		behind = &rows[6]
	}
}

// What a list filters by is what the records say, at every moment: the read model is compared with the records folded from the
// log, live, rebuilt, now and as of each step.
func TestRecordsEqualTheLog(t *testing.T) {
	h := open(t)
	tenant := uuid.New()
	today := domain.DateOf(time.Now())
	random := rand.New(rand.NewPCG(1, 2))
	statuses := []string{lead.StatusNew, lead.StatusContacted, lead.StatusQualified, lead.StatusDisqualified, lead.StatusConverted}
	var ids []string
	var steps []eventstore.Cursor
	for range 90 {
		var out eventstore.Outcome
		var err error
		id := ""
		if len(ids) > 0 {
			id = ids[random.IntN(len(ids))]
		}
		switch step := random.IntN(8); {
		case step < 2 || id == "":
			out, err = h.use.CreateLead(t.Context(), h.caller(tenant), lead.Create{CreatedOn: today,
				Details: lead.Details{Company: "C", ExternalID: uuid.NewString(), Value: money.Of(random.Int64N(5), "EUR")}})
			if err == nil {
				id, err = commands.MadeBy(out)
				ids = append(ids, id)
			}
		case step == 2:
			out, err = h.use.ContactLead(t.Context(), h.caller(tenant), id, lead.Contact{})
		case step == 3:
			out, err = h.use.QualifyLead(t.Context(), h.caller(tenant), id, lead.Qualify{})
		case step == 4:
			out, err = h.use.DisqualifyLead(t.Context(), h.caller(tenant), id, lead.Disqualify{Reason: "r"})
		case step == 5:
			out, err = h.use.ArchiveLead(t.Context(), h.caller(tenant), id)
		case step == 6:
			out, err = h.use.RestoreLead(t.Context(), h.caller(tenant), id)
		default:
			out, err = h.use.ConvertLead(t.Context(), h.caller(tenant), id, today)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out.Verdict == eventstore.Accepted {
			steps = append(steps, h.use.Log.CursorOf(out))
		}
	}
	compare := func(at eventstore.Cursor) {
		t.Helper()
		last := steps[len(steps)-1]
		until := last
		if at != nil {
			until = at
		}
		type place struct {
			status   string
			archived bool
		}
		want := map[place][]string{}
		for _, id := range ids {
			if r, err := h.use.Lead(t.Context(), tenant, id, until[h.use.Log.LaneOf(tenant)].Position); err == nil {
				in := place{r.State.Status, r.ArchivedAt != nil}
				want[in] = append(want[in], id)
			}
		}
		for _, status := range statuses {
			for _, asked := range []map[string]string{{"status": status, "sort": "value"}, {"status": status, "sort": "value", "archived": "true"}} {
				in := place{status, asked["archived"] != ""}
				got := h.ids(lead.Category, tenant, asked, last, at)
				slices.Sort(got)
				slices.Sort(want[in])
				if !slices.Equal(got, want[in]) {
					t.Fatalf("%v as of %v: %v, want %v", in, at, got, want[in])
				}
			}
		}
	}
	compare(nil)
	for _, at := range steps {
		compare(at)
	}
	if err := h.engine.Rebuild(t.Context(), "records", func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	compare(nil)
	for _, at := range steps {
		compare(at)
	}
}

func TestRecordsKeepNothingPersonal(t *testing.T) {
	h := open(t)
	tenant := uuid.New()
	after := h.lead(tenant, domain.DateOf(time.Now()), 1, true)
	h.ids(lead.Category, tenant, nil, after, nil) // waits
	var all, found int
	err := h.use.Pool.QueryRow(t.Context(), `select count(*), count(*) filter (where to_json(r)::text ~ '@|encrypted') from rm_records_1.item r`).Scan(&all, &found)
	if err != nil || all < 4 || found > 0 {
		t.Errorf("%d of %d rows hold what is personal, %v", found, all, err)
	}
}

// facts appends events to one stream, as commands would.
func (h *house) facts(tenant uuid.UUID, stream string, facts ...eventstore.Fact) eventstore.Cursor {
	h.t.Helper()
	return h.factsBy(eventstore.Actor{Kind: "user", ID: "u", Via: "client"}, tenant, stream, facts...)
}

func (h *house) factsBy(actor eventstore.Actor, tenant uuid.UUID, stream string, facts ...eventstore.Fact) eventstore.Cursor {
	h.t.Helper()
	at := eventstore.Stream(stream)
	out, err := h.use.Log.Update(h.t.Context(), eventstore.Command{Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Actor: actor},
		nil, func(ctx context.Context, d *eventstore.Decision) error {
			if _, err := d.Version(ctx, at); err != nil {
				return err
			}
			d.Append(at, facts...)
			return nil
		})
	if err != nil || out.Verdict != eventstore.Accepted {
		h.t.Fatalf("append: %v %v", out.Verdict, err)
	}
	return h.use.Log.CursorOf(out)
}

// A win counts on its day, and reopening takes it back from that day. A mean is of one currency.
func TestAverageDealSize(t *testing.T) {
	h := open(t)
	tenant, today := uuid.New(), domain.DateOf(time.Now())
	long := today.AddDays(-100)
	win := func(value money.Amount, on domain.Date) string {
		stream := opportunity.Stream(uuid.NewString())
		n := opportunity.Standing{Stage: opportunity.Proposal, ValueAfter: value, CreatedOn: on, On: on}
		m := opportunity.Standing{StageBefore: opportunity.Proposal, Stage: opportunity.Won, ValueBefore: value, ValueAfter: value, CreatedOn: on, On: on}
		h.facts(tenant, stream, opportunity.Created{Details: opportunity.Details{Title: "T", Value: value}, Standing: n}, opportunity.Moved{Standing: m})
		return stream
	}
	win(money.Of(100, "EUR"), today)
	win(money.Of(201, "EUR"), today.AddDays(-80))
	win(money.Of(7, "USD"), today)
	win(money.Of(9000, "EUR"), long)
	taken := win(money.Of(5000, "EUR"), today.AddDays(-1))
	after := h.facts(tenant, taken, opportunity.Reopened{Standing: opportunity.Standing{StageBefore: opportunity.Won, Stage: opportunity.Proposal,
		ValueBefore: money.Of(5000, "EUR"), ValueAfter: money.Of(5000, "EUR"), ClosedOnBefore: today.AddDays(-1), On: today}})
	for _, at := range []eventstore.Cursor{nil, after} {
		h.want(h.stats("client", tenant, after, projections.Moment{At: at, On: today}), "averageDealSize", []money.Amount{money.Of(151, "EUR"), money.Of(7, "USD")})
		h.want(h.stats("client", tenant, after, projections.Moment{At: at, On: today.AddDays(-1)}), "averageDealSize", []money.Amount{money.Of(201, "EUR")})
		h.want(h.stats("client", tenant, after, projections.Moment{At: at, On: long}), "averageDealSize", []money.Amount{money.Of(9000, "EUR")})
	}
}

func TestWhoWasActive(t *testing.T) {
	h := open(t)
	a, b := uuid.New(), uuid.New()
	today := domain.DateOf(time.Now())
	then := h.lead(a, today, 1, true)
	h.lead(b, today, 1, false)
	h.lead(b, today, 2, false)
	imported := h.factsBy(eventstore.Actor{Kind: "system", ID: "import", Via: "import"}, b, organization.Stream(uuid.NewString()), organization.Created{CreatedOn: today})
	after := h.merged(h.facts(a, organization.Stream(uuid.NewString()), organization.Created{CreatedOn: today}), imported)
	provider := h.stats("provider", uuid.Nil, after, projections.Moment{On: today})
	h.want(provider, "tenantsActive30d", int64(2))
	h.want(provider, "usersActive30d", int64(1)) // all of it by one user
	h.want(h.stats("provider", uuid.Nil, after, projections.Moment{On: today.AddDays(29)}), "tenantsActive30d", int64(2))
	h.want(h.stats("provider", uuid.Nil, after, projections.Moment{On: today.AddDays(30)}), "tenantsActive30d", int64(0))
	h.want(h.stats("provider", uuid.Nil, after, projections.Moment{At: then, On: today}), "tenantsActive30d", int64(1))
	h.want(h.stats("provider", a, after, projections.Moment{On: today}), "tenantsActive30d", int64(1))
	if f := provider["tenantsActive30d"]; f.Reason == "" {
		t.Error("it does not say that sign-ins are not among them")
	}
}

func TestGauges(t *testing.T) {
	h := open(t)
	tenant, today := uuid.New(), domain.DateOf(time.Now())
	then := h.lead(tenant, today, 1, false)
	var after eventstore.Cursor
	for range 59 {
		after = h.lead(tenant, today, 1, false)
	}
	now := h.stats("developer", uuid.Nil, after, projections.Moment{On: today, Time: time.Now()})
	h.want(now, "eventsPerSecond", 1.0)
	h.want(now, "projectionLagMax", int64(0))
	h.want(now, "parkedEvents", int64(0))
	h.want(now, "deadLetters", int64(0))
	earlier := h.stats("developer", uuid.Nil, after, projections.Moment{At: then, On: today, Time: time.Now()})
	h.want(earlier, "eventsPerSecond", 0.0167)
	for _, name := range []string{"parkedEvents", "projectionLagMax", "requests24h"} {
		if f := earlier[name]; f.Value != nil || f.Reason == "" || f.Source != "gauge" {
			t.Errorf("%s as of then: %+v", name, f)
		}
	}
}

// merged is the cursor of both.
func (h *house) merged(a, b eventstore.Cursor) eventstore.Cursor {
	for lane, mark := range b {
		a[lane] = max2(a[lane], mark)
	}
	return a
}

// What an event does not tell, a record keeps: each kind goes through an event that says nothing about it, and back.
func TestFacetsOutliveEventsThatDoNotTellThem(t *testing.T) {
	h := open(t)
	tenant, today := uuid.New(), domain.DateOf(time.Now())
	value, id := money.Of(7, "EUR"), uuid.NewString()
	var after eventstore.Cursor
	for stream, facts := range map[string][]eventstore.Fact{
		"lead-": {lead.Created{Details: lead.Details{Company: "C", Source: "web", OwnerID: id, Value: value},
			Standing: lead.Standing{Status: lead.StatusQualified, Score: 80, CreatedOn: today, On: today}}, lead.Archived{}, lead.Restored{}},
		"organization-": {organization.Created{Details: organization.Details{Name: "Buyer", Domain: "b.example", OwnerID: id}, CreatedOn: today},
			organization.Archived{}, organization.Restored{}},
		"contact-": {contact.Created{Details: contact.Details{OrganizationID: id, OwnerID: id}, CreatedOn: today}, contact.Archived{}, contact.Restored{}},
		"opportunity-": {opportunity.Created{Details: opportunity.Details{Title: "T", OrganizationID: id, ContactID: id, OwnerID: id, CloseDate: today},
			Standing: opportunity.Standing{Stage: opportunity.Proposal, ValueAfter: value, CreatedOn: today, On: today}}, opportunity.Archived{}, opportunity.Restored{}},
		"invoice-": {invoice.Created{Details: invoice.Details{OrganizationID: id, Currency: "EUR", Reference: "R", ExternalNumber: "X", IssueDate: today, DueDate: today},
			Totals: invoice.Totals{Total: value}, Status: invoice.StatusDraft}, invoice.Disputed{}, invoice.DisputeResolved{}},
		"escalation-": {escalation.Opened{Details: escalation.Details{IncidentID: "I", Severity: "high", Summary: "S"}, Status: escalation.StatusOpen,
			PartnerID: id, RespondBy: time.Now().Add(time.Hour), ResolveBy: time.Now().Add(2 * time.Hour)},
			escalation.Assigned{AssigneeID: id}, escalation.Assigned{}},
	} {
		after = h.facts(tenant, stream+uuid.NewString(), facts...)
	}
	h.ids(lead.Category, tenant, nil, after, nil) // waits
	var records, changed int
	err := h.use.Pool.QueryRow(t.Context(), `select count(*), count(*) filter (where first <> last) from (select
			(array_agg(facets order by since))[1] first, (array_agg(facets order by since desc))[1] last
			from (select id, since, to_jsonb(i) - array['since', 'until'] facets from rm_records_1.item i) one group by id having count(*) = 3) ends`).Scan(&records, &changed)
	if err != nil || records != 6 || changed > 0 {
		t.Errorf("of %d records that went and came back, %d are others, %v", records, changed, err)
	}
}
