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

var figureLink = regexp.MustCompile(`<h3><a id="[^"]+" href="([^"]+)"`)

// TestEveryTileLeadsToItsEvents: each tile of the four dashboards leads to a page, and where that shows events they make the figure.
func TestEveryTileLeadsToItsEvents(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	for portal, home := range map[string]string{"client": "/dashboard", "provider": "/provider", "accountant": "/accountant", "developer": "/developer"} {
		if portal == "client" {
			p.signIn()
		} else {
			p.as(data, portal)
		}
		_, text := p.page(home, nil)
		links, summed := figureLink.FindAllStringSubmatch(text, -1), 0
		for _, link := range links {
			_, text := p.page(link[1], nil)
			switch {
			case strings.Contains(text, "Adds up"):
				summed++
			case !strings.Contains(text, "measured, not added up") && !strings.Contains(text, "No event is counted here yet."):
				t.Errorf("%s says neither what it is made of nor why it is not:\n%s", link[1], text)
			}
		}
		if len(links) < 9 || portal != "developer" && summed == 0 {
			t.Errorf("%s: %d tiles, %d of them made of events", portal, len(links), summed)
		}
	}
}
