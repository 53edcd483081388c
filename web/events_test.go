package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
)

// fakeLog is the API's events: five of them, in pages of two, whichever end they begin at.
type fakeLog struct {
	sync.Mutex
	query     url.Values   // of the last list of a page of its own
	asked     []url.Values // of every list
	causation string
	data      string
	effects   string
	seal      string
	parts     string // how the components are
	broken    bool   // lists beside the page, effects and diagnostics cannot be had
	searching bool   // no event, and more to look at
}

func newFakeLog() *fakeLog {
	return &fakeLog{causation: "null", data: `{"name":"x"}`, effects: `[]`, seal: `{"size":3,"sealedAt":"2026-03-31T10:00:05Z"}`, parts: "[]"}
}

func (f *fakeLog) record(n int) string {
	return fmt.Sprintf(`{"id":"e%d","cursor":"c%d","lane":1,"position":%d,"tenantId":"0195e7a0-0000-7000-8000-00000000aaaa","stream":"lead-0195e7a0-0000-7000-8000-0000<b>%d","version":1,"type":"lead.created","schemaVersion":2,
		"recordedAt":"2026-03-31T10:00:0%dZ","effectiveAt":null,"actor":{"kind":"user","id":"u1","via":"<i>portal</i>"},"commandId":"m1","correlationId":"talk <u>1</u>","causationId":%s,"data":%s}`, n, n, n, n, n, f.causation, f.data)
}

func (f *fakeLog) routes(r chi.Router, signedIn func(http.ResponseWriter, *http.Request) bool) {
	locked := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			if signedIn(w, r) {
				serve(w, r)
			}
		}
	}
	r.Get("/api/v2/events", locked(f.list))
	r.Get("/api/v2/events/{id}", locked(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(strings.TrimPrefix(chi.URLParam(r, "id"), "e"))
		if err != nil {
			refuseWith(w, `404 {"title":"Not found","code":"not_found"}`)
			return
		}
		fmt.Fprint(w, f.record(n))
	}))
	r.Get("/api/v2/events/{id}/effects", locked(func(w http.ResponseWriter, _ *http.Request) {
		if f.broken {
			refuseWith(w, `503 {"title":"Not now","code":"unavailable"}`)
			return
		}
		fmt.Fprintf(w, `{"items":%s,"nextCursor":null}`, f.effects)
	}))
	r.Get("/api/fed/developers/diagnostics", locked(func(w http.ResponseWriter, _ *http.Request) {
		if f.broken {
			refuseWith(w, `503 {"title":"Not now","code":"unavailable"}`)
			return
		}
		fmt.Fprintf(w, `{"time":"2026-03-31T10:00:05Z","components":%s,"lanes":[{"lane":1,"epoch":1,"head":5,"seal":%s}]}`, f.parts, f.seal)
	}))
}

func (f *fakeLog) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.asked = append(f.asked, q)
	if q.Get("limit") == eventsOnPage {
		f.query = q
	} else if f.broken {
		refuseWith(w, `503 {"title":"Not now","code":"unavailable"}`)
		return
	}
	switch {
	case q.Get("sort") == "nonsense":
		refuseWith(w, `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"sort","message":"must be position or -position"}]}`)
		return
	case q.Get("after") == "2999-01-01T00:00:00Z":
		refuseWith(w, `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"after","message":"must not be in the future"}]}`)
		return
	case f.searching:
		fmt.Fprint(w, `{"items":[],"nextCursor":"c3"}`)
		return
	case q.Get("stream") == "nobody-1", q.Get("causationId") == "e5":
		fmt.Fprint(w, `{"items":[],"nextCursor":null}`)
		return
	}
	var numbers []int
	for n := 1; n <= 5; n++ {
		numbers = append(numbers, n)
	}
	from := q.Get("after")
	if q.Get("sort") == "-position" {
		slices.Reverse(numbers)
		from = q.Get("until")
	}
	if i := slices.IndexFunc(numbers, func(n int) bool { return "c"+strconv.Itoa(n) == from }); i >= 0 {
		numbers = numbers[i:]
		if q.Get("sort") != "-position" {
			numbers = numbers[1:]
		}
	}
	next := "null"
	if len(numbers) > 2 {
		if next = strconv.Quote("c" + strconv.Itoa(numbers[1])); q.Get("sort") == "-position" {
			next = strconv.Quote("c" + strconv.Itoa(numbers[2]))
		}
		numbers = numbers[:2]
	}
	var items []string
	for _, n := range numbers {
		items = append(items, f.record(n))
	}
	fmt.Fprintf(w, `{"items":[%s],"nextCursor":%s}`, strings.Join(items, ","), next)
}

