package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
)

// fakeAPI answers as the API does, from a router as its own, so that a page's route must not leak into it.
type fakeAPI struct {
	portal   string       // of the only account
	session  atomic.Bool  // false: nobody is signed in any more
	stats    atomic.Value // string: the figures as JSON
	why      atomic.Value // string: what each is made of, as JSON; empty: nothing
	whyOf    atomic.Value // url.Values: what that was last asked for
	query    atomic.Value // string: what the figures were last asked for
	told     chan string  // what the stream of figures says, until it is closed
	last     atomic.Value // string: what that was last told to go on behind
	looks    atomic.Value // string: what the API says of themes
	tenant   string       // of the account; empty: the provider's staff
	role     string       // of the account
	settings *fakeSettings
	aging    atomic.Value // string: the aging report as JSON, or its status and refusal
	leads    *fakeRecords
	invoices *fakeRecords
	models   *fakeModels
	desk     *fakeDesk
	imports  *fakeImports
	refuse   atomic.Value // string: what everything but who is signed in is answered, with its status before it; or panic
	strict   atomic.Bool  // who is signed in is not told either then
	further  atomic.Bool  // it has second factors, and resets passwords
	asked    atomic.Value // string: what the last request was called
	log      *fakeLog
	journal  journal // what the pages log
}

// journal is a log that is read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newFake(t *testing.T, portal, stats string) (*fakeAPI, *httptest.Server) {
	t.Helper()
	f := &fakeAPI{portal: portal, told: make(chan string), tenant: "t1", role: "owner", imports: newFakeImports(), settings: &fakeSettings{is: `{"theme":null,"mode":null,"usersMayChoose":false}`}, models: newFakeModels(), log: newFakeLog(), desk: newFakeDesk(),
		leads: newFakeRecords("/api/v2/leads", "l", leadText, leadHistory), invoices: newFakeRecords("/api/v2/invoices", "i", invoiceText, invoiceHistory)}
	f.aging.Store(agingText)
	f.session.Store(true)
	f.stats.Store(stats)
	f.query.Store("")
	f.why.Store("")
	f.looks.Store("{}")
	f.refuse.Store("")
	r := chi.NewRouter()
	r.Use(f.refused)
	f.furtherRoutes(r)
	r.Post("/api/auth/login", f.login)
	r.Post("/api/auth/logout", func(w http.ResponseWriter, r *http.Request) {
		name := "sf_" + r.Header.Get("StreamFlow-Portal")
		http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
		w.WriteHeader(http.StatusNoContent)
	})
	r.Get("/api/auth/me", func(w http.ResponseWriter, r *http.Request) {
		if f.signedIn(w, r) {
			fmt.Fprintf(w, `{"user":{"id":"u1","role":%q,"name":"<b>Ada</b> & \"Co\"","email":"ada@example.com","portal":%q,"tenantId":%q}}`, f.role, f.portal, f.tenant)
		}
	})
	r.Get("/api/portals/{portal}/stats", f.figures)
	r.Get("/api/portals/{portal}/stats/{name}/events", f.reasons)
	r.Get("/api/portals/{portal}/activity", f.activity)
	f.leads.routes(r, f.signedIn)
	f.settings.routes(r, f.signedIn)
	f.models.routes(r, f.signedIn)
	f.desk.routes(r, f.signedIn)
	f.imports.routes(r, f.signedIn)
	f.log.routes(r, f.signedIn)
	f.invoices.routes(r, f.signedIn)
	f.books(r)
	r.Get("/api/v2/users", func(w http.ResponseWriter, r *http.Request) {
		if f.signedIn(w, r) {
			fmt.Fprint(w, `{"items":[{"id":"u1","name":"Ada"},{"id":"u2","name":"<u>Bob</u>"}],"nextCursor":null}`)
		}
	})
	r.Get("/api/theme", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, f.looks.Load()) })
	server := httptest.NewServer(New(r, slog.New(slog.NewTextHandler(&f.journal, nil))))
	t.Cleanup(server.Close)
	return f, server
}

