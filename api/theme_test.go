package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore/projection"
)

var twoThemes = []api.Theme{
	{ID: "ledger", Name: "Ledger", Category: "professional", Density: "cozy", LowestContrast: 4.6},
	{ID: "graphite", Name: "Graphite", Category: "signature", Dark: true, Density: "compact", LowestContrast: 4.5},
}

// looked is what GET /api/theme answers.
type looked struct {
	Themes []api.Theme     `json:"themes"`
	Admin  string          `json:"admin"`
	Client string          `json:"client"`
	Looks  map[string]look `json:"looks"`
}

type look struct {
	Theme   string `json:"theme"`
	Mode    string `json:"mode"`
	Density string `json:"density"`
	Motion  string `json:"motion"`
	Locked  bool   `json:"locked"`
}

func themed(t *testing.T) func(method string, header map[string]string, body string) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := api.New(api.Config{Commands: &commands.Commands{}, Reader: &projection.Reader{}, Themes: twoThemes})
	must(t, err)
	handler = conform(t, handler)
	return func(method string, header map[string]string, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "/api/theme", strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		for name, value := range header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
}

func chosenLook(t *testing.T, do func(string, map[string]string, string) *httptest.ResponseRecorder, cookie string) looked {
	t.Helper()
	w := do("GET", map[string]string{"Cookie": cookie}, "")
	var got looked
	must(t, json.Unmarshal(w.Body.Bytes(), &got))
	if w.Code != 200 || len(got.Themes) != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return got
}

func TestAThemeIsChosenForOneScope(t *testing.T) {
	do := themed(t)
	if got := chosenLook(t, do, ""); got.Admin != "ledger" || got.Client != "ledger" || got.Looks["client"].Mode != "auto" || got.Looks["client"].Density != "cozy" {
		t.Errorf("nobody chose: %+v", got)
	}
	for body, want := range map[string]string{
		`{"scope":"admin","theme":"graphite"}`:                                "sf_theme_admin=graphite~dark~compact~auto",
		`{"scope":"client","theme":"ledger"}`:                                 "sf_theme_client=ledger~light~cozy~auto",
		`{"scope":"client","theme":"graphite","mode":"auto"}`:                 "sf_theme_client=graphite~auto~compact~auto",
		`{"scope":"client","theme":"ledger","mode":"dark","density":"roomy"}`: "sf_theme_client=ledger~dark~roomy~auto",
		`{"scope":"admin","theme":"ledger","mode":"auto","motion":"reduced"}`: "sf_theme_admin=ledger~auto~cozy~reduced",
	} {
		w := do("POST", nil, body)
		cookie, attributes, _ := strings.Cut(w.Header().Get("Set-Cookie"), "; ")
		if w.Code != 204 || cookie != want || attributes != "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" {
			t.Errorf("%s: %d %q", body, w.Code, w.Header().Get("Set-Cookie"))
		}
		got := chosenLook(t, do, cookie)
		theme, scope := strings.Split(strings.Split(cookie, "=")[1], "~")[0], strings.TrimPrefix(strings.Split(cookie, "=")[0], "sf_theme_")
		other := map[string]string{"admin": "client", "client": "admin"}[scope]
		if got.Looks[scope].Theme != theme || got.Looks[other].Theme != "ledger" || got.Looks[other].Mode != "auto" {
			t.Errorf("%s: then %+v", cookie, got.Looks)
		}
	}
	kept := do("POST", map[string]string{"Cookie": "sf_theme_client=ledger~auto~roomy~reduced"}, `{"scope":"client","theme":"graphite"}`)
	if got := kept.Header().Get("Set-Cookie"); !strings.HasPrefix(got, "sf_theme_client=graphite~dark~roomy~reduced;") {
		t.Errorf("what was not named did not stay: %s", got)
	}
}

