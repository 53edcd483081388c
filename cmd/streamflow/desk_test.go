package main

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var boardCard = regexp.MustCompile(`data-move="(/provider/escalations/[0-9a-f-]{36})/{step}(\?tenantId=[0-9a-f-]{36})"`)

// column is the part of the board that holds the cards of a step's status.
func column(board, step string) string {
	_, rest, _ := strings.Cut(board, `data-step="`+step+`"`)
	one, _, _ := strings.Cut(rest, `data-step="`)
	return one
}

// TestAnEscalationIsWorkedOnByForms: a partner's incident stands on the provider's board, goes over it by forms that need no script, each
// done once however often it is sent, and where it may not go it stays, in the API's words.
func TestAnEscalationIsWorkedOnByForms(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	p.as(data, "provider")
	tenant, key := p.admit()
	if err := p.escalate(tenant, key, "INC-1"); err != nil {
		t.Fatal(err)
	}
	p.awaitEscalation(tenant)
	_, board := p.page("/provider/escalations?view=board&tenantId="+tenant, nil)
	found := boardCard.FindStringSubmatch(column(board, "reopen"))
	if found == nil || !strings.Contains(board, "Answer in ") || !strings.Contains(board, "Acme") {
		t.Fatalf("the board holds no open card:\n%s", board)
	}
	at, of := found[1], strings.ReplaceAll(found[2], "&amp;", "&")
	back := "/provider/escalations?view=board"
	for _, c := range []struct {
		step string
		form url.Values
	}{{"start", url.Values{}}, {"resolve", url.Values{"text": {"A cable was loose."}}}, {"comment", url.Values{"text": {"Thanks to <all>."}}}} {
		c.form.Set("idempotencyKey", "form-"+c.step)
		c.form.Set("back", back)
		for range 2 {
			to, text := p.page(at+"/"+c.step+of, c.form)
			if to.Path+"?view="+to.Query().Get("view") != back || c.step != "comment" && !strings.Contains(column(text, c.step), at) {
				t.Fatalf("%s leads to %s:\n%s", c.step, to, text)
			}
		}
	}
	answer, err := p.client.PostForm(p.url+at+"/acknowledge"+of, url.Values{"idempotencyKey": {"back"}, "back": {back}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusConflict || !strings.Contains(string(text), "A record that is resolved cannot become acknowledged.") || !strings.Contains(column(string(text), "resolve"), at) {
		t.Errorf("a step back: %d\n%s", answer.StatusCode, text)
	}
	_, record := p.page(at+of, nil)
	for _, says := range []string{"A cable was loose.", "Thanks to &lt;all&gt;.", "Work started", "by you", "by the partner", ">Resolved<"} {
		if !strings.Contains(record, says) {
			t.Errorf("the page lacks %q:\n%s", says, record)
		}
	}
	_, events := p.do("GET", strings.Replace(at, "/provider", "/api/v2", 1)+"/history"+of, "")
	if items, _ := events["items"].([]any); len(items) != 4 {
		t.Errorf("%d events of three forms that were each sent twice, and one refused: %v", len(items), events)
	}
}

// awaitEscalation waits until the list has what a partner handed over to the tenant.
func (p *program) awaitEscalation(tenant string) {
	p.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_, list := p.do("GET", "/api/v2/escalations?tenantId="+tenant, "")
		if items, _ := list["items"].([]any); len(items) > 0 {
			return
		}
	}
	p.t.Fatal("the list has no escalation")
}