// refused answers everything that it is told to refuse.
func (f *fakeAPI) refused(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse, _ := f.refuse.Load().(string)
		status, text, _ := strings.Cut(refuse, " ")
		code, err := strconv.Atoi(status)
		later := r.URL.Path == factorAPI || strings.HasPrefix(r.URL.Path, "/api/auth/password/")
		switch {
		case later && !f.further.Load():
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"title":"Nothing here","code":"not_found"}`)
		case refuse == "" || r.URL.Path == "/api/auth/me" && !f.strict.Load() || r.URL.Path == "/api/theme":
			next.ServeHTTP(w, r)
		case err != nil:
			panic("a secret broke")
		default:
			f.asked.Store(r.Header.Get("X-Correlation-Id"))
			if code == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "41")
			}
			w.WriteHeader(code)
			fmt.Fprint(w, text)
		}
	})
}

func (f *fakeAPI) signedIn(w http.ResponseWriter, r *http.Request) bool {
	if cookie, err := r.Cookie("sf_" + r.Header.Get("StreamFlow-Portal")); err == nil && cookie.Value == "token" && f.session.Load() {
		return true
	}
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, `{"title":"Sign in first","code":"unauthenticated"}`)
	return false
}

func (f *fakeAPI) login(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	if r.Header.Get("Content-Type") != "application/json" || json.UnmarshalRead(r.Body, &body) != nil || body["password"] != "right" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"title":"E-mail or password wrong","code":"bad_credentials"}`)
		return
	}
	if f.further.Load() {
		fmt.Fprint(w, `{"next":"factor","challenge":"<c1>","methods":["totp","recovery"]}`)
		return
	}
	f.enter(w)
}

func (f *fakeAPI) enter(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: "sf_" + f.portal, Value: "token", Path: "/", HttpOnly: true})
	fmt.Fprintf(w, `{"user":{"name":"Ada","portal":%q}}`, f.portal)
}

func (f *fakeAPI) figures(w http.ResponseWriter, r *http.Request) {
	if !f.signedIn(w, r) {
		return
	}
	f.query.Store(r.URL.RawQuery)
	if r.URL.Query().Get("at") == "2999-01-01T00:00:00Z" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"title":"Not valid","code":"validation_failed","errors":[{"field":"at","message":"is in the future"}]}`)
		return
	}
	if r.Header.Get("Accept") == "text/event-stream" {
		f.stream(w, r)
		return
	}
	fmt.Fprintf(w, `{"cursor":"c","at":"2026-03-31T10:00:05Z","stats":%s}`, f.stats.Load())
}

// activity is what happens, as it is told.
func (f *fakeAPI) activity(w http.ResponseWriter, r *http.Request) {
	if f.signedIn(w, r) {
		f.query.Store(r.URL.RawQuery)
		f.stream(w, r)
	}
}

// stream says what it is told to.
func (f *fakeAPI) stream(w http.ResponseWriter, r *http.Request) {
	f.last.Store(r.Header.Get("Last-Event-ID"))
	w.Header().Set("Content-Security-Policy", "the API's own")
	control := http.NewResponseController(w)
	for text := "retry: 1000\n\n"; ; {
		if _, err := io.WriteString(w, text); err != nil || control.Flush() != nil {
			return
		}
		open := false
		select {
		case text, open = <-f.told:
		case <-r.Context().Done():
		}
		if !open {
			return
		}
	}
}

// told is an event of the API's stream of figures.
func told(id, stats string) string {
	return "id: " + id + "\ndata: {\"cursor\":\"" + id + "\",\"at\":\"2026-03-31T10:00:05Z\",\"stats\":" + stats + "}\n\n"
}

// page is what a browser got, beside the text.
type page struct {
	StatusCode int
	Header     http.Header
}

// ask is a browser that follows no redirect, and is signed in to the portals named.
func ask(t *testing.T, server *httptest.Server, method, path string, form url.Values, portals ...string) (page, string) {
	t.Helper()
	return send(t, server, method, path, form, nil, portals)
}

// asked is the same with a cookie that the browser keeps besides.
func asked(t *testing.T, server *httptest.Server, path string, kept *http.Cookie, portals ...string) (page, string) {
	t.Helper()
	return send(t, server, "GET", path, nil, kept, portals)
}

func send(t *testing.T, server *httptest.Server, method, path string, form url.Values, kept *http.Cookie, portals []string) (page, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if kept != nil {
		req.AddCookie(kept)
	}
	for _, p := range portals {
		req.AddCookie(&http.Cookie{Name: "sf_" + p, Value: "token"})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{res.StatusCode, res.Header}, string(body)
}

func holds(t *testing.T, body string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(body, w) {
			t.Errorf("the page lacks %q:\n%s", w, body)
		}
	}
}

func redirects(t *testing.T, res page, to string) {
	t.Helper()
	if got := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || got != to {
		t.Errorf("got %d to %q, want 303 to %q", res.StatusCode, got, to)
	}
}

func TestSignIn(t *testing.T) {
	for _, p := range portals {
		_, server := newFake(t, p.Name, `{}`)
		res, _ := ask(t, server, "POST", "/login", url.Values{"email": {"ada@example.com"}, "password": {"right"}})
		redirects(t, res, p.Home)
		if got := res.Header.Get("Set-Cookie"); !strings.HasPrefix(got, "sf_"+p.Name+"=token") {
			t.Errorf("cookie %q", got)
		}
	}
	_, server := newFake(t, "provider", `{}`)
	res, body := ask(t, server, "POST", "/login", url.Values{"email": {`a"><script>x`}, "password": {"secret-wrong"}, "next": {"/provider"}})
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong password: %d", res.StatusCode)
	}
	holds(t, body, "E-mail or password wrong", `value="a&#34;&gt;&lt;script&gt;x"`, `value="/provider"`)
	if strings.Contains(body, "secret-wrong") {
		t.Error("the password was sent back")
	}
	res, _ = ask(t, server, "POST", "/login", url.Values{"email": {"\xff"}, "password": {"right"}})
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("not UTF-8: %d", res.StatusCode)
	}
}

