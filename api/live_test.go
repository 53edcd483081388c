package api_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// heard is the next event of a stream: its id and its data.
func heard(t *testing.T, next func() string) (id string, data map[string]any) {
	t.Helper()
	id = next()
	for strings.HasPrefix(id, ":") {
		id = next()
	}
	text := next()
	if !strings.HasPrefix(id, "id: ") || json.Unmarshal([]byte(strings.TrimPrefix(text, "data: ")), &data) != nil {
		t.Fatalf("not an event: %q %q", id, text)
	}
	return strings.TrimPrefix(id, "id: "), data
}

func valueOf(figures map[string]any, name string) any {
	stats, _ := figures["stats"].(map[string]any)
	figure, _ := stats[name].(map[string]any)
	return figure["value"]
}

// served is the site behind a real server whose clock stands still, so that nothing is told because time went by, and a bound for a
// test that waits.
func (s *site) served() (url string, ctx context.Context) {
	s.clock = new(atomic.Int64)
	began := time.Now()
	s.commands.Now = func() time.Time { return began.Add(time.Duration(s.clock.Load())) }
	server := httptest.NewServer(s.handler)
	s.t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	s.t.Cleanup(cancel)
	return server.URL, ctx
}

func TestStreamOfFiguresTellsWhatChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	foreign, _ := s.tenant("theirs")
	url, ctx := s.served()
	s.lead(owner, `{"name":"One","email":"one@example.com"}`)
	first, leave := context.WithCancel(ctx)
	next := s.stream(first, url+"/api/portals/client/stats", owner, "")
	_, figures := heard(t, next)
	for valueOf(figures, "leadsNew90d") != 1.0 { // it may have been read before that lead was folded
		_, figures = heard(t, next)
	}
	// What moves nothing here is not told: not another tenant's lead, nor a step of this one's that no figure counts.
	s.lead(foreign, `{"name":"Not ours","email":"other@example.com"}`)
	lead := s.lead(owner, `{"name":"Two","email":"two@example.com"}`)
	id, figures := heard(t, next)
	if valueOf(figures, "leadsNew90d") != 2.0 || figures["cursor"] != id {
		t.Fatalf("after the second lead: %v under %s", figures, id)
	}
	s.want(s.do("POST", lead+"/contact", call{cookie: owner}), 200, "")
	for beat := range 2 { // the figures are read anew between these
		s.clock.Store(int64(beat+1) * int64(15*time.Second))
		if line := next(); !strings.HasPrefix(line, ":") {
			t.Fatalf("nothing changed, but %q", line)
		}
	}
	s.lead(owner, `{"name":"Three","email":"three@example.com"}`)
	id, figures = heard(t, next)
	if valueOf(figures, "leadsNew90d") != 3.0 {
		t.Fatalf("after the third: %v", figures)
	}
	leave()

	// Who comes back with nothing missed hears what comes next; who missed something hears that at once.
	next = s.stream(ctx, url+"/api/portals/client/stats", owner, id)
	s.lead(owner, `{"name":"Four","email":"four@example.com"}`)
	if _, figures = heard(t, next); valueOf(figures, "leadsNew90d") != 4.0 {
		t.Fatalf("resumed: %v", figures)
	}
	next = s.stream(ctx, url+"/api/portals/client/stats", owner, id)
	if _, figures = heard(t, next); valueOf(figures, "leadsNew90d") != 4.0 {
		t.Fatalf("resumed after a gap: %v", figures)
	}
}

