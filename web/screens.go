package web

import (
	"net/http"
	"slices"
	"strings"
)

// screen is one address that people see, or that their forms are sent to. The router, the menus and the tests all read
// the one list of them.
type screen struct {
	portal string // whose session it takes; empty: everybody's
	path   string
	title  string   // in the portal's menu and in the palette
	icon   string   // in the menu; a screen without one is not there, and is reached from others
	key    string   // pressed after g, leads there; one letter, of one screen in the portal
	roles  []string // who sees it in menus; nil is everybody. The API judges for itself
	open   bool     // it answers without a session too, and looks for one itself
	get    func(*server, visit)
	post   func(*server, visit)
	// tries are addresses of it that tests open, beside a path that is one.
	tries []string
}

// visit is a request for a screen, by somebody who may see it.
type visit struct {
	w      http.ResponseWriter
	r      *http.Request
	portal *portal // nil where the screen belongs to none
	who    account
}

// screens are all of them, each portal's in the order of its menu. It is a function because screens show the menu, which is
// made of it.
func screens() []screen {
	return []screen{
		{path: "/", get: (*server).start},
		{path: "/login", get: (*server).loginForm, post: (*server).login, tries: []string{"/login?next=%2Fprovider"}},
		{path: "/login/factor", get: (*server).factorPage, post: (*server).takeFactor},
		{path: "/reset", get: (*server).askReset, post: (*server).sendReset},
		{path: "/reset/{token}", get: (*server).askPassword, post: (*server).setPassword, tries: []string{"/reset/t1"}},
		{path: "/logout", post: (*server).logout},

		{path: columnsPath, post: (*server).chooseColumns},
		{portal: "client", path: "/dashboard", title: "Dashboard", icon: "dashboard", key: "d", get: (*server).dashboard, tries: []string{"/dashboard?at=2026-01-01T00:00:00Z", "/dashboard?at=2999-01-01T00:00:00Z"}},
		{portal: "client", path: "/dashboard/figures/{name}", get: (*server).figure, tries: []string{"/dashboard/figures/leadsNew90d"}},
		{portal: "client", path: leadsPath, title: "Leads", icon: "leads", key: "l", get: (*server).leads, tries: []string{leadsPath + "?q=nobody", leadsPath + "?status=new&sort=-score&done=created&at=2026-01-01T00:00:00Z", leadsPath + "?sort=nonsense"}},
		{portal: "client", path: leadsPath + "/new", title: "Add a lead", get: (*server).newLead, post: (*server).createLead},
		{portal: "client", path: leadsPath + "/selected", post: (*server).takeSelected},
		{portal: "client", path: importPath, title: "Import leads", roles: importers, get: (*server).askFile, post: (*server).takeFile},
		{portal: "client", path: importPath + "/{id}", get: (*server).importPage, tries: []string{importPath + "/m1", importPath + "/m2", importPath + "/m3", importPath + "/m4", importPath + "/m8", importPath + "/nobody"}},
		{portal: "client", path: importPath + "/{id}/plan", post: (*server).planImport},
		{portal: "client", path: importPath + "/{id}/run", post: (*server).runImport},
		{portal: "client", path: importPath + "/{id}/undo", get: (*server).askUndo, post: (*server).undoImport, tries: []string{importPath + "/m3/undo"}},
		{portal: "client", path: leadsPath + "/{id}", get: (*server).lead, tries: []string{leadsPath + "/l1", leadsPath + "/l1?row=0&list=status%3Dnew&done=edited", leadsPath + "/l1?at=c1", leadsPath + "/nobody"}},
		{portal: "client", path: leadsPath + "/{id}/edit", get: (*server).editLead, post: (*server).updateLead, tries: []string{leadsPath + "/l1/edit"}},
		{portal: "client", path: leadsPath + "/{id}/{step}", get: (*server).askStep, post: (*server).takeStep, tries: []string{leadsPath + "/l1/convert", leadsPath + "/l1/disqualify"}},
		{portal: "client", path: adminPath, title: "Settings", icon: "settings", key: "s", roles: adminRoles, get: (*server).admin, post: (*server).changeSettings, tries: []string{adminPath + "?done=saved", adminPath + "?at=2026-01-01T00:00:00Z"}},
		{portal: "client", path: "/appearance", title: "Appearance", icon: "appearance", key: "a", open: true, get: (*server).appearance, tries: []string{"/appearance?scope=admin"}},
		{portal: "client", path: "/screens", title: "Screens and shortcuts", get: (*server).screensPage, post: (*server).switchKeys},

		{portal: "provider", path: "/provider", title: "Dashboard", icon: "dashboard", key: "d", get: (*server).dashboard},
		{portal: "provider", path: "/provider/figures/{name}", get: (*server).figure, tries: []string{"/provider/figures/conversionRate"}},
		{portal: "provider", path: escalationsPath, title: "Escalations", icon: "escalations", key: "e", get: (*server).escalations, tries: []string{
			escalationsPath + "?q=nobody", escalationsPath + "?status=open&tenantId=t1&partnerId=p9&done=start&at=2026-01-01T00:00:00Z", escalationsPath + "?sort=nonsense",
			escalationsPath + "?view=board&severity=high", escalationsPath + "?view=board&at=2026-01-01T00:00:00Z", escalationsPath + "?view=board&q=nobody"}},
		{portal: "provider", path: escalationsPath + "/{id}", get: (*server).escalation, tries: []string{
			escalationsPath + "/e1?tenantId=t1&row=0&list=status%3Dopen&done=comment", escalationsPath + "/e1?tenantId=t1&at=c1", escalationsPath + "/nobody"}},
		{portal: "provider", path: escalationsPath + "/{id}/{step}", get: (*server).askEscalationStep, post: (*server).takeEscalationStep, tries: []string{
			escalationsPath + "/e1/close?tenantId=t1", escalationsPath + "/e1/assign?tenantId=t1", escalationsPath + "/e1/comment?tenantId=t1"}},
		{portal: "provider", path: "/provider/settings", title: "Appearance", icon: "appearance", key: "a", get: (*server).settings},
		{portal: "provider", path: "/provider/screens", title: "Screens and shortcuts", get: (*server).screensPage, post: (*server).switchKeys},

		{portal: "accountant", path: "/accountant", title: "Dashboard", icon: "dashboard", key: "d", get: (*server).dashboard},
		{portal: "accountant", path: invoicesPath, title: "Invoices", icon: "invoices", key: "i", get: (*server).invoices, tries: []string{invoicesPath + "?q=nobody", invoicesPath + "?overdue=true&sort=-total&done=issue&at=2026-01-01T00:00:00Z", invoicesPath + "?sort=nonsense"}},
		{portal: "accountant", path: invoicesPath + "/new", get: (*server).newInvoice, post: (*server).createInvoice},
		{portal: "accountant", path: invoicesPath + "/{id}", get: (*server).invoice, tries: []string{invoicesPath + "/i1", invoicesPath + "/i1?row=0&list=open%3Dtrue&done=edited", invoicesPath + "/i1?at=c1", invoicesPath + "/nobody"}},
		{portal: "accountant", path: invoicesPath + "/{id}/edit", get: (*server).editInvoice, post: (*server).updateInvoice, tries: []string{invoicesPath + "/i1/edit"}},
		{portal: "accountant", path: invoicesPath + "/{id}/{step}", get: (*server).askInvoiceStep, post: (*server).takeInvoiceStep, tries: []string{invoicesPath + "/i1/payments", invoicesPath + "/i1/credit"}},
		{portal: "accountant", path: "/accountant/figures/{name}", get: (*server).figure, tries: []string{"/accountant/figures/averageDaysToPay"}},
		{portal: "accountant", path: "/accountant/settings", title: "Appearance", icon: "appearance", key: "a", get: (*server).settings},
		{portal: "accountant", path: "/accountant/screens", title: "Screens and shortcuts", get: (*server).screensPage, post: (*server).switchKeys},

		{portal: "developer", path: "/developer", title: "Dashboard", icon: "dashboard", key: "d", get: (*server).dashboard},
		{portal: "developer", path: projectionsPath, title: "Projections", icon: "models", key: "p", get: (*server).projections, tries: []string{projectionsPath + "?done=pause"}},
		{portal: "developer", path: projectionsPath + "/{id}", get: (*server).projections, tries: []string{projectionsPath + "/figures", projectionsPath + "/nobody"}},
		{portal: "developer", path: projectionsPath + "/{id}/{step}", get: (*server).askModelStep, post: (*server).takeModelStep, tries: []string{projectionsPath + "/figures/rebuild", projectionsPath + "/figures/switch", projectionsPath + "/figures/nonsense"}},
		{portal: "developer", path: eventsPath, title: "Events", icon: "log", key: "e", get: (*server).events, tries: []string{eventsPath + "?type=lead.*&from=2026-03-31T10:00&sort=position&cursor=2", eventsPath + "?stream=nobody-1", eventsPath + "?sort=nonsense"}},
		{portal: "developer", path: eventsPath + "/{id}", get: (*server).event, tries: []string{eventsPath + "/e1", eventsPath + "/nobody"}},
		{portal: "developer", path: "/developer/figures/{name}", get: (*server).figure, tries: []string{"/developer/figures/requests24h"}},
		{portal: "developer", path: galleryPath, title: "Gallery", icon: "parts", key: "y", get: (*server).gallery, post: (*server).sendSample, tries: []string{galleryPath + "?done=saved", galleryPath + "?q=nobody", galleryPath + "?status=Overdue&sort=-total&cursor=10"}},
		{portal: "developer", path: galleryPath + "/{action}", post: (*server).pressSample},
		{portal: "developer", path: "/developer/settings", title: "Appearance", icon: "appearance", key: "a", get: (*server).settings},
		{portal: "developer", path: "/developer/screens", title: "Screens and shortcuts", get: (*server).screensPage, post: (*server).switchKeys},
	}
}

