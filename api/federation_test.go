package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/api/guard/signature"
	"github.com/streamflow/streamflow/eventstore"
)

const publicURL = "https://flow.example.com"

// newFederation is a site that partners can sign for.
func newFederation(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.commands.Secrets = eventstore.NewMasterKey().AEAD("partner key")
	handler, err := api.New(api.Config{Commands: s.commands, Reader: s.reader, PublicURL: publicURL, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	s.handler = conform(t, handler)
	return s
}

// partner admits one and gives its id and key.
func (s *site) partner(tenant, scopes string) (string, signature.Key) {
	s.t.Helper()
	w := s.do("POST", "/api/v2/partners", call{cookie: s.provider, body: `{"name":"Acme","tenantIds":["` + tenant + `"],"scopes":[` + scopes + `]}`})
	s.want(w, 201, "")
	return text(w, "id"), s.keyOf(w)
}

func (s *site) keyOf(w *httptest.ResponseRecorder) signature.Key {
	s.t.Helper()
	raw, err := signature.DecodeSecret(text(w, "secret"))
	must(s.t, err)
	if len(raw) != 64 {
		s.t.Fatalf("secret of %d bytes", len(raw))
	}
	return signature.Key{ID: text(w, "keyId"), Secret: raw}
}

// sign sends a signed request; type and key of the request have defaults.
func (s *site) sign(key signature.Key, method, path string, c call) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.signWith(key, method, path, signature.NewNonce(), c)
}

func (s *site) signWith(key signature.Key, method, path, nonce string, c call) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, publicURL+path, strings.NewReader(c.body))
	r.TLS = nil
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if method != "GET" {
		if c.key == "" {
			c.key = "key-" + uuid.NewString()
		}
		r.Header.Set("Idempotency-Key", c.key)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.from != "" {
		r.RemoteAddr = c.from
	}
	must(s.t, signature.Sign(r, key, []byte(c.body), time.Now(), nonce))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func incident(tenant, id, summary string) string {
	return `{"tenantId":"` + tenant + `","incidentId":"` + id + `","severity":"high","summary":"` + summary +
		`","description":"It is down.","sourceSystem":"monitor","occurredAt":"2026-01-02T03:04:05Z","metadata":{"host":"a","load":0.5}}`
}

const bothEscalations = `"escalations:write","escalations:read"`

func TestFederatedEscalation(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, foreign := s.tenant("theirs")
	_, key := s.partner(in, bothEscalations)

	first := s.sign(key, "POST", "/api/federation/escalation", call{key: "one", body: incident(in, "INC-1", "Down")})
	s.want(first, 201, "")
	id := text(first, "escalationId")
	if id == "" || text(first, "status") != "open" || text(first, "createdAt") == "" || first.Header().Get("StreamFlow-Cursor") == "" {
		t.Fatalf("opened: %v %s", first.Header(), first.Body)
	}
	again := s.sign(key, "POST", "/api/federation/escalation", call{key: "one", body: incident(in, "INC-1", "Down")})
	if again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeated: %d %s", again.Code, again.Body)
	}
	same := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-1", "Down")})
	s.want(same, 200, "")
	if text(same, "escalationId") != id {
		t.Errorf("same incident is %s, want %s", same.Body, id)
	}
	other := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-1", "Up")})
	s.want(other, 409, "duplicate_incident")
	if text(other, "existingId") != id {
		t.Errorf("conflict names %s", other.Body)
	}
	s.want(s.sign(key, "POST", "/api/federation/escalation", call{key: "one", body: incident(in, "INC-2", "Down")}), 422, "idempotency_key_reused")
	s.want(s.sign(key, "POST", "/api/federation/escalation", call{body: incident(foreign, "INC-1", "Down")}), 403, "tenant_not_allowed")
	s.want(s.sign(key, "POST", "/api/federation/escalation", call{body: `{"tenantId":"` + in + `"}`}), 422, "validation_failed")
	s.want(s.sign(key, "POST", "/api/federation/leads", call{body: `{"tenantId":"` + in + `"}`}), 403, "scope_missing")

	shown := s.sign(key, "GET", "/api/federation/escalations/"+id, call{})
	s.want(shown, 200, "")
	if text(shown, "incidentId") != "INC-1" || text(shown, "tenantId") != in {
		t.Errorf("shown: %s", shown.Body)
	}
	if w := s.sign(key, "GET", "/api/federation/escalations?incidentId=INC-1", call{}); w.Code != 200 || !strings.Contains(w.Body.String(), id) {
		t.Errorf("by incident: %d %s", w.Code, w.Body)
	}
	// Another partner of the same tenant sees nothing of it.
	_, stranger := s.partner(in, bothEscalations)
	s.want(s.sign(stranger, "GET", "/api/federation/escalations/"+id, call{}), 404, "not_found")
	s.want(s.sign(stranger, "POST", "/api/federation/escalations/"+id+"/updates", call{body: `{"kind":"resolved"}`}), 404, "not_found")

	s.want(s.do("POST", "/api/v2/tenants/"+in+"/suspend", call{cookie: s.provider, body: `{"reason":"unpaid"}`}), 200, "")
	s.want(s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-3", "Down")}), 403, "tenant_suspended")
}

func TestFederatedUpdates(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, key := s.partner(in, bothEscalations)
	w := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-1", "Down")})
	s.want(w, 201, "")
	updates := "/api/federation/escalations/" + text(w, "escalationId") + "/updates"
	for _, step := range []struct {
		kind, code, status string
		answer             int
	}{
		{"comment\",\"text\":\"looking", "", "open", 200},
		{"resolved", "", "resolved", 200},
		{"resolved", "", "resolved", 200},
		{"in_progress", "invalid_transition", "", 409},
		{"reopened", "", "open", 200},
		{"in_progress", "", "in_progress", 200},
	} {
		w := s.sign(key, "POST", updates, call{body: `{"kind":"` + step.kind + `"}`})
		s.want(w, step.answer, step.code)
		if step.code == "" && text(w, "status") != step.status {
			t.Errorf("%s: %s", step.kind, w.Body)
		}
	}
	s.want(s.sign(key, "POST", updates, call{body: `{"kind":"exploded"}`}), 422, "validation_failed")
	s.want(s.sign(key, "POST", "/api/federation/escalations/"+uuid.NewString()+"/updates", call{body: `{"kind":"resolved"}`}), 404, "not_found")
}

func TestSignatureRefused(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, key := s.partner(in, bothEscalations)
	const status = "/api/federation/status"

	nonce := signature.NewNonce()
	s.want(s.signWith(key, "GET", status, nonce, call{}), 200, "")
	replayed := s.signWith(key, "GET", status, nonce, call{})
	s.want(replayed, 401, "signature_invalid")
	if !strings.Contains(replayed.Header().Get("Accept-Signature"), `tag="streamflow"`) {
		t.Errorf("Accept-Signature: %v", replayed.Header())
	}
	// A wrong MAC spends nothing.
	nonce = signature.NewNonce()
	s.want(s.signWith(signature.Key{ID: key.ID, Secret: signature.NewSecret()}, "GET", status, nonce, call{}), 401, "signature_invalid")
	s.want(s.signWith(key, "GET", status, nonce, call{}), 200, "")
	s.want(s.sign(signature.Key{ID: "nobody", Secret: key.Secret}, "GET", status, call{}), 401, "signature_invalid")
	s.want(s.do("GET", status, call{cookie: s.provider}), 401, "signature_invalid")

	r := httptest.NewRequestWithContext(t.Context(), "GET", publicURL+status, nil)
	must(t, signature.Sign(r, key, nil, time.Now().Add(-time.Hour), signature.NewNonce()))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	s.want(w, 401, "clock_skew")
}

// TestNonceOnce: of many who come with the same nonce at once, one gets through; what is too old is forgotten on the way.
func TestNonceOnce(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	now := time.Now()
	for i := range byte(3) {
		if first, err := s.commands.SpendNonce(t.Context(), "key", [32]byte{1, i}, now.Add(-time.Minute)); err != nil || !first {
			t.Fatal(first, err)
		}
	}
	var through atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			first, err := s.commands.SpendNonce(t.Context(), "key", [32]byte{2}, now.Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if first {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if through.Load() != 1 {
		t.Errorf("%d got through", through.Load())
	}
	if first, err := s.commands.SpendNonce(t.Context(), "other", [32]byte{2}, now.Add(time.Minute)); err != nil || !first {
		t.Error("another key's nonce is its own", first, err)
	}
	var kept int
	must(t, s.commands.Pool.QueryRow(t.Context(), `select count(*) from app.nonce`).Scan(&kept))
	if kept != 2 {
		t.Errorf("%d nonces are kept, want 2", kept)
	}
}

func TestFederatedBulk(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	_, in := s.tenant("ours")
	_, key := s.partner(in, `"leads:write",`+bothEscalations)
	body := strings.Join([]string{
		`{"command":"escalation","key":"a","body":` + incident(in, "INC-1", "Down") + `}`,
		`{"command":"update","key":"b","body":{"incidentId":"INC-1","kind":"resolved"}}`,
		`not json`,
		`{"command":"lead","key":"c","body":{"tenantId":"` + in + `","name":"Ann","email":"ann@example.com"}}`,
		`{"command":"update","key":"d","body":{"incidentId":"INC-1","kind":"acknowledged"}}`,
		`{"command":"lead","body":{"tenantId":"` + in + `","name":"Bob","email":"bob@example.com"}}`,
		`{"command":"lead","key":"e","body":{"tenantId":"` + in + `","name":"Ann","email":"ANN@example.com"}}`,
		`{"command":"lead","key":"f"}`,
	}, "\n") + "\n"
	lines := map[string]string{"Content-Type": "application/x-ndjson"}
	w := s.sign(key, "POST", "/api/federation/commands", call{body: body, header: lines})
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	want := []int{201, 200, 400, 201, 409, 400, 409, 422}
	got := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d verdicts: %s", len(got), w.Body)
	}
	for i, line := range got {
		var v struct {
			Line    int    `json:"line"`
			Status  int    `json:"status"`
			ID      string `json:"id"`
			Problem *struct {
				Code string `json:"code"`
			} `json:"problem"`
		}
		must(t, json.Unmarshal([]byte(line), &v))
		if v.Line != i+1 || v.Status != want[i] || (v.Problem != nil) != (want[i] >= 400) || (v.ID == "") != (want[i] >= 400) {
			t.Errorf("line %d: %s, want %d", i+1, line, want[i])
		}
	}
	// A line is the same command as the request of its own.
	single := s.sign(key, "POST", "/api/federation/escalation", call{key: "a", body: incident(in, "INC-1", "Down")})
	s.want(single, 201, "")
	if single.Header().Get("Idempotent-Replayed") != "true" {
		t.Error("a line's key did not decide about its repetition")
	}
	again := s.sign(key, "POST", "/api/federation/commands", call{body: strings.Split(body, "\n")[0], header: lines})
	if again.Body.String() != got[0]+"\n" || again.Header().Get("Idempotent-Replayed") != "true" || w.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("repeated line: %s, want %s", again.Body, got[0])
	}
	s.want(s.sign(key, "POST", "/api/federation/commands", call{body: "{}"}), 415, "unsupported_media_type")
	s.want(s.sign(key, "POST", "/api/federation/commands", call{body: strings.Repeat("{}\n", 501), header: lines}), 422, "validation_failed")
}
