package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
)

// fakeImports is the API's imports: m1 planned, m2 at work, m3 done, m4 stopped, m5 planned with nothing to bring in, m6 forgotten, m7 being taken back,
// m8 taken back, m9 stopped at that.
type fakeImports struct {
	sync.Mutex
	writes []string
	refuse string // what every write is answered, with its status before it
	barred bool   // whoever asks may not import
}

func newFakeImports() *fakeImports { return &fakeImports{} }

const plannedCounts = `{"rows":1234,"imported":1100,"known":30,"duplicates":2,"rejected":102}`

func (f *fakeImports) record(id string) string {
	state, counts, left, file, more := "planned", plannedCounts, `[{"line":7,"reason":"email: is <b>no</b> address","existingId":""},{"line":9,"reason":"is a duplicate","existingId":"l1"}]`,
		`"name":"<i>fair</i>.csv","form":"csv","header":["Full name"," E-Mail ","","Größe"],"sample":[["<script>x</script>","a@b.example","",""],["","","",""]],"columns":{"Full name":"name","E-Mail":"email","":"","Größe":"custom.größe"},
		"fixed":{"currency":"EUR"},"dateLayout":"Jan 2 2006","fields":["name","email","custom."],`, `"canRun":true`
	switch id {
	case "m2":
		state, counts, left, more = "running", "null", "[]", `"canRun":false,"done":120,"total":1234`
	case "m3":
		state, more = "done", `"canRun":false,"canUndo":true,"cursor":"c9"`
	case "m7":
		state, more = "undoing", `"canRun":false,"done":90,"total":1100`
	case "m8":
		state, more = "undone", `"canRun":false,"cursor":"c9","kept":[{"leadId":"l2","reason":"was <b>edited</b> since it was imported"}]`
		counts = `{"rows":1234,"imported":1100,"known":30,"duplicates":2,"rejected":102,"takenBack":1098,"kept":2}`
	case "m9":
		state, more = "failed", `"canRun":false,"canUndo":true,"error":"its node ended before it did"`
	case "m4":
		state, counts, more = "failed", "null", `"canRun":true,"error":"its node ended before it did"`
	case "m5":
		counts = `{"rows":1,"imported":0,"known":1,"duplicates":0,"rejected":0}`
		left = "[]"
	case "m6":
		left, more = "[]", `"canRun":false`
		file = `"name":"","form":"","header":[],"sample":[],"columns":{},"fixed":{},"dateLayout":"","fields":[],`
	}
	return fmt.Sprintf(`{"id":%q,"kind":"leads","state":%q,%s"counts":%s,"left":%s,"createdAt":"2026-03-31T10:00:00Z","begunAt":"2026-03-31T10:00:00Z","endedAt":null,"expiresAt":"2026-04-01T10:00:00Z",%s}`,
		id, state, file, counts, left, more)
}