// eventLinks are the events that a page's table shows, in order.
func eventLinks(t *testing.T, body string) (ids []string) {
	t.Helper()
	for _, e := range elements(t, body) {
		if id, ok := strings.CutPrefix(e.attr["href"], eventsPath+"/"); ok && slices.Contains(e.within, "tbody") {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestTheLogIsReadFromEitherEnd goes through all pages in both orders, and back: each event is there once.
func TestTheLogIsReadFromEitherEnd(t *testing.T) {
	_, server := newFake(t, "developer", `{}`)
	for query, want := range map[string][]string{"?type=lead.*": {"e5", "e4", "e3", "e2", "e1"}, "?type=lead.*&sort=position": {"e1", "e2", "e3", "e4", "e5"}} {
		var seen []string
		path, last := eventsPath+query, ""
		for pages := 0; path != ""; pages++ {
			if pages > 5 {
				t.Fatal("the log has no end")
			}
			_, body := ask(t, server, "GET", path, nil, "developer")
			seen, last = append(seen, eventLinks(t, body)...), path
			path = neighboursOf(body)["next"]
		}
		if !slices.Equal(seen, want) {
			t.Errorf("%s: %v", query, seen)
		}
		_, body := ask(t, server, "GET", last, nil, "developer")
		_, body = ask(t, server, "GET", neighboursOf(body)["prev"], nil, "developer")
		if got := eventLinks(t, body); !slices.Equal(got, want[2:4]) {
			t.Errorf("%s: back to %v", query, got)
		}
	}
}

func TestTheLogIsNarrowed(t *testing.T) {
	f, server := newFake(t, "developer", `{}`)
	for query, want := range map[string]string{
		"": "limit=25&sort=-position",
		"?type=lead.*&stream=+lead-1+&tenantId=t1&commandId=m&correlationId=c&causationId=e1&other=1&limit=2500": "causationId=e1&commandId=m&correlationId=c&limit=25&sort=-position&stream=lead-1&tenantId=t1&type=lead.%2A",
		"?from=2026-03-31T10:00&until=2026-03-31T11:00:00Z":                                                      "after=2026-03-31T10%3A00%3A00Z&limit=25&sort=-position&until=2026-03-31T11%3A00%3A00Z",
		"?from=2026-03-31T12:00:00%2B02:00&cursor=c3":                                                            "after=2026-03-31T10%3A00%3A00Z&limit=25&sort=-position&until=c3",
		"?from=2026-03-31T10:00&until=2026-03-31T11:00&sort=position&cursor=c3":                                  "after=c3&limit=25&sort=position&until=2026-03-31T11%3A00%3A00Z",
		"?from=yesterday&sort=position":                                                                          "after=yesterday&limit=25&sort=position",
	} {
		_, body := ask(t, server, "GET", eventsPath+query, nil, "developer")
		if got := f.log.query.Encode(); got != want {
			t.Errorf("%s asked for %s", query, got)
		}
		checkPage(t, query, body)
	}
	_, body := ask(t, server, "GET", eventsPath+"?from=2026-03-31T10:00&type=lead.*", nil, "developer")
	holds(t, body, `value="2026-03-31T10:00:00"`, `href="/developer/events?from=2026-03-31T10%3A00%3A00"`, `href="/developer/events?from=2026-03-31T10%3A00%3A00&amp;sort=position&amp;type=lead.%2A"`,
		"…0000&lt;b&gt;5", ">…0000aaaa<", "user, &lt;i&gt;portal&lt;/i&gt;", "1/5", "2 events on this page", "31 Mar 2026, 10:00:05 UTC")
	if strings.Contains(body, "<i>") || strings.Contains(body, "0<b>") {
		t.Error(body)
	}
	_, body = ask(t, server, "GET", eventsPath+"?stream=nobody-1", nil, "developer")
	holds(t, body, "No event is like that", `href="/developer/events"`)
	res, body := ask(t, server, "GET", eventsPath+"?sort=nonsense&type="+url.QueryEscape(`"><script>alert(1)</script>`), nil, "developer")
	holds(t, body, "Sort must be position or -position.", `value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"`)
	if res.StatusCode != http.StatusUnprocessableEntity || strings.Contains(body, "<script>alert") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	_, body = ask(t, server, "GET", eventsPath+"?from=2999-01-01T00:00", nil, "developer")
	holds(t, body, "After (UTC) must not be in the future.", "After (UTC): <b>2999-01-01 00:00:00</b>", `id="events-from"`)
	f.log.searching = true
	_, body = ask(t, server, "GET", eventsPath+"?correlationId=x", nil, "developer")
	holds(t, body, "None so far", `href="/developer/events?correlationId=x&amp;cursor=c3"`)
}

// TestAnEventIsTold: its data as the API gives it, what led to it and what it led to, and nothing of it taken for markup.
func TestAnEventIsTold(t *testing.T) {
	f, server := newFake(t, "developer", `{}`)
	f.log.data = `{"name":{"encrypted":true},"notes":"</code></pre><script>alert(1)</script>","tags":["a\u2028b"]}`
	_, body := ask(t, server, "GET", eventsPath+"/e5", nil, "developer")
	holds(t, body, "  &#34;name&#34;: {\n    &#34;encrypted&#34;: true\n  }", "&lt;/code&gt;&lt;/pre&gt;&lt;script&gt;alert(1)", "<h1>lead.created</h1>", "No event led to it: its command was asked for by user, &lt;i&gt;portal&lt;/i&gt;.",
		"No event was caused by it.", "No reactor acted on it.", "Not sealed yet", `href="/developer/events?commandId=m1&amp;tenantId=0195e7a0-0000-7000-8000-00000000aaaa"`,
		`href="/developer/events?correlationId=talk+%3Cu%3E1%3C%2Fu%3E"`, `aria-current="true"`)
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<i>") || strings.Contains(body, `href="/developer/events/e5"`) {
		t.Error(body)
	}
	f.log.causation = `"e2"`
	f.log.effects = `[{"reactor":"notices","id":"x1","state":"done","at":"2026-03-31T10:00:01Z"},{"reactor":"mail<b>","id":"x2","state":"parked","at":"2026-03-31T10:00:02Z","tries":5,"error":"said <b>no</b>"},{"reactor":"mail","id":"x3","state":"parked","at":"2026-03-31T10:00:02Z","tries":1,"error":"no"}]`
	_, body = ask(t, server, "GET", eventsPath+"/e1", nil, "developer")
	holds(t, body, "Sealed: the newest seal covers positions 1 to 3, 31 Mar 2026, 10:00:05 UTC", `<a href="/developer/events/e2">lead.created</a>`, "Show all of these", `href="/developer/events?causationId=e1&amp;sort=position"`,
		"by notices", "Parked after 5 attempts", "Parked after 1 attempt", "said &lt;b&gt;no&lt;/b&gt;")
	_, besides, _ := strings.Cut(body, "Came with")
	besides, _, _ = strings.Cut(besides, "Led to")
	if strings.Contains(besides, `href="/developer/events/e1"`) || !strings.Contains(besides, `href="/developer/events/e2"`) {
		t.Errorf("it came with %s", besides)
	}
	if !slices.ContainsFunc(f.log.asked, func(q url.Values) bool { return q.Encode() == "causationId=e1&limit=20&sort=position" }) {
		t.Errorf("asked %v", f.log.asked)
	}
	f.log.causation, f.log.broken = `"gone"`, true
	_, body = ask(t, server, "GET", eventsPath+"/e1", nil, "developer")
	holds(t, body, "Event gone: Not found", "Not known just now", "Not now")
	if strings.Contains(body, "No reactor acted") || strings.Contains(body, "No event was caused") {
		t.Error("what is not known is told to be nothing")
	}
	res, body := ask(t, server, "GET", eventsPath+"/nobody", nil, "developer")
	if holds(t, body, "There is no event at this address."); res.StatusCode != http.StatusNotFound {
		t.Errorf("nobody: %d", res.StatusCode)
	}
}

func TestJSONIsIndentedWithinMeasure(t *testing.T) {
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	if !json.Valid([]byte(deep)) {
		t.Fatal("no JSON")
	}
	for data, want := range map[string]string{`{"a":[1,2]}`: "{\n  \"a\": [\n    1,\n    2\n  ]\n}", deep: deep, `{"big":12345678901234567890.10}`: "{\n  \"big\": 12345678901234567890.10\n}", `not`: `not`, `{"a":"}}}{{{"}`: "{\n  \"a\": \"}}}{{{\"\n}"} {
		if got := pretty([]byte(data)); got != want {
			t.Errorf("%.40s is shown as %.80s", data, got)
		}
	}
}

func TestIdsAreShortened(t *testing.T) {
	for id, want := range map[string]string{"": "", "lead-1": "lead-1", "lead-0195e7a0-0000-7000-8000-00000000aaaa": "lead-…0000aaaa", "0195e7a0-0000-7000-8000-00000000aaaa": "…0000aaaa", strings.Repeat("ü", 40): "üüüü-…üüüüüüüü", strings.Repeat("x", 80): "…xxxxxxxx"} {
		if got := shortened(id); got != want {
			t.Errorf("%s is shown as %s", id, got)
		}
	}
}
