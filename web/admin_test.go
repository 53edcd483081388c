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

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/theme"
)

// fakeSettings is the API's settings of a tenant.
type fakeSettings struct {
	sync.Mutex
	is     string   // as JSON
	refuse string   // what a change is answered, with its status before it
	writes []string // version and body of each
}

func (f *fakeSettings) routes(r chi.Router, signedIn func(http.ResponseWriter, *http.Request) bool) {
	locked := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.Lock()
			defer f.Unlock()
			if signedIn(w, r) {
				serve(w, r)
			}
		}
	}
	r.Get(settingsAPI, locked(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v3"`)
		if r.URL.Query().Get("at") == "2999-01-01T00:00:00Z" {
			refuseWith(w, `422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"at","message":"must not be in the future"}]}`)
			return
		}
		fmt.Fprint(w, f.is)
	}))
	r.Get(settingsAPI+"/history", locked(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items":[
			{"cursor":"c2","version":3,"type":"tenant.settings_changed","recordedAt":"2026-03-30T11:00:00Z","actor":{"kind":"user","id":"u2"},"data":{"settingsBefore":{"theme":"harbor"},"settings":{"theme":"<gone>","mode":"dark","usersMayChoose":true}}},
			{"cursor":"c1","version":2,"type":"tenant.settings_changed","recordedAt":"2026-03-30T10:00:00Z","actor":{"kind":"user","id":"u1"},"data":{"settingsBefore":{},"settings":{"theme":"harbor"}}}],"nextCursor":"older"}`)
	}))
	r.Patch(settingsAPI, locked(func(w http.ResponseWriter, r *http.Request) {
		if f.refuse != "" {
			refuseWith(w, f.refuse)
			return
		}
		body, _ := io.ReadAll(r.Body)
		f.writes = append(f.writes, r.Header.Get("If-Match")+" "+string(body))
		w.Header().Set("StreamFlow-Cursor", "after-"+r.Header.Get("Idempotency-Key"))
		fmt.Fprint(w, f.is)
	}))
}

// TestAnOwnerDecidesTheLook: the form holds what is, is saved as a whole and for its version alone, and what is refused comes back.
func TestAnOwnerDecidesTheLook(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.settings.is = `{"theme":"harbor","mode":"dark","usersMayChoose":true}`
	_, body := ask(t, server, "GET", adminPath, nil, "client")
	holds(t, body, `name="theme" value="harbor" checked`, `name="mode" value="dark" checked`, `name="usersMayChoose" value="yes" checked`, `name="version" value="&#34;v3&#34;"`,
		"The theme is Harbor.", "by you", "by &lt;u&gt;Bob", "The theme is &lt;gone&gt;, light and dark is always dark, users may choose another look.", `href="/admin?at=c1"`, `href="/admin?cursor=older"`)
	for _, offered := range theme.All {
		holds(t, body, `data-palette="`+offered.ID+`"><input type="radio" name="theme" value="`+offered.ID+`"`)
	}
	if n := strings.Count(body, "is its lowest contrast"); n != len(theme.All) {
		t.Errorf("%d contrasts of %d", n, len(theme.All))
	}
	send := func(form url.Values) (page, string) {
		form.Set("idempotencyKey", "k")
		form.Set("version", `"v3"`)
		return ask(t, server, "POST", adminPath, form, "client")
	}
	res, _ := send(url.Values{"theme": {"graphite"}, "mode": {"auto"}, "usersMayChoose": {"yes"}})
	redirects(t, res, adminPath+"?after=after-k&done=saved")
	send(url.Values{"theme": {""}, "mode": {""}})
	if want := []string{`"v3" {"theme":"graphite","mode":"auto","usersMayChoose":true}`, `"v3" {"theme":null,"mode":null,"usersMayChoose":false}`}; !slices.Equal(f.settings.writes, want) {
		t.Errorf("sent %q", f.settings.writes)
	}
	_, body = ask(t, server, "GET", adminPath+"?done=saved", nil, "client")
	holds(t, body, "The settings were saved.")
	for refuse, says := range map[string]string{
		`412 {"title":"Changed","code":"version_conflict"}`:                                                                "while you did: the theme is Harbor, light and dark is always dark, users may choose another look now.",
		`409 {"title":"Not possible","code":"invalid_transition","detail":"A record that is closed cannot be edited."}`:    "A record that is closed cannot be edited.",
		`422 {"title":"Not valid","code":"validation_failed","errors":[{"field":"theme","message":"is not one of them"}]}`: "Theme: is not one of them.",
	} {
		f.settings.refuse = refuse
		res, body = send(url.Values{"theme": {"graphite"}, "mode": {"light"}})
		if !strings.HasPrefix(refuse, strconv.Itoa(res.StatusCode)) || keyOf(t, body) == "k" || strings.Contains(body, `value="yes" checked`) {
			t.Errorf("%s: %d", refuse, res.StatusCode)
		}
		holds(t, body, says, `role="alert"`, `name="theme" value="graphite" checked`, `name="mode" value="light" checked`)
	}
	f.settings.refuse = `503 {"title":"Away","code":"unavailable"}`
	if _, body = send(url.Values{"theme": {"graphite"}}); keyOf(t, body) != "k" {
		t.Error("what is sent again could be done twice")
	}
}

// TestWhoMayNotDecideMayLook, or may not even that; and nobody changes the past.
func TestWhoMayNotDecideMayLook(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	entry := `<a href="/admin"`
	for role, sees := range map[string]bool{"owner": true, "manager": true, "staff": false} {
		f.role = role
		_, body := ask(t, server, "GET", "/screens", nil, "client")
		if strings.Contains(body, entry) != sees || strings.Contains(body, `data-href="/admin"`) != sees || strings.Count(body, "/admin") > 0 != sees {
			t.Errorf("a %s is offered the settings: %v", role, !sees)
		}
	}
	f.role = "manager"
	for address, says := range map[string]string{adminPath: "Whoever owns the account changes them", adminPath + "?at=c1": "As it stood on c1", adminPath + "?at=2026-01-01T10:00": "As it stood on 1 Jan 2026"} {
		_, body := ask(t, server, "GET", address, nil, "client")
		if holds(t, body, says, `<fieldset class="decides" disabled>`); strings.Contains(body, "Save settings") {
			t.Errorf("%s can be saved", address)
		}
	}
	res, body := ask(t, server, "GET", adminPath+"?at=2999-01-01T00:00:00Z", nil, "client")
	if holds(t, body, "must not be in the future"); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the future: %d", res.StatusCode)
	}
	f.role = "staff"
	f.refuse.Store(`403 {"title":"Not allowed","code":"forbidden"}`)
	for _, method := range []string{"GET", "POST"} {
		res, body := ask(t, server, method, adminPath, url.Values{}, "client")
		if holds(t, body, "Your role does not include this"); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", method, res.StatusCode)
		}
	}
}