func (f *fakeImports) routes(r chi.Router, signedIn func(http.ResponseWriter, *http.Request) bool) {
	locked := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			switch id := chi.URLParam(r, "id"); {
			case !signedIn(w, r):
			case f.barred:
				refuseWith(w, `403 {"title":"Not allowed","code":"forbidden"}`)
			case id != "" && !strings.HasPrefix(id, "m"):
				refuseWith(w, `404 {"title":"Nothing here","code":"not_found"}`)
			default:
				serve(w, r)
			}
		}
	}
	write := locked(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.writes = append(f.writes, r.Header.Get("Idempotency-Key")+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+r.URL.RawQuery+" "+string(body))
		if f.refuse != "" {
			refuseWith(w, f.refuse)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"m1","state":"running"}`)
	})
	r.Post("/api/v2/imports", write)
	r.Post("/api/v2/imports/{id}/plan", write)
	r.Post("/api/v2/imports/{id}/run", write)
	r.Post("/api/v2/imports/{id}/undo", write)
	r.Get("/api/v2/imports", locked(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"items":[{"id":"m3","name":"<i>fair</i>.csv","state":"done","counts":%s,"createdAt":"2026-03-31T10:00:00Z"},{"id":"m6","name":"","state":"planned","counts":null,"createdAt":"2026-03-30T10:00:00Z"}],"nextCursor":null}`, plannedCounts)
	}))
	r.Get("/api/v2/imports/{id}", locked(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, f.record(chi.URLParam(r, "id"))) }))
	r.Get("/api/v2/imports/{id}/rejected", locked(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="rejected.csv"`)
		fmt.Fprint(w, "line,reason\n7,no\n")
	}))
}

// uploads sends a form with a file, as a browser does; without a name none was chosen.
func uploads(t *testing.T, server *httptest.Server, name, text string) (page, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("idempotencyKey", "k")
	part, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = io.WriteString(part, text)
	}
	if err != nil || form.Close() != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+importPath, &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.AddCookie(&http.Cookie{Name: "sf_client", Value: "token"})
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{res.StatusCode, res.Header}, string(answer)
}

// A file goes on to the API as it is, under the form's key, and the page leads to what it comes to.
func TestAFileIsSentOn(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", leadsPath, nil, "client")
	holds(t, body, `href="/leads/import"`)
	_, body = ask(t, server, "GET", importPath, nil, "client")
	holds(t, body, `enctype="multipart/form-data"`, `type="file"`, `accept=".csv,`, `href="/leads/import/m3"`, "&lt;i&gt;fair&lt;/i&gt;.csv", "A file without a name", "1,100")
	checkPage(t, "upload", body)
	text := "name,email\r\nÄ,\xff\r\n" + strings.Repeat("x,y\r\n", 100_000) // more than a form may have
	res, _ := uploads(t, server, `C:\files\fair & co.CSV`, text)
	redirects(t, res, "/leads/import/m1")
	want := []string{"k /api/v2/imports text/csv dryRun=true&kind=leads&name=fair+%26+co.CSV " + text}
	if !slices.Equal(f.imports.writes, want) {
		t.Errorf("sent %.200q", f.imports.writes)
	}
	f.imports.writes = nil
	res, _ = uploads(t, server, "a.ndjson", "{}\n")
	redirects(t, res, "/leads/import/m1")
	if len(f.imports.writes) != 1 || !strings.Contains(f.imports.writes[0], " application/x-ndjson ") {
		t.Errorf("sent %q", f.imports.writes)
	}
}

func TestAFileThatIsRefusedIsToldAtItsField(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	res, body := uploads(t, server, "", "")
	if res.StatusCode != http.StatusUnprocessableEntity || len(f.imports.writes) != 0 {
		t.Errorf("no file: %d, %q", res.StatusCode, f.imports.writes)
	}
	holds(t, body, "Choose a file first.", `aria-invalid="true"`)
	checkPage(t, "no file", body)
	res, _ = ask(t, server, "POST", importPath, url.Values{"idempotencyKey": {"k"}}, "client")
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("another form: %d", res.StatusCode)
	}
	for refusal, says := range map[string]string{
		`422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"file","message":"the file is empty: its <b>first</b> line names the columns"}]}`: "The file is empty: its &lt;b&gt;first&lt;/b&gt; line names the columns.",
		`413 {"title":"Too large","code":"payload_too_large","detail":"A file may have 50 MiB at most."}`:                                                         "A file may have 50 MiB at most.",
		`503 {"title":"Not now","code":"unavailable"}`: "Not now",
	} {
		f.imports.refuse = refusal
		res, body = uploads(t, server, "a.csv", strings.Repeat("x", 1<<20))
		if status, _, _ := strings.Cut(refusal, " "); fmt.Sprint(res.StatusCode) != status {
			t.Errorf("%s: %d", refusal, res.StatusCode)
		}
		holds(t, body, says)
		if again := strings.Contains(body, `value="k"`); again != strings.HasPrefix(refusal, "503") {
			t.Errorf("%s: the same key again: %v", refusal, again)
		}
	}
}

