package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/web/ui"
)

// fakeDesk is the API's escalations: five of them in pages of two, each of another status, all of one tenant.
type fakeDesk struct {
	sync.Mutex
	ids     []string
	status  map[string]string
	done    map[string]string // by key: the answer
	writes  []string          // each that was not a repeat
	queries []url.Values      // of each list
	refuse  string            // what every write is answered, with its status before it
	due     time.Time         // of all of them
	lag     string            // more of a list's answer: since when it is behind
}

func newFakeDesk() *fakeDesk {
	f := &fakeDesk{status: map[string]string{}, done: map[string]string{}, due: time.Now().Add(time.Hour + 30*time.Second)}
	for i, status := range escalation.Statuses {
		id := "e" + strconv.Itoa(i+1)
		f.ids, f.status[id] = append(f.ids, id), status
	}
	return f
}

func (f *fakeDesk) record(id string) string {
	return fmt.Sprintf(`{"id":%q,"tenantId":"t1","tenantName":"<b>Acme</b>","incidentId":"INC-%s","severity":"high","summary":"<i>Down</i> %s","description":"All of\nit.","sourceSystem":"monitor",
		"occurredAt":"2026-03-30T09:00:00Z","openedAt":"2026-03-30T10:00:00Z","respondBy":%q,"resolveBy":%q,"responseBreached":true,"resolveBreached":false,"status":%q,"partnerId":"p1","assigneeId":"u2",
		"metadata":{"load":0.5,"host":"<u>a</u>"},"attachments":[{"url":"https://files.example/a","name":"log"}],"version":2,"createdAt":"2026-03-30T10:00:00Z","updatedAt":"2026-03-31T10:00:00Z"}`,
		id, id, id, f.due.Format(time.RFC3339Nano), f.due.Format(time.RFC3339Nano), f.status[id])
}

func (f *fakeDesk) routes(r chi.Router, signedIn func(http.ResponseWriter, *http.Request) bool) {
	locked := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			tenant := r.URL.Query().Get("tenantId")
			if r.Method == http.MethodPost {
				tenant = r.Header.Get("StreamFlow-Tenant")
			}
			switch id := chi.URLParam(r, "id"); {
			case !signedIn(w, r):
			case id != "" && f.status[id] == "":
				refuseWith(w, `404 {"title":"Not found","code":"not_found"}`)
			case id != "" && tenant != "t1" && (tenant != "" || r.Method == http.MethodPost):
				refuseWith(w, `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"tenantId","message":"must name the tenant whose record it is"}]}`)
			default:
				serve(w, r)
			}
		}
	}
	r.Get("/api/v2/escalations", locked(f.list))
	r.Get("/api/v2/escalations/{id}", locked(func(w http.ResponseWriter, r *http.Request) {
		text := f.record(chi.URLParam(r, "id"))
		if r.URL.Query().Get("at") == "c1" {
			text = strings.Replace(text, `"version":2`, `"version":1`, 1)
		}
		fmt.Fprint(w, text)
	}))
	r.Get("/api/v2/escalations/{id}/history", locked(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items":[
			{"cursor":"c3","version":3,"type":"escalation.response_breached","recordedAt":"2026-03-30T11:00:01Z","actor":{"kind":"system","id":"deadlines"},"data":{"deadline":"2026-03-30T11:00:00Z"}},
			{"cursor":"c2","version":2,"type":"escalation.commented","recordedAt":"2026-03-30T10:30:00Z","actor":{"kind":"staff","id":"u2"},"data":{"text":"We <em>look</em>."}},
			{"cursor":"c1","version":1,"type":"escalation.opened","recordedAt":"2026-03-30T10:00:00Z","actor":{"kind":"partner","id":"k1"},"data":{"summary":"Down"}}],"nextCursor":"older"}`)
	}))
	r.Post("/api/v2/escalations/{id}/{step}", locked(f.write))
	named := func(items string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if signedIn(w, r) {
				fmt.Fprintf(w, `{"items":[%s],"nextCursor":null}`, items)
			}
		}
	}
	r.Get("/api/v2/tenants", named(`{"id":"t1","name":"<b>Acme</b>"}`))
	r.Get("/api/v2/partners", named(`{"id":"p1","name":"Pagerwatch"}`))
	r.Get("/api/v2/partners/{id}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"p9","name":"Far <b>down</b>"}`) })
}