func TestStreamOfActivityResumesExactly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	foreign, _ := s.tenant("theirs")
	url, ctx := s.served()
	before := s.lead(owner, `{"company":"Before","externalId":"0"}`)
	list := s.do("GET", "/api/portals/client/activity", call{cookie: owner})
	s.want(list, 200, "")
	at := list.Header().Get("StreamFlow-Cursor")
	first, leave := context.WithCancel(ctx)
	next := s.stream(first, url+"/api/portals/client/activity", owner, "")
	s.lead(foreign, `{"company":"Foreign","externalId":"0"}`)
	s.lead(owner, `{"company":"One","externalId":"1"}`)
	id, one := heard(t, next)
	if one["title"] != "One" || one["verb"] != "created" || one["recordType"] != "lead" {
		t.Fatalf("the first is %v", one)
	}
	s.lead(owner, `{"company":"Two","externalId":"2"}`)
	if _, two := heard(t, next); two["title"] != "Two" {
		t.Fatalf("the second is %v", two)
	}
	leave()
	s.want(s.do("POST", before+"/contact", call{cookie: owner}), 200, "")
	for _, again := range []struct{ query, last string }{{"", id}, {"?after=" + at, ""}} {
		next = s.stream(ctx, url+"/api/portals/client/activity"+again.query, owner, again.last)
		if again.last == "" {
			if _, item := heard(t, next); item["id"] != one["id"] {
				t.Fatalf("what followed the list begins with %v", item)
			}
		}
		for _, want := range []string{"Two", "Before"} {
			if _, item := heard(t, next); item["title"] != want {
				t.Fatalf("resumed at %+v: %v, want %s", again, item, want)
			}
		}
	}
}

func TestStreamsOfAPortalSpeakAndEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	url, ctx := s.served()
	figures := s.stream(ctx, url+"/api/portals/client/stats", owner, "")
	activity := s.stream(ctx, url+"/api/portals/client/activity", owner, "")
	heard(t, figures)
	s.clock.Store(int64(15 * time.Second))
	for _, next := range []func() string{figures, activity} {
		if line := next(); !strings.HasPrefix(line, ":") {
			t.Fatalf("after 15 s of silence: %q", line)
		}
	}
	s.want(s.do("POST", "/api/auth/logout", call{cookie: owner}), 204, "")
	s.clock.Store(int64(17 * time.Second))
	s.lead(s.login("ours@example.com"), `{"company":"Secret","externalId":"1"}`)
	for _, next := range []func() string{figures, activity} {
		if line := next(); line != "ended" {
			t.Fatalf("who signed out hears %q", line)
		}
	}
}

func TestWhatIsWrongWithAStreamOfAPortal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	ahead := s.commands.Log.Token(eventstore.Cursor{1: {Epoch: 1, Position: 99}})
	for _, c := range []struct{ path, last, code string }{
		{"client/stats?at=2020-01-01T00:00:00Z", "", "validation_failed"}, {"client/stats?on=yesterday", "", "validation_failed"},
		{"client/stats", "forged", "invalid_cursor"}, {"client/stats", ahead, "invalid_cursor"},
		{"client/activity?limit=1", "", "validation_failed"}, {"client/activity?cursor=x", "", "validation_failed"},
		{"client/activity?after=2999-01-01T00:00:00Z", "", "validation_failed"}, {"client/activity?after=" + ahead, "", "invalid_cursor"},
		{"client/activity", "forged", "invalid_cursor"},
	} {
		w := s.do("GET", "/api/portals/"+c.path, call{cookie: owner, header: map[string]string{"Accept": "text/event-stream", "Last-Event-ID": c.last}})
		s.want(w, 422, c.code)
	}
	s.want(s.do("GET", "/api/portals/client/activity?after=2020-01-01T00:00:00Z", call{cookie: owner}), 422, "validation_failed")
	stream := map[string]string{"Accept": "text/event-stream"}
	s.want(s.do("GET", "/api/portals/client/stats", call{header: stream}), 401, "unauthenticated")
	s.want(s.do("GET", "/api/portals/provider/stats", call{cookie: owner, header: stream}), 403, "forbidden")
	s.want(s.do("GET", "/api/portals/client/activity?tenantId="+uuid.NewString(), call{cookie: owner, header: stream}), 404, "not_found")
	if w := s.do("HEAD", "/api/portals/client/stats", call{cookie: owner, header: stream}); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d %s", w.Code, w.Body)
	}
}
