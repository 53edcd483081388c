package web

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// element is a start tag of a page, and what it stands in.
type element struct {
	name   string
	attr   map[string]string
	within []string
}

// elements reads a page as strictly as its elements are closed in order.
func elements(t *testing.T, body string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all []element
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}, within: slices.Clone(open)}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, e.name)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("</%s> closes %v", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// checkPage holds a page to what every page keeps: it reads and posts with scripts off, and says to everybody what it shows.
func checkPage(t *testing.T, name, body string) {
	t.Helper()
	all, ids, labelled := elements(t, body), map[string]int{}, map[string]bool{}
	for _, e := range all {
		if id := e.attr["id"]; id != "" {
			ids[id]++
		}
		if e.name == "label" {
			labelled[e.attr["for"]] = true
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%s: %d elements are called %s", name, n, id)
		}
	}
	headings := 0
	for _, e := range all {
		for attribute, value := range e.attr {
			if attribute == "style" || strings.HasPrefix(attribute, "on") {
				t.Errorf("%s: <%s %s>: the policy refuses it", name, e.name, attribute)
			}
			if slices.Contains([]string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "commandfor", "popovertarget", "form"}, attribute) {
				for id := range strings.FieldsSeq(value) {
					if ids[id] == 0 {
						t.Errorf("%s: <%s %s=%q> leads to nothing", name, e.name, attribute, value)
					}
				}
			}
			if attribute == "href" && strings.HasPrefix(value, "#") && ids[value[1:]] == 0 {
				t.Errorf("%s: a link leads to %s, which is not there", name, value)
			}
		}
		switch e.name {
		case "h1":
			headings++
		case "style":
			t.Errorf("%s: a style of its own", name)
		case "script":
			if e.attr["src"] == "" {
				t.Errorf("%s: a script of its own", name)
			}
		case "input", "select", "textarea":
			hidden := e.attr["type"] == "hidden"
			if !hidden && !labelled[e.attr["id"]] && e.attr["aria-label"] == "" && !slices.Contains(e.within, "label") {
				t.Errorf("%s: nothing says what %s %v is", name, e.name, e.attr)
			}
		case "form":
			if (e.attr["method"] != "post" || e.attr["action"] == "") && e.attr["method"] != "get" && e.attr["method"] != "dialog" {
				t.Errorf("%s: a form that needs a script: %v", name, e.attr)
			}
			if slices.Contains(e.within, "form") {
				t.Errorf("%s: a form in a form", name)
			}
		case "button":
			if e.attr["type"] == "" {
				t.Errorf("%s: a button that sends by accident: %v", name, e.attr)
			}
		case "svg":
			if e.attr["aria-hidden"] != "true" && e.attr["aria-label"] == "" {
				t.Errorf("%s: a drawing that says nothing: %v", name, e.attr)
			}
		case "dialog", "nav", "figure":
			if e.attr["aria-labelledby"] == "" && e.attr["aria-label"] == "" {
				t.Errorf("%s: <%s> has no name", name, e.name)
			}
		case "th":
			if e.attr["scope"] == "" {
				t.Errorf("%s: a heading of nothing", name)
			}
		case "img":
			if _, ok := e.attr["alt"]; !ok {
				t.Errorf("%s: a picture that says nothing", name)
			}
		}
	}
	if headings != 1 {
		t.Errorf("%s: %d headings of the first level", name, headings)
	}
}

func TestEveryPageIsReadable(t *testing.T) {
	_, server := newFake(t, "client", `{"leadsHot": {"value": 1, "unit": "count"}, "conversionRate90d": {"value": 0.5, "unit": "ratio", "of": {"numerator": 1, "denominator": 2}}}`)
	everywhere := []string{"client", "provider", "developer", "accountant"}
	read := func(path string) {
		res, body := ask(t, server, "GET", path, nil, everywhere...)
		if res.StatusCode != http.StatusSeeOther { // one that leads elsewhere has nothing to read
			checkPage(t, path, body)
		}
	}
	read("/nowhere")
	for _, sc := range screens() {
		tried := 0
		for _, path := range append([]string{sc.path}, sc.tries...) {
			if sc.get != nil && !strings.Contains(path, "{") {
				read(path)
				tried++
			}
		}
		if sc.get != nil && tried == 0 {
			t.Errorf("no test opens %s: name an address of it in its tries", sc.path)
		}
		if sc.post != nil {
			path := strings.NewReplacer("{id}", "l1", "{name}", "leadsHot", "{step}", "disqualify", "{action}", "saved").Replace(sc.path)
			if res, body := ask(t, server, "POST", path, url.Values{"email": {"a"}}, everywhere...); res.StatusCode != http.StatusSeeOther {
				checkPage(t, "POST "+path, body)
			}
		}
	}
}

