package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
)

const (
	invoiceText = `{"id":%[1]q,"tenantId":"t9","tenantName":"<b>North</b>","organizationId":"o1","currency":"EUR","status":"partly_paid","number":1012,"version":%[2]d,
		"lines":[{"description":"<i>Work</i> %[1]s","quantity":2.5,"unitAmount":40010,"taxRatePercent":19}],"issueDate":"2026-01-02","dueDate":"2026-02-01","reference":"PO-1",
		"net":{"amount":100025,"currency":"EUR"},"tax":{"amount":19005,"currency":"EUR"},"total":{"amount":119030,"currency":"EUR"},"taxes":[{"ratePercent":19,"net":100025,"tax":19005}],
		"paid":{"amount":19030,"currency":"EUR"},"credited":{"amount":1000,"currency":"EUR"},"balance":{"amount":99000,"currency":"EUR"},"disputed":true,"disputeReason":"never <u>ordered</u>",
		"payments":[{"paymentId":"p1","amount":{"amount":20030,"currency":"EUR"},"refunded":1000,"paidOn":"2026-01-10","method":"Card"}],
		"credits":[{"creditId":"c1","creditNumber":7,"reason":"late","creditedOn":"2026-01-11","total":{"amount":1000,"currency":"EUR"}}],
		"createdAt":"2026-01-02T10:00:00Z","updatedAt":"2026-01-10T10:00:00Z"}`
	invoiceHistory = `{"items":[
		{"cursor":"c2","version":2,"type":"invoice.payment_received","recordedAt":"2026-01-10T10:00:00Z","actor":{"kind":"user","id":"u1"},"data":{"amount":{"amount":20030,"currency":"EUR"},"balance":{"amount":99000,"currency":"EUR"},"paidOn":"2026-01-10","method":"<s>Card</s>"}},
		{"cursor":"c1","version":1,"type":"invoice.issued","recordedAt":"2026-01-02T10:00:00Z","actor":{"kind":"staff","id":"s1"},"data":{"number":1012,"dueDate":"2026-02-01","total":{"amount":119030,"currency":"EUR"}}}],"nextCursor":"older"}`
	agingText = `{"on":"2026-03-31","buckets":[{"bucket":"not_due","invoices":0,"amounts":[]},{"bucket":"1-30","invoices":1,"amounts":[{"amount":99000,"currency":"EUR"},{"amount":5,"currency":"JPY"}]},
		{"bucket":"90+","invoices":2,"amounts":[{"amount":1234567,"currency":"USD"}]},{"bucket":"new","invoices":1,"amounts":[]}],"total":{"bucket":"total","invoices":4,"amounts":[{"amount":99000,"currency":"EUR"}]}}`
)

