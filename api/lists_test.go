package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/eventstore"
)

// get reads an address that has passed a cursor, and insists on an answer.
func (s *site) get(cookie, path, after string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	c := call{cookie: cookie, header: map[string]string{"StreamFlow-Cursor": after}}
	if after == "" {
		c.header = map[string]string{}
	}
	for i := 0; i < len(header); i += 2 {
		c.header[header[i]] = header[i+1]
	}
	w := s.do("GET", path, c)
	s.want(w, 200, "")
	return w
}

// column reads one member of every item of a list.
func column(w *httptest.ResponseRecorder, name string) []string {
	var answer struct {
		Items []map[string]any `json:"items"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	values := []string{}
	for _, item := range answer.Items {
		values = append(values, fmt.Sprint(item[name]))
	}
	return values
}

// made runs a command and gives its cursor and the record's id.
func (s *site) made(cookie, path, body string) (cursor, id string) {
	s.t.Helper()
	w := s.do("POST", path, call{cookie: cookie, body: body})
	if w.Code != 201 && w.Code != 200 {
		s.t.Fatalf("POST %s: %d %s", path, w.Code, w.Body)
	}
	return w.Header().Get("StreamFlow-Cursor"), text(w, "id")
}

func (s *site) shop(cookie string) (cursor string, ids []string) {
	s.t.Helper()
	for i, company := range []string{"Borealis", "acme", "Acme Norte", "Zeta"} {
		var id string
		cursor, id = s.made(cookie, "/api/v2/leads", fmt.Sprintf(
			`{"name":"Person %d","company":%q,"email":"p%d@%s.example","source":%q,"value":{"amount":%d,"currency":"EUR"}}`,
			i, company, i, cookie[len(cookie)-6:len(cookie)-1], []string{"web", "fair"}[i%2], []int{20, 3, 1000, 100}[i]))
		ids = append(ids, id)
	}
	return cursor, ids
}

func TestListsFilterAndSort(t *testing.T) {
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	other, _ := s.tenant("other")
	_, ids := s.shop(owner)
	s.made(owner, "/api/v2/leads/"+ids[0]+"/qualify", "")
	after, _ := s.made(owner, "/api/v2/leads/"+ids[3]+"/convert", "")
	theirs, _ := s.shop(other)
	for query, want := range map[string][]string{
		"":                                   {"Zeta", "Acme Norte", "acme", "Borealis"},
		"?sort=createdAt":                    {"Borealis", "acme", "Acme Norte", "Zeta"},
		"?sort=company":                      {"acme", "Acme Norte", "Borealis", "Zeta"},
		"?sort=-value":                       {"Acme Norte", "Zeta", "Borealis", "acme"},
		"?status=qualified":                  {"Borealis"},
		"?status=converted":                  {"Zeta"},
		"?source=fair&sort=createdAt":        {"acme", "Zeta"},
		"?q=ACME":                            {"Acme Norte", "acme"},
		"?q=person+1":                        {"acme"},
		"?q=P3%40":                           {"Zeta"},
		"?createdAfter=2199-01-01":           {},
		"?archived=true":                     {},
		"?minScore=1000":                     {},
		"?tenantId=" + tenant + "&limit=100": {"Zeta", "Acme Norte", "acme", "Borealis"},
	} {
		if got := column(s.get(owner, "/api/v2/leads"+query, after), "company"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if got := column(s.get(owner, "/api/v2/opportunities?stage=prospecting", after), "title"); !slices.Equal(got, []string{"Zeta"}) {
		t.Errorf("opportunities: %v", got)
	}
	if got := column(s.get(owner, "/api/v2/organizations?q=zet", after), "name"); !slices.Equal(got, []string{"Zeta"}) {
		t.Errorf("organizations: %v", got)
	}
	if got := column(s.get(owner, "/api/v2/contacts?q=person", after), "name"); !slices.Equal(got, []string{"Person 3"}) {
		t.Errorf("contacts: %v", got)
	}
	all := s.get(s.provider, "/api/v2/leads", theirs)
	if got := column(all, "tenantId"); len(got) != 8 || !slices.Contains(got, tenant) {
		t.Errorf("staff see leads of %v", got)
	}
	if got := column(s.get(s.provider, "/api/v2/leads?tenantId="+tenant, theirs), "company"); len(got) != 4 {
		t.Errorf("staff narrowed to one tenant see %v", got)
	}
	s.want(s.do("GET", "/api/v2/leads?tenantId="+tenant, call{cookie: other}), 404, "not_found")
}

func TestListsRefuse(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	other, _ := s.tenant("other")
	after, _ := s.shop(owner)
	next := text(s.get(owner, "/api/v2/leads?limit=2", after), "nextCursor")
	for _, query := range []string{
		"limit=0", "limit=101", "limit=x", "colour=red", "status=won", "minScore=many", "ownerId=me", "createdAfter=soon", "sort=email", "sort=", "archived=1",
		"source=%00", "q=", "source=a&source=b", "at=2199-01-01T00:00:00Z", "at=then", "cursor=forged", "cursor=" + next + "x", "status=new&cursor=" + next, "sort=company&cursor=" + next,
	} {
		if w := s.do("GET", "/api/v2/leads?"+query, call{cookie: owner}); query == "sort=" && w.Code == 200 {
			continue // an empty form field asks for nothing
		} else if w.Code != 422 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	s.want(s.do("GET", "/api/v2/leads?cursor="+next, call{cookie: other}), 422, "invalid_cursor")
	s.want(s.do("GET", "/api/v2/contacts?cursor="+next, call{cookie: owner}), 422, "invalid_cursor")
	s.want(s.do("GET", "/api/v2/tenants?cursor="+next, call{cookie: s.provider}), 422, "invalid_cursor")
	s.want(s.do("GET", "/api/v2/leads?limit=2&cursor="+next, call{cookie: owner}), 200, "")
	s.want(s.do("GET", "/api/v2/leads?limit=100&cursor="+next, call{cookie: owner}), 200, "")
	s.want(s.do("GET", "/api/v2/leads", call{}), 401, "unauthenticated")
	s.want(s.do("GET", "/api/v2/leads", call{cookie: owner, header: map[string]string{"StreamFlow-Cursor": "forged"}}), 422, "invalid_cursor")
}

// Every record is met exactly once, whatever is made between two pages.
func TestPagesAreStableUnderInserts(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	_, before := s.shop(owner)
	for _, order := range []string{"-createdAt", "company", "value"} {
		var got []string
		path := "/api/v2/leads?limit=1&sort=" + order
		for next := ""; ; {
			after, _ := s.made(owner, "/api/v2/leads", fmt.Sprintf(`{"company":"Mid","externalId":"%s %d","value":{"amount":150,"currency":"EUR"}}`, order, len(got)))
			w := s.get(owner, path+"&cursor="+next, after)
			got = append(got, column(w, "id")...)
			if next = text(w, "nextCursor"); next == "" || len(got) > 60 {
				break
			}
			if len(got) > 12 { // those made between pages may go on for ever in an order that they are at the end of
				path = "/api/v2/leads?limit=100&sort=" + order
				if w := s.do("GET", path+"&cursor="+next, call{cookie: owner}); w.Code == 200 {
					got = append(got, column(w, "id")...)
				}
				break
			}
		}
		for _, id := range before {
			if n := len(slices.DeleteFunc(slices.Clone(got), func(x string) bool { return x != id })); n != 1 {
				t.Errorf("sorted by %s, lead %s was met %d times", order, id, n)
			}
		}
	}
}

func TestListAsOfThen(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	then, ids := s.shop(owner)
	s.made(owner, "/api/v2/leads/"+ids[0]+"/qualify", "")
	after, _ := s.made(owner, "/api/v2/leads", `{"company":"Late","externalId":"9"}`)
	at := "&at=" + url.QueryEscape(then)
	w := s.get(owner, "/api/v2/leads?sort=createdAt"+at, after)
	if got := column(w, "status"); !slices.Equal(got, []string{"new", "new", "new", "new"}) {
		t.Errorf("as of then: %v", got)
	}
	if w.Header().Get("StreamFlow-Cursor") != then {
		t.Error("the answer does not name the moment asked")
	}
	if got := column(s.get(owner, "/api/v2/leads?status=qualified"+at, after), "id"); len(got) != 0 {
		t.Errorf("qualified then: %v", got)
	}
	if got := column(s.get(owner, "/api/v2/leads?status=qualified", after), "id"); !slices.Equal(got, ids[:1]) {
		t.Errorf("qualified now: %v", got)
	}
	if got := column(s.get(owner, "/api/v2/leads?at=2020-01-01T00:00:00Z", after), "id"); len(got) != 0 {
		t.Errorf("before everything: %v", got)
	}
}

func TestExportsStreamAll(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	s.made(owner, "/api/v2/leads", `{"name":"=cmd()","company":"A, \"B\"","externalId":"x","value":{"amount":5,"currency":"EUR"},"tags":["a","b"]}`)
	after, _ := s.shop(owner)
	w := s.get(owner, "/api/v2/leads?sort=createdAt&limit=1", after, "Accept", "text/csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	must(t, err)
	if len(rows) != 6 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || w.Header().Get("StreamFlow-Cursor") == "" {
		t.Fatalf("%v %v", w.Header(), rows)
	}
	cell := func(name string) string { return rows[1][slices.Index(rows[0], name)] }
	want := []string{"'=cmd()", `A, "B"`, "5", "EUR", `["a","b"]`, "1"}
	if got := []string{cell("name"), cell("company"), cell("value.amount"), cell("value.currency"), cell("tags"), cell("version")}; !slices.Equal(got, want) {
		t.Errorf("cells %q, want %q", got, want)
	}
	lines := strings.Split(strings.TrimSpace(s.get(owner, "/api/v2/leads?q=acme", after, "Accept", "application/x-ndjson").Body.String()), "\n")
	var lead map[string]any
	if must(t, json.Unmarshal([]byte(lines[0]), &lead)); len(lines) != 2 || lead["company"] != "Acme Norte" {
		t.Errorf("lines %q", lines)
	}
}

func TestInvoicesAndEscalationsAreListed(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	_, org := s.made(owner, "/api/v2/organizations", `{"name":"Buyer"}`)
	lines := `"currency":"EUR","lines":[{"description":"x","quantity":1,"unitAmount":1000,"taxRatePercent":0}]`
	today := time.Now().UTC()
	_, draft := s.made(owner, "/api/v2/invoices", `{"organizationId":"`+org+`","reference":"PO-7",`+lines+`}`)
	_, late := s.made(owner, "/api/v2/invoices", `{"organizationId":"`+org+`","issueDate":"`+today.AddDate(0, 0, -40).Format(time.DateOnly)+`",`+lines+`}`)
	after, _ := s.made(owner, "/api/v2/invoices/"+late+"/issue", "")
	for query, want := range map[string][]string{
		"":              {late, draft},
		"?status=draft": {draft},
		"?overdue=true": {late},
		"?overdue=true&on=" + today.AddDate(0, 0, -20).Format(time.DateOnly): {},
		"?overdue=false":         {draft},
		"?open=true":             {late},
		"?open=false":            {draft},
		"?q=po-7":                {draft},
		"?q=1":                   {late},
		"?organizationId=" + org: {late, draft},
		"?sort=number":           {draft, late},
	} {
		if got := column(s.get(owner, "/api/v2/invoices"+query, after), "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	s.want(s.do("GET", "/api/v2/invoices?archived=true", call{cookie: owner}), 422, "validation_failed")
	if w := s.get(owner, "/api/v2/escalations?status=open&severity=high", after); len(column(w, "id")) != 0 {
		t.Errorf("escalations: %s", w.Body)
	}
}

func TestTenantsList(t *testing.T) {
	s := newSite(t)
	owner, id := s.tenant("acme")
	s.tenant("beta")
	_, org := s.made(owner, "/api/v2/organizations", `{"name":"Buyer"}`)
	_, invoice := s.made(owner, "/api/v2/invoices", `{"organizationId":"`+org+`","currency":"EUR","lines":[{"description":"x","quantity":1,"unitAmount":1000,"taxRatePercent":0}]}`)
	s.made(owner, "/api/v2/invoices/"+invoice+"/issue", "")
	s.made(owner, "/api/v2/invoices/"+invoice+"/payments", `{"amount":{"amount":400,"currency":"EUR"}}`)
	after, _ := s.shop(owner)
	w := s.get(s.provider, "/api/v2/tenants?sort=name", after)
	var answer struct {
		Items []map[string]any `json:"items"`
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &answer))
	first := answer.Items[0]
	if len(answer.Items) != 2 || first["id"] != id || first["userCount"] != 1.0 || first["leadsTotal"] != 4.0 || first["lastEventAt"] == nil ||
		!reflect.DeepEqual(first["revenuePaid"], []any{map[string]any{"amount": 400.0, "currency": "EUR"}}) {
		t.Errorf("tenants: %s", w.Body)
	}
	if answer.Items[1]["lastEventAt"] != nil || fmt.Sprint(answer.Items[1]["revenuePaid"]) != "[]" {
		t.Errorf("a tenant that did nothing: %v", answer.Items[1])
	}
	var names []string
	for next := ""; ; {
		w := s.get(s.provider, "/api/v2/tenants?limit=1&sort=-lastEventAt&cursor="+next, after)
		names = append(names, column(w, "name")...)
		if next = text(w, "nextCursor"); next == "" {
			break
		}
	}
	if !slices.Equal(names, []string{"acme", "beta"}) {
		t.Errorf("paged: %v", names)
	}
}

// A record is 404 before it existed, and with every other moment as the list of that moment tells it.
func TestRecordAsOfThen(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	before, _ := s.made(owner, "/api/v2/leads", `{"company":"First","externalId":"1"}`)
	then, id := s.made(owner, "/api/v2/leads", `{"company":"Second","externalId":"2"}`)
	s.made(owner, "/api/v2/leads/"+id+"/qualify", "")
	for at, want := range map[string]string{then: "new", "": "qualified"} {
		if w := s.get(owner, "/api/v2/leads/"+id+"?at="+url.QueryEscape(at), ""); text(w, "status") != want {
			t.Errorf("at %q: %s, want %s", at, w.Body, want)
		}
	}
	s.want(s.do("GET", "/api/v2/leads/"+id+"?at="+before, call{cookie: owner}), 404, "not_found")
	s.want(s.do("GET", "/api/v2/leads/"+id+"?at=2020-01-01T00:00:00Z", call{cookie: owner}), 404, "not_found")
	s.want(s.do("GET", "/api/v2/leads/"+id+"?at=2199-01-01T00:00:00Z", call{cookie: owner}), 422, "validation_failed")
	s.want(s.do("GET", "/api/v2/leads/"+id+"?at=yesterday", call{cookie: owner}), 422, "invalid_cursor")
	foreign := s.commands.Log.Token(eventstore.Cursor{1: {Epoch: 7, Position: 1}})
	s.want(s.do("GET", "/api/v2/leads/"+id+"?at="+foreign, call{cookie: owner}), 422, "invalid_cursor")
}
