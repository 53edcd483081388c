package web

import (
	"net/http"
	"strings"

	"github.com/streamflow/streamflow/web/theme"
)

// keysCookie says that single keys do nothing: somebody who speaks to a computer, or whose hand rests on keys, presses some without
// meaning them.
const keysCookie = "sf_keys"

// deed is one line of the palette: a screen to go to, or something to do.
type deed struct {
	Title, Icon string
	Key         string // pressed after g; empty where no keys lead there
	Href        string // where it leads; else it
	Opens       string // opens the dialog of this id, or
	Form, Value string // sends the form of this id, with a value for its field named theme
	Late        bool   // shown only when it is looked for
}

// deeds are a part of the palette.
type deeds struct {
	ID, Title string
	All       []deed
}

// under is the address of a page that every portal has.
func (p *portal) under(name string) string {
	if p.Name == "client" { // whose pages lie at the root
		return "/" + name
	}
	return p.Home + "/" + name
}

// destinations are the portal's screens that have a name, in the order of the list of them.
func (p *portal) destinations(role string) []deed {
	var all []deed
	for _, sc := range screens() {
		if sc.offered(p, role) && sc.title != "" && !strings.Contains(sc.path, "{") {
			d := deed{Title: sc.title, Icon: sc.icon, Key: sc.key, Href: sc.path}
			if d.Icon == "" {
				d.Icon = "next"
			}
			all = append(all, d)
		}
	}
	return all
}

// palette is everything that can be gone to and done from anywhere in a portal.
func (s shell) palette() []deeds {
	p := s.Portal
	doing := []deed{{Title: "Sign out", Icon: "out", Form: "sign-out"}, {Title: "Keyboard shortcuts", Icon: "keys", Opens: "keys"}}
	if !s.Look.Locked {
		doing = append(doing, deed{Title: "Change the theme", Icon: "appearance", Href: p.lookPath()})
		for _, t := range theme.All {
			doing = append(doing, deed{Title: "Theme: " + t.Name, Icon: "appearance", Form: "choose-theme", Value: t.ID, Late: true})
		}
	}
	return []deeds{{"screens", "Go to", p.destinations(s.Account.Role)}, {"doing", "Do", doing}}
}

// lookPath is where the portal's look is chosen.
func (p *portal) lookPath() string {
	if p.Name == "client" {
		return "/appearance"
	}
	return p.under("settings")
}

// shortcut is what some keys do.
type shortcut struct {
	Keys []string
	Does string
}

// shortcuts are all of a portal's.
func (p *portal) shortcuts(role string) []shortcut {
	all := []shortcut{{[]string{"?"}, "Show this list"}, {[]string{"/"}, "Search on this page"}, {[]string{"n"}, "Add something new, on a page that has such a button"}}
	for _, d := range p.destinations(role) {
		if d.Key != "" {
			all = append(all, shortcut{[]string{"g", d.Key}, d.Title})
		}
	}
	return all
}

// keysOff says whether a browser's single keys do nothing.
func keysOff(r *http.Request) bool {
	cookie, err := r.Cookie(keysCookie)
	return err == nil && cookie.Value == "off"
}

// screensPage is the palette as a page.
func (s *server) screensPage(v visit) {
	render(v.w, v.r, http.StatusOK, screensScreen(s.shell(v, "Screens and shortcuts")))
}

// switchKeys turns single keys on or off.
func (s *server) switchKeys(v visit) {
	if !s.posted(v) {
		return
	}
	value := "on"
	if v.r.PostForm.Get("keys") == "off" {
		value = "off"
	}
	keep(v, keysCookie, value)
	http.Redirect(v.w, v.r, v.portal.under("screens"), http.StatusSeeOther)
}

// keepLife is how long a browser keeps a choice, in seconds: a year. Browsers allow little more.
const keepLife = 365 * 24 * 60 * 60

// keep has the browser remember how somebody would rather have pages. It is nobody's secret, and nothing is allowed by it.
func keep(v visit, name, value string) {
	http.SetCookie(v.w, &http.Cookie{ //nolint:gosec // Secure would keep the cookie from being sent on loopback, where there is no https
		Name: name, Value: value, Path: "/", MaxAge: keepLife, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		// What is in front of the pages sets this header behind https alone, and knows which proxies to believe.
		Secure: v.w.Header().Get("Strict-Transport-Security") != "",
	})
}