// books are the routes beside invoices that their pages ask.
func (f *fakeAPI) books(r chi.Router) {
	r.Get("/api/v2/reports/aging", func(w http.ResponseWriter, r *http.Request) {
		if !f.signedIn(w, r) {
			return
		}
		if f.aging.Load() == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"title":"Behind its time","code":"unavailable"}`)
			return
		}
		fmt.Fprint(w, f.aging.Load())
	})
	r.Get("/api/v2/organizations", func(w http.ResponseWriter, r *http.Request) {
		if !f.signedIn(w, r) {
			return
		}
		if r.URL.Query().Get("archived") == "false" { // it was archived
			fmt.Fprint(w, `{"items":[],"nextCursor":null}`)
			return
		}
		fmt.Fprint(w, `{"items":[{"id":"o1","name":"Acme & <b>Co</b>"},{"id":"o2","name":"Acme"}],"nextCursor":null}`)
	})
}

// newBooks is a browser of an accountant's: of the provider's staff, or of a tenant's own.
func newBooks(t *testing.T, tenant string) (f *fakeAPI, get func(path string) string, post func(path string, form url.Values) (page, string)) {
	t.Helper()
	f, server := newFake(t, "accountant", `{}`)
	f.tenant = tenant
	get = func(path string) string {
		_, body := ask(t, server, "GET", path, nil, "accountant")
		return body
	}
	return f, get, func(path string, form url.Values) (page, string) {
		return ask(t, server, "POST", path, form, "accountant")
	}
}

// TestInvoicesAreListedWithWhatIsOwed: amounts with their currencies, what is late, and the ways to each bucket's invoices.
func TestInvoicesAreListedWithWhatIsOwed(t *testing.T) {
	f, get, _ := newBooks(t, "t1")
	late := int(time.Since(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	body := get(invoicesPath + "?open=true&cursor=2&trail=&other=1")
	if got := f.invoices.query.Encode(); got != "cursor=2&open=true" {
		t.Errorf("asked for %s", got)
	}
	holds(t, body, `href="/accountant/invoices/i3?list=cursor%3D2%26open%3Dtrue&amp;row=0"`, "Invoice 1,012", "Acme &amp; &lt;b&gt;Co&lt;/b&gt;", ">Partly paid<", fmt.Sprintf(">%s days overdue<", whole(int64(late))), ">Disputed<",
		"1 Feb 2026", "1,190.30 EUR", "990.00 EUR", "days are counted in UTC", `href="/accountant/invoices/i3/payments?back=%2Faccountant%2Finvoices%3Fcursor%3D2%26open%3Dtrue"`,
		`href="/accountant/invoices?open=true" aria-current="page"`, `href="/accountant/invoices?disputed=true"`,
		`href="/accountant/invoices?dueAfter=2026-02-28&amp;dueBefore=2026-03-31&amp;open=true&amp;sort=dueDate"`, `href="/accountant/invoices?dueBefore=2025-12-31&amp;open=true&amp;sort=dueDate"`,
		"<b>5</b>", "JPY", "<b>12,345.67</b>", "1–30 days late", "4 invoices", "on 31 Mar 2026 (UTC)", ">new</h3>", `href="/accountant/invoices/new"`)
	if strings.Contains(body, "North") || strings.Contains(body, tenantParameter) {
		t.Error("who has one tenant is shown which")
	}
	holds(t, get(invoicesPath+"?q=nobody"), "No invoice is like that", "What is owed")
	holds(t, get(invoicesPath+"?sort=nonsense"), "Sort: is no order.", `role="alert"`)
	f.invoices.ids = nil
	holds(t, get(invoicesPath), "No invoices yet", `href="/accountant/invoices/new" data-dialog`)
	body = get(invoicesPath + "?at=2026-01-01T10:00")
	holds(t, body, "No invoices then", "data-then", "As it stood on 1 Jan 2026, 10:00:00 UTC")
	f.aging.Store("")
	body = get(invoicesPath)
	holds(t, body, "Behind its time", "No invoices yet")
	if strings.Contains(body, "nothing") {
		t.Error("what could not be read is shown as nothing")
	}
}

// TestTheInvoicesOfThen are overdue by then, and nothing can be done with them.
func TestTheInvoicesOfThen(t *testing.T) {
	f, get, _ := newBooks(t, "t1")
	body := get(invoicesPath + "?at=2026-02-02T23:30:00")
	holds(t, body, "1 day overdue", `href="/accountant/invoices/i1?at=2026-02-02T23%3A30%3A00Z&amp;list=at%3D2026-02-02T23%253A30%253A00Z&amp;row=0"`)
	if f.invoices.query.Get("at") != "2026-02-02T23:30:00Z" || strings.Contains(body, "/payments") {
		t.Errorf("the list of then: %v", f.invoices.query)
	}
	if strings.Contains(get(invoicesPath+"?at=2026-02-01T23:30:00"), "overdue<") {
		t.Error("an invoice is late on the day that it is due")
	}
	body = get(invoicesPath + "/i1?at=c1")
	holds(t, body, "data-then", "As it stood on 2 Jan 2026, 10:00:00 UTC", "shown now", `class="success later"`)
	if strings.Contains(body, "/payments") || strings.Contains(body, "overdue<") {
		t.Error("the past can be changed, or is judged by today")
	}
}

// TestADraftOwesNothing: it has a total, and no balance.
func TestADraftOwesNothing(t *testing.T) {
	f, get, _ := newBooks(t, "t1")
	f.invoices.text = strings.NewReplacer(`"partly_paid"`, `"draft"`, `"number":1012,`, "", `"disputed":true`, `"disputed":false`).Replace(f.invoices.text)
	for path, called := range map[string]string{invoicesPath: "Draft invoice PO-1", invoicesPath + "/i1": "<h1>Invoice for Acme"} {
		body := get(path)
		holds(t, body, called, "1,190.30 EUR", "/i1/issue?", "/i1/void?")
		if strings.Contains(strings.ReplaceAll(body, "990.00 EUR left", ""), ">990.00 EUR<") || strings.Contains(body, "/payments?") {
			t.Errorf("%s: a draft is owed", path)
		}
		if strings.Contains(body, "/i1/dispute?") {
			t.Errorf("%s: what nobody owes can be disputed", path)
		}
	}
	holds(t, get(invoicesPath+"/i1/void"), "Void the draft invoice PO-1", "It will not be issued.")
}

// TestAnInvoiceIsShown: its facts, lines, sums, payments and events, exactly.
func TestAnInvoiceIsShown(t *testing.T) {
	f, get, _ := newBooks(t, "t1")
	body := get(invoicesPath + "/i1?row=0")
	holds(t, body, "Invoice 1,012", `<a href="/accountant/invoices?organizationId=o1">Acme &amp; &lt;b&gt;Co&lt;/b&gt;</a>`, "never &lt;u&gt;ordered", "&lt;i&gt;Work&lt;/i&gt; i1", "2.5 × 400.10 EUR, 19 % tax", "1,000.25 EUR",
		"Tax 19 % of 1,000.25 EUR", "190.05 EUR", "1,190.30 EUR", "−10.00 EUR", "−190.30 EUR", "990.00 EUR", "Paid on 10 Jan 2026", "200.30 EUR", "10.00 EUR went back", "Credit note 7 of 11 Jan 2026", "Days are counted in UTC",
		"200.30 EUR on 10 Jan 2026, &lt;s&gt;Card&lt;/s&gt;, 990.00 EUR left", "by you", "by the provider", "As number 1012 over 1,190.30 EUR, due on 1 Feb 2026", `rel="next" href="/accountant/invoices/i2?row=1"`)
	for step, offered := range map[string]bool{"payments": true, "credit": true, "resolve-dispute": true, "dispute": false, "void": false, "issue": false, "edit": false} {
		if strings.Contains(body, "/i1/"+step+"?") != offered {
			t.Errorf("%s is offered: %v", step, !offered)
		}
	}
	if strings.Contains(strings.Join(f.invoices.reads, " "), tenantParameter) {
		t.Errorf("asked %q", f.invoices.reads)
	}
	holds(t, get(invoicesPath+"/nobody"), "There is no invoice at this address", `href="/accountant"`)
}

// TestStaffWorksInTheBooksThatItNames: of whom a record is goes with every read, write and way.
func TestStaffWorksInTheBooksThatItNames(t *testing.T) {
	f, get, post := newBooks(t, "")
	body := get(invoicesPath)
	holds(t, body, "&lt;b&gt;North&lt;/b&gt;", `href="/accountant/invoices/i1?row=0&amp;tenantId=t9"`, `href="/accountant/invoices?tenantId=t9"`, `href="/accountant/invoices/i1/payments?back=%2Faccountant%2Finvoices&amp;tenantId=t9"`, "what the platform itself is owed")
	if strings.Contains(body, invoicesPath+"/new") {
		t.Error("a draft would be nobody's")
	}
	holds(t, get(invoicesPath+"?tenantId=t9"), `href="/accountant/invoices/new?tenantId=t9"`, "Books of: <b>&lt;b&gt;North")
	holds(t, get(invoicesPath+"/new"), "Choose in the list of invoices whose books")
	if res, body := post(invoicesPath+"/new", url.Values{"idempotencyKey": {"k"}}); res.StatusCode != 422 || len(f.invoices.writes) > 0 {
		t.Errorf("a draft of nobody: %d %s", res.StatusCode, body)
	}
	holds(t, get(invoicesPath+"/i1/credit"), `<a href="/accountant/invoices/i1/credit?tenantId=t9">`) // leads there
	f.invoices.reads = nil
	holds(t, get(invoicesPath+"/i1?row=0&tenantId=t9"), `rel="next" href="/accountant/invoices/i2?row=1&amp;tenantId=t9"`, `/i1/credit?back=`, `href="/accountant/invoices/i1?at=c1&amp;row=0&amp;tenantId=t9"`)
	if want := []string{"/api/v2/invoices/i1/history?tenantId=t9", "/api/v2/invoices/i1?tenantId=t9", "/api/v2/invoices"}; !slices.Equal(f.invoices.reads, want) {
		t.Errorf("asked %q", f.invoices.reads)
	}
	holds(t, get(invoicesPath+"/i1/credit?tenantId=t9"), `action="/accountant/invoices/i1/credit?tenantId=t9"`)
	res, _ := post(invoicesPath+"/i1/credit?tenantId=t9", url.Values{"idempotencyKey": {"k"}, "amount": {"5"}, "reason": {"late"}})
	redirects(t, res, invoicesPath+"/i1?after=after-k&done=credit&tenantId=t9")
	if !slices.Equal(f.invoices.tenants, []string{"t9"}) {
		t.Errorf("written for %q", f.invoices.tenants)
	}
}

// TestAStepOfAnInvoiceIsTakenOnce: each form that is sent twice is done once, and says what the API needs.
func TestAStepOfAnInvoiceIsTakenOnce(t *testing.T) {
	f, get, post := newBooks(t, "t1")
	holds(t, get(invoicesPath+"/i1/payments?back=%2Faccountant%2Finvoices%3Fq%3Da"), `value="990.00"`, "990.00 EUR are still due", "Amount in EUR", `name="back" value="/accountant/invoices?q=a"`, `<option value="Bank transfer">`)
	for step, c := range map[string]struct {
		form url.Values
		body string
	}{
		"issue":           {url.Values{"issueDate": {"2026-01-02"}}, `{"issueDate":"2026-01-02"}`},
		"payments":        {url.Values{"amount": {"12.5"}, "method": {"Card"}, "paidOn": {""}}, `{"amount":{"amount":1250,"currency":"EUR"},"method":"Card"}`},
		"credit":          {url.Values{"amount": {"1"}, "reason": {"late"}}, `{"amount":{"amount":100,"currency":"EUR"},"reason":"late"}`},
		"dispute":         {url.Values{"reason": {"no"}, "other": {"x"}}, `{"reason":"no"}`},
		"resolve-dispute": {url.Values{"resolution": {"yes"}}, `{"resolution":"yes"}`},
		"void":            {url.Values{"reason": {"wrong"}}, `{"reason":"wrong"}`},
	} {
		f.invoices.writes = nil
		c.form.Set("idempotencyKey", step)
		c.form.Set("back", invoicesPath+"?q=a")
		for range 2 {
			res, _ := post(invoicesPath+"/i1/"+step, c.form)
			redirects(t, res, invoicesPath+"?after=after-"+step+"&done="+step+"&q=a")
		}
		if len(f.invoices.writes) != 1 || !sameJSON(f.invoices.writes[0], "POST /api/v2/invoices/i1/"+step+"  ", c.body) {
			t.Errorf("%s sent %q", step, f.invoices.writes)
		}
		holds(t, get(invoicesPath+"?done="+step+"&after=after-"+step), `<div class="toast`)
	}
	if !slices.Contains(f.invoices.cursors, "after-void") {
		t.Errorf("the list did not wait: %q", f.invoices.cursors)
	}
	if res, _ := post(invoicesPath+"/i1/nonsense", url.Values{}); res.StatusCode != http.StatusNotFound {
		t.Errorf("a step that is none: %d", res.StatusCode)
	}
}

