package web

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/streamflow/streamflow/web/theme"
)

const (
	scopeAdmin  = "admin"
	scopeClient = "client"
)

// themeCategories are the headings of the picker.
var themeCategories = []struct{ Name, Title, Words string }{
	{theme.Professional, "Professional", "light, for working days"},
	{theme.Night, "Night", "dark, for operations"},
	{theme.Signature, "Signature", "a character of their own, and the two of the highest contrast"},
}

// option is one of the values of a choice.
type option struct{ Value, Title string }

// scope is whose look the portal has. Pages that belong to no portal have the client's.
func (p *portal) scope() string {
	if p == nil || p.Name == "client" {
		return scopeClient
	}
	return scopeAdmin
}

// look asks the API what was chosen. A page is shown in any case.
func (s *server) look(r *http.Request, scope string) theme.Look {
	var got struct {
		Looks map[string]theme.Look `json:"looks"`
	}
	a := s.call(r, "", http.MethodGet, "/api/theme", nil, nil)
	if a.status != http.StatusOK || a.decode(&got) != nil || theme.Named(got.Looks[scope].Theme) == nil {
		return theme.Default()
	}
	return got.Looks[scope]
}

// shell is what surrounds a page of somebody who is signed in.
func (s *server) shell(v visit, title string) shell {
	scope := v.portal.scope()
	return shell{Title: title, Look: s.look(v.r, scope), Scope: scope, Portal: v.portal, Account: v.who, Menu: v.portal.menu(v.r.URL.Path, v.who.Role), Request: v.r.Header.Get(correlationHeader), KeysOff: keysOff(v.r)}
}

// door is what surrounds a page of nobody, in the look of the portal that an address leads to.
func (s *server) door(r *http.Request, title, leadsTo string) shell {
	scope := portalOf(leadsTo).scope()
	return shell{Title: title, Look: s.look(r, scope), Scope: scope, Request: r.Header.Get(correlationHeader)}
}

// me is who is signed in to a portal. Without a session it answers by itself, and says that it has.
func (s *server) me(w http.ResponseWriter, r *http.Request, p *portal) (account, bool) {
	a := s.call(r, p.Name, http.MethodGet, "/api/auth/me", nil, nil)
	if a.noSession() {
		toLogin(w, r)
		return account{}, false
	}
	var who account
	if a.status != http.StatusOK || !who.read(a) {
		s.refuse(visit{w: w, r: r, portal: p}, a)
		return account{}, false
	}
	return who, true
}

// settings is the page of a portal's own choices, which today are what it looks like.
func (s *server) settings(v visit) {
	render(v.w, v.r, http.StatusOK, appearancePage(s.shell(v, "Appearance")))
}

// appearance is the same for everybody, also before sign-in.
func (s *server) appearance(v visit) {
	if v.r.URL.Query().Get("scope") != scopeAdmin {
		if a := s.call(v.r, v.portal.Name, http.MethodGet, "/api/auth/me", nil, nil); a.status == http.StatusOK && v.who.read(a) {
			s.settings(v)
			return
		}
	}
	around := shell{Title: "Appearance", Scope: scopeClient}
	if v.r.URL.Query().Get("scope") == scopeAdmin {
		around.Scope = scopeAdmin
	}
	around.Look = s.look(v.r, around.Scope)
	render(v.w, v.r, http.StatusOK, appearancePage(around))
}

// appearanceURL is where a page without a session has its look chosen.
func appearanceURL(scope string) templ.SafeURL {
	if scope == scopeAdmin {
		return templ.SafeURL("/appearance?" + url.Values{"scope": {scope}}.Encode())
	}
	return "/appearance"
}

// grade is what WCAG calls a contrast of text.
func grade(ratio float64) string {
	switch {
	case ratio >= 7:
		return "AAA"
	case ratio >= 4.5:
		return "AA"
	}
	return ""
}