func TestWhatAFileComesTo(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	for id, wanted := range map[string][]string{
		"m1": {"&lt;i&gt;fair&lt;/i&gt;.csv", "Import 1,100 leads", `action="/leads/import/m1/run"`, `action="/leads/import/m1/plan"`, "Email: is &lt;b&gt;no&lt;/b&gt; address", `href="/leads/l1"`,
			"The list has the first 2 of 104.", `href="/leads/import/m1/rejected"`, "&lt;script&gt;x&lt;/script&gt;", `<option value="custom.größe" selected>`, `value="EUR"`, `<option value="Jan 2 2006" selected>`,
			"1,234 rows: 1,100 would be imported, 32 there already, 102 rejected."},
		"m2": {`data-refresh="1000"`, `value="120" max="1234"`, "Look again", "Importing"},
		"m3": {"1,234 rows: 1,100 imported, 32 there already, 102 rejected.", `href="/leads?after=c9&amp;sort=-createdAt"`, `href="/leads/import/m3/rejected"`},
		"m4": {"its node ended before it did", "Go on", `action="/leads/import/m4/run"`},
		"m5": {"Choose another file", `action="/leads/import/m5/plan"`},
		"m6": {"Nothing of the file is kept any more", "A file without a name"},
		"m7": {`data-refresh="1000"`, `value="90" max="1100"`, "Taking the leads back", "Being taken back"},
		"m8": {"1,098 leads taken back, 2 not taken back.", "<dt>Not taken back</dt>", `<a href="/leads/l2">&lt;i&gt;Ann&lt;/i&gt; l2</a>`, "Was &lt;b&gt;edited&lt;/b&gt; since it was imported", "The list has the first 1 of 2.",
			`href="/leads?after=c9&amp;archived=true&amp;sort=-createdAt"`},
		"m9": {"Taking it back stopped: its node ended before it did", "Go on taking it back"},
	} {
		res, body := ask(t, server, "GET", importPath+"/"+id, nil, "client")
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", id, res.StatusCode)
		}
		holds(t, body, wanted...)
		checkPage(t, id, body)
		if runs := strings.Contains(body, id+`/run"`); runs != (id == "m1" || id == "m4") {
			t.Errorf("%s can be run: %v", id, runs)
		}
		if undoes := strings.Contains(body, id+`/undo"`); undoes != (id == "m3" || id == "m9") {
			t.Errorf("%s can be taken back: %v", id, undoes)
		}
		if lives := strings.Contains(body, "data-refresh"); lives != (id == "m2" || id == "m7") {
			t.Errorf("%s is looked at again: %v", id, lives)
		}
	}
	if res, _ := ask(t, server, "GET", importPath+"/nobody", nil, "client"); res.StatusCode != http.StatusNotFound {
		t.Errorf("none: %d", res.StatusCode)
	}
	res, body := ask(t, server, "GET", importPath+"/m1/rejected", nil, "client")
	if body != "line,reason\n7,no\n" || res.Header.Get("Content-Disposition") == "" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("rejected: %v %s", res.Header, body)
	}
}

