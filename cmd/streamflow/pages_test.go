package main

import (
	"fmt"
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
	at, status, text := p.sent(path, form)
	if status != http.StatusOK {
		p.t.Fatalf("%s: %d\n%s", path, status, text)
	}
	return at, text
}

// sent is what a page answers, whatever that is.
func (p *program) sent(path string, form url.Values) (at *url.URL, status int, text string) {
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
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.Request.URL, answer.StatusCode, string(body)
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

// TestAnInvoiceIsWorkedOnByForms: the same of an accountant's forms, from the draft to the last cent, and what is owed follows.
func TestAnInvoiceIsWorkedOnByForms(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "data"))
	p.signInAs(demoAccountant)
	const list = "/accountant/invoices"
	_, text := p.page(list+"/new", nil)
	form := url.Values{
		"idempotencyKey": formKey.FindStringSubmatch(text)[1:], "organizationId": {"fabrikam fibre"}, "currency": {"KWD"}, "reference": {"Order <7>"},
		"lines[0].description": {"Cable"}, "lines[0].quantity": {"2.5"}, "lines[0].unitAmount": {"10.005"}, "lines[0].taxRatePercent": {"5"},
	}
	first, text := p.page(list+"/new", form)
	again, _ := p.page(list+"/new", form)
	if first.Path != again.Path || !strings.Contains(text, "<h1>Invoice for Fabrikam Fibre") || !strings.Contains(text, "Order &lt;7&gt;") || !strings.Contains(text, "26.264 KWD") { // 25.0125 and its tax of 1.25065, each rounded
		t.Fatalf("drafted at %s and %s:\n%s", first, again, text)
	}
	for _, c := range []struct {
		step  string
		shows []string
		form  url.Values
	}{
		{"/edit", []string{">Draft<", "10.505 KWD"}, url.Values{"version": {"1"}, "organizationId": {"Fabrikam Fibre"}, "currency": {"KWD"}, "reference": {"Order <7>"}, "lines[0].description": {"Cable"}, "lines[0].quantity": {"1"}, "lines[0].unitAmount": {"10.005"}, "lines[0].taxRatePercent": {"5"}}},
		{"/issue", []string{">Issued<", "Invoice 13"}, url.Values{}},
		{"/dispute", []string{">Disputed<"}, url.Values{"reason": {"too short"}}},
		{"/payments", []string{">Partly paid<", "0.505 KWD"}, url.Values{"amount": {"10"}}},
		{"/resolve-dispute", []string{">Partly paid<", "The dispute is resolved."}, url.Values{}},
		{"/credit", []string{">Partly paid<", "0.005 KWD"}, url.Values{"amount": {"0.5"}, "reason": {"damage"}}},
	} {
		c.form.Set("idempotencyKey", "form"+c.step)
		c.form.Set("back", list+"?q=order")
		for range 2 {
			at, text := p.page(first.Path+c.step, c.form)
			if at.Path != list || at.Query().Get("q") != "order" || strings.Count(text, `<th scope="row"`) != 1 {
				t.Fatalf("%s leads to %s:\n%s", c.step, at, text)
			}
			for _, shown := range c.shows {
				if !strings.Contains(text, shown) {
					t.Fatalf("after %s the list lacks %q:\n%s", c.step, shown, text)
				}
			}
		}
	}
	_, report := p.do("GET", "/api/v2/reports/aging", "")
	if got := fmt.Sprint(report["total"]); !strings.Contains(got, "map[amount:5 currency:KWD]") {
		t.Errorf("owed: %s", got)
	}
	refused, err := p.client.PostForm(p.url+first.Path+"/payments", url.Values{"idempotencyKey": {"more"}, "amount": {"0.006"}})
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Body.Close()
	body, err := io.ReadAll(refused.Body)
	if err != nil || refused.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(body), "more than the invoice&#39;s balance") || !strings.Contains(string(body), `value="0.006"`) {
		t.Errorf("more than is due: %d %v\n%s", refused.StatusCode, err, body)
	}
	_, events := p.do("GET", "/api/v2/invoices/"+strings.TrimPrefix(first.Path, list+"/")+"/history", "")
	items, _ := events["items"].([]any)
	if len(items) != 7 {
		t.Fatalf("%d events of seven forms that were each sent twice", len(items))
	}
	oldest, _ := items[6].(map[string]any)
	_, text = p.page(first.Path+"?at="+oldest["cursor"].(string), nil)
	if !strings.Contains(text, "data-then") || !strings.Contains(text, ">Draft<") || !strings.Contains(text, "26.264 KWD") {
		t.Errorf("as it stood at first:\n%s", text)
	}
}
