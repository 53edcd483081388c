package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
)

// fakeModels is the API's read models: two of them, the second with parked streams.
type fakeModels struct {
	sync.Mutex
	state, rebuild string // of the first
	previous       string
	job            string
	done           map[string]string
	writes         []string
	refuse         string // what every write is answered, with its status before it
	gone           bool   // this node looks after none
}

func newFakeModels() *fakeModels {
	return &fakeModels{state: "live", rebuild: "null", previous: "null", done: map[string]string{}}
}

func (f *fakeModels) record(name string) string {
	if name == "figures" {
		return fmt.Sprintf(`{"name":"figures","version":3,"generation":7,"previousGeneration":%s,"state":%q,"checkpoint":"c","lanes":[{"lane":1,"position":1234,"head":1240}],
			"lag":6,"lagMs":1500,"parked":0,"parkedKeys":[],"rebuild":%s}`, f.previous, f.state, f.rebuild)
	}
	return `{"name":"records","version":1,"generation":1,"previousGeneration":null,"state":"live","checkpoint":"c","lanes":[{"lane":1,"position":10,"head":10},{"lane":2,"position":4,"head":4}],
		"lag":0,"lagMs":0,"parked":5,"parkedKeys":[{"lane":1,"position":7,"tenantId":"t1","stream":"lead-<b>1</b>","reason":"<script>alert(1)</script> \"'","events":3,"parkedAt":"2026-03-31T10:00:00Z"}],"rebuild":null}`
}

func (f *fakeModels) routes(r chi.Router, signedIn func(http.ResponseWriter, *http.Request) bool) {
	locked := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			switch {
			case !signedIn(w, r):
			case f.gone:
				refuseWith(w, `503 {"title":"Not now","code":"unavailable","detail":"This node looks after no read models."}`)
			case chi.URLParam(r, "name") != "" && !slices.Contains([]string{"figures", "records"}, chi.URLParam(r, "name")):
				refuseWith(w, `404 {"title":"Not found","code":"not_found"}`)
			default:
				serve(w, r)
			}
		}
	}
	r.Get("/api/v2/projections", locked(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"items":[%s,%s],"nextCursor":null}`, f.record("figures"), f.record("records"))
	}))
	r.Get("/api/v2/projections/{name}", locked(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, f.record(chi.URLParam(r, "name"))) }))
	r.Post("/api/v2/projections/{name}/{step}", locked(f.write))
	r.Get("/api/v2/jobs/{id}", locked(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, f.job) }))
}

// refuseWith answers with a status and a problem.
func refuseWith(w http.ResponseWriter, refusal string) {
	status, text, _ := strings.Cut(refusal, " ")
	code, _ := strconv.Atoi(status)
	w.WriteHeader(code)
	fmt.Fprint(w, text)
}

// write does what it is asked once for a key.
func (f *fakeModels) write(w http.ResponseWriter, r *http.Request) {
	if f.refuse != "" {
		refuseWith(w, f.refuse)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if key := r.Header.Get("Idempotency-Key"); f.done[key] == "" {
		f.writes = append(f.writes, strings.TrimPrefix(r.URL.Path, "/api/v2/projections/")+" "+string(body))
		f.done[key] = f.record(chi.URLParam(r, "name"))
	}
	if chi.URLParam(r, "step") == "rebuild" {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"j1","state":"running"}`)
		return
	}
	fmt.Fprint(w, f.done[r.Header.Get("Idempotency-Key")])
}