// sameJSON says whether a write begins with its address and says the same as a text.
func sameJSON(write, address, text string) bool {
	got, ok := strings.CutPrefix(write, address)
	var a, b any
	return ok && json.Unmarshal([]byte(got), &a) == nil && json.Unmarshal([]byte(text), &b) == nil && fmt.Sprint(a) == fmt.Sprint(b)
}

// TestADraftIsWrittenOnce: its lines without the empty ones, exact to the minor unit, for the client that has the name.
func TestADraftIsWrittenOnce(t *testing.T) {
	f, get, post := newBooks(t, "t1")
	form := url.Values{"idempotencyKey": {keyOf(t, get(invoicesPath+"/new"))}, "organizationId": {"acme"}, "currency": {"JPY"}, "dueDate": {""}}
	for line, texts := range [][4]string{{"", "", "", ""}, {" Tea ", "2.5", "1800", "19"}, {"", "", "", ""}, {"Discount", "1", "-5", "7.25"}} {
		for i, f := range lineFields {
			form.Set(lineField(line, f.Name), texts[i])
		}
	}
	for range 2 {
		res, _ := post(invoicesPath+"/new", form)
		redirects(t, res, invoicesPath+"/i6?after=after-"+form.Get("idempotencyKey")+"&done=created")
	}
	if len(f.invoices.writes) != 1 || !sameJSON(f.invoices.writes[0], "POST /api/v2/invoices  ", `{"organizationId":"o2","currency":"JPY","lines":[{"description":"Tea","quantity":2.5,"unitAmount":1800,"taxRatePercent":19},
		{"description":"Discount","quantity":1,"unitAmount":-5,"taxRatePercent":7.25}]}`) {
		t.Errorf("sent %q", f.invoices.writes)
	}
	body := get(invoicesPath + "/i1/edit")
	holds(t, body, `value="Acme &amp; &lt;b&gt;Co&lt;/b&gt;"`, `value="2.5"`, `value="400.10"`, `name="version" value="2"`, `name="lines[2].description"`, `<option value="EUR" selected>`)
	edit := url.Values{"idempotencyKey": {"e"}, "version": {"2"}, "organizationId": {"Acme & <b>Co</b>"}, "currency": {"EUR"}, "lines[0].description": {"Tea"}, "lines[0].quantity": {"1"}, "lines[0].unitAmount": {"1"}, "lines[0].taxRatePercent": {"0"}}
	res, _ := post(invoicesPath+"/i1/edit", edit)
	redirects(t, res, invoicesPath+"/i1?after=after-e&done=edited")
	if !strings.HasPrefix(f.invoices.writes[1], `PATCH /api/v2/invoices/i1 "v2" {`) || !strings.Contains(f.invoices.writes[1], `"dueDate":null`) {
		t.Errorf("sent %q", f.invoices.writes[1])
	}
}

