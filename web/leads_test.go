package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

const (
	leadText = `{"id":%[1]q,"name":"<i>Ann</i> %[1]s","company":"Acme","email":"ann@acme.example","source":"web","value":{"amount":180050,"currency":"USD"},
		"ownerId":"u2","tags":["a","b"],"status":"new","score":75,"scoreReasons":[{"reason":"a lead","points":20}],"createdOn":"2026-03-30","version":%[2]d,
		"createdAt":"2026-03-30T10:00:00Z","updatedAt":"2026-03-31T10:00:00Z"}`
	leadHistory = `{"items":[
		{"cursor":"c2","version":2,"type":"lead.updated","recordedAt":"2026-03-31T10:00:00Z","actor":{"kind":"user","id":"u1"},"data":{"email":"ann@acme.example","value":{"amount":180050,"currency":"USD"},"notes":{"erased":true},"changed":["email","value","notes"]}},
		{"cursor":"c1","version":1,"type":"lead.created","recordedAt":"2026-03-30T10:00:00Z","actor":{"kind":"partner","id":"k1"},"data":{"email":"<old>@acme.example","source":"web"}}],"nextCursor":"older"}`
)

// TestALeadIsAddedOnce: a form that is sent twice adds one lead, and the page that follows has passed the write.
func TestALeadIsAddedOnce(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"/new", nil, "client")
	key := keyOf(t, body)
	form := url.Values{"idempotencyKey": {key}, "name": {" Ann "}, "value": {"1800.5"}, "currency": {"EUR"}, "tags": {"a,b"}, "ownerId": {"u1"}}
	want := leadsPath + "/l6?after=after-" + key + "&done=created"
	for range 2 {
		res, _ := ask(t, server, "POST", leadsPath+"/new", form, "client")
		redirects(t, res, want)
	}
	if len(f.leads.writes) != 1 {
		t.Fatalf("done twice: %q", f.leads.writes)
	}
	var sent map[string]any
	_, text, _ := strings.Cut(f.leads.writes[0], "{")
	if err := json.Unmarshal([]byte("{"+text), &sent); err != nil || fmt.Sprint(sent) != "map[name:Ann ownerId:u1 tags:[a b] value:map[amount:180050 currency:EUR]]" {
		t.Errorf("sent %v %v", sent, err)
	}
	_, body = ask(t, server, "GET", want, nil, "client")
	holds(t, body, "The lead was added.")
	if !slices.Contains(f.leads.cursors, "after-"+key) {
		t.Errorf("the page did not wait for the write: %q", f.leads.cursors)
	}
	if strings.Contains(body, "after-"+key) {
		t.Error("the next pages wait for it for ever")
	}
	f.leads.behind = true
	res, body := ask(t, server, "GET", leadsPath+"?done=created&after=x", nil, "client")
	holds(t, body, "The lead was added.", "a little older than your last change", `href="/leads/l1?row=0"`)
	if res.StatusCode != http.StatusOK {
		t.Errorf("behind: %d", res.StatusCode)
	}
}

// TestWhatTheAPIRefusesOfALead: the form comes back with what was entered, what is wrong with it, and a key of its own.
func TestWhatTheAPIRefusesOfALead(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	for _, c := range []struct {
		path, refusal string
		form          url.Values
		status        int
		says          []string
	}{
		{leadsPath + "/new", `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"email","message":"is not an e-mail address"},{"field":"tags[0]","message":"is too long"},{"field":"custom","message":"is odd"}]}`,
			url.Values{"email": {`"><script>`}}, 422, []string{"2 fields need your attention", "E-mail: Is not an e-mail address.", "Tags: Is too long.", `value="&#34;&gt;&lt;script&gt;"`, "Custom: is odd."}},
		{leadsPath + "/new", `409 {"title":"This lead exists","code":"duplicate_lead","existingId":"l3"}`,
			url.Values{"email": {"ann@acme.example"}}, 409, []string{"This lead exists", `<a href="/leads/l3">Open the lead that exists</a>`, `value="ann@acme.example"`}},
		{leadsPath + "/new", "", url.Values{"value": {"12,5"}, "currency": {"USD"}, "name": {"Ann"}}, 422, []string{"Enter a number like 1800", `value="12,5"`, `value="Ann"`}},
		{leadsPath + "/l1/edit", `412 {"title":"Changed meanwhile","code":"version_conflict"}`,
			url.Values{"version": {"1"}, "email": {"mine@acme.example"}, "company": {"Acme"}, "name": {"<i>Ann</i> l1"}}, 412,
			[]string{"Somebody changed this lead", `value="mine@acme.example"`, "E-mail: It is ann@acme.example now.", `name="version" value="2"`}},
		{leadsPath + "/l1/disqualify", `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"reason","message":"is required"}]}`,
			url.Values{}, 422, []string{"Reason: Is required.", "Disqualify lead"}},
		{leadsPath + "/l1/contact", `409 {"title":"Not from there","code":"invalid_transition","detail":"It was qualified."}`, url.Values{}, 409, []string{"It was qualified."}},
	} {
		f.leads.refuse = c.refusal
		c.form.Set("idempotencyKey", "first")
		res, body := ask(t, server, "POST", c.path, c.form, "client")
		if res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.path, res.StatusCode, c.status)
		}
		holds(t, body, c.says...)
		if strings.Contains(body, "<script>") || strings.Contains(c.path, "contact") == formKey.MatchString(body) || strings.Contains(body, `value="first"`) {
			t.Errorf("%s: %s", c.path, body)
		}
	}
	if strings.Contains(fmt.Sprint(f.leads.writes), "12,5") {
		t.Error("what is no sum was sent")
	}
}

