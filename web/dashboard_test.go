package web

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/web/ui"
)

func TestFigures(t *testing.T) {
	_, server := newFake(t, "client", `{
		"leadsNew90d": {"value": 1234567, "unit": "count", "source": "log"},
		"leadsHot": {"value": 0, "unit": "count", "source": "log"},
		"conversionRate90d": {"value": 0.1235, "unit": "ratio", "source": "log", "of": {"numerator": 1235, "denominator": 10000}},
		"pipelineValue": {"value": [{"amount": 123456789, "currency": "USD"}, {"amount": -5, "currency": "EUR"}, {"amount": 1500, "currency": "JPY"}, {"amount": 1500, "currency": "KWD"}], "unit": "money", "source": "log"},
		"wonThisMonth": {"value": [], "unit": "money", "source": "log"},
		"averageDealSize": {"value": null, "unit": "money", "source": "log", "reason": "<i>nothing</i> to divide by"},
		"invoicesOutstanding": {"value": "what", "unit": "money", "source": "log"},
		"<script>alert(1)</script>": {"value": 2.50, "unit": "<u>", "source": "gauge"}}`)
	res, body := ask(t, server, "GET", "/dashboard", nil, "client", "provider")
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode, body)
	}
	holds(t, body, "<b>1,234,567</b>", "<b>0</b>", "<b>12.35</b> <span class=\"unit\">%</span>", "1,235 of 10,000",
		"<b>1,234,567.89</b> <span class=\"unit\">USD</span>", "<b>−0.05</b> <span class=\"unit\">EUR</span>",
		"<b>1,500</b> <span class=\"unit\">JPY</span>", "<b>1.500</b> <span class=\"unit\">KWD</span>", "in any currency",
		"<b>—</b>", "&lt;i&gt;nothing&lt;/i&gt; to divide by", "the value could not be read", "31 Mar 2026, 10:00:05 UTC",
		"&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;u&gt;", "&lt;b&gt;Ada&lt;/b&gt; &amp; &#34;Co&#34;", `data-live="/live?portal=client"`)
	for _, raw := range []string{"<script>alert", "<i>", "<u>", "<b>Ada"} {
		if strings.Contains(body, raw) {
			t.Errorf("%s was not escaped", raw)
		}
	}
	for _, g := range portalNamed("client").Groups {
		for _, l := range g.Labels {
			holds(t, body, `id="`+l.Name+`"`) // those that the API did not answer too
		}
	}
}

// TestWhatIsOwedIsOnTheAccountantsDashboard: by how late it is, as of when the dashboard is, and the figures are there without it too.
func TestWhatIsOwedIsOnTheAccountantsDashboard(t *testing.T) {
	f, server := newFake(t, "accountant", `{"creditNotes": {"value": 3, "unit": "count", "source": "log"}}`)
	_, body := ask(t, server, "GET", "/accountant?tenantId=t7", nil, "accountant")
	holds(t, body, "What is owed", "Not due", "1–30 days late", "More than 90 days late", "990.00", "as of 10:00:05 UTC", `href="/accountant/invoices?dueAfter=`, "tenantId=t7")
	checkPage(t, "what is owed", body)
	f.aging.Store("")
	_, body = ask(t, server, "GET", "/accountant", nil, "accountant")
	holds(t, body, "Behind its time", `<a href="/accountant">Try again</a>`, "<b>3</b>")
	checkPage(t, "what is owed, unknown", body)
}

func TestUnits(t *testing.T) {
	for _, c := range []struct{ unit, value, number, suffix string }{
		{"days", "12.3456", "12.3", "days"}, {"days", "1", "1", "day"}, {"ms", "1500", "1,500", "ms"}, {"perSecond", "0.25", "0.2", "per second"},
		{"ratio", "1", "100", "%"}, {"ratio", "0", "0", "%"}, {"ratio", "0.25", "25", "%"}, {"count", "-1234", "−1,234", "things"}, {"count", "999", "999", "things"}, {"count", "1", "1", "thing"},
	} {
		got, err := figure{Unit: c.unit, Value: []byte(c.value)}.quantities("things")
		if err != nil || len(got) != 1 || got[0] != (ui.Quantity{Number: c.number, Unit: c.suffix}) {
			t.Errorf("%s %s: %v %v", c.unit, c.value, got, err)
		}
	}
}