func (f *fakeDesk) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.queries = append(f.queries, q)
	if q.Get("sort") == "nonsense" {
		refuseWith(w, `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"sort","message":"is no order"}]}`)
		return
	}
	var found []string
	for _, id := range f.ids {
		if status := q.Get("status"); (status == "" || status == f.status[id]) && q.Get("q") != "nobody" {
			found = append(found, id)
		}
	}
	size := 2
	if limit, err := strconv.Atoi(q.Get("limit")); err == nil {
		size = limit
	}
	from, _ := strconv.Atoi(q.Get("cursor"))
	to, next := min(from+size, len(found)), "null"
	if to < len(found) {
		next = strconv.Quote(strconv.Itoa(to))
	}
	var items []string
	for _, id := range found[from:to] {
		items = append(items, f.record(id))
	}
	w.Header().Set("StreamFlow-Cursor", "now")
	fmt.Fprintf(w, `{"items":[%s],"nextCursor":%s%s}`, strings.Join(items, ","), next, f.lag)
}

// write does what it is asked once for a key, where the status lets it.
func (f *fakeDesk) write(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	id, step, key := chi.URLParam(r, "id"), chi.URLParam(r, "step"), r.Header.Get("Idempotency-Key")
	if f.refuse != "" {
		refuseWith(w, f.refuse)
		return
	}
	if f.done[key] == "" {
		if i := slices.IndexFunc(escalationMoves, func(m move) bool { return m.step == step }); i >= 0 {
			to := escalationMoves[i].to
			if step != stepReopen && slices.Index(escalation.Statuses, to) < slices.Index(escalation.Statuses, f.status[id]) {
				refuseWith(w, `409 {"title":"Not from there","code":"invalid_transition","detail":"A record that is `+f.status[id]+` cannot become `+to+`."}`)
				return
			}
			f.status[id] = to
		}
		f.writes = append(f.writes, r.Header.Get("StreamFlow-Tenant")+" "+r.URL.Path+" "+string(body))
		f.done[key] = f.record(id)
	}
	w.Header().Set("StreamFlow-Cursor", "after-"+key)
	fmt.Fprint(w, f.done[key])
}

// TestEscalationsAreListed: what is due first stands first, filters reach the API, and names are those of clients and staff.
func TestEscalationsAreListed(t *testing.T) {
	f, server := newFake(t, "provider", `{}`)
	_, body := ask(t, server, "GET", escalationsPath, nil, "provider")
	holds(t, body, "&lt;i&gt;Down&lt;/i&gt; e1", "&lt;b&gt;Acme&lt;/b&gt;", "&lt;u&gt;Bob", "Answer in 1\u00a0h", ">High<", ">Open<", `aria-sort="ascending"`,
		`href="/provider/escalations/e1?list=sort%3DdueAt&amp;row=0&amp;tenantId=t1"`, `action="/provider/escalations/e1/acknowledge?tenantId=t1"`, `<option value="p1">Pagerwatch`,
		`data-follow="/live?after=now&amp;of=escalation&amp;portal=provider"`, `rel="next"`)
	if got := f.desk.queries[0].Encode(); got != "sort=dueAt" {
		t.Errorf("asked for %s", got)
	}
	_, body = ask(t, server, "GET", escalationsPath+"?status=open&severity=high&tenantId=t1&partnerId=p9&assigneeId=u1&q=down&sort=-createdAt&view=&other=1", nil, "provider")
	if got := f.desk.queries[1].Encode(); got != "assigneeId=u1&partnerId=p9&q=down&severity=high&sort=-createdAt&status=open&tenantId=t1" {
		t.Errorf("asked for %s", got)
	}
	holds(t, body, "Partner: <b>Far &lt;b&gt;down&lt;/b&gt;</b>", "Status: <b>Open</b>", "Priority: <b>High</b>", "Client: <b>&lt;b&gt;Acme&lt;/b&gt;</b>", "Owner: <b>You</b>")
	f.desk.due = time.Now().Add(-2 * time.Hour)
	_, body = ask(t, server, "GET", escalationsPath+"?status=open", nil, "provider")
	holds(t, body, `<span class="badge danger">Answer overdue by `+"2\u00a0h</span>")
	res, body := ask(t, server, "GET", escalationsPath+"?q=nobody", nil, "provider")
	holds(t, body, "No escalation is like that")
	if res.StatusCode != http.StatusOK {
		t.Errorf("none: %d", res.StatusCode)
	}
	res, body = ask(t, server, "GET", escalationsPath+"?sort=nonsense", nil, "provider")
	if holds(t, body, "is no order", "Try again"); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no order: %d", res.StatusCode)
	}
}