// TestReadModelsAreShown: what each is, how far, what waits of it and why, with nothing of it taken for markup.
func TestReadModelsAreShown(t *testing.T) {
	f, server := newFake(t, "developer", `{}`)
	_, body := ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, `id="models"`, `data-refresh="1000"`, ">Live<", "3, tables of generation 7", "1,234 of 1,240", "6 events, the oldest for 1.5 s",
		"lane 1: 10 of 10, lane 2: 4 of 4", "None: every event is folded", "5 events could not be folded", "The list has the first 1 stream.", "&lt;script&gt;alert(1)&lt;/script&gt;", "3 events",
		`href="/developer/events?stream=lead-%3Cb%3E1%3C%2Fb%3E&amp;tenantId=t1"`, `action="/developer/projections/records/retry"`, `href="/developer/projections/figures/rebuild?back=`, "31 Mar 2026, 10:00:00 UTC")
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<b>1</b>") || strings.Contains(body, "/switch") || strings.Contains(body, "<progress") {
		t.Error(body)
	}
	f.models.previous, f.models.state = "6", "paused"
	_, body = ask(t, server, "GET", projectionsPath+"/figures", nil, "developer")
	holds(t, body, ">Paused<", `action="/developer/projections/figures/resume"`, "figures/switch?back=%2Fdeveloper%2Fprojections%2Ffigures", `aria-current="true"`)
	if strings.Contains(body, "figures/pause") || strings.Contains(body, "records") {
		t.Error(body)
	}
	for state, says := range map[string]string{"outdated": ">Outdated<", "dreaming": ">Dreaming<"} {
		f.models.state = state
		_, body = ask(t, server, "GET", projectionsPath, nil, "developer")
		holds(t, body, says)
	}
	res, body := ask(t, server, "GET", projectionsPath+"/nobody", nil, "developer")
	holds(t, body, "No such projection", "Go to the dashboard")
	f.models.gone = true
	gone, body := ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, "This node looks after no read models.")
	if res.StatusCode != http.StatusNotFound || gone.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "data-refresh") {
		t.Errorf("%d, %d", res.StatusCode, gone.StatusCode)
	}
}

// TestARebuildIsWatched: how far it is while it runs, and how it ended, by the words of its job.
func TestARebuildIsWatched(t *testing.T) {
	f, server := newFake(t, "developer", `{}`)
	f.models.state = "rebuilding"
	f.models.rebuild = fmt.Sprintf(`{"jobId":"j1","state":"running","done":1000,"total":4000,"begunAt":%q}`, time.Now().Add(-10*time.Second).UTC().Format(time.RFC3339))
	_, body := ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, ">Rebuilding<", `<progress id="rebuild-figures" value="1000" max="4000">`, "1,000 of 4,000", "events a second, about ", " to go.")
	if strings.Contains(body, "figures/rebuild") {
		t.Error("it can be rebuilt while it is")
	}
	f.models.rebuild = `{"jobId":"j1","state":"running","done":0,"total":0,"begunAt":"2026-03-31T10:00:00Z"}`
	_, body = ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, `<progress id="rebuild-figures"></progress>`, "It has just begun.")
	f.models.state, f.models.rebuild = "live", `{"jobId":"j1","state":"done","done":4000,"total":4000,"begunAt":"2026-03-31T10:00:00Z"}`
	f.models.job = `{"id":"j1","state":"done","endedAt":"2026-03-31T10:00:09Z","errors":[]}`
	_, body = ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, "Rebuilt from 4,000 events, 31 Mar 2026, 10:00:09 UTC")
	f.models.rebuild = `{"jobId":"j1","state":"failed","done":3,"total":4,"begunAt":"2026-03-31T10:00:00Z"}`
	f.models.job = `{"id":"j1","state":"failed","endedAt":null,"errors":[{"message":"table <balance> differs"}]}`
	_, body = ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, "The last rebuild failed, 31 Mar 2026, 10:00:00 UTC", "Table &lt;balance&gt; differs.")
	f.models.job = `{"title":"Not found"}`
	_, body = ask(t, server, "GET", projectionsPath, nil, "developer")
	holds(t, body, "Why is not known.")
}

