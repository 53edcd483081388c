package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestRealNaughtyStrings sends strings that have broken other programs, signed, to every federation route: as every text of a
// body, as the body, as a line, as a parameter and as an id. Each is taken whole or refused with a problem, and nothing is done by halves.
func TestRealNaughtyStrings(t *testing.T) {
	folder := os.Getenv("STREAMFLOW_REAL_DATA")
	if folder == "" {
		folder = filepath.Join("testdata", "real")
	}
	file, err := os.Open(filepath.Join(folder, "hostile", "blns.json.gz"))
	if err != nil {
		t.Fatalf("a real file is missing: %v", err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var naughty []string
	if err := json.NewDecoder(unpacked).Decode(&naughty); err != nil || len(naughty) == 0 {
		t.Fatalf("%d strings: %v", len(naughty), err)
	}
	r := newRealRun(t)
	n := &naughtyRun{desk: r.newDesk(), taken: map[string]int64{}}
	start := time.Now()
	for i, text := range naughty {
		for _, c := range n.calls(i, text) {
			n.send(c, text)
		}
	}
	t.Logf("%d strings in %d requests in %s, taken %v, refused %v", len(naughty), n.posts.Load(), time.Since(start).Round(time.Millisecond), n.taken, n.refused)
	n.nothingByHalves()
}

type naughtyRun struct {
	*desk
	taken   map[string]int64 // by path
	refused int64
}

// calls are all the ways to send a string.
func (n *naughtyRun) calls(i int, text string) []signedCall {
	tenant, own := n.tenant.String(), fmt.Sprint(i)
	post := func(path string, body any) signedCall {
		raw, err := json.Marshal(body)
		if err != nil {
			n.Fatal(err)
		}
		return signedCall{http.MethodPost, path, raw, "application/json", uuid.NewString()}
	}
	type object = map[string]any
	escalation := func(id, summary, metadata string) object {
		return object{"tenantId": tenant, "incidentId": id, "severity": "low", "summary": summary, "description": text, "sourceSystem": text,
			"occurredAt": "2026-01-02T03:04:05Z", "metadata": object{metadata: text, "list": []string{text}}}
	}
	withFile := escalation("file "+own, "s", "m")
	withFile["attachments"] = []object{{"url": "https://x.example/" + text, "name": text}}
	invoice := func(reference, description string) object {
		return object{"tenantId": tenant, "reference": reference, "currency": "USD",
			"lines": []object{{"description": description, "quantity": 1, "unitAmount": 100, "taxRatePercent": 19}}}
	}
	line := func(command, key string, body any) string {
		raw, err := json.Marshal(object{"command": command, "key": key, "body": body})
		if err != nil {
			n.Fatal(err)
		}
		return string(raw) + "\n"
	}
	bulk := line(text, own, object{}) + line("lead", text, object{"tenantId": text}) + line("update", "u"+own, object{"incidentId": text, "kind": text}) + text + "\n"
	calls := []signedCall{
		post("/api/federation/escalation", escalation(text, text, text)),
		post("/api/federation/escalation", escalation("plain "+own, "Down", "m")),
		post("/api/federation/escalation", withFile),
		post("/api/federation/leads", object{"tenantId": tenant, "name": text, "email": text, "phone": text}),
		post("/api/federation/leads", object{"tenantId": tenant, "name": text, "company": text, "externalId": own + text, "source": text, "notes": text,
			"tags": []string{text}, "custom": object{"a": text}}),
		post("/api/federation/leads", object{"tenantId": text, "name": "N", "externalId": "t" + own}),
		post("/api/federation/leads", object{"tenantId": tenant, "name": "N", "externalId": "f" + own, text: text}),
		post("/api/federation/billing/invoice", invoice(text, text)),
		post("/api/federation/billing/invoice", invoice("plain "+own, "Work "+text)),
		{http.MethodPost, "/api/federation/commands", []byte(bulk), "application/x-ndjson", uuid.NewString()},
		{http.MethodGet, "/api/federation/escalations?incidentId=" + url.QueryEscape(text), nil, "", ""},
		{http.MethodGet, "/api/federation/invoices?reference=" + url.QueryEscape(text), nil, "", ""},
		{http.MethodGet, "/api/federation/escalations/" + url.PathEscape(text), nil, "", ""},
		{http.MethodPost, "/api/federation/escalations/" + url.PathEscape(text) + "/updates", []byte(`{"kind":"resolved"}`), "application/json", uuid.NewString()},
	}
	if text != "" {
		for _, path := range []string{"escalation", "leads", "billing/invoice", "commands"} {
			calls = append(calls, signedCall{http.MethodPost, "/api/federation/" + path, []byte(text), "application/json", uuid.NewString()})
		}
	}
	return calls
}

// send wants a string to be taken or refused, and a refusal to be a problem that wrote nothing.
func (n *naughtyRun) send(c signedCall, text string) {
	n.Helper()
	path, before := c.url, n.heads()
	c.url = n.url + c.url
	r, err := c.sign(n.Context(), n.key)
	if err != nil {
		n.Fatalf("%s with %q: %v", path, text, err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		n.Fatalf("%s with %q: %v", path, text, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		n.Fatal(err)
	}
	n.posts.Add(1)
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode >= http.StatusInternalServerError || strings.Contains(string(raw), `"status":500`):
		n.Errorf("%s with %q: %d %s", path, text, answer.StatusCode, raw)
	case answer.StatusCode >= http.StatusBadRequest:
		n.refused++
		var problem struct {
			Code string `json:"code"`
		}
		if err := json.Unmarshal(raw, &problem); err != nil || problem.Code == "" || answer.Header.Get("Content-Type") != "application/problem+json" {
			n.Errorf("%s with %q: %d is no problem: %s", path, text, answer.StatusCode, raw)
		}
		if after := n.heads(); after != before {
			n.Errorf("%s with %q: refused with %d, and wrote %d events", path, text, answer.StatusCode, after-before)
		}
	case answer.StatusCode == http.StatusCreated:
		n.taken[path]++
	}
}

// nothingByHalves holds the facts in the log to what was told to be done.
func (n *naughtyRun) nothingByHalves() {
	n.Helper()
	counted := map[string]int64{}
	for page, err := range n.node.log.Scan(n.Context(), 1, 0, n.heads()) {
		if err != nil {
			n.Fatal(err)
		}
		for _, e := range page {
			counted[e.Type]++
		}
	}
	for typ, path := range map[string]string{
		"escalation.opened": "escalation", "lead.created": "leads",
		"invoice.created": "billing/invoice", "invoice.issued": "billing/invoice", "series.number_taken": "billing/invoice",
	} {
		if told := n.taken["/api/federation/"+path]; counted[typ] != told || told == 0 {
			n.Errorf("%d events %s, and %d answers that say so", counted[typ], typ, told)
		}
	}
}