func TestAFormThatChoosesLeadsBack(t *testing.T) {
	do := themed(t)
	for from, want := range map[string]string{
		"http://example.com/provider/settings?a=1#b": "/provider/settings?a=1", "": "/", "https://evil.example/x": "/", "http://example.com//evil.example": "/",
		`http://example.com/\evil.example`: "/", "http://example.com": "/", "::": "/",
	} {
		w := do("POST", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Referer": from}, "scope=client&theme=graphite&mode=&motion=reduced")
		if w.Code != 303 || w.Header().Get("Location") != want || !strings.HasPrefix(w.Header().Get("Set-Cookie"), "sf_theme_client=graphite~dark~compact~reduced;") {
			t.Errorf("from %q: %d to %q, %q", from, w.Code, w.Header().Get("Location"), w.Header().Get("Set-Cookie"))
		}
	}
}

func TestAChoiceThatIsNotOneIsRefused(t *testing.T) {
	do := themed(t)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		header map[string]string
		body   string
		status int
		field  string
	}{
		{nil, `{"scope":"client","theme":"nonsense"}`, 422, "theme"}, {nil, `{"scope":"everybody","theme":"ledger"}`, 422, "scope"}, {nil, `{"theme":"ledger"}`, 422, "scope"},
		{nil, `{"scope":"client","theme":"ledger","mode":"dusk"}`, 422, "mode"}, {nil, `{"scope":"client","theme":"ledger","density":"dense"}`, 422, "density"},
		{nil, `{"scope":"client","theme":"ledger","motion":"fast"}`, 422, "motion"}, {nil, `{"scope":"client","theme":"ledger","colour":"red"}`, 422, "colour"},
		{nil, ``, 422, "theme"}, {nil, `{`, 400, ""}, {map[string]string{"Content-Type": "text/plain"}, `x`, 415, ""},
		{form, "scope=client&theme=nonsense", 422, "theme"}, {form, "scope=client&theme=ledger&theme=graphite", 422, ""}, {form, "scope=client&theme=ledger&x=1", 422, ""}, {form, "%zz", 400, ""},
		{map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, `{"scope":"client","theme":"ledger"}`, 403, ""},
	} {
		w := do("POST", c.header, c.body)
		if w.Code != c.status || w.Header().Get("Set-Cookie") != "" || !strings.Contains(w.Body.String(), `"field":"`+c.field+`"`) && c.field != "" || strings.Contains(w.Body.String(), "nonsense") {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
	}
	if w := do("POST", nil, `{"scope":"client","theme":"ledger"}`); w.Code != http.StatusNoContent {
		t.Error("what may be chosen was refused", w.Code, w.Body)
	}
}

func TestATenantsThemeIsThatOfAllItsUsers(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	other, _ := s.tenant("zenith")
	s.want(s.do("POST", "/api/v2/users", call{cookie: owner, body: `{"email":"ann@example.com","name":"Ann","role":"manager","password":"` + secret + `"}`}), 201, "")
	ann := s.login("ann@example.com")
	shown := func(cookie string) (string, bool) {
		t.Helper()
		var l looked
		must(t, json.Unmarshal(s.do("GET", "/api/theme", call{cookie: cookie}).Body.Bytes(), &l))
		if l.Looks["admin"].Locked {
			t.Error("the provider's portals are no tenant's")
		}
		return l.Looks["client"].Theme, l.Looks["client"].Locked
	}
	const own = "; sf_theme_client=ledger~light~cozy~auto"
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"theme":"graphite"}`}), 200, "")
	for cookie, want := range map[string]string{owner + own: "graphite", ann + own: "graphite", other + own: "ledger", "x=y" + own: "ledger", s.provider + own: "ledger", "sf_client=nobody" + own: "ledger"} {
		if got, locked := shown(cookie); got != want || locked != (want == "graphite") {
			t.Errorf("%s: %s, locked %v", cookie, got, locked)
		}
	}
	if w := s.do("GET", "/api/v2/settings", call{cookie: ann}); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"theme":"graphite","mode":null,"usersMayChoose":false}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: ann, body: `{"theme":null}`}), 403, "forbidden")
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: s.provider, body: `{"theme":null}`}), 403, "forbidden")
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"theme":"nonsense"}`}), 422, "validation_failed")
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"colour":"red"}`}), 422, "validation_failed")
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"theme":null}`}), 200, "")
	if got, locked := shown(owner + own); got != "ledger" || locked {
		t.Errorf("unlocked: %s, locked %v", got, locked)
	}
}

// What a tenant decided holds for everybody, or for who has not chosen another; each change is told, with who made it, to who may see it.
func TestATenantDecidesTheModeAndWhetherUsersMayChoose(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	other, _ := s.tenant("zenith")
	var all []string
	for _, role := range []string{"manager", "staff"} {
		s.want(s.do("POST", "/api/v2/users", call{cookie: owner, body: `{"email":"` + role + `@example.com","name":"A","role":"` + role + `","password":"` + secret + `"}`}), 201, "")
		all = append(all, s.login(role+"@example.com"))
	}
	manager, staff := all[0], all[1]
	shown := func(cookie string) string {
		t.Helper()
		var l struct {
			Looks struct {
				Client struct {
					Theme      string `json:"theme"`
					Mode       string `json:"mode"`
					Locked     bool   `json:"locked"`
					ModeLocked bool   `json:"modeLocked"`
				} `json:"client"`
			} `json:"looks"`
		}
		must(t, json.Unmarshal(s.do("GET", "/api/theme", call{cookie: cookie}).Body.Bytes(), &l))
		return fmt.Sprint(l.Looks.Client)
	}
	const own = "; sf_theme_client=ledger~light~cozy~auto"
	for _, c := range []struct{ change, unchosen, chosen string }{
		{`{"mode":"dark"}`, "{ledger dark false true}", "{ledger dark false true}"},
		{`{"theme":"graphite"}`, "{graphite dark true true}", "{graphite dark true true}"},
		{`{"usersMayChoose":true}`, "{graphite dark false false}", "{ledger light false false}"},
		{`{"mode":null}`, "{graphite auto false false}", "{ledger light false false}"},
		{`{"theme":null,"usersMayChoose":false}`, "{ledger auto false false}", "{ledger light false false}"},
	} {
		s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: c.change}), 200, "")
		if unchosen, chosen := shown(staff), shown(staff+own); unchosen != c.unchosen || chosen != c.chosen {
			t.Errorf("%s: %s and, of who chose, %s, want %s and %s", c.change, unchosen, chosen, c.unchosen, c.chosen)
		}
	}
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"mode":"dusk"}`}), 422, "validation_failed")
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"mode":"light"}`, header: map[string]string{"If-Match": `"v1"`}}), 412, "version_conflict")
	const at = "/api/v2/settings/history"
	page := s.do("GET", at+"?limit=2", call{cookie: manager})
	s.want(page, 200, "")
	rest := s.do("GET", at+"?limit=2&cursor="+text(page, "nextCursor"), call{cookie: manager})
	told := append(items(page), items(rest)...)
	if len(told) != 4 || fmt.Sprint(told[0]["data"]) != "map[settings:map[] settingsBefore:map[theme:graphite usersMayChoose:true]]" || told[3]["type"] != "tenant.settings_changed" {
		t.Errorf("told %v", told)
	}
	me, _ := members(s.do("GET", "/api/auth/me", call{cookie: owner}))["user"].(map[string]any)
	if actor, _ := told[0]["actor"].(map[string]any); actor["id"] != me["id"] {
		t.Errorf("by %v, want %v", actor, me["id"])
	}
	if none := s.do("GET", at, call{cookie: other}); none.Code != 200 || len(items(none)) != 0 {
		t.Errorf("of another tenant: %d %s", none.Code, none.Body)
	}
	s.want(s.do("GET", at, call{cookie: staff}), 403, "forbidden")
	s.want(s.do("GET", at, call{cookie: s.provider}), 403, "forbidden")
}

