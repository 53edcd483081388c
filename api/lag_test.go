package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/streamflow/streamflow/domain/user"
)

// TestAnswersSayThatTheyAreBehind: what a read model does not have is shown for what it is, as soon as that is no more the way of
// every event, in lists, in figures and to who follows these.
func TestAnswersSayThatTheyAreBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	developer := s.staff(user.RoleDeveloper)
	url, ctx := s.served()
	s.lead(owner, `{"company":"Before","externalId":"0"}`)
	next := s.stream(ctx, url+"/api/portals/client/stats", owner, "")
	for _, figures := heard(t, next); valueOf(figures, "leadsNew90d") != 1.0; {
		_, figures = heard(t, next)
	}
	since := func(path string) string {
		w := s.do("GET", path, call{cookie: owner})
		s.want(w, 200, "")
		var answer struct {
			BehindSince string `json:"behindSince"`
		}
		must(t, json.Unmarshal(w.Body.Bytes(), &answer))
		return answer.BehindSince
	}
	models := []string{"records", "figures"}
	for _, model := range models {
		s.want(s.do("POST", "/api/v2/projections/"+model+"/pause", call{cookie: developer}), 200, "")
	}
	s.lead(owner, `{"company":"Held","externalId":"1"}`)
	paths := []string{"/api/v2/leads", "/api/portals/client/stats"}
	for _, path := range paths {
		if got := since(path); got != "" {
			t.Errorf("%s is behind since %s, at once", path, got)
		}
	}
	s.clock.Store(int64(20 * time.Second)) // who follows looks at it by then, also where nothing moved
	for _, path := range paths {
		if since(path) == "" {
			t.Errorf("%s does not say that it is behind", path)
		}
		if got := since(path + "?at=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)); got != "" {
			t.Errorf("%s as of then is behind since %s", path, got)
		}
	}
	go func() { // and later, where it was reading when the time went by
		for ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			s.clock.Add(int64(time.Second))
		}
	}()
	if _, figures := heard(t, next); figures["behindSince"] == nil || valueOf(figures, "leadsNew90d") != 1.0 {
		t.Errorf("who follows the figures hears %v", figures)
	}
	for _, model := range models {
		s.want(s.do("POST", "/api/v2/projections/"+model+"/resume", call{cookie: developer}), 200, "")
	}
	if _, figures := heard(t, next); figures["behindSince"] != nil || valueOf(figures, "leadsNew90d") != 2.0 {
		t.Errorf("after that: %v", figures)
	}
	if got := since("/api/portals/client/stats"); got != "" {
		t.Errorf("the figures are still behind since %s", got)
	}
}
