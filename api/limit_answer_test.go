package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/streamflow/streamflow/api"
)

// TestAFrozenDatabaseIsToldInTime: who asks what the database does not answer is told so, and does not wait for as long as it lasts; what is
// as long as what it has to tell goes on.
func TestAFrozenDatabaseIsToldInTime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	const limit = 300 * time.Millisecond
	handler, err := api.New(api.Config{Commands: s.commands, Reader: s.reader, Intake: s.desk, Themes: twoThemes, AnswerLimit: limit})
	must(t, err)
	s.handler = conform(t, handler)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next := s.stream(ctx, server.URL+"/api/portals/client/activity", owner, "")

	tx, err := s.commands.Pool.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `lock table log.checkpoint in access exclusive mode`)
	must(t, err)
	s.want(s.do("GET", "/api/v2/leads", call{cookie: owner}), http.StatusServiceUnavailable, "unavailable")
	must(t, tx.Rollback(t.Context()))

	s.want(s.do("GET", "/api/v2/leads", call{cookie: owner}), 200, "")
	time.Sleep(2 * limit)
	s.lead(owner, `{"company":"Late","externalId":"0"}`)
	if _, told := heard(t, next); told == nil {
		t.Error("a stream ended with the limit of an answer")
	}
}