// What a tenant decided is shown to a user who chooses, and what the browser keeps is still the user's own.
func TestWhatATenantDecidedIsNoChoiceOfItsUsers(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	for _, c := range []struct{ settings, kept, choice, want string }{
		{`{"theme":"graphite","mode":null}`, "ledger~light~cozy~auto", `{"scope":"client","theme":"graphite","mode":"dark","density":"roomy"}`, "ledger~dark~roomy~auto"},
		{`{"theme":"graphite","mode":null}`, "ledger~light~cozy~auto", `{"scope":"client","theme":"graphite","motion":"reduced"}`, "ledger~light~cozy~reduced"},
		{`{"theme":"graphite","mode":"dark"}`, "ledger~light~cozy~auto", `{"scope":"client","theme":"graphite","mode":"auto","density":"compact"}`, "ledger~light~compact~auto"},
		{`{"theme":null,"mode":"dark"}`, "ledger~light~cozy~auto", `{"scope":"client","theme":"graphite"}`, "graphite~light~cozy~auto"},
		{`{"theme":"graphite","mode":"dark"}`, "", `{"scope":"client","theme":"graphite","density":"roomy"}`, "~~roomy~auto"},
	} {
		s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: c.settings}), 200, "")
		cookie := owner
		if c.kept != "" {
			cookie += "; sf_theme_client=" + c.kept
		}
		w := s.do("POST", "/api/theme", call{cookie: cookie, body: c.choice})
		if got := w.Header().Get("Set-Cookie"); w.Code != 204 || !strings.HasPrefix(got, "sf_theme_client="+c.want+";") {
			t.Errorf("%s, %s: %d %q, want %s", c.settings, c.choice, w.Code, got, c.want)
		}
	}
	// Of who never chose, what holds afterwards is what holds for everybody.
	var l looked
	must(t, json.Unmarshal(s.do("GET", "/api/theme", call{cookie: owner + "; sf_theme_client=~~roomy~auto"}).Body.Bytes(), &l))
	if got := l.Looks["client"]; got.Theme != "graphite" || got.Mode != "dark" || got.Density != "roomy" {
		t.Errorf("locked: %+v", got)
	}
	s.want(s.do("PATCH", "/api/v2/settings", call{cookie: owner, body: `{"theme":null,"mode":null}`}), 200, "")
	must(t, json.Unmarshal(s.do("GET", "/api/theme", call{cookie: owner + "; sf_theme_client=~~roomy~auto"}).Body.Bytes(), &l))
	if got := l.Looks["client"]; got.Theme != "ledger" || got.Mode != "auto" || got.Density != "roomy" {
		t.Errorf("taken back: %+v", got)
	}
}

// FuzzThemeCookie: whatever a browser sends, what is told is one of the values that may be chosen.
func FuzzThemeCookie(f *testing.F) {
	for _, value := range []string{"graphite~dark~compact~auto", "graphite~dark~compact", "x~auto~cozy~auto", "~~~", `"><script>`, "graphite~dark~compact~auto~more", "ledger~auto~cozy~auto; x=y"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := chosenLook(t, themed(t), "sf_theme_client="+value)
		l := got.Looks["client"]
		known := (l.Theme == "ledger" || l.Theme == "graphite") && strings.Contains("auto light dark", l.Mode) && strings.Contains("compact cozy roomy", l.Density) && strings.Contains("auto reduced", l.Motion)
		if !known || got.Looks["admin"].Theme != "ledger" {
			t.Errorf("%q: %+v", value, got.Looks)
		}
	})
}
