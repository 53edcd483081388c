package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// reasons answers what a figure is made of.
func (f *fakeAPI) reasons(w http.ResponseWriter, r *http.Request) {
	if !f.signedIn(w, r) {
		return
	}
	f.whyOf.Store(r.URL.Query())
	if f.why.Load() == "" {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"This figure has no events","code":"figure_not_from_events"}`)
		return
	}
	fmt.Fprint(w, f.why.Load())
}

// madeOf is the answer about a figure that two events make.
func madeOf(sum, first, second string) string {
	event := `{"id":"e%d","stream":"lead-0197a2f4-1111","type":"lead.created","recordedAt":"2026-03-31T10:00:0%dZ","actor":{"kind":"user","id":"u1","via":"client"},"data":{}}`
	return fmt.Sprintf(`{"items":[{"event":`+event+`,"contribution":%s},{"event":`+event+`,"contribution":%s}],"sum":%s,"nextCursor":"older"}`, 2, 2, second, 1, 1, first, sum)
}

const shownFigures = `{"leadsHot": {"value": 2, "unit": "count", "source": "log"}, "<i>": {"value": 2, "unit": "count", "source": "log"},
	"pipelineValue": {"value": [{"amount": 150, "currency": "USD"}, {"amount": 5, "currency": "EUR"}], "unit": "money", "source": "log"},
	"conversionRate90d": {"value": 0.5, "unit": "ratio", "source": "log", "of": {"numerator": 1, "denominator": 2}},
	"averageDealSize": {"value": [{"amount": 50, "currency": "USD"}], "unit": "money", "source": "log"},
	"vehiclesActive": {"value": null, "unit": "count", "source": "log", "reason": "vehicles are not kept yet"},
	"parkedEvents": {"value": 0, "unit": "count", "source": "gauge"}}`

// TestATileLeadsToItsEvents: the page of a figure shows the events that it is made of, says what they make, and says it loudly where
// that is something else.
func TestATileLeadsToItsEvents(t *testing.T) {
	f, server := newFake(t, "client", shownFigures)
	_, body := ask(t, server, "GET", "/dashboard?at=2026-01-01T00:00:00Z&on=2026-01-02&other=1", nil, "client")
	holds(t, body, `href="/dashboard/figures/leadsHot?at=2026-01-01T00%3A00%3A00Z&amp;on=2026-01-02"`, `href="/dashboard/figures/%3Ci%3E?at=`)
	for _, c := range []struct {
		figure, query, why string
		says               []string
		part               string
	}{
		{"leadsHot", "", madeOf("2", "-1", "3"), []string{"<h1>Hot leads</h1>", "Adds up", "make 2 open leads", ">+3<", ">−1<", "Lead created", `href="/leads/0197a2f4-1111"`, "By", ">You<", "31 Mar 2026, 10:00:02 UTC"}, ""},
		{"leadsHot", "", madeOf("3", "1", "2"), []string{`role="alert"`, "make 3 open leads", "not what the figure says"}, ""},
		{"pipelineValue", "", madeOf(`[{"amount":5,"currency":"EUR"},{"amount":150,"currency":"USD"}]`, `{"amount":-5,"currency":"EUR"}`, `{"amount":123456,"currency":"USD"}`), []string{"Adds up", "make 0.05 EUR, 1.50 USD", "+1,234.56 USD", "−0.05 EUR"}, ""},
		{"pipelineValue", "", madeOf(`[{"amount":150,"currency":"USD"}]`, "{}", "{}"), []string{"not what the figure says"}, ""},
		{"conversionRate90d", "", madeOf("1", "1", "1"), []string{"Adds up", "are one side of it", "make 1 converted lead.", `aria-current="page">Converted leads`, "part=denominator"}, "numerator"},
		{"conversionRate90d", "?part=denominator", madeOf("2", "1", "1"), []string{"Adds up", "make 2 new leads", `aria-current="page">New leads`}, "denominator"},
		{"conversionRate90d", "?part=denominator", madeOf("1", "1", "1"), []string{"not what the figure says"}, "denominator"},
		{"averageDealSize", "", madeOf(`[{"amount":100,"currency":"USD"}]`, "{}", "{}"), []string{"make 1.00 USD", "Deals won"}, "numerator"},
		{"parkedEvents", "", "", []string{"measured, not added up from events"}, ""},
		{"vehiclesActive", "", "", []string{"vehicles are not kept yet", "No event is counted here yet."}, ""},
		{"%3Ci%3E", "", madeOf("2", "1", "1"), []string{"<h1>&lt;i&gt;</h1>", "Adds up"}, ""},
	} {
		f.why.Store(c.why)
		f.whyOf.Store(url.Values{})
		path := "/dashboard/figures/" + c.figure + c.query
		res, body := ask(t, server, "GET", path, nil, "client")
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
		holds(t, body, c.says...)
		checkPage(t, path, body)
		asked, _ := f.whyOf.Load().(url.Values)
		if c.why != "" && (asked.Get("part") != c.part || asked.Get("at") != "c" || asked.Get("on") != "2026-03-31") {
			t.Errorf("%s asked for %v", path, asked)
		}
	}
	res, body := ask(t, server, "GET", "/dashboard/figures/nonsense", nil, "client")
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, "No such figure")
}