// serve lets in who may see the screen.
func (s *server) serve(sc screen, show func(*server, visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := visit{w: w, r: r, portal: portalNamed(sc.portal)}
		if v.portal != nil && !sc.open {
			var ok bool
			if v.who, ok = s.me(w, r, v.portal); !ok {
				return
			}
		}
		show(s, v)
	}
}

// entry is a screen as the menu shows it.
type entry struct {
	Path, Title, Icon string
	Current           string // page where it is the one shown, true where it leads there, else empty
}

// offered says whether menus of a portal show a screen to a role.
func (sc screen) offered(p *portal, role string) bool {
	return sc.portal == p.Name && (sc.roles == nil || slices.Contains(sc.roles, role))
}

// menu are a portal's screens, seen by a role from an address of it.
func (p *portal) menu(here, role string) []entry {
	var all []entry
	nearest := -1
	for _, sc := range screens() {
		if !sc.offered(p, role) || sc.icon == "" {
			continue
		}
		if sc.path == here || strings.HasPrefix(here, p.below(sc.path)) {
			if nearest < 0 || len(sc.path) > len(all[nearest].Path) {
				nearest = len(all)
			}
		}
		all = append(all, entry{Path: sc.path, Title: sc.title, Icon: sc.icon})
	}
	if nearest >= 0 {
		all[nearest].Current = "true"
		if all[nearest].Path == here {
			all[nearest].Current = "page"
		}
	}
	return all
}

// Screen is a screen that can be read, for whoever opens all of them.
type Screen struct {
	Portal string // empty: everybody's
	Path   string // as the router knows it: {id} stands for what a link names
	Tries  []string
}

// below begins the addresses that belong to a screen of the menu. Below a portal's home lie all of its screens: its figures alone are of it.
func (p *portal) below(path string) string {
	if path == p.Home {
		return p.figurePath("")
	}
	return path + "/"
}

// Screens are the screens that can be read, in the order of the list.
func Screens() []Screen {
	var all []Screen
	for _, sc := range screens() {
		if sc.get != nil {
			all = append(all, Screen{Portal: sc.portal, Path: sc.path, Tries: sc.tries})
		}
	}
	return all
}