// What the form says of columns goes to the API as it is, with what it does not ask about.
func TestAFileIsReadAnotherWay(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	form := url.Values{"idempotencyKey": {"k"}, "column-0": {"company"}, "column-1": {"email"}, "column-2": {""}, "column-3": {"custom.größe"}, "fixed-source": {" fair "}, "fixed-currency": {""}, "dateLayout": {"1/2/2006"}}
	res, _ := ask(t, server, "POST", importPath+"/m1/plan", form, "client")
	redirects(t, res, "/leads/import/m1")
	want := `k /api/v2/imports/m1/plan application/json  {"columns":{"":"","E-Mail":"email","Full name":"company","Größe":"custom.größe"},"dateLayout":"1/2/2006","fixed":{"source":"fair"}}`
	if len(f.imports.writes) != 1 || !sameText(f.imports.writes[0], want) {
		t.Errorf("sent %q\nwant %q", f.imports.writes, want)
	}
	f.imports.refuse = `422 {"title":"Not valid","errors":[{"field":"columns","message":"only one column can give name"}]}`
	form.Set("column-1", "name")
	res, body := ask(t, server, "POST", importPath+"/m1/plan", form, "client")
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("refused: %d", res.StatusCode)
	}
	holds(t, body, "Columns: only one column can give name.", `value="fair"`, `<option value="1/2/2006" selected>`)
	checkPage(t, "refused mapping", body)
	f.imports.refuse = ""
	res, _ = ask(t, server, "POST", importPath+"/m1/run", url.Values{"idempotencyKey": {"r"}}, "client")
	redirects(t, res, "/leads/import/m1")
	if last := f.imports.writes[len(f.imports.writes)-1]; last != "r /api/v2/imports/m1/run application/json  {}" {
		t.Errorf("sent %q", last)
	}
	f.imports.refuse = `409 {"title":"Not from there","code":"invalid_transition","detail":"That cannot be asked."}`
	if res, body := ask(t, server, "POST", importPath+"/m1/run", url.Values{"idempotencyKey": {"r2"}}, "client"); res.StatusCode != http.StatusConflict || !strings.Contains(body, "That cannot be asked.") {
		t.Errorf("refused run: %d", res.StatusCode)
	}
}

// An import is taken back after a page that says what that means, also without scripts.
func TestAnImportIsTakenBackOnItsPage(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	_, body := ask(t, server, "GET", importPath+"/m3/undo", nil, "client")
	holds(t, body, "Take &lt;i&gt;fair&lt;/i&gt;.csv back", `action="/leads/import/m3/undo"`, "those that somebody has changed since", `name="idempotencyKey"`)
	checkPage(t, "undo", body)
	res, _ := ask(t, server, "GET", importPath+"/m1/undo", nil, "client")
	redirects(t, res, "/leads/import/m1") // there is nothing to ask
	if len(f.imports.writes) != 0 {
		t.Errorf("done unasked: %q", f.imports.writes)
	}
	res, _ = ask(t, server, "POST", importPath+"/m3/undo", url.Values{"idempotencyKey": {"u"}}, "client")
	redirects(t, res, "/leads/import/m3")
	if len(f.imports.writes) != 1 || f.imports.writes[0] != "u /api/v2/imports/m3/undo application/json  {}" {
		t.Errorf("sent %q", f.imports.writes)
	}
	f.imports.refuse = `409 {"title":"Not from there","code":"invalid_transition","detail":"It was taken back already."}`
	if res, body := ask(t, server, "POST", importPath+"/m3/undo", url.Values{"idempotencyKey": {"u2"}}, "client"); res.StatusCode != http.StatusConflict || !strings.Contains(body, "It was taken back already.") {
		t.Errorf("refused: %d", res.StatusCode)
	}
}

// sameText compares texts whose maps may stand in any order.
func sameText(a, b string) bool {
	parts := func(s string) []string {
		all := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("{},", r) })
		slices.Sort(all)
		return all
	}
	return slices.Equal(parts(a), parts(b))
}

func TestWhoMayNotImportIsToldSo(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.imports.barred, f.role = true, "staff"
	if _, body := ask(t, server, "GET", leadsPath, nil, "client"); strings.Contains(body, importPath) {
		t.Error("the list, or its palette, offers an import")
	}
	for _, path := range []string{importPath, importPath + "/m1", importPath + "/m1/rejected", importPath + "/m3/undo"} {
		res, body := ask(t, server, "GET", path, nil, "client")
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
		holds(t, body, "Your role does not include this.")
	}
	if res, _ := uploads(t, server, "a.csv", "name\n"); res.StatusCode != http.StatusForbidden {
		t.Errorf("upload: %d", res.StatusCode)
	}
	for _, step := range []string{"/m1/run", "/m1/plan", "/m3/undo"} {
		if res, _ := ask(t, server, "POST", importPath+step, url.Values{}, "client"); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", step, res.StatusCode)
		}
	}
	if res, _ := ask(t, server, "GET", importPath+"/m1", nil); res.StatusCode != http.StatusSeeOther {
		t.Errorf("without a session: %d", res.StatusCode)
	}
}
