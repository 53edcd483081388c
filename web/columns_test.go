package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestColumnsAreChosen: what is not ticked is hidden on this list and no other, in the head and in every row; what nobody said
// anything of is shown.
func TestColumnsAreChosen(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"?status=new", nil, "client")
	holds(t, body, `name="list" value="leads"`, `name="back" value="/leads?status=new"`, `name="of" value="company"`, `name="column" value="source" checked`, `data-label="Company"`, `data-label="Added"`)
	if strings.Contains(body, `name="column" value="name"`) {
		t.Error("what names the rows can be taken away")
	}
	form := url.Values{"list": {"leads"}, "back": {"/leads?status=new"}, "of": {"company", "status", "source", "createdAt"}, "column": {"status", "source"}}
	res, _ := ask(t, server, "POST", "/columns", form)
	redirects(t, res, "/leads?status=new")
	cookie, err := http.ParseSetCookie(res.Header.Get("Set-Cookie"))
	if err != nil || cookie.Name != "sf_columns_leads" || cookie.Value != "company.createdAt" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Fatalf("%v %v", cookie, err)
	}
	_, body = asked(t, server, leadsPath, cookie, "client")
	checkPage(t, "chosen columns", body)
	holds(t, body, `data-label="Source"`, `data-label="Score"`, `name="column" value="company"`)
	for _, gone := range []string{`data-label="Company"`, `data-label="Added"`, "sort=company", `value="company" checked`} {
		if strings.Contains(body, gone) {
			t.Errorf("%s is still there", gone)
		}
	}
	if rows, sources := strings.Count(body, `<th scope="row"`), strings.Count(body, `data-label="Source"`); rows != 2 || sources != rows {
		t.Errorf("%d rows, %d of them with a source", rows, sources)
	}
	for _, value := range []string{"name", "", "..", "\"><script>", strings.Repeat("a.", 2000)} {
		cookie.Value = value
		res, body := asked(t, server, leadsPath, cookie, "client")
		if res.StatusCode != http.StatusOK || !strings.Contains(body, `<th scope="row"`) || !strings.Contains(body, `data-label="Company"`) || strings.Contains(body, `"><script>`) {
			t.Errorf("%.20q: %d", value, res.StatusCode)
		}
	}
}

func TestAChoiceOfColumnsThatIsNone(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	for _, form := range []url.Values{{}, {"list": {"leads; x"}}, {"list": {"leads"}, "of": {"a;b"}}, {"list": {"leads"}, "of": make([]string, 50)}} {
		res, body := ask(t, server, "POST", "/columns", form)
		if res.StatusCode != http.StatusBadRequest || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%v: %d %v", form, res.StatusCode, res.Header)
		}
		holds(t, body, "no columns of a list")
	}
	res, _ := ask(t, server, "POST", "/columns", url.Values{"list": {"leads"}, "back": {"//evil.example"}})
	redirects(t, res, "/")
}