// TestTheBoardHasAColumnForEachStatus: each card stands in its own, with its ways to others, and as of then it has none.
func TestTheBoardHasAColumnForEachStatus(t *testing.T) {
	f, server := newFake(t, "provider", `{}`)
	_, body := ask(t, server, "GET", escalationsPath+"?view=board&severity=high&status=closed", nil, "provider")
	var asked []string
	for _, q := range f.desk.queries {
		asked = append(asked, q.Encode())
	}
	want := []string{"limit=20&severity=high&sort=dueAt&status=open", "limit=20&severity=high&sort=dueAt&status=acknowledged", "limit=20&severity=high&sort=dueAt&status=in_progress",
		"limit=20&severity=high&sort=-createdAt&status=resolved", "limit=20&severity=high&sort=-createdAt&status=closed"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q", asked)
	}
	columns := strings.Split(body, `data-step="`)[1:]
	if len(columns) != len(escalationStatuses) {
		t.Fatalf("%d columns", len(columns))
	}
	moves := []string{"acknowledge start resolve close", "start resolve close", "resolve close", "close reopen", ""}
	for i, column := range columns {
		holds(t, column, `id="board-card-e`+strconv.Itoa(i+1)+`"`, `data-move="/provider/escalations/e`+strconv.Itoa(i+1)+`/{step}?tenantId=t1"`, `<span class="badge">1</span>`)
		if strings.Count(column, "data-card=") != 1 {
			t.Errorf("column %d holds another's card", i)
		}
		var offered []string
		for part := range strings.SplitSeq(column, `action="/provider/escalations/e`+strconv.Itoa(i+1)+"/") {
			if step, rest, _ := strings.Cut(part, "?tenantId=t1"); strings.HasPrefix(rest, `">`) {
				offered = append(offered, step)
			}
		}
		if got := strings.Join(offered, " "); got != moves[i] {
			t.Errorf("column %d offers %q, want %q", i, got, moves[i])
		}
	}
	_, body = ask(t, server, "GET", escalationsPath+"?view=board&at=2026-03-30T10:00", nil, "provider")
	holds(t, body, "data-then", `id="board-card-e1"`)
	for _, then := range []string{"idempotencyKey", "draggable=\"true\"", "data-follow"} {
		if strings.Contains(body, then) {
			t.Errorf("the past has %s", then)
		}
	}
	_, body = ask(t, server, "GET", escalationsPath+"?view=board&q=nobody", nil, "provider")
	holds(t, body, "No escalation is like that")
}

// TestACardIsMovedOnce: a move is a form that leads back to the board, and one that may not be is refused there in the API's words.
func TestACardIsMovedOnce(t *testing.T) {
	f, server := newFake(t, "provider", `{}`)
	board := escalationsPath + "?severity=high&view=board"
	form := url.Values{"idempotencyKey": {"k"}, "back": {board}}
	for range 2 {
		res, _ := ask(t, server, "POST", escalationsPath+"/e1/start?tenantId=t1", form, "provider")
		redirects(t, res, escalationsPath+"?after=after-k&done=start&severity=high&view=board")
	}
	if len(f.desk.writes) != 1 || f.desk.writes[0] != "t1 /api/v2/escalations/e1/start {}" {
		t.Errorf("sent %q", f.desk.writes)
	}
	form.Set("idempotencyKey", "other")
	res, body := ask(t, server, "POST", escalationsPath+"/e1/acknowledge?tenantId=t1", form, "provider")
	if res.StatusCode != http.StatusConflict {
		t.Errorf("a step back: %d", res.StatusCode)
	}
	holds(t, body, "A record that is in_progress cannot become acknowledged.", `role="alert"`, `id="board-card-e1"`, `data-address="/provider/escalations?severity=high&amp;view=board"`, `aria-current="page"`)
	if _, column, _ := strings.Cut(body, `data-step="start"`); !strings.Contains(strings.Split(column, `data-step="resolve"`)[0], `id="board-card-e1"`) {
		t.Error("the card is not where it was")
	}
	form.Set("back", "/provider/escalations/e1?tenantId=t1")
	_, body = ask(t, server, "POST", escalationsPath+"/e1/acknowledge?tenantId=t1", form, "provider")
	holds(t, body, "A record that is in_progress cannot become acknowledged.", "<h2 id=\"history-title\">")
	f.desk.refuse = `429 {"title":"Too many requests","code":"rate_limited"}`
	if res, _ = ask(t, server, "POST", escalationsPath+"/e1/resolve?tenantId=t1", form, "provider"); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("too many: %d", res.StatusCode)
	}
	if res, _ = ask(t, server, "POST", escalationsPath+"/e1/nonsense?tenantId=t1", form, "provider"); res.StatusCode != http.StatusNotFound {
		t.Errorf("no step: %d", res.StatusCode)
	}
	f.desk.refuse = ""
	if res, _ = ask(t, server, "POST", escalationsPath+"/e9/start?tenantId=t1", form, "provider"); res.StatusCode != http.StatusNotFound {
		t.Errorf("no such escalation: %d", res.StatusCode)
	}
}

