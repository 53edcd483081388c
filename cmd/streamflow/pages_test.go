package main

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var formKey = regexp.MustCompile(`name="idempotencyKey" value="([^"]+)"`)

// page is what a browser without scripts shows after it asked or sent a form, and where it stands then.
func (p *program) page(path string, form url.Values) (at *url.URL, text string) {
	p.t.Helper()
	ask := func() (*http.Response, error) { return p.client.Get(p.url + path) }
	if form != nil {
		ask = func() (*http.Response, error) { return p.client.PostForm(p.url+path, form) }
	}
	answer, err := ask()
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %v\n%s", path, answer.StatusCode, err, body)
	}
	return answer.Request.URL, string(body)
}

// TestALeadIsWorkedOnByForms: what people do on the pages reaches the log through the API, once for each form however often it
// is sent, and the page that a form leads to shows what it did.
func TestALeadIsWorkedOnByForms(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "data"))
	p.signIn()
	_, text := p.page("/leads/new", nil)
	form := url.Values{"idempotencyKey": formKey.FindStringSubmatch(text)[1:], "name": {"Ken Thompson"}, "email": {"ken@bell.example"}, "value": {"1800.50"}, "currency": {"USD"}}
	first, text := p.page("/leads/new", form)
	again, _ := p.page("/leads/new", form)
	if first.Path != again.Path || !strings.Contains(text, "Ken Thompson") || !strings.Contains(text, "1,800.50 USD") {
		t.Fatalf("added at %s and %s:\n%s", first, again, text)
	}
	for _, c := range []struct {
		step, shows string
		form        url.Values
	}{
		{"/contact", ">Contacted<", url.Values{}},
		{"/edit", "Bell Labs", url.Values{"version": {"2"}, "name": {"Ken Thompson"}, "email": {"ken@bell.example"}, "company": {"Bell Labs"}}},
		{"/qualify", ">Qualified<", url.Values{}},
		{"/convert", ">Converted<", url.Values{}},
	} {
		c.form.Set("idempotencyKey", "form"+c.step)
		c.form.Set("back", "/leads?q=bell")
		for range 2 {
			at, text := p.page(first.Path+c.step, c.form)
			if at.Path != "/leads" || at.Query().Get("q") != "bell" || !strings.Contains(text, c.shows) || strings.Count(text, `<th scope="row"`) != 1 {
				t.Fatalf("%s leads to %s:\n%s", c.step, at, text)
			}
		}
	}
	_, events := p.do("GET", "/api/v2/leads/"+strings.TrimPrefix(first.Path, "/leads/")+"/history", "")
	items, _ := events["items"].([]any)
	if len(items) != 5 {
		t.Fatalf("%d events of five forms that were each sent twice", len(items))
	}
	oldest, _ := items[4].(map[string]any)
	_, text = p.page(first.Path+"?at="+oldest["cursor"].(string), nil)
	if !strings.Contains(text, "data-then") || !strings.Contains(text, `<span class="badge info">New<`) {
		t.Errorf("as it stood at first:\n%s", text)
	}
}
