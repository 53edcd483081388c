package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestAStepIsTakenWithSeveral: each lead once, however often the form is sent, and the list says how many.
func TestAStepIsTakenWithSeveral(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"?status=new", nil, "client")
	holds(t, body, `<form class="selection" id="leads-selection" method="post" action="/leads/selected">`, `form="leads-selection" name="id" value="l1"`, `name="step" value="contact"`)
	form := url.Values{"idempotencyKey": {"k"}, "back": {"/leads?status=new"}, "id": {"l3", "l1", "l3"}, "step": {"contact"}}
	for range 2 {
		res, _ := ask(t, server, "POST", leadsPath+"/selected", form, "client")
		redirects(t, res, "/leads?after=after-k.l3&done=all-contact&n=2&status=new")
	}
	if want := []string{`POST /api/v2/leads/l1/contact  {}`, `POST /api/v2/leads/l3/contact  {}`}; !slices.Equal(f.leads.writes, want) {
		t.Errorf("sent %q", f.leads.writes)
	}
	_, body = ask(t, server, "GET", "/leads?after=after-k.l3&done=all-contact&n=2&status=new", nil, "client")
	holds(t, body, "2 leads were contacted.", `href="/leads?status=new"`)
	for query, says := range map[string]string{"?done=all-qualify&n=1": "One lead was qualified.", "?done=none": "tick the leads first"} {
		_, body = ask(t, server, "GET", leadsPath+query, nil, "client")
		holds(t, body, says)
	}
	for _, query := range []string{"?done=all-contact&n=-3", "?done=all-contact&n=<b>", "?done=all-contact"} {
		if _, body = ask(t, server, "GET", leadsPath+query, nil, "client"); strings.Contains(body, `class="toast `) {
			t.Errorf("%s: says that something was done", query)
		}
	}
	_, body = ask(t, server, "GET", leadsPath+"?at=2026-01-01T00:00:00Z", nil, "client")
	if strings.Contains(body, "leads-selection") {
		t.Error("what is past can be changed")
	}
}

// TestSomeOfSeveralAreRefused: the page names each of them, and why, and leads back to the list with what was done.
func TestSomeOfSeveralAreRefused(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.leads.refuseOne = map[string]string{"l2": `409 {"title":"Not from there","detail":"It was <b>converted</b>."}`, "nobody": `404 {"title":"Nothing here"}`}
	form := url.Values{"idempotencyKey": {"k"}, "back": {"/leads?q=a"}, "id": {"l1", "l2", "nobody"}, "step": {"qualify"}}
	res, body := ask(t, server, "POST", leadsPath+"/selected", form, "client")
	if res.StatusCode != http.StatusOK {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, "<h1>One lead was qualified</h1>", "2 of 3 stayed as they were", `<a href="/leads/l2">&lt;i&gt;Ann&lt;/i&gt; l2</a>`, "It was &lt;b&gt;converted&lt;/b&gt;.",
		"A lead that is not there", `href="/leads?after=after-k.l1&amp;q=a"`)
	checkPage(t, "some refused", body)
	f.leads.refuseOne["l1"] = f.leads.refuseOne["l2"]
	_, body = ask(t, server, "POST", leadsPath+"/selected", form, "client")
	holds(t, body, "<h1>No lead was qualified</h1>", `href="/leads?q=a"`)
}

// TestTheRestWaits: what the API has no time for is sent again as it was, and what was done is not done again.
func TestTheRestWaits(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.leads.refuseOne = map[string]string{"l2": `503 {"title":"Not available now","code":"unavailable"}`}
	form := url.Values{"idempotencyKey": {"k"}, "id": {"l1", "l2", "l3"}, "step": {"contact"}}
	res, body := ask(t, server, "POST", leadsPath+"/selected", form, "client")
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, "One lead was contacted, of 3.", `name="idempotencyKey" value="k"`, `name="id" value="l3"`, `name="step" value="contact"`, "Try again")
	f.leads.refuseOne = nil
	res, _ = ask(t, server, "POST", leadsPath+"/selected", form, "client")
	redirects(t, res, "/leads?after=after-k.l3&done=all-contact&n=3")
	if len(f.leads.writes) != 3 {
		t.Errorf("sent %q", f.leads.writes)
	}
}

// TestAReasonIsAskedFirst: what cannot be taken back is a form of its own, which keeps what was ticked.
func TestAReasonIsAskedFirst(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	form := url.Values{"idempotencyKey": {"k"}, "back": {"/leads?q=a"}, "id": {"l1", "l2"}, "step": {"disqualify"}}
	_, body := ask(t, server, "POST", leadsPath+"/selected", form, "client")
	holds(t, body, "Disqualify 2 leads", `name="id" value="l1"`, `name="id" value="l2"`, `name="step" value="disqualify"`, `name="back" value="/leads?q=a"`)
	checkPage(t, "reason", body)
	if len(f.leads.writes) != 0 {
		t.Errorf("done unasked: %q", f.leads.writes)
	}
	form.Set("reason", "")
	f.leads.refuse = `422 {"title":"Not valid","errors":[{"field":"reason","message":"is required"}]}`
	res, body := ask(t, server, "POST", leadsPath+"/selected", form, "client")
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, "Reason: Is required.", `name="id" value="l2"`)
	form.Set("reason", "no budget")
	f.leads.refuse = ""
	res, _ = ask(t, server, "POST", leadsPath+"/selected", form, "client")
	redirects(t, res, "/leads?after=after-k.l2&done=all-disqualify&n=2&q=a")
	if len(f.leads.writes) != 2 || !strings.HasSuffix(f.leads.writes[1], `l2/disqualify  {"reason":"no budget"}`) {
		t.Errorf("sent %q", f.leads.writes)
	}
	for _, c := range []struct {
		form   url.Values
		status int
	}{{url.Values{"id": {"l1"}, "step": {"convert"}}, 400}, {url.Values{"id": {"l1"}}, 400}, {url.Values{"step": {"contact"}}, 303}} {
		if res, _ := ask(t, server, "POST", leadsPath+"/selected", c.form, "client"); res.StatusCode != c.status {
			t.Errorf("%v: %d, want %d", c.form, res.StatusCode, c.status)
		}
	}
}
