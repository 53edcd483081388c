package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var shownID = regexp.MustCompile(`id="request-id" type="text" readonly value="([^"]+)"`)

// idOf is the id that a page shows, which must be that of its answer.
func idOf(t *testing.T, res page, body string) string {
	t.Helper()
	found := shownID.FindStringSubmatch(body)
	if found == nil || found[1] != res.Header.Get("X-Correlation-Id") {
		t.Fatalf("the page shows %q, its answer is called %q:\n%s", found, res.Header.Get("X-Correlation-Id"), body)
	}
	return found[1]
}

// TestWhatTheAPIRefusesIsAPage: each refusal leads to a page inside the portal, with the request's id and the ways on.
func TestWhatTheAPIRefusesIsAPage(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	for _, path := range []string{"/dashboard", leadsPath, leadsPath + "/l1", leadsPath + "/l1/edit", leadsPath + "/l1/convert"} {
		for _, c := range []struct {
			refusal string
			status  int
			says    []string
		}{
			{`403 {"title":"Not allowed","code":"forbidden"}`, 403, []string{"<h1>Not allowed</h1>", "Your role does not include this."}},
			{`403 {"title":"The tenant is suspended","code":"tenant_suspended"}`, 403, []string{"<h1>The tenant is suspended</h1>"}},
			{`429 {"title":"Too many requests","code":"rate_limited"}`, 429, []string{"<h1>Too many requests</h1>", "<b>in 41 seconds</b>", `href="` + path + `">Try again</a>`}},
			{`500 {"title":"Something broke","code":"internal"}`, 500, []string{"Something broke here", `href="` + path + `">Try again</a>`}},
			{`503 not even JSON <b>`, 503, []string{"Not available just now", `href="` + path + `">Try again</a>`}},
		} {
			f.refuse.Store(c.refusal)
			res, body := ask(t, server, "GET", path, nil, "client")
			if res.StatusCode != c.status {
				t.Errorf("%s: %d, want %d", path, res.StatusCode, c.status)
			}
			holds(t, body, append(c.says, "Sign out", `href="/dashboard">Go to the dashboard</a>`)...)
			checkPage(t, path, body)
			if id := idOf(t, res, body); id != f.asked.Load() {
				t.Errorf("%s: the API was asked under the name %v, the page says %s", path, f.asked.Load(), id)
			}
			if strings.Contains(body, "not even") {
				t.Error("the page shows what it cannot read")
			}
			if again := res.Header.Get("Retry-After"); (again == "41") != (c.status == 429) {
				t.Errorf("%d with Retry-After %q", c.status, again)
			}
		}
	}
}

// TestAPortalStaysAroundWhatCannotBeTold: who is over the limit is so for every request, and still in the portal.
func TestAPortalStaysAroundWhatCannotBeTold(t *testing.T) {
	f, server := newFake(t, "provider", `{}`)
	f.strict.Store(true)
	f.refuse.Store(`429 {"title":"Too many requests","code":"rate_limited"}`)
	res, body := ask(t, server, "GET", "/provider", nil, "provider")
	if res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, "<h1>Too many requests</h1>", "<b>in 41 seconds</b>", `data-portal="provider"`, `href="/provider">Go to the dashboard</a>`)
	checkPage(t, "over the limit", body)
	idOf(t, res, body)
}

