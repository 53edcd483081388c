package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var oneLetter = regexp.MustCompile(`^[a-z]$`)

// TestEveryScreenIsInThePalette: each screen of a portal that has a name can be gone to from each of its pages, and from the page
// that is the palette without scripts; no two have the same key.
func TestEveryScreenIsInThePalette(t *testing.T) {
	for _, p := range portals {
		_, server := newFake(t, p.Name, `{}`)
		_, page := ask(t, server, "GET", p.Home, nil, p.Name)
		holds(t, page, `href="`+p.under("screens")+`" data-opens="palette"`)
		_, listed := ask(t, server, "GET", p.under("screens"), nil, p.Name)
		var keys []string
		for _, sc := range screens() {
			if sc.portal != p.Name || sc.title == "" {
				continue
			}
			holds(t, page, `data-href="`+sc.path+`"`)
			holds(t, listed, `<a href="`+sc.path+`"`, sc.title)
			if sc.key == "" {
				continue
			}
			holds(t, page, `data-key="`+sc.key+`"`)
			if !oneLetter.MatchString(sc.key) || slices.Contains(keys, sc.key) || sc.key == "g" {
				t.Errorf("%s: the key %q is another's, or none", sc.path, sc.key)
			}
			keys = append(keys, sc.key)
		}
		if len(keys) == 0 {
			t.Errorf("%s: no key leads anywhere", p.Name)
		}
		for _, other := range portals {
			if other != p && strings.Contains(page, `data-href="`+other.Home+`"`) {
				t.Errorf("the palette of %s leads to %s", p.Name, other.Name)
			}
		}
	}
}

// TestAScreenOfTheMenuHasAKey: a new one is found by keys too.
func TestAScreenOfTheMenuHasAKey(t *testing.T) {
	for _, sc := range screens() {
		if sc.icon != "" && sc.key == "" {
			t.Errorf("%s has no key: choose a letter that no other screen of the portal has", sc.path)
		}
		if sc.icon == "" && sc.key != "" && sc.title == "" {
			t.Errorf("%s has a key and no name", sc.path)
		}
	}
}

func TestSingleKeysCanBeTurnedOff(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	const off = `data-keys-off`
	_, body := ask(t, server, "GET", "/screens", nil, "client")
	holds(t, body, `name="keys" value="off"`, "<kbd>?</kbd>")
	if strings.Contains(body, off) {
		t.Error("off before anybody said so")
	}
	for _, value := range []string{"off", "on", "\"><script>"} {
		res, _ := ask(t, server, "POST", "/screens", url.Values{"keys": {value}}, "client")
		redirects(t, res, "/screens")
		cookie := res.Header.Get("Set-Cookie")
		want := "sf_keys=on;"
		if value == "off" {
			want = "sf_keys=off;"
		}
		if !strings.HasPrefix(cookie, want) || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
			t.Errorf("%q: cookie %q", value, cookie)
		}
	}
	for value, isOff := range map[string]bool{"off": true, "on": false, "nonsense": false} {
		_, body := asked(t, server, "/dashboard", &http.Cookie{Name: "sf_keys", Value: value}, "client")
		if strings.Contains(body, off) != isOff {
			t.Errorf("%s: off is %v", value, !isOff)
		}
	}
}