// TestStaffAreLedToAClientsRecord: whose it is stays in the address.
func TestStaffAreLedToAClientsRecord(t *testing.T) {
	f, server := newFake(t, "accountant", `{"invoicesIssued": {"value": 3, "unit": "count", "source": "log"}}`)
	f.tenant = ""
	f.why.Store(strings.NewReplacer("lead-", "invoice-", `"u1"`, `"u9"`, `"id":"e`, `"tenantId":"t7","id":"e`).Replace(madeOf("3", "1", "2")))
	_, body := ask(t, server, "GET", "/accountant/figures/invoicesIssued", nil, "accountant")
	holds(t, body, `href="/accountant/invoices/0197a2f4-1111?tenantId=t7"`, "A client&#39;s user", "make 3 invoices")
}

// TestTheEventsOfAFigureHavePages: all of them are of the moment of the first.
func TestTheEventsOfAFigureHavePages(t *testing.T) {
	f, server := newFake(t, "client", shownFigures)
	f.why.Store(madeOf("2", "1", "1"))
	_, body := ask(t, server, "GET", "/dashboard/figures/leadsHot", nil, "client")
	next := nextPage.FindStringSubmatch(body)
	if next == nil {
		t.Fatal(body)
	}
	address := strings.ReplaceAll(next[1], "&amp;", "&")
	if address != "/dashboard/figures/leadsHot?cursor=older&pin=c~2026-03-31" {
		t.Errorf("the next page is %s", address)
	}
	_, body = ask(t, server, "GET", strings.Replace(address, "pin=c", "pin=earlier", 1), nil, "client")
	asked, _ := f.whyOf.Load().(url.Values)
	if asked.Encode() != "at=earlier&cursor=older&on=2026-03-31" || f.query.Load() != "at=earlier&on=2026-03-31" {
		t.Errorf("asked for %v and %v", asked, f.query.Load())
	}
	holds(t, body, `rel="prev"`)
	_, body = ask(t, server, "GET", "/dashboard/figures/leadsHot?at=2026-01-01T10:00&on=2026-01-02", nil, "client")
	asked, _ = f.whyOf.Load().(url.Values)
	if asked.Encode() != "at=2026-01-01T10%3A00%3A00Z&on=2026-01-02" || strings.Contains(body, "pin=") {
		t.Errorf("asked for %v", asked)
	}
	holds(t, body, "As it stood on", `name="on" value="2026-01-02"`)
}

// promised are the figures that each dashboard has, by their public names.
var promised = map[string]string{
	"provider":   "tenantsTotal tenantsActive30d usersActive30d leadsTotal leadsConverted conversionRate revenuePaid revenueOutstanding revenueOverdue mrr escalationsOpen escalationsBreached partnersActive eventsTotal",
	"developer":  "requests24h errorRate24h latencyP50Ms latencyP95Ms eventsPerSecond projectionLagMax rateLimited24h parkedEvents deadLetters signaturesRefused24h",
	"accountant": "revenuePaid revenueThisMonth invoicesIssued invoicesOverdue receivables overdueAmount creditNotes taxCollected averageDaysToPay",
	"client":     "leadsNew90d leadsConverted90d leadsHot conversionRate90d pipelineValue pipelineWeighted wonThisMonth averageDealSize invoicesOutstanding vehiclesActive vehiclesOutOfService ticketsOpen tasksDue",
}

// TestEveryFigureHasATile: with its name, its age and its way to the events, and a reason where there is no value.
func TestEveryFigureHasATile(t *testing.T) {
	for _, p := range portals {
		_, server := newFake(t, p.Name, `{}`)
		_, body := ask(t, server, "GET", p.Home, nil, p.Name)
		for name := range strings.FieldsSeq(promised[p.Name]) {
			if p.label(name).Title == name {
				t.Errorf("%s: nobody says what %s is", p.Name, name)
			}
			_, tile, ok := strings.Cut(body, `id="`+name+`"`)
			tile, _, _ = strings.Cut(tile, "</li>")
			if !ok {
				t.Errorf("%s has no tile for %s", p.Name, name)
			}
			holds(t, tile, `href="`+p.figurePath(name)+`"`, "as of <time", "not measured yet")
		}
	}
}