// TestWhatIsRefusedOfAnInvoice: the form comes back with what was entered, what is wrong with it, and a key of its own.
func TestWhatIsRefusedOfAnInvoice(t *testing.T) {
	f, _, post := newBooks(t, "t1")
	line := func(quantity, price, rate string) url.Values {
		return url.Values{"organizationId": {"Acme"}, "currency": {"EUR"}, "lines[0].description": {`"><script>`}, "lines[0].quantity": {quantity}, "lines[0].unitAmount": {price}, "lines[0].taxRatePercent": {rate}}
	}
	unknown := line("1", "1", "0")
	unknown.Set("organizationId", "ac")
	gap := line("", "", "")
	gap.Set("lines[0].description", "")
	gap.Set("lines[1].description", "Tea")
	gap.Set("lines[1].quantity", "x")
	for _, c := range []struct {
		path, refusal string
		form          url.Values
		status        int
		says          []string
	}{
		{"/new", "", line("many", "1,5", "19%"), 422, []string{"3 fields need your attention", "Line 1, Quantity: Enter a number like 2.5", "no more decimals than EUR has", `value="1,5"`, `value="&#34;&gt;&lt;script&gt;"`, `href="#invoice-lines[0].quantity"`}},
		{"/new", "", unknown, 422, []string{"No organization is called that. Is it Acme", `value="ac"`}},
		{"/new", "", gap, 422, []string{`id="invoice-lines[0].quantity"`, `value="Tea"`, "Line 1, Quantity: Enter"}},
		{"/new", `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"lines[0].quantity","message":"is not greater than 0"},{"field":"dueDate","message":"is before the issue date"},{"field":"lines","message":"is required"}]}`,
			line("0", "1", "19"), 422, []string{"Line 1, Quantity: Is not greater than 0.", "Due date: Is before the issue date.", "Lines: is required."}},
		{"/i1/edit", `412 {"title":"Changed meanwhile","code":"version_conflict"}`, line("3", "400.10", "19"), 412, []string{"Somebody changed this invoice", "Line 1, Quantity: It is 2.5 now.", `name="version" value="2"`}},
		{"/i1/edit", `409 {"title":"Not from there","code":"invalid_transition","detail":"It is issued."}`, line("3", "400.10", "19"), 409, []string{"It is issued.", `value="3"`}},
		{"/i1/payments", "", url.Values{"amount": {"1.999"}}, 422, []string{"no more decimals than EUR has", `value="1.999"`}},
		{"/i1/payments", `422 {"title":"Too much","code":"payment_exceeds_balance","errors":[{"field":"","message":"The payment is more than the invoice's balance."}]}`, url.Values{"amount": {"5000"}, "method": {"Card"}}, 422,
			[]string{"<b>The payment is more than the invoice&#39;s balance.", `value="5000"`, `value="Card"`}},
		{"/i1/void", `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"reason","message":"is required"}]}`, url.Values{}, 422, []string{"Reason: Is required.", "Void invoice"}},
		{"/i1/issue", `409 {"title":"Not from there","code":"invalid_transition","detail":"It is void."}`, url.Values{}, 409, []string{"It is void."}},
	} {
		f.invoices.refuse = c.refusal
		if c.refusal == "" {
			f.invoices.refuse = `500 {"title":"It was sent"}`
		}
		c.form.Set("idempotencyKey", "first")
		res, body := post(invoicesPath+c.path, c.form)
		if res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.path, res.StatusCode, c.status)
		}
		holds(t, body, c.says...)
		if strings.Contains(body, "<script>") || strings.Contains(body, `value="first"`) {
			t.Errorf("%s: %s", c.path, body)
		}
	}
}
