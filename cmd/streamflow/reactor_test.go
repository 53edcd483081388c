package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// as signs in with the account of accounts.json.
func (p *program) as(data, portal string) {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "accounts.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var accounts []account
	if err := json.Unmarshal(raw, &accounts); err != nil {
		p.t.Fatal(err)
	}
	for _, a := range accounts {
		if a.Portal == portal {
			p.enter(a.Email, a.Password, http.StatusOK)
		}
	}
}

func (p *program) enter(email, password string, want int) {
	p.t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		p.t.Fatal(err)
	}
	if answer, problem := p.do("POST", "/api/auth/login", string(body)); answer.status != want {
		p.t.Fatalf("sign in as %s: %d %v, want %d\n%s", email, answer.status, problem, want, p.log)
	}
}

// admit makes a tenant and a partner that may open escalations for it.
func (p *program) admit() (tenant string, key signature.Key) {
	p.t.Helper()
	made, record := p.do("POST", "/api/v2/tenants", `{"name":"Ours","owner":{"email":"o@ours.example","name":"O"}}`, "Idempotency-Key", "ours")
	if made.status != http.StatusCreated {
		p.t.Fatalf("tenant: %d %v", made.status, record)
	}
	tenant = record["id"].(string)
	made, partner := p.do("POST", "/api/v2/partners", `{"name":"Acme","tenantIds":["`+tenant+`"],"scopes":["escalations:write"]}`, "Idempotency-Key", "acme")
	if made.status != http.StatusCreated {
		p.t.Fatalf("partner: %d %v", made.status, partner)
	}
	secret, err := signature.DecodeSecret(partner["secret"].(string))
	if err != nil {
		p.t.Fatal(err)
	}
	return tenant, signature.Key{ID: partner["keyId"].(string), Secret: secret}
}

// escalate opens an escalation as a partner; what the answer is, only the log tells in the end.
func (p *program) escalate(tenant string, key signature.Key, incident string) error {
	body := `{"tenantId":"` + tenant + `","incidentId":"` + incident + `","severity":"high","summary":"Down","description":"It is down.","sourceSystem":"monitor","occurredAt":"2026-01-02T03:04:05Z"}`
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/federation/escalation", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", incident)
	if err := signature.Sign(r, key, []byte(body), time.Now(), signature.NewNonce()); err != nil {
		return err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("escalation: %s", answer.Status)
	}
	return nil
}

// notices are the texts of the log of notices, once it has as many as wanted, with the ids of their effects.
func (p *program) notices(data string, want int) map[string]string {
	p.t.Helper()
	found := map[string]string{}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(data, "connection.json"))
		if err != nil {
			p.t.Fatal(err)
		}
		var c connection
		if err := json.Unmarshal(raw, &c); err != nil {
			p.t.Fatal(err)
		}
		conn, err := pgx.Connect(p.t.Context(), c.DatabaseURL)
		if err != nil {
			p.t.Fatal(err)
		}
		// Only what the ledger has recorded too: then nothing is to come any more.
		rows, err := conn.Query(p.t.Context(), `select n.text, n.effect::text from app.notice n join log.effect e using (effect)
			where e.reactor = 'escalation_notice'
			and n.text not like '%incident DESK-%'`) // those are of the demo data
		if err != nil {
			p.t.Fatal(err)
		}
		var text, effect string
		clear(found)
		count := 0
		if _, err := pgx.ForEachRow(rows, []any{&text, &effect}, func() error { found[text] = effect; count++; return nil }); err != nil {
			p.t.Fatal(err)
		}
		_ = conn.Close(p.t.Context())
		if count == want && len(found) == want {
			return found
		}
		if count > want || time.Now().After(deadline) {
			p.t.Fatalf("%d notices, want %d: %v\n%s", count, want, found, p.log)
		}
	}
}

const opened = "high escalation of incident %s opened"

// TestNoticesAreWrittenOnce: whatever dies or is lost between the two, an escalation and its notice are one to one.
func TestNoticesAreWrittenOnce(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startWith(t, data, []string{"STREAMFLOW_FAILPOINT=reactor.called:2"})
	p.as(data, "provider")
	tenant, key := p.admit()
	if err := p.escalate(tenant, key, "INC-1"); err != nil {
		t.Fatal(err)
	}
	first := p.notices(data, 1)

	// The second notice is written, and the program is killed before the effect is recorded.
	_ = p.escalate(tenant, key, "INC-2") // it may be killed before it answers
	if err := p.command.Wait(); err == nil {
		t.Fatal("the program was not killed between effect and record")
	}

	p = start(t, data)
	second := p.notices(data, 2)
	if id := first[fmt.Sprintf(opened, "INC-1")]; id == "" || second[fmt.Sprintf(opened, "INC-1")] != id || second[fmt.Sprintf(opened, "INC-2")] == "" {
		t.Errorf("notices %v, then %v", first, second)
	}
	p.endsCleanly(data)

	if err := os.RemoveAll(filepath.Join(data, "nats")); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	if err := p.escalate(tenant, key, "INC-3"); err != nil {
		t.Fatal(err)
	}
	p.notices(data, 3)

	// The same for those who look from outside: the event tells of its effect.
	p.as(data, "developer")
	_, page := p.do("GET", "/api/v2/events?type=escalation.opened&limit=1", "")
	id := page["items"].([]any)[0].(map[string]any)["id"].(string)
	_, effects := p.do("GET", "/api/v2/events/"+id+"/effects", "", "StreamFlow-Portal", "developer")
	if found := fmt.Sprint(effects["items"]); !strings.Contains(found, second[fmt.Sprintf(opened, "INC-1")]) || !strings.Contains(found, "done") {
		t.Errorf("effects of the first opening: %v", effects)
	}
	p.endsCleanly(data)
	if !bytes.Contains(p.log.Bytes(), []byte("incident INC-3 opened")) {
		t.Error("no line of the program's log tells of the notice")
	}
}