func TestAtReachesTheAPI(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", "/dashboard?at=2026-03-31T10:00&on=&tenantId=t1&other=1", nil, "client")
	if got := f.query.Load(); got != "at=2026-03-31T10%3A00%3A00Z&tenantId=t1" {
		t.Errorf("asked for %v", got)
	}
	holds(t, body, "As it stood on 31 Mar 2026, 10:00:05 UTC", `value="2026-03-31T10:00:05"`)
	if strings.Contains(body, "data-live") {
		t.Error("what was known then cannot change")
	}
	res, body := ask(t, server, "GET", "/dashboard?at=2999-01-01T00:00:00Z", nil, "client")
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("future: %d", res.StatusCode)
	}
	holds(t, body, "Not valid. At: is in the future.", "Sign out")
}

func TestLive(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	events := listen(t, server, "")
	if first := <-events; first != "retry: 1000\n" {
		t.Errorf("the stream begins with %q", first)
	}
	f.told <- told("c1", `{"leadsHot": {"value": 1, "unit": "count"}}`)
	holds(t, <-events, "event: tiles\nid: c1\ndata: ", `id="leadsHot"`, "<b>1</b>")
	f.told <- ": still here\n\n"
	holds(t, <-events, ": still here")
	event := told("c2", `{"leadsHot": {"value": 4321, "unit": "count"}}`)
	f.told <- event[:20] // however it is cut
	f.told <- event[20:]
	holds(t, <-events, "event: tiles\nid: c2\n", "<b>4,321</b>")

	// The API ends a stream for many reasons; only when nobody is signed in is there no coming back.
	close(f.told)
	if e, open := <-events; open {
		t.Errorf("the stream goes on: %s", e)
	}
	listen(t, server, "c2")
	if f.last.Load() != "c2" {
		t.Errorf("resumed behind %v", f.last.Load())
	}
}

func TestLiveTellsThatNobodyIsSignedIn(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	events := listen(t, server, "")
	<-events
	f.session.Store(false)
	close(f.told)
	holds(t, <-events, "event: ended\n")
	if e, open := <-events; open {
		t.Errorf("the stream goes on: %s", e)
	}
	holds(t, <-listen(t, server, ""), "event: ended\n")
}

func TestLivePassesARefusalOn(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	res, body := ask(t, server, "GET", "/live?portal=client&at=2999-01-01T00:00:00Z", nil, "client")
	if res.StatusCode != http.StatusUnprocessableEntity || res.Header.Get("Content-Security-Policy") != policy {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	holds(t, body, "Not valid. At: is in the future.")
}

func TestLiveEndsWithItsRequest(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	events := listen(t, server, "")
	<-events
	server.CloseClientConnections()
	done := make(chan struct{})
	go func() { server.Close(); close(done) }() // waits for every request
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream outlives its browser")
	}
}

func TestAnEventsDataHoldsEveryLine(t *testing.T) {
	w := httptest.NewRecorder()
	st := &stream{answer: answer{header: http.Header{}}, browser: w, tell: portalNamed("client").tilesOf(t.Context(), nil)}
	if _, err := st.Write([]byte(told("c", `{"leadsHot": {"value": null, "reason": "one\r\ntwo\rthree\n\nevent: forged"}}`))); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n") {
		if line != "event: tiles" && line != "id: c" && !strings.HasPrefix(line, "data: ") {
			t.Errorf("line %q", line)
		}
	}
}

// listen is the events of the client's dashboard behind the one that it had last, until its stream ends.
func listen(t *testing.T, server *httptest.Server, last string) <-chan string {
	t.Helper()
	return hear(t, server, "/live?portal=client", "client", last)
}

// hear is the events of an address, as somebody of a portal hears them.
func hear(t *testing.T, server *httptest.Server, path, portal, last string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "sf_" + portal, Value: "token"})
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, got)
	}
	events := make(chan string)
	go func() {
		defer close(events)
		lines, event := bufio.NewScanner(res.Body), ""
		for lines.Scan() {
			if line := lines.Text(); line != "" {
				event += line + "\n"
				continue
			}
			select {
			case events <- event:
			case <-t.Context().Done():
				return
			}
			event = ""
		}
	}()
	return events
}