func TestALeadIsEdited(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"/l1/edit?back=%2Fleads%3Fstatus%3Dnew", nil, "client")
	holds(t, body, `value="&lt;i&gt;Ann&lt;/i&gt; l1"`, `value="1800.50"`, `value="a, b"`, `name="version" value="2"`, `name="back" value="/leads?status=new"`, `<option value="u2" selected>&lt;u&gt;Bob`)
	form := url.Values{"idempotencyKey": {"k"}, "version": {"2"}, "name": {"Ann"}, "back": {"/leads?status=new"}}
	res, _ := ask(t, server, "POST", leadsPath+"/l1/edit", form, "client")
	redirects(t, res, "/leads?after=after-k&done=edited&status=new")
	if len(f.leads.writes) != 1 || !strings.HasPrefix(f.leads.writes[0], `PATCH /api/v2/leads/l1 "v2" {`) || !strings.Contains(f.leads.writes[0], `"company":null`) {
		t.Errorf("sent %q", f.leads.writes)
	}
	for back, want := range map[string]string{"//evil.example": "/leads/l1", "https://evil.example": "/leads/l1", "/provider": "/leads/l1", "/login": "/leads/l1", "": "/leads/l1", "/leads?q=a": "/leads"} {
		form.Set("back", back)
		res, _ := ask(t, server, "POST", leadsPath+"/l1/edit", form, "client")
		if got, _, _ := strings.Cut(res.Header.Get("Location"), "?"); got != want {
			t.Errorf("%q leads back to %q", back, got)
		}
	}
}

// TestAStepIsTakenFromTheList: each button has a key of its own, and leads back to the list as it was.
func TestAStepIsTakenFromTheList(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"?status=new&sort=-score&cursor=2&trail=&other=1", nil, "client")
	if got := f.leads.query.Encode(); got != "cursor=2&sort=-score&status=new" {
		t.Errorf("asked for %s", got)
	}
	holds(t, body, `action="/leads/l3/contact"`, `name="back" value="/leads?cursor=2&amp;sort=-score&amp;status=new"`, `href="/leads/l3/disqualify?back=`, "&lt;u&gt;Bob", "1,800.50 USD")
	keys := formKey.FindAllStringSubmatch(body, -1)
	once := map[string]bool{}
	for _, key := range keys {
		once[key[1]] = true
	}
	if len(keys) != 7 || len(once) != 7 { // three steps of each lead, and those of several
		t.Errorf("%d keys, %d of them different", len(keys), len(once))
	}
	for step, form := range map[string]url.Values{"contact": {}, "qualify": {}, "convert": {}, "disqualify": {"reason": {"no budget"}}, "archive": {}, "restore": {}} {
		form.Set("idempotencyKey", step)
		form.Set("back", "/leads?status=new")
		for range 2 {
			res, _ := ask(t, server, "POST", leadsPath+"/l3/"+step, form, "client")
			redirects(t, res, "/leads?after=after-"+step+"&done="+step+"&status=new")
		}
		_, body := ask(t, server, "GET", leadsPath+"?done="+step, nil, "client")
		holds(t, body, `<div class="toast`)
	}
	if len(f.leads.writes) != 6 || !slices.Contains(f.leads.writes, `POST /api/v2/leads/l3/disqualify  {"reason":"no budget"}`) {
		t.Errorf("sent %q", f.leads.writes)
	}
	res, _ := ask(t, server, "POST", leadsPath+"/l3/nonsense", url.Values{}, "client")
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("a step that is none: %d", res.StatusCode)
	}
	res, _ = ask(t, server, "GET", leadsPath+"/l3/contact", nil, "client")
	redirects(t, res, leadsPath+"/l3")
}

