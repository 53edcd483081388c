package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
)

// fakeRecords is one kind of the API's records: five of them, in pages of two.
type fakeRecords struct {
	sync.Mutex
	api       string // where they are
	letter    string // that their ids begin with
	text      string // of each as JSON, with the id as %[1]q and %[1]s, and the version as %[2]d
	events    string // its history
	ids       []string
	done      map[string]string // by key: the answer
	writes    []string          // each that was not a repeat
	cursors   []string          // StreamFlow-Cursor of each read
	query     url.Values        // of the last list
	reads     []string          // the address of each
	tenants   []string          // StreamFlow-Tenant of each write that was not a repeat
	version   int
	refuse    string            // what every write is answered, with its status before it
	refuseOne map[string]string // the same for each write to one record
	behind    bool              // a read that carries a cursor is told to wait
	lag       string            // more of a list's answer: since when it is behind
}

func newFakeRecords(api, letter, text, events string) *fakeRecords {
	f := &fakeRecords{api: api, letter: letter, text: text, events: events, done: map[string]string{}, version: 2}
	for i := range 5 {
		f.ids = append(f.ids, fmt.Sprintf("%s%d", letter, i+1))
	}
	return f
}

func (f *fakeRecords) record(id string) string {
	return fmt.Sprintf(f.text, id, f.version)
}

func (f *fakeRecords) routes(r chi.Router, signedIn func(http.ResponseWriter, *http.Request) bool) {
	locked := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			if r.Method == http.MethodGet {
				f.reads = append(f.reads, r.URL.RequestURI())
			}
			if signedIn(w, r) {
				serve(w, r)
			}
		}
	}
	r.Get(f.api, locked(f.list))
	r.Get(f.api+"/{id}", locked(f.one))
	r.Get(f.api+"/{id}/history", locked(f.history))
	r.Post(f.api, locked(f.write))
	r.Patch(f.api+"/{id}", locked(f.write))
	r.Post(f.api+"/{id}/{step}", locked(f.write))
}

// late answers a read that is to wait for a write, and says that it has.
func (f *fakeRecords) late(w http.ResponseWriter, r *http.Request) bool {
	f.cursors = append(f.cursors, r.Header.Get("StreamFlow-Cursor"))
	if !f.behind || f.cursors[len(f.cursors)-1] == "" {
		return false
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `{"title":"Behind","code":"read_model_behind"}`)
	return true
}

func (f *fakeRecords) list(w http.ResponseWriter, r *http.Request) {
	if f.late(w, r) {
		return
	}
	if f.query = r.URL.Query(); f.query.Get("sort") == "nonsense" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"title":"Not valid","code":"validation_failed","errors":[{"field":"sort","message":"is no order"}]}`)
		return
	}
	from, _ := strconv.Atoi(f.query.Get("cursor"))
	to, next := min(from+2, len(f.ids)), "null"
	if to < len(f.ids) {
		next = strconv.Quote(strconv.Itoa(to))
	}
	var items []string
	for _, id := range f.ids[from:to] {
		items = append(items, f.record(id))
	}
	if f.query.Get("q") == "nobody" {
		items, next = nil, "null"
	}
	fmt.Fprintf(w, `{"items":[%s],"nextCursor":%s%s}`, strings.Join(items, ","), next, f.lag)
}

func (f *fakeRecords) one(w http.ResponseWriter, r *http.Request) {
	if f.late(w, r) {
		return
	}
	if chi.URLParam(r, "id") == "nobody" {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"Not found","code":"not_found"}`)
		return
	}
	text := f.record(chi.URLParam(r, "id"))
	if r.URL.Query().Get("at") == "c1" {
		text = strings.Replace(text, `"version":2`, `"version":1`, 1)
	}
	fmt.Fprint(w, text)
}

func (f *fakeRecords) history(w http.ResponseWriter, r *http.Request) {
	if chi.URLParam(r, "id") == "nobody" {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"Not found","code":"not_found"}`)
		return
	}
	fmt.Fprint(w, f.events)
}

// write does what it is asked once for a key, and answers the same ever after.
func (f *fakeRecords) write(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key, refuse := r.Header.Get("Idempotency-Key"), f.refuse
	if one := f.refuseOne[chi.URLParam(r, "id")]; one != "" {
		refuse = one
	}
	if refuse != "" {
		status, text, _ := strings.Cut(refuse, " ")
		code, _ := strconv.Atoi(status)
		w.WriteHeader(code)
		fmt.Fprint(w, text)
		return
	}
	id := chi.URLParam(r, "id")
	if f.done[key] == "" {
		f.tenants = append(f.tenants, r.Header.Get("StreamFlow-Tenant"))
		f.writes = append(f.writes, r.Method+" "+r.URL.Path+" "+r.Header.Get("If-Match")+" "+string(body))
		if id == "" {
			id = fmt.Sprintf("%s%d", f.letter, len(f.ids)+1)
			f.ids = append(f.ids, id)
		}
		f.done[key] = f.record(id)
	}
	w.Header().Set("StreamFlow-Cursor", "after-"+key)
	fmt.Fprint(w, f.done[key])
}

var formKey = regexp.MustCompile(`name="idempotencyKey" value="([^"]+)"`)

// keyOf is the key of a page's form.
func keyOf(t *testing.T, body string) string {
	t.Helper()
	found := formKey.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the form has no key: %s", body)
	}
	return found[1]
}

var neighbourLink = regexp.MustCompile(`rel="(prev|next)" href="([^"]+)"`)

// neighboursOf are the ways from a page, by their direction.
func neighboursOf(body string) map[string]string {
	ways := map[string]string{}
	for _, found := range neighbourLink.FindAllStringSubmatch(body, -1) {
		ways[found[1]] = strings.ReplaceAll(found[2], "&amp;", "&")
	}
	return ways
}

// What is said of an empty list depends on what was asked: a moment, a filter, or everything.
func TestAnEmptyListSaysWhy(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "sort=-score&limit=5": "", "at=2026-01-01T00:00:00Z": "No leads then", "sort=score&at=2026-01-01T00:00:00Z": "No leads then",
		"q=a": "No lead is like that", "at=2026-01-01T00:00:00Z&status=new": "No lead is like that", "other=1": "",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if none, asked := leadKind.fruitless(leadKind.view(q)); none.Title != want || asked != (want != "") {
			t.Errorf("%q: %q, %v, want %q", query, none.Title, asked, want)
		}
	}
	if none, asked := invoiceKind.fruitless(invoiceKind.view(url.Values{tenantParameter: {"t1"}}), tenantParameter); asked {
		t.Errorf("whose books alone: %q", none.Title)
	}
}