// TestAnEscalationsPage shows what is known of it, what happened, and asks before what takes words.
func TestAnEscalationsPage(t *testing.T) {
	f, server := newFake(t, "provider", `{}`)
	f.tenant = ""
	at := escalationsPath + "/e1?tenantId=t1"
	_, body := ask(t, server, "GET", at, nil, "provider")
	holds(t, body, "&lt;i&gt;Down&lt;/i&gt; e1", "INC-e1", "&lt;b&gt;Acme&lt;/b&gt;", "Pagerwatch", ", missed", "All of\nit.", "&lt;u&gt;a&lt;/u&gt;", `href="https://files.example/a"`,
		"Deadline to answer missed", "by the system", "It was 30 Mar 2026, 11:00:00 UTC", "by &lt;u&gt;Bob", "We &lt;em&gt;look&lt;/em&gt;.", "by the partner", `data-follow="/live?of=escalation&amp;portal=provider&amp;id=e1"`,
		`action="/provider/escalations/e1/comment?tenantId=t1"`, `href="/provider/escalations/e1/close?tenantId=t1&amp;back=`, "Older events", "Answer in 1\u00a0h")
	_, body = ask(t, server, "GET", at+"&at=c1", nil, "provider")
	if holds(t, body, "data-then", "shown now"); strings.Contains(body, "idempotencyKey") || strings.Contains(body, "data-follow") {
		t.Error("the past can be changed")
	}
	for asked, named := range map[string]string{"/e1": "/e1?tenantId=t1", "/e1?at=c1&row=0": "/e1?at=c1&row=0&tenantId=t1", "/e1?tenantId=": "/e1?tenantId=t1", "/e1/close?back=%2Fx": "/e1/close?back=%2Fx&tenantId=t1"} {
		res, _ := ask(t, server, "GET", escalationsPath+asked, nil, "provider")
		redirects(t, res, escalationsPath+named)
	}
	res, body := ask(t, server, "GET", escalationsPath+"/e9", nil, "provider")
	if holds(t, body, "Escalation not found"); res.StatusCode != http.StatusNotFound {
		t.Errorf("of nobody: %d", res.StatusCode)
	}
	for step, c := range map[string]struct {
		says string
		form url.Values
		sent string
	}{
		"comment": {"Comment on", url.Values{"text": {"Looking."}}, `{"text":"Looking."}`}, "assign": {"&lt;u&gt;Bob", url.Values{"assigneeId": {"u1"}}, `{"assigneeId":"u1"}`},
		"resolve": {"What solved it", url.Values{}, `{}`}, "close": {"Only its partner can open it again", url.Values{"text": {"Done."}}, `{"text":"Done."}`},
	} {
		_, body = ask(t, server, "GET", escalationsPath+"/e1/"+step+"?tenantId=t1", nil, "provider")
		holds(t, body, c.says, `action="/provider/escalations/e1/`+step+`?tenantId=t1"`)
		c.form.Set("idempotencyKey", step)
		f.desk.status["e1"] = escalation.StatusOpen
		res, _ := ask(t, server, "POST", escalationsPath+"/e1/"+step+"?tenantId=t1", c.form, "provider")
		redirects(t, res, escalationsPath+"/e1?after=after-"+step+"&done="+step+"&tenantId=t1")
		if got := f.desk.writes[len(f.desk.writes)-1]; got != "t1 /api/v2/escalations/e1/"+step+" "+c.sent {
			t.Errorf("sent %q", got)
		}
	}
	f.desk.refuse = `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"text","message":"is required"}]}`
	res, body = ask(t, server, "POST", escalationsPath+"/e1/comment?tenantId=t1", url.Values{"idempotencyKey": {"x"}}, "provider")
	if holds(t, body, "Text: Is required."); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no words: %d", res.StatusCode)
	}
	res, _ = ask(t, server, "GET", escalationsPath+"/e1/start?tenantId=t1", nil, "provider")
	redirects(t, res, at)
}

