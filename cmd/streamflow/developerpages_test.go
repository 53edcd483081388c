package main

import (
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAProjectionIsRebuiltByForms: a developer rebuilds a projection on its page and watches it to its end, goes back to the tables of
// before, pauses and resumes; each form is sent twice and done once.
func TestAProjectionIsRebuiltByForms(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	p.as(data, "developer")
	const models = "/developer/projections"
	_, text := p.page(models, nil)
	for _, shown := range []string{">figures<", ">records<", "generation 1", ">Live<", models + "/figures/rebuild"} {
		if !strings.Contains(text, shown) {
			t.Fatalf("the page lacks %q:\n%s", shown, text)
		}
	}
	twice := func(step string) (text string) {
		_, text = p.page(models+"/figures/"+step, nil)
		form := url.Values{"idempotencyKey": {"form-" + step}, "back": {models + "/figures"}}
		if key := formKey.FindStringSubmatch(text); key != nil && strings.Contains(text, "data-form") {
			form.Set("idempotencyKey", key[1])
		}
		for range 2 {
			var at *url.URL
			if at, text = p.page(models+"/figures/"+step, form); at.Path != models+"/figures" || at.Query().Get("done") != step {
				t.Fatalf("%s leads to %s:\n%s", step, at, text)
			}
		}
		return text
	}
	twice("rebuild")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, text = p.page(models+"/figures", nil); strings.Contains(text, "Rebuilt from ") {
			break
		}
		if strings.Contains(text, "failed") || time.Now().After(deadline) {
			t.Fatalf("the rebuild:\n%s\n%s", text, p.log)
		}
	}
	if !strings.Contains(text, "generation 2") {
		t.Errorf("rebuilt:\n%s", text)
	}
	for _, c := range []struct{ step, shows string }{{"switch", "generation 1"}, {"pause", ">Paused<"}, {"resume", ">Live<"}, {"retry", "Nothing"}} {
		if text = twice(c.step); !strings.Contains(text, c.shows) {
			t.Errorf("after %s the page lacks %q:\n%s", c.step, c.shows, text)
		}
	}
	_, one := p.do("GET", "/api/v2/projections/figures", "")
	if one["generation"] != 1.0 || one["previousGeneration"] != 2.0 || one["state"] != "live" {
		t.Errorf("after each form twice: %v", one)
	}
}

var (
	eventLink = regexp.MustCompile(`<th scope="row"[^>]*><a href="(/developer/events/[^"]+)"`)
	nextPage  = regexp.MustCompile(`rel="next" href="([^"]+)"`)
)

// TestTheLogIsReadInABrowser goes through the whole log from its end to its beginning, opens events, follows what they belong to, and
// asks for what makes no sense: that is told, and is never an error of the server.
func TestTheLogIsReadInABrowser(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	p.signIn()
	for i := range 30 {
		name := "Lead " + strconv.Itoa(i)
		if made, problem := p.do("POST", "/api/v2/leads", `{"name":"`+name+`","email":"lead`+strconv.Itoa(i)+`@example.com","source":"<script>alert(1)</script>"}`, "Idempotency-Key", strings.ReplaceAll(name, " ", "-")); made.status != http.StatusCreated {
			t.Fatalf("%d %v", made.status, problem)
		}
	}
	p.as(data, "developer")
	_, head := p.do("GET", "/api/v2/projections/figures", "", "StreamFlow-Portal", "developer")
	places, _ := head["lanes"].([]any)
	lane, _ := places[0].(map[string]any)
	seen := map[string]bool{}
	var newest string
	for path := "/developer/events"; path != ""; {
		_, text := p.page(path, nil)
		for _, found := range eventLink.FindAllStringSubmatch(text, -1) {
			if newest == "" {
				newest = found[1]
			}
			seen[found[1]] = true
		}
		path = ""
		if next := nextPage.FindStringSubmatch(text); next != nil {
			path = html.UnescapeString(next[1])
		}
	}
	if float64(len(seen)) != lane["head"] {
		t.Errorf("%d events on the pages, and %v in the log", len(seen), lane["head"])
	}
	_, text := p.page(newest, nil)
	for _, shown := range []string{"lead.created", "&#34;encrypted&#34;: true", "&lt;script&gt;alert(1)&lt;/script&gt;", "Its command made this event alone.", "No event was caused by it.", "No reactor acted on it."} {
		if !strings.Contains(text, shown) {
			t.Errorf("the event's page lacks %q:\n%s", shown, text)
		}
	}
	if strings.Contains(text, "<script>alert") || strings.Contains(text, "lead29@") {
		t.Errorf("told more than it may:\n%s", text)
	}
	_, text = p.page("/developer/events?type=lead.converted", nil)
	_, text = p.page(eventLink.FindStringSubmatch(text)[1], nil)
	if !strings.Contains(text, ">opportunity.created</a>") || strings.Count(text, ">lead.converted</a>") != 1 {
		t.Errorf("what came with a conversion:\n%s", text)
	}
	for _, query := range []string{"type=%00", "stream=lead-%00", "stream=%ff", "correlationId=%F0%9F%92%A9", "tenantId='%3B--", "commandId=1", "causationId=%E2%80%AE", "from=now", "until=2999-01-01T00:00",
		"sort=%22%3E", "cursor=forged", "sort=position&cursor=forged", "from=2026-13-45T99:99", "stream=" + strings.Repeat("x", 8000), "correlationId=..%2f..%2fetc%2fpasswd", "limit=1000000"} {
		answer, err := p.client.Get(p.url + "/developer/events?" + query)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%.60s: %d", query, answer.StatusCode)
		}
	}
	for _, path := range []string{"/developer/events/x", "/developer/events/%00", "/developer/events/..%2f", "/developer/projections/%3Cscript%3E", "/developer/projections/%00", "/developer/projections/figures/%00"} {
		answer, err := p.client.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}