// TestNobodyIsToldOfAPortal: who is not signed in gets the page at the door, and is led to the sign-in where the API wants it.
func TestNobodyIsToldOfAPortal(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	for path, portals := range map[string][]string{"/nowhere": nil, "/provider/nowhere": {"client"}, "/leads/a/b/c": {"provider"}} {
		res, body := ask(t, server, "GET", path, nil, portals...)
		if res.StatusCode != http.StatusNotFound || strings.Contains(body, "Sign out") {
			t.Errorf("%s: %d\n%s", path, res.StatusCode, body)
		}
		idOf(t, res, body)
		holds(t, body, `href="/">Go to the start page</a>`)
	}
	res, body := ask(t, server, "GET", "/nowhere", nil, "client")
	holds(t, body, "Page not found", "Sign out", `href="/dashboard">Go to the dashboard</a>`)
	idOf(t, res, body)
	res, body = ask(t, server, "GET", "/logout", nil, "client")
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	holds(t, body, "This address takes forms")
	f.refuse.Store(`403 {"title":"Not allowed","code":"forbidden"}`)
	f.session.Store(false) // it ended, and another portal's is still open: the API says 403 to that too
	res, _ = ask(t, server, "GET", leadsPath, nil, "client")
	redirects(t, res, "/login?next=%2Fleads")
}

// TestAFormIsSentAgainAsItWas: what may have been done must not be done twice, so the same key goes along, and only then.
func TestAFormIsSentAgainAsItWas(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.leads.refuse = `503 {"title":"Not available now","code":"unavailable"}`
	form := url.Values{"idempotencyKey": {"k1"}, "back": {`/leads?q="x`}, "name": {"Ann"}}
	res, body := ask(t, server, "POST", leadsPath+"/l1/contact", form, "client")
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, `<form method="post" action="/leads/l1/contact">`, `name="back" value="/leads?q=&#34;x"`, `name="idempotencyKey" value="k1"`)
	_, body = ask(t, server, "POST", leadsPath+"/new", form, "client")
	if key := keyOf(t, body); key != "k1" {
		t.Errorf("the form comes back with the key %s", key)
	}
	holds(t, body, `value="Ann"`, "Not available now")
	form.Del("idempotencyKey")
	_, body = ask(t, server, "POST", leadsPath+"/l1/contact", form, "client")
	if strings.Contains(body, "Try again") {
		t.Error("what has no key may be done twice")
	}
}

// TestAPanicIsAPage: it is logged under the id that the page shows, and the page says nothing of what broke.
func TestAPanicIsAPage(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	for method, path := range map[string]string{"GET": leadsPath, "POST": leadsPath + "/l1/qualify"} {
		f.refuse.Store("panic")
		res, body := ask(t, server, method, path, url.Values{"idempotencyKey": {"k"}}, "client")
		if res.StatusCode != http.StatusInternalServerError {
			t.Errorf("%d", res.StatusCode)
		}
		holds(t, body, "Something broke here", "Try again", "Sign out")
		checkPage(t, path, body)
		id, log := idOf(t, res, body), f.journal.String()
		for _, wanted := range []string{"page panicked", "a secret broke", "correlation=" + id, "path=" + path, "web_test.go"} {
			if !strings.Contains(log, wanted) {
				t.Errorf("the log lacks %q:\n%s", wanted, log)
			}
		}
		if strings.Contains(body, "secret") {
			t.Error("the page tells what broke")
		}
	}
}

func TestTheWayBackStaysOnTheSite(t *testing.T) {
	for referer, want := range map[string]string{
		"http://x.example/leads?q=a": "/leads?q=a", "https://x.example/": "/", "": "", "http://evil.example/leads": "", "http://x.example//evil.example": "",
		"http://x.example/here": "", "javascript:alert(1)": "", "http://x.example/%5cevil": "", ":": "",
	} {
		r := httptest.NewRequest("GET", "http://x.example/here", nil)
		r.Header.Set("Referer", referer)
		if got := cameFrom(r); got != want {
			t.Errorf("%q leads back to %q, want %q", referer, got, want)
		}
	}
}

func TestWaitsInWords(t *testing.T) {
	for seconds, want := range map[string]string{"": "", "0": "in a second", "1": "in a second", "2": "in 2 seconds", "90": "in 90 seconds", "121": "in 3 minutes", "3600": "in 60 minutes", "7201": "in 3 hours", "x": "in a moment", "-5": "in a moment"} {
		if got := waitWords(seconds); got != want {
			t.Errorf("%q: %q, want %q", seconds, got, want)
		}
	}
}