// TestScreensAreLetIntoAndFound: every screen of a portal asks for its session, and every one of a menu is marked on itself.
func TestScreensAreLetIntoAndFound(t *testing.T) {
	for _, sc := range screens() {
		if sc.portal == "" {
			continue
		}
		_, server := newFake(t, sc.portal, `{}`)
		path := strings.NewReplacer("{id}", "l1", "{name}", "leadsHot", "{step}", "convert", "{action}", "saved").Replace(sc.path)
		for method, there := range map[string]bool{"GET": sc.get != nil, "POST": sc.post != nil} {
			if there && !sc.open {
				res, _ := ask(t, server, method, path, url.Values{}, "another")
				redirects(t, res, "/login?next="+url.QueryEscape(path))
			}
		}
		if sc.icon != "" {
			res, body := ask(t, server, "GET", path, nil, sc.portal)
			if res.StatusCode != http.StatusOK || strings.Count(body, `aria-current="page"`) < 1 {
				t.Errorf("%s: %d, and its menu marks it not", path, res.StatusCode)
			}
			holds(t, body, `href="`+path+`" aria-current="page"`)
		}
	}
	_, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath+"/l1", nil, "client")
	holds(t, body, `href="/leads" aria-current="true"`) // a record is in its list
}

func TestTheGallerysFormIsJudgedByTheServer(t *testing.T) {
	_, server := newFake(t, "developer", `{}`)
	res, body := ask(t, server, "POST", galleryPath, url.Values{"name": {`Ann "<script>`}, "email": {"ann"}, "value": {"-3"}, "source": {"event"}, "priority": {"high"}, "notes": {"</textarea>\xff"}}, "developer")
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%d", res.StatusCode)
	}
	holds(t, body, "3 fields need your attention", `value="Ann &#34;&lt;script&gt;"`, "Enter an address with an @", "Enter a whole number", "Tick the box", `<option value="event" selected>`, `value="high" checked`, "&lt;/textarea&gt;�")
	good := url.Values{"name": {"Ann"}, "email": {"ann@example.com"}, "priority": {"low"}, "agree": {"yes"}}
	res, _ = ask(t, server, "POST", galleryPath, good, "developer")
	redirects(t, res, galleryPath+"?done=saved")
	_, body = ask(t, server, "GET", galleryPath+"?done=saved", nil, "developer")
	holds(t, body, "The lead was saved.", `action="/developer/gallery/undone"`)
	res, _ = ask(t, server, "POST", galleryPath+"/undone", url.Values{}, "developer")
	redirects(t, res, galleryPath+"?done=undone")
	res, _ = ask(t, server, "POST", galleryPath, url.Values{"notes": {strings.Repeat("x", maxForm)}}, "developer")
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("too large: %d", res.StatusCode)
	}
	for _, path := range []string{galleryPath, galleryPath + "/undone"} {
		res, _ = ask(t, server, "POST", path, good, "client")
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login?") {
			t.Errorf("%s without a session: %d %s", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

var (
	invoiceNumber = regexp.MustCompile(`name="id" value="(INV-\d+)"`)
	nextPage      = regexp.MustCompile(`rel="next" href="([^"]+)"`)
)

// TestAListIsReadToItsEnd follows the pages of a list: each row is there once, in order, and the filter holds on each.
func TestAListIsReadToItsEnd(t *testing.T) {
	_, server := newFake(t, "developer", `{}`)
	for query, want := range map[string]int{"?sort=-number": 137, "": 137, "?status=Paid&sort=total": 28, "?q=NORTHWIND": 20, "?q=nobody": 0, "?cursor=x&sort=x&status=": 137, "?cursor=999999": 137, "?cursor=-5": 137} {
		var rows []string
		for path := galleryPath + query; path != ""; {
			if len(rows) > 1000 {
				t.Fatalf("%q: the list has no end", query)
			}
			_, body := ask(t, server, "GET", path, nil, "developer")
			for _, found := range invoiceNumber.FindAllStringSubmatch(body, -1) {
				rows = append(rows, found[1])
			}
			path = ""
			if next := nextPage.FindStringSubmatch(body); next != nil {
				path = strings.ReplaceAll(next[1], "&amp;", "&")
			}
		}
		once := slices.Compact(slices.Sorted(slices.Values(rows)))
		if len(rows) != want || len(once) != want {
			t.Errorf("%q: %d rows, %d of them different, want %d", query, len(rows), len(once), want)
		}
		if query == "?sort=-number" && !slices.IsSortedFunc(rows, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("%q: %v", query, rows)
		}
	}
	_, body := ask(t, server, "GET", galleryPath+"?q="+url.QueryEscape(`"><script>alert(1)</script>`), nil, "developer")
	holds(t, body, "No invoice is like that", `value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"`)
	if strings.Contains(body, "<script>alert") {
		t.Error("a filter was not escaped")
	}
}
