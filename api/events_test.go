package api_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// staff signs somebody of the provider's in.
func (s *site) staff(role string) string {
	s.t.Helper()
	hash, err := passwords.Hash(s.t.Context(), secret)
	must(s.t, err)
	_, err = s.commands.CreateUser(s.t.Context(), commands.Caller{Actor: eventstore.Actor{Kind: "system", ID: "test", Via: "test"}, ID: uuid.New(), Fingerprint: []byte("x")},
		commands.CreateUser{Create: user.Create{Email: role + "@example.com", Name: role, Role: role}, PasswordHash: hash})
	must(s.t, err)
	return s.login(role + "@example.com")
}

// items are those of a page, as JSON.
func items(w *httptest.ResponseRecorder) []map[string]any {
	var page struct {
		Items []map[string]any `json:"items"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &page)
	return page.Items
}

func TestEventsArePagedFromCursorToCursor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, id := s.tenant("ours")
	s.tenant("theirs")
	developer := s.staff(user.RoleDeveloper)
	s.lead(owner, `{"name":"Ada","email":"ada@example.com"}`)

	all := items(s.do("GET", "/api/v2/events?limit=100", call{cookie: developer}))
	var seen []string
	for next := "/api/v2/events?limit=2"; next != ""; {
		w := s.do("GET", next, call{cookie: developer})
		s.want(w, 200, "")
		for _, item := range items(w) {
			seen = append(seen, item["id"].(string))
		}
		if next = text(w, "nextCursor"); next != "" {
			next = "/api/v2/events?limit=2&after=" + next
		}
	}
	if len(all) < 6 || len(seen) != len(all) {
		t.Fatalf("%d events by pages, %d at once", len(seen), len(all))
	}
	for i, item := range all {
		if item["id"] != seen[i] || item["position"] != float64(i+1) {
			t.Errorf("event %d is %v, by pages %s", i, item, seen[i])
		}
	}
	rest := items(s.do("GET", "/api/v2/events?after="+all[2]["cursor"].(string)+"&until="+all[4]["cursor"].(string), call{cookie: developer}))
	if len(rest) != 2 || rest[0]["id"] != seen[3] || rest[1]["id"] != seen[4] {
		t.Errorf("between two cursors: %v", rest)
	}
	last := all[len(all)-1]
	if got := items(s.do("GET", "/api/v2/events?type=lead.*&type=tenant.created&tenantId="+id, call{cookie: developer})); len(got) != 1 || got[0]["id"] != last["id"] {
		t.Errorf("of one tenant, by type: %v", got)
	}
	one := s.do("GET", "/api/v2/events/"+last["id"].(string), call{cookie: developer})
	s.want(one, 200, "")
	if text(one, "cursor") != last["cursor"] {
		t.Errorf("cursor %s of one event, %s in the list", text(one, "cursor"), last["cursor"])
	}
	s.want(s.do("GET", "/api/v2/events/"+last["id"].(string)+"/effects", call{cookie: developer}), 200, "")
}

// TestEventsAreFoundByWhatTheyBelongTo: newest first, by command, by conversation and by cause.
func TestEventsAreFoundByWhatTheyBelongTo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, id := s.tenant("ours")
	developer := s.staff(user.RoleDeveloper)
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, key: "k", body: `{"name":"Ada","email":"ada@example.com"}`, header: map[string]string{"X-Correlation-Id": "talk-7"}}), 201, "")
	ask := func(query string) []map[string]any {
		w := s.do("GET", "/api/v2/events?"+query, call{cookie: developer})
		s.want(w, 200, "")
		return items(w)
	}
	all := ask("limit=100")
	made := all[len(all)-1]
	var seen []string
	for next := "?sort=-position&limit=2"; next != ""; {
		w := s.do("GET", "/api/v2/events"+next, call{cookie: developer})
		s.want(w, 200, "")
		for _, item := range items(w) {
			seen = append(seen, item["id"].(string))
		}
		if next = text(w, "nextCursor"); next != "" {
			next = "?sort=-position&limit=2&until=" + next
		}
	}
	if len(seen) != len(all) {
		t.Fatalf("%d events newest first, %d in all", len(seen), len(all))
	}
	for i, item := range all {
		if seen[len(all)-1-i] != item["id"] {
			t.Errorf("event %d from the end is %s", i, seen[len(all)-1-i])
		}
	}
	for _, query := range []string{"commandId=" + made["commandId"].(string), "tenantId=" + id + "&commandId=" + made["commandId"].(string), "correlationId=" + made["correlationId"].(string)} {
		if got := ask(query); len(got) != 1 || got[0]["id"] != made["id"] {
			t.Errorf("%s: %v", query, got)
		}
	}
	if got := ask("causationId=" + made["id"].(string)); len(got) != 0 {
		t.Errorf("it led to %v", got)
	}
	for _, query := range []string{"sort=type", "commandId=x", "causationId=x", "commandId=00000000-0000-0000-0000-000000000000",
		"stream=lead-%00", "stream=lead-%ff", "correlationId=%00", "correlationId=a%0Ab", "type=%00", "type=lead.created&type=%C3%28"} {
		s.want(s.do("GET", "/api/v2/events?"+query, call{cookie: developer}), 422, "validation_failed")
	}
	s.want(s.do("GET", "/api/v2/events?sort=-position", call{cookie: developer, header: map[string]string{"Accept": "text/csv"}}), 422, "validation_failed")
}

func TestEventsAreForThoseWhoMay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	foreign, _ := s.tenant("theirs")
	s.lead(owner, `{"name":"Ada","email":"ada@example.com"}`)
	s.want(s.do("GET", "/api/v2/events", call{}), 401, "unauthenticated")
	s.want(s.do("GET", "/api/v2/events", call{cookie: s.provider}), 403, "forbidden")

	analyst := s.staff(user.RoleAnalyst)
	mine := items(s.do("GET", "/api/v2/events", call{cookie: owner}))
	if len(mine) != 1 || mine[0]["data"].(map[string]any)["email"] != "ada@example.com" {
		t.Fatalf("an owner's own events: %v", mine)
	}
	id := mine[0]["id"].(string)
	hidden := s.do("GET", "/api/v2/events/"+id, call{cookie: analyst})
	s.want(hidden, 200, "")
	if got := hidden.Body.String(); strings.Contains(got, "ada@") || !strings.Contains(got, `"email":{"encrypted":true}`) {
		t.Errorf("an analyst is shown %s", got)
	}
	for _, path := range []string{"/api/v2/events/" + id, "/api/v2/events/" + id + "/effects", "/api/v2/events/" + uuid.NewString(), "/api/v2/events/x"} {
		s.want(s.do("GET", path, call{cookie: foreign}), 404, "not_found")
	}
	if theirs := s.do("GET", "/api/v2/events", call{cookie: foreign}); strings.Contains(theirs.Body.String(), id) {
		t.Errorf("another owner is shown %s", theirs.Body)
	}

	// The person is erased; nobody reads it any more.
	in := uuid.MustParse(mine[0]["tenantId"].(string))
	subject := uuid.MustParse(mine[0]["data"].(map[string]any)["subject"].(string))
	stream := eventstore.Stream(mine[0]["stream"].(string))
	_, err := s.commands.Log.Append(t.Context(), eventstore.Append{Command: eventstore.Command{Tenant: in, ID: uuid.New(), Fingerprint: []byte("e"),
		Actor: eventstore.Actor{Kind: "system", ID: "test", Via: "test"}}, Destroy: []uuid.UUID{subject},
		At: map[eventstore.Stream]int{stream: 1}, Writes: []eventstore.Write{{Stream: stream, Facts: []eventstore.Fact{lead.Archived{}}}}})
	must(t, err)
	for _, cookie := range []string{owner, analyst} {
		if got := s.do("GET", "/api/v2/events/"+id, call{cookie: cookie}).Body.String(); !strings.Contains(got, `"email":{"erased":true}`) {
			t.Errorf("after erasure %s", got)
		}
	}
}

func TestWhatIsWrongWithAQuestionForEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	developer := s.staff(user.RoleDeveloper)
	stream := map[string]string{"Accept": "text/event-stream"}
	for query, code := range map[string]string{
		"after=forged": "invalid_cursor", "until=2999-01-01T00:00:00Z": "validation_failed", "type=led.*": "validation_failed", "stream=lead": "validation_failed",
		"limit=0": "validation_failed", "colour=red": "validation_failed", "stream=a-b&stream=c-d": "validation_failed",
		"after=" + s.commands.Log.Token(eventstore.Cursor{1: {Epoch: 1, Position: 99}}): "invalid_cursor",
		"after=" + s.commands.Log.Token(eventstore.Cursor{1: {Epoch: 7, Position: 1}}):  "invalid_cursor",
	} {
		s.want(s.do("GET", "/api/v2/events?"+query, call{cookie: developer}), 422, code)
	}
	s.want(s.do("GET", "/api/v2/events", call{cookie: developer, header: map[string]string{"Accept": "text/event-stream", "Last-Event-ID": "x"}}), 422, "invalid_cursor")
	s.want(s.do("GET", "/api/v2/events?until=2020-01-01T00:00:00Z", call{cookie: developer, header: stream}), 422, "validation_failed")
}

func TestEventsInOtherForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.tenant("ours")
	developer := s.staff(user.RoleDeveloper)
	all := items(s.do("GET", "/api/v2/events?limit=100", call{cookie: developer}))
	as := func(form, query string) *httptest.ResponseRecorder {
		w := s.do("GET", "/api/v2/events"+query, call{cookie: developer, header: map[string]string{"Accept": form}})
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), form) {
			t.Fatalf("%s: %d %v", form, w.Code, w.Header())
		}
		return w
	}
	if got := strings.Count(as("application/x-ndjson", "").Body.String(), "\n"); got != len(all) {
		t.Errorf("%d lines for %d events", got, len(all))
	}
	rows, err := csv.NewReader(as("text/csv", "?limit=2").Body).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][0] != "id" || rows[2][0] != all[1]["id"] || !json.Valid([]byte(rows[1][17])) {
		t.Errorf("CSV: %v, %v", rows, err)
	}
	batch := as("application/cloudevents-batch+json", "?limit=1")
	var events []map[string]any
	if err := json.Unmarshal(batch.Body.Bytes(), &events); err != nil || len(events) != 1 || events[0]["specversion"] != "1.0" || events[0]["id"] != all[0]["id"] {
		t.Errorf("batch: %s, %v", batch.Body, err)
	}
	if link := batch.Header().Get("Link"); !strings.Contains(link, "after="+all[0]["cursor"].(string)) || !strings.Contains(link, `rel="next"`) {
		t.Errorf("the next batch is at %q", link)
	}
}

// stream opens a stream of server-sent events; the function reads the next line that is not empty.
func (s *site) stream(ctx context.Context, url, cookie, last string) func() string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(s.t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cookie", cookie)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	must(s.t, err)
	s.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("stream: %d %v", answer.StatusCode, answer.Header)
	}
	lines := bufio.NewReader(answer.Body)
	return func() string {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return "ended"
			}
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "retry:") {
				return line
			}
		}
	}
}

func TestStreamOfEventsResumesExactly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.lead(owner, `{"name":"One","email":"one@example.com"}`)
	first, leave := context.WithCancel(ctx)
	next := s.stream(first, server.URL+"/api/v2/events?type=lead.created", owner, "")
	id := strings.TrimPrefix(next(), "id: ")
	if data := next(); !strings.Contains(data, "one@example.com") || !strings.Contains(data, `"cursor":"`+id) {
		t.Fatalf("first event %s, id %s", data, id)
	}
	s.lead(owner, `{"name":"Two","email":"two@example.com"}`)
	next()
	if data := next(); !strings.Contains(data, "two@example.com") {
		t.Fatalf("what is committed meanwhile: %s", data)
	}
	leave()
	s.lead(owner, `{"name":"Three","email":"three@example.com"}`)
	next = s.stream(ctx, server.URL+"/api/v2/events?type=lead.created", owner, id)
	for _, want := range []string{"two@", "three@"} {
		next()
		if data := next(); !strings.Contains(data, want) {
			t.Fatalf("resumed after the first: %s, want %s", data, want)
		}
	}
}

func TestStreamOfEventsSpeaksAndEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, id := s.tenant("ours")
	var later atomic.Int64
	s.commands.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next := s.stream(ctx, server.URL+"/api/v2/events", owner, "")
	later.Store(int64(15 * time.Second))
	if line := next(); !strings.HasPrefix(line, ":") {
		t.Fatalf("after 15 s of silence: %q", line)
	}
	s.want(s.do("POST", "/api/v2/tenants/"+id+"/suspend", call{cookie: s.provider, body: `{"reason":"unpaid"}`}), 200, "")
	later.Store(int64(time.Minute))
	if line := next(); line != "ended" {
		t.Fatalf("who was shut out hears %q", line)
	}
}