// TestAnEscalationHasTheNeighboursOfItsList also where each is another tenant's: the address names whose it is.
func TestAnEscalationHasTheNeighboursOfItsList(t *testing.T) {
	_, server := newFake(t, "provider", `{}`)
	var ids []string
	for path := escalationsPath + "/e1?tenantId=t1&row=0&list=sort%3DdueAt"; path != "" && len(ids) < 9; {
		res, body := ask(t, server, "GET", path, nil, "provider")
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", path, res.StatusCode)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(path, escalationsPath+"/"), "?")
		ids, path = append(ids, id), neighboursOf(body)["next"]
	}
	if want := []string{"e1", "e2", "e3", "e4", "e5"}; !slices.Equal(ids, want) {
		t.Errorf("went to %v", ids)
	}
}

// TestAPageHearsOfItsRecords: of all that happens it is told what is about its records, and where to go on behind the rest.
func TestAPageHearsOfItsRecords(t *testing.T) {
	f, server := newFake(t, "provider", `{}`)
	events := hear(t, server, "/live?portal=provider&of=escalation&id=e1&after=now", "provider", "")
	<-events
	happens := func(cursor, kind, id string) string {
		return "id: " + cursor + "\ndata: {\"recordType\":\"" + kind + "\",\"recordId\":\"" + id + "\"}\n\n"
	}
	for _, c := range []struct{ told, heard string }{
		{happens("c1", "lead", "e1"), "id: c1\n"}, {happens("c2", "escalation", "e2"), "id: c2\n"}, {happens("c3", "escalation", "e1"), "event: changed\nid: c3\ndata: c3\n"},
	} {
		f.told <- c.told
		if heard := <-events; heard != c.heard {
			t.Errorf("%q is heard as %q", c.told, heard)
		}
	}
	if got := f.query.Load(); got != "after=now" {
		t.Errorf("followed from %v", got)
	}
}

func TestDeadlinesAreSaidInWords(t *testing.T) {
	now := time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status   string
		severity string
		left     time.Duration
		words    string
		tone     ui.Tone
	}{
		{escalation.StatusOpen, "high", 59 * time.Minute, "Answer in 59 min", ui.Neutral}, {escalation.StatusOpen, "high", 14 * time.Minute, "Answer in 14 min", ui.Warning},
		{escalation.StatusOpen, "critical", 30 * time.Second, "Answer in under a minute", ui.Warning}, {escalation.StatusInProgress, "low", 50 * time.Hour, "Resolve in 2 days 2 h", ui.Neutral},
		{escalation.StatusAcknowledged, "low", 30 * time.Hour, "Resolve in 1 day 6 h", ui.Warning}, {escalation.StatusAcknowledged, "high", -185 * time.Minute, "Resolve overdue by 3 h 5 min", ui.Danger},
		{escalation.StatusOpen, "high", -72 * time.Hour, "Answer overdue by 3 days", ui.Danger}, {escalation.StatusResolved, "high", -time.Hour, "", ui.Neutral}, {escalation.StatusClosed, "high", time.Hour, "", ui.Neutral},
	} {
		s := escalation.State{Status: c.status, RespondBy: now.Add(c.left), ResolveBy: now.Add(c.left)}
		s.Severity = c.severity
		if d := dueOf(s, now); strings.ReplaceAll(d.words(), "\u00a0", " ") != c.words || d.tone() != c.tone {
			t.Errorf("%s %s %v: %q %q", c.status, c.severity, c.left, d.words(), d.tone())
		}
	}
	if d := dueOf(escalation.State{Status: escalation.StatusOpen}, now); d.words() != "" {
		t.Errorf("what is history is due: %q", d.words())
	}
}