// TestAReadModelIsLookedAfter: each form does what it says once, and asks first where everybody would see it.
func TestAReadModelIsLookedAfter(t *testing.T) {
	f, server := newFake(t, "developer", `{}`)
	for _, c := range []struct {
		step, asks, sent string
		form             url.Values
	}{
		{"rebuild", "Rebuild figures", "figures/rebuild {}", url.Values{}},
		{"rebuild", "Switch also where they differ", `figures/rebuild {"force":true}`, url.Values{"force": {"yes"}}},
		{"pause", "Pause figures", "figures/pause {}", url.Values{}},
		{"resume", "", "figures/resume {}", url.Values{}},
		{"retry", "", "figures/retry {}", url.Values{}},
		{"switch", "Switch back figures", "figures/switch {}", url.Values{}},
	} {
		f.models.writes = nil
		path := projectionsPath + "/figures/" + c.step
		res, body := ask(t, server, "GET", path+"?back=%2Fdeveloper%2Fprojections%2Ffigures", nil, "developer")
		c.form.Set("idempotencyKey", c.step+c.asks)
		if c.asks != "" {
			holds(t, body, c.asks, "data-form", `name="back" value="/developer/projections/figures"`)
			c.form.Set("idempotencyKey", keyOf(t, body))
		} else {
			redirects(t, res, projectionsPath+"/figures")
		}
		c.form.Set("back", projectionsPath+"/figures")
		for range 2 {
			res, _ = ask(t, server, "POST", path, c.form, "developer")
			redirects(t, res, projectionsPath+"/figures?done="+c.step)
		}
		if !slices.Equal(f.models.writes, []string{c.sent}) {
			t.Errorf("%s sent %q", c.step, f.models.writes)
		}
		_, body = ask(t, server, "GET", projectionsPath+"?done="+c.step, nil, "developer")
		holds(t, body, `<div class="toast`, modelNotes[c.step].Text)
	}
	res, _ := ask(t, server, "POST", projectionsPath+"/records/retry", url.Values{"idempotencyKey": {"vain"}}, "developer")
	redirects(t, res, projectionsPath+"?done=stuck")
	_, body := ask(t, server, "GET", projectionsPath+"?done=stuck", nil, "developer")
	holds(t, body, "still cannot be folded")
	for _, c := range []struct {
		step, refusal string
		status        int
		says          []string
	}{
		{"rebuild", `503 {"title":"Not now","code":"unavailable","detail":"Another read model is being rebuilt on this node."}`, 503, []string{"Another read model is being rebuilt", `value="yes" checked`, `class="form"`}},
		{"switch", `409 {"title":"Not from there","code":"invalid_transition","detail":"no previous generation"}`, 409, []string{"no previous generation"}},
		{"retry", `409 {"title":"Not from there","code":"invalid_transition"}`, 409, []string{"Not from there"}},
		{"pause", `404 {"title":"Not found","code":"not_found"}`, 404, []string{"Not found"}},
	} {
		f.models.refuse = c.refusal
		res, body := ask(t, server, "POST", projectionsPath+"/figures/"+c.step, url.Values{"idempotencyKey": {"first"}, "force": {"yes"}}, "developer")
		if holds(t, body, c.says...); res.StatusCode != c.status {
			t.Errorf("%s: %d", c.step, res.StatusCode)
		}
		// What may have been done goes under its key again; a refusal is the answer to it for ever.
		if kept := strings.Contains(body, `value="first"`); kept != (c.step == "rebuild") {
			t.Errorf("%s: the key is kept: %v", c.step, kept)
		}
	}
	for _, method := range []string{"GET", "POST"} {
		res, _ := ask(t, server, method, projectionsPath+"/figures/nonsense", url.Values{}, "developer")
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s a step that is none: %d", method, res.StatusCode)
		}
	}
}

func TestTimeSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 ms", 999 * time.Millisecond: "999 ms", 1500 * time.Millisecond: "1.5 s", 61 * time.Second: "1 min 1 s", 50*time.Hour + 3*time.Minute: "50 h 3 min"} {
		if got := lasting(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := (rebuilt{Total: 5}).pace(time.Now()); got != "It has just begun." {
		t.Error(got)
	}
}