// TestAnArchivedLead: it is found by a filter, says what it is, and can be restored and nothing else.
func TestAnArchivedLead(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"/l1", nil, "client")
	holds(t, body, `action="/leads/l1/archive"`)
	if strings.Contains(body, "/l1/restore") {
		t.Error("what is not archived can be restored")
	}
	f.leads.text = strings.Replace(leadText, `"status":"new"`, `"status":"new","archived":true`, 1)
	f.leads.events = strings.Replace(leadHistory, `{"cursor":"c2","version":2,"type":"lead.updated"`, `{"cursor":"c2","version":2,"type":"lead.archived"`, 1)
	_, body = ask(t, server, "GET", leadsPath+"/l1", nil, "client")
	holds(t, body, `<span class="badge ">Archived</span>`, `action="/leads/l1/restore"`, "Archived")
	for _, step := range []string{"/contact", "/archive", "/edit", "/disqualify"} {
		if strings.Contains(body, "/leads/l1"+step) {
			t.Errorf("what is archived offers %s", step)
		}
	}
	_, body = ask(t, server, "GET", leadsPath+"?archived=true", nil, "client")
	if got := f.leads.query.Encode(); got != "archived=true" {
		t.Errorf("asked for %s", got)
	}
	holds(t, body, `action="/leads/l1/restore"`, `<option value="">Left out</option>`, `<option value="true" selected>Only these</option>`, "Archived: <b>Only these</b>")
	if strings.Contains(body, "leads-selection") {
		t.Error("steps are offered that none of them can take")
	}
	checkPage(t, "archived", body)
	f.leads.refuse = `409 {"title":"This lead exists","code":"duplicate_lead","detail":"Another lead has the same e-mail address.","existingId":"l3"}`
	res, body := ask(t, server, "POST", leadsPath+"/l1/restore", url.Values{"idempotencyKey": {"k"}}, "client")
	if res.StatusCode != http.StatusConflict {
		t.Errorf("refused: %d", res.StatusCode)
	}
	holds(t, body, "Another lead has the same e-mail address.", `<a class="button" href="/leads/l3">Open the lead that exists</a>`)
}

// TestALeadHasTheNeighboursOfItsList goes through the whole list one lead at a time, and back, over its pages.
func TestALeadHasTheNeighboursOfItsList(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	walk := func(from, way string) (ids []string, last string) {
		for path := from; path != ""; {
			if len(ids) > 10 {
				t.Fatal("the list has no end")
			}
			_, body := ask(t, server, "GET", path, nil, "client")
			id, _, _ := strings.Cut(strings.TrimPrefix(path, leadsPath+"/"), "?")
			ids, last = append(ids, id), path
			path = neighboursOf(body)[way]
		}
		return ids, last
	}
	there, last := walk(leadsPath+"/l1?row=0&list=status%3Dnew", "next")
	back, _ := walk(last, "prev")
	slices.Reverse(back)
	if want := []string{"l1", "l2", "l3", "l4", "l5"}; !slices.Equal(there, want) || !slices.Equal(back, want) {
		t.Errorf("there %v, back %v", there, back)
	}
	if got := f.leads.query.Get("status"); got != "new" {
		t.Errorf("the filter was lost: %q", got)
	}
	f.leads.ids = []string{"l2", "l3", "l4", "l5"} // a step took l1 out of the list
	_, body := ask(t, server, "GET", leadsPath+"/l1?row=0&list=status%3Dnew", nil, "client")
	if next := neighboursOf(body)["next"]; !strings.HasPrefix(next, leadsPath+"/l2?") {
		t.Errorf("after one that left the list: %q", next)
	}
	_, body = ask(t, server, "GET", leadsPath+"/l2", nil, "client")
	if ways := neighboursOf(body); len(ways) > 0 {
		t.Errorf("who comes from no list has no neighbours: %v", ways)
	}
}

// TestALeadAsItStood: what was later is marked, nothing can be done, and each event leads to its moment.
func TestALeadAsItStood(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"/l1", nil, "client")
	holds(t, body, "&lt;i&gt;Ann&lt;/i&gt; l1", `href="/leads/l1?at=c1"`, `href="/leads/l1?at=c2"`, "by the partner", "by you", "From web",
		"E-mail: &lt;old&gt;@acme.example → ann@acme.example; Expected value: 1,800.50 USD; Notes: …", `action="/leads/l1/contact"`, `href="/leads/l1?cursor=older"`, `class="now" href="/leads/l1" aria-current="step"`)
	if strings.Contains(body, "<old>") || strings.Contains(body, "data-then") {
		t.Error(body)
	}
	_, body = ask(t, server, "GET", leadsPath+"/l1?at=c1&row=1", nil, "client")
	holds(t, body, "data-then", "As it stood on 30 Mar 2026, 10:00:00 UTC", "shown now", `class="later"`, `value="2026-03-30T10:00:00"`, `class="now" href="/leads/l1?row=1"`)
	if strings.Contains(body, "idempotencyKey") {
		t.Error("the past can be changed")
	}
	_, body = ask(t, server, "GET", leadsPath+"?at=2026-03-30T10:00", nil, "client")
	holds(t, body, "data-then", "As it stood on 30 Mar 2026, 10:00:00 UTC", `href="/leads/l1?at=2026-03-30T10%3A00%3A00Z&amp;list=at%3D2026-03-30T10%253A00%253A00Z&amp;row=0"`)
	if strings.Contains(body, "idempotencyKey") || f.leads.query.Get("at") != "2026-03-30T10:00:00Z" {
		t.Errorf("the list of then: %v", f.leads.query)
	}
	res, _ := ask(t, server, "GET", leadsPath+"/nobody", nil, "client")
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("nobody: %d", res.StatusCode)
	}
}
