package api_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain/user"
)

func TestReadModelsAreLookedAfter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	developer := s.staff(user.RoleDeveloper)
	s.lead(owner, `{"name":"Ada","email":"ada@example.com"}`)
	post := func(path, key string) *httptest.ResponseRecorder {
		return s.do("POST", "/api/v2/projections/"+path, call{cookie: developer, key: key})
	}
	all := items(s.do("GET", "/api/v2/projections", call{cookie: developer}))
	if len(all) != 2 || all[0]["name"] != "figures" || all[0]["state"] != "live" || all[0]["rebuild"] != nil || all[0]["checkpoint"] == "" {
		t.Fatalf("%v", all)
	}
	w := post("figures/switch", "too-early")
	s.want(w, 409, "invalid_transition")
	again := post("figures/switch", "too-early")
	if again.Code != 409 || again.Body.String() != w.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("the refusal once more: %d %s", again.Code, again.Body)
	}

	w = post("figures/pause", "pause")
	s.want(w, 200, "")
	if text(w, "state") != "paused" {
		t.Errorf("paused: %s", w.Body)
	}
	s.want(post("figures/resume", ""), 200, "")
	again = post("figures/pause", "pause") // a repeat is an answer, not another pause
	if again.Body.String() != w.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("once more: %s, first %s", again.Body, w.Body)
	}
	if w = s.do("GET", "/api/v2/projections/figures", call{cookie: developer}); text(w, "state") != "live" {
		t.Errorf("resumed: %s", w.Body)
	}
	s.want(post("figures/resume", "pause"), 422, "idempotency_key_reused")
	s.want(post("figures/retry", ""), 200, "")

	w = s.rebuilt(developer, "figures", "", "done")
	s.want(post("figures/switch", ""), 200, "")
	again = post("figures/rebuild", "rebuild-figuresdone")
	if again.Code != 202 || again.Body.String() != w.Body.String() || again.Header().Get("Location") != w.Header().Get("Location") {
		t.Errorf("a rebuild once more: %d %s, first %s", again.Code, again.Body, w.Body)
	}
	if got := members(s.do("GET", "/api/v2/projections/figures", call{cookie: developer})); got["generation"] != 1.0 || got["previousGeneration"] != 2.0 {
		t.Errorf("switched back: %v", got)
	}
}

// rebuilt rebuilds a read model and waits until the job is at an end of a kind.
func (s *site) rebuilt(cookie, name, body, state string) *httptest.ResponseRecorder {
	s.t.Helper()
	w := s.do("POST", "/api/v2/projections/"+name+"/rebuild", call{cookie: cookie, key: "rebuild-" + name + state, body: body})
	s.want(w, 202, "")
	s.ended(cookie, w, state)
	return w
}

// ended waits for the job of an answer.
func (s *site) ended(cookie string, w *httptest.ResponseRecorder, state string) {
	s.t.Helper()
	job := map[string]any{"state": "running"}
	for deadline := time.Now().Add(time.Minute); job["state"] == "running" && time.Now().Before(deadline); {
		job = members(s.do("GET", w.Header().Get("Location"), call{cookie: cookie}))
	}
	if job["state"] != state || state == "done" && (job["done"] != job["total"] || job["done"] == 0.0) {
		s.t.Fatalf("the rebuild: %v, want %s", job, state)
	}
}

func TestARebuildIsOneAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	developer := s.staff(user.RoleDeveloper)
	// Somebody holds the tables still, so that the rebuild cannot end before the test wants it to.
	conn, err := pgx.ConnectConfig(t.Context(), s.commands.Pool.Config().ConnConfig)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	tx, err := conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `select from log.projection where name = 'figures' for update`)
	must(t, err)
	first := s.do("POST", "/api/v2/projections/figures/rebuild", call{cookie: developer, key: "first", body: `{"force":true}`})
	s.want(first, 202, "")
	s.want(s.do("POST", "/api/v2/projections/figures/rebuild", call{cookie: developer}), 409, "invalid_transition")
	s.want(s.do("POST", "/api/v2/projections/records/rebuild", call{cookie: developer}), 503, "unavailable")
	s.want(s.do("POST", "/api/v2/projections/figures/rebuild", call{cookie: developer, key: "first", body: `{"force":true}`}), 202, "")
	if w := s.do("GET", "/api/v2/projections/figures", call{cookie: developer}); text(w, "state") != "rebuilding" || !strings.Contains(w.Body.String(), `"state":"running"`) {
		t.Errorf("meanwhile: %s", w.Body)
	}
	must(t, tx.Rollback(t.Context()))
	s.ended(developer, first, "done")
	s.rebuilt(developer, "figures", "", "done")
	s.rebuilt(developer, "records", "", "done") // what was refused as busy may be asked again
}

func TestARebuildThatDiffersIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	developer := s.staff(user.RoleDeveloper)
	s.lead(owner, `{"name":"Ada","email":"ada@example.com"}`)
	now := s.do("GET", "/api/v2/projections", call{cookie: developer}).Header().Get("StreamFlow-Cursor")
	s.want(s.do("GET", "/api/portals/client/stats", call{cookie: owner, header: map[string]string{"StreamFlow-Cursor": now}}), 200, "")
	must(t, pgx.BeginFunc(t.Context(), s.commands.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `update rm_figures_1.balance set delta = delta + 1`)
		return err
	}))
	w := s.rebuilt(developer, "figures", "", "failed")
	var job struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
		Result struct {
			Generation int `json:"generation"`
		} `json:"result"`
	}
	must(t, json.Unmarshal(s.do("GET", w.Header().Get("Location"), call{cookie: developer}).Body.Bytes(), &job))
	if len(job.Errors) != 1 || !strings.Contains(job.Errors[0].Message, "balance") || job.Result.Generation != 1 {
		t.Errorf("%+v", job)
	}
	s.rebuilt(developer, "figures", `{"force":true}`, "done")
	if got := members(s.do("GET", "/api/v2/projections/figures", call{cookie: developer})); got["generation"] == 1.0 {
		t.Errorf("forced: %v", got)
	}
}

func TestWhoLooksAfterReadModels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	developer, analyst := s.staff(user.RoleDeveloper), s.staff(user.RoleAnalyst)
	for _, cookie := range []string{owner, s.provider, analyst} {
		s.want(s.do("GET", "/api/v2/projections", call{cookie: cookie}), 403, "forbidden")
		s.want(s.do("POST", "/api/v2/projections/figures/pause", call{cookie: cookie}), 403, "forbidden")
	}
	job := s.rebuilt(developer, "figures", "", "done").Header().Get("Location")
	s.want(s.do("GET", job, call{cookie: analyst}), 403, "forbidden")
	s.want(s.do("GET", job, call{cookie: owner}), 404, "not_found") // whose jobs are imports
	s.want(s.do("GET", "/api/v2/projections", call{}), 401, "unauthenticated")
	for _, path := range []string{"pause", "rebuild", "switch"} {
		s.want(s.do("POST", "/api/v2/projections/nosuch/"+path, call{cookie: developer}), 404, "not_found")
		s.want(s.do("POST", "/api/v2/projections/figures/"+path, call{cookie: developer, key: "none"}), 400, "idempotency_key_required")
		s.want(s.do("POST", "/api/v2/projections/figures/"+path, call{cookie: developer, body: `{"forced":true}`}), 422, "validation_failed")
		s.want(s.do("POST", "/api/v2/projections/figures/"+path, call{cookie: developer, header: map[string]string{"If-Match": `"v1"`}}), 412, "version_conflict")
	}
	s.want(s.do("GET", "/api/v2/projections/nosuch", call{cookie: developer}), 404, "not_found")
	s.want(s.do("GET", "/api/v2/jobs/"+uuid.NewString(), call{cookie: developer}), 404, "not_found")
	s.want(s.do("GET", "/api/v2/projections?at=2020-01-01T00:00:00Z", call{cookie: developer}), 422, "validation_failed")
}