func TestSignOutEndsTheNamedPortalsSession(t *testing.T) {
	_, server := newFake(t, "provider", `{}`)
	res, _ := ask(t, server, "POST", "/logout", url.Values{"portal": {"provider"}}, "provider", "client")
	redirects(t, res, "/login")
	if got := res.Header.Get("Set-Cookie"); !strings.HasPrefix(got, "sf_provider=;") {
		t.Errorf("cookie %q", got)
	}
}

func TestNextStaysOnTheSite(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	for next, want := range map[string]string{
		"/dashboard?at=2026-01-01T00%3A00%3A00Z": "/dashboard?at=2026-01-01T00%3A00%3A00Z", "/leads/1": "/leads/1",
		"//evil.example": "", "https://evil.example/": "", `/\evil.example`: "", "/\t/evil.example": "", "/x/..//evil.example": "",
		"javascript:alert(1)": "", "evil": "", "": "", "/%5cevil.example": "", "/%2fevil.example": "", "/login": "", "/provider": "", "http:/dashboard": "",
	} {
		if want == "" {
			want = "/dashboard"
		}
		res, _ := ask(t, server, "POST", "/login", url.Values{"email": {"a"}, "password": {"right"}, "next": {next}})
		redirects(t, res, want)
	}
}

func TestPagesAskForASession(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	res, _ := ask(t, server, "GET", "/", nil)
	redirects(t, res, "/dashboard")
	for _, p := range portals {
		res, _ := ask(t, server, "GET", p.Home+"?at=2026-01-01T00:00:00Z", nil)
		redirects(t, res, "/login?next="+url.QueryEscape(p.Home+"?at=2026-01-01T00:00:00Z"))
	}
	res, _ = ask(t, server, "GET", "/provider", nil, "client") // a session of another portal alone
	redirects(t, res, "/login?next=%2Fprovider")
	f.session.Store(false)
	res, _ = ask(t, server, "GET", "/dashboard", nil, "client")
	redirects(t, res, "/login?next=%2Fdashboard")
}

func TestEveryPageHasItsHeaders(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	for path, status := range map[string]int{"/login": 200, "/dashboard": 200, "/nowhere": 404, "/assets/app.css": 404, "/live": 404} {
		res, body := ask(t, server, "GET", path, nil, "client")
		if res.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, status)
		}
		if res.Header.Get("Content-Security-Policy") != policy || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, res.Header)
		}
		holds(t, body, `<html lang="en" data-theme="`, `<main id="main">`)
		if strings.Contains(body, " style=") || strings.Contains(body, "<style") || strings.Contains(body, " on") && strings.Contains(body, ` onclick=`) {
			t.Errorf("%s holds what the policy refuses", path)
		}
		for name, a := range assets {
			if path == "/dashboard" || name != "keys.js" { // who is not signed in has nowhere to go by keys
				holds(t, body, a.address)
			}
		}
	}
	for name, a := range assets {
		res, body := ask(t, server, "GET", a.address, nil)
		if res.StatusCode != 200 || body != string(a.content) || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
		}
	}
}
