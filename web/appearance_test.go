package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/streamflow/streamflow/web/theme"
)

// chosen is what the API says where somebody chose these.
const chosen = `{"looks":{"admin":{"theme":"ember","mode":"auto","density":"compact","motion":"reduced"},"client":{"theme":"midnight","mode":"light","density":"roomy","motion":"auto"}}}`

func TestEveryPageHasTheLookOfItsScope(t *testing.T) {
	const (
		unchosen = `<html lang="en" data-theme="ledger" data-mode="auto" data-palette="ledger" data-night="midnight" data-density="cozy" data-motion="auto">`
		admin    = `<html lang="en" data-theme="ember" data-mode="auto" data-palette="sandstone" data-night="ember" data-density="compact" data-motion="reduced">`
		client   = `<html lang="en" data-theme="midnight" data-mode="light" data-palette="ledger" data-density="roomy" data-motion="auto">`
	)
	pages := map[string]string{
		"/provider": admin, "/developer": admin, "/accountant": admin, "/provider/settings": admin, "/developer/settings": admin, "/accountant/settings": admin,
		"/login?next=%2Fprovider": admin, "/appearance?scope=admin": admin, "/provider/nowhere": admin,
		"/dashboard": client, "/login": client, "/login?next=%2Fleads": client, "/appearance": client, "/nowhere": client, "/dashboard?at=2999-01-01T00:00:00Z": client,
	}
	for path, want := range pages {
		f, server := newFake(t, "client", `{}`)
		_, body := ask(t, server, "GET", path, nil, "client", "provider", "developer", "accountant")
		holds(t, body, unchosen, `<meta name="color-scheme" content="light dark">`)
		f.looks.Store(chosen)
		res, body := ask(t, server, "GET", path, nil, "client", "provider", "developer", "accountant")
		holds(t, body, want)
		if !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Cookie") {
			t.Errorf("%s: Vary %q", path, res.Header.Values("Vary"))
		}
		for _, nonsense := range []string{`{"looks":{"admin":{"theme":"\"><script>"},"client":{"theme":""}}}`, `no json`, ``} {
			f.looks.Store(nonsense)
			_, body := ask(t, server, "GET", path, nil, "client", "provider", "developer", "accountant")
			holds(t, body, unchosen)
		}
	}
}

func TestThePickerOffersEveryTheme(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.looks.Store(chosen)
	for path, want := range map[string][]string{
		"/appearance":             {`value="client"`, "Sign out", `aria-current="page"`, "Ledger by day and Midnight at night"},
		"/appearance?scope=admin": {`value="admin"`, "Back to sign in", "Sandstone by day and Ember at night"},
		"/provider/settings":      {`value="admin"`, "Sign out", `<input type="radio" name="density" value="compact" checked>`},
	} {
		_, body := ask(t, server, "GET", path, nil, "client", "provider")
		holds(t, body, want...)
		holds(t, body, `<form method="post" action="/api/theme">`)
		for _, offered := range theme.All {
			lowest := strconv.FormatFloat(offered.Lowest(), 'f', 1, 64)
			holds(t, body, `name="theme" value="`+offered.ID+`" data-palette="`+offered.ID+`"`, "<b>"+offered.Name+"</b>", lowest+" "+grade(offered.Lowest()))
		}
		if n := strings.Count(body, `aria-pressed="true"`); n != 1 {
			t.Errorf("%s: %d themes are chosen", path, n)
		}
	}
	f.looks.Store(strings.Replace(chosen, `"motion":"auto"}`, `"motion":"auto","locked":true}`, 1))
	_, body := ask(t, server, "GET", "/appearance", nil, "client")
	if n := strings.Count(body, " disabled aria-pressed"); n != len(theme.All) {
		t.Errorf("%d themes of %d are locked", n, len(theme.All))
	}
	holds(t, body, "Your organization chose this look for everybody in it: Midnight.", `name="mode"`, "at night, and")
	f.looks.Store(strings.Replace(chosen, `"motion":"auto"}`, `"motion":"auto","locked":true,"modeLocked":true}`, 1))
	_, body = ask(t, server, "GET", "/appearance", nil, "client")
	if holds(t, body, "in it: Midnight, always light."); strings.Contains(body, `name="mode"`) || strings.Contains(body, "at night, and") {
		t.Error("a mode is offered that cannot be had")
	}
	f.session.Store(false)
	_, body = ask(t, server, "GET", "/appearance", nil, "client")
	holds(t, body, "Back to sign in")
	res, _ := ask(t, server, "GET", "/provider/settings", nil, "client")
	redirects(t, res, "/login?next=%2Fprovider%2Fsettings")
}

// The first page of somebody new, and each one after it, in bytes as they travel.
const (
	maxFirstVisit = 90 << 10
	maxStyles     = 16 << 10
	maxPage       = 25 << 10
)

func TestPagesAreLight(t *testing.T) {
	_, server := newFake(t, "provider", `{}`)
	total := 0
	for name, a := range assets {
		res, body := ask(t, server, "GET", a.address, nil)
		if name == "app.css" && len(body) > 0 && len(a.packed) > maxStyles {
			t.Errorf("the style sheet has %d bytes", len(a.packed))
		}
		total += len(a.packed)
		if got := res.Header.Get("Vary"); !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s: Vary %q", name, got)
		}
	}
	for _, path := range []string{"/login", "/provider", "/provider/settings"} {
		_, body := ask(t, server, "GET", path, nil, "provider")
		size := packedSize(t, body)
		if size > maxPage || size+total > maxFirstVisit {
			t.Errorf("%s: %d bytes, and %d with what it loads", path, size, size+total)
		}
	}
}

func TestAssetsTravelPacked(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+assetURL("app.css"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "br, gzip")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers %v", res.Header)
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(z); err != nil || !bytes.Equal(got.Bytes(), assets["app.css"].content) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

func packedSize(t *testing.T, body string) int {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Len()
}
