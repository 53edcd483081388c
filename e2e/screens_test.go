package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"github.com/streamflow/streamflow/web"
)

// followed is how many addresses of one screen are looked into for links to others: not every record can take every step.
const followed = 12

// ids are others in every run, and the name of a picture stays.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[?&](back|after)=[^&]*`)

// results is where what a person may want to look at is kept.
const results = "test-results"

// portals are all that the list of screens names; the empty one is everybody's.
func portals() []string {
	var all []string
	seen := map[string]bool{}
	for _, s := range web.Screens() {
		if !seen[s.Portal] {
			seen[s.Portal] = true
			all = append(all, s.Portal)
		}
	}
	return all
}

// screenOf is the screen of a portal that an address is of, as the router finds it: words come before what stands for any.
func screenOf(portal, address string) (screen web.Screen, values []string, ok bool) {
	path, _, _ := strings.Cut(address, "?")
	path, _, _ = strings.Cut(path, "#")
	for _, s := range web.Screens() {
		if s.Portal != portal {
			continue
		}
		if got, fits := fit(s.Path, path); fits && (!ok || len(got) < len(values)) {
			screen, values, ok = s, got, true
		}
	}
	return screen, values, ok
}

func fit(pattern, path string) (values []string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], "{") && got[i] != "":
			values = append(values, got[i])
		case want[i] != got[i]:
			return nil, false
		}
	}
	return values, true
}

// addresses are where a portal's screens are: its own address, or the first that a page links to. Where a screen has steps, each is one.
func addresses(t *testing.T, portal string) []string {
	t.Helper()
	c := app.client(t, portal)
	if portal == "client" {
		app.sendFiles(t, c)
	}
	var all, queue []string
	count, seen, kept := map[string]int{}, map[string]bool{}, map[string]bool{}
	add := func(address string) {
		s, values, ok := screenOf(portal, address)
		if !ok || seen[address] || count[s.Path] >= followed {
			return
		}
		seen[address] = true
		count[s.Path]++
		queue = append(queue, address)
		key := s.Path
		if len(values) > 1 {
			key += " " + strings.Join(values[1:], " ")
		}
		if !kept[key] {
			kept[key] = true
			all = append(all, address)
		}
	}
	for _, s := range web.Screens() {
		switch {
		case s.Portal != portal:
		case !strings.Contains(s.Path, "{"):
			add(s.Path)
		case portal == "": // such an address comes by mail
			add(s.Tries[0])
		}
	}
	for len(queue) > 0 {
		links := linksOf(t, c, queue[0])
		queue = queue[1:]
		for _, address := range links {
			add(address)
		}
	}
	for _, s := range web.Screens() {
		if s.Portal == portal && count[s.Path] == 0 {
			t.Errorf("no page leads to %s: the demo data lacks what it shows, or nobody can reach it", s.Path)
		}
	}
	return all
}

// linksOf reads a page without a browser, and so without scripts.
func linksOf(t *testing.T, c *http.Client, address string) []string {
	t.Helper()
	answer, err := c.Get(app.url + address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := html.Parse(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range page.Descendants() {
		if n.Type != html.ElementNode || n.Data != "a" {
			continue
		}
		for _, a := range n.Attr {
			if u, err := answer.Request.URL.Parse(a.Val); a.Key == "href" && err == nil && strings.HasPrefix(u.String(), app.url+"/") {
				all = append(all, u.RequestURI())
			}
		}
	}
	return all
}

// TestScreens opens every screen, light and dark, on a desktop and on a phone.
func TestScreens(t *testing.T) {
	for _, portal := range portals() {
		all := addresses(t, portal)
		name := portal
		if name == "" {
			name = "everybody"
		}
		for _, v := range views {
			t.Run(name+"/"+v.name, func(t *testing.T) {
				t.Parallel()
				b := open(t, portal, v)
				for _, address := range all {
					t.Run(url.PathEscape(address), func(t *testing.T) {
						b.t = t
						b.get(address)
						b.look(v, address)
						b.quiet(t)
					})
				}
				b.t = t
			})
		}
	}
}

// look judges the page that is open, light and dark.
func (b *tab) look(v view, address string) {
	b.t.Helper()
	if v.phone {
		b.narrow()
	}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		what := everything
		if !whole && scheme == "dark" { // nothing but the colours differs
			what = colours
		}
		b.accessible(scheme, what)
		if whole || b.t.Failed() {
			b.shoot(v.name + "-" + scheme + ids.ReplaceAllString(address, "id"))
		}
	}
	b.scheme("light")
}

// narrow fails where a page is wider than the phone.
func (b *tab) narrow() {
	b.t.Helper()
	if wide := b.tooWide(); len(wide) > 0 {
		b.t.Errorf("the page is wider than the phone: %s", strings.Join(wide, "\n\t"))
	}
}

func (b *tab) tooWide() []string {
	b.t.Helper()
	return eval[[]string](b, "measure", `(() => {
		const root = document.documentElement, width = root.clientWidth;
		if (root.scrollWidth <= width) return [];
		const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > width + 1);
		return [root.scrollWidth + " of " + width + " pixels", ...wide.slice(0, 5).map(e => e.outerHTML.slice(0, 120))];
	})()`)
}

// shoot keeps a picture of the page.
func (b *tab) shoot(name string) {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	b.must("picture", err)
	b.must("picture", os.MkdirAll(results, 0o755))
	b.must("picture", os.WriteFile(filepath.Join(results, fmt.Sprintf("%.150s.png", strings.NewReplacer("/", "-", "?", "-").Replace(name))), png, 0o644))
}
