package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestAPageWaitsOnceForWhatDoesNotAnswer: the page that says so asks for its visitor and for the look, too, and waits for neither.
func TestAPageWaitsOnceForWhatDoesNotAnswer(t *testing.T) {
	var asked, waited atomic.Int64
	frozen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Context().Err() == nil {
			waited.Add(1)
		}
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
			t.Error("the API is waited for without a limit")
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"title":"Not available now","status":503,"code":"unavailable"}`))
	})
	pages := (&server{frozen, slog.New(slog.DiscardHandler), 50 * time.Millisecond}).routes()
	for _, path := range []string{"/leads", "/dashboard", "/accountant/invoices"} {
		asked.Store(0)
		waited.Store(0)
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: answered %d", path, w.Code)
		}
		holds(t, w.Body.String(), "Not available now", "Try again")
		if asked.Load() < 2 || waited.Load() != 1 {
			t.Errorf("%s: waited for %d of %d questions, want for the first one alone", path, waited.Load(), asked.Load())
		}
	}
}
