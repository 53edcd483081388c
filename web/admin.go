package web

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/web/theme"
	"github.com/streamflow/streamflow/web/ui"
)

const (
	adminPath   = "/admin"
	settingsAPI = "/api/v2/settings"
)

// adminRoles see the settings. The API judges anew who asks; a menu does not offer what it would refuse.
var adminRoles = []string{user.RoleOwner, user.RoleManager}

// decided is what a tenant decided for all of its users, as the API answers it.
type decided struct {
	Theme          string `json:"theme"` // empty where each chooses, as the mode
	Mode           string `json:"mode"`
	UsersMayChoose bool   `json:"usersMayChoose"`
}

// adminPage is the settings, and who changed them.
type adminPage struct {
	Shell    shell
	Form     ui.Form // its key and version, and what was refused
	Is       decided
	Asked    decided // as the form stands: what is, or what was sent
	Writes   bool    // false: the visitor may look alone
	Entries  []ui.Entry
	Older    string // address of the page with the changes before
	Notes    []ui.Note
	At, Then string
	Message  string // why there are no settings
	status   int
}

var settingsKind = &kind{
	noun: "settings", tells: tellSettings, events: map[string]happening{"tenant.settings_changed": {"Settings changed", ui.Info}},
	notes: map[string]ui.Note{"saved": {Tone: ui.Success, Text: "The settings were saved. They hold from each user's next page on."}},
}

// lookModes are the values of the mode, and what they are called.
var lookModes = []option{{"", "Each chooses"}, {"auto", "System"}, {"light", "Light"}, {"dark", "Dark"}}

func (s *server) admin(v visit) {
	if p, ok := s.settingsNow(v); ok {
		render(v.w, v.r, p.status, adminScreen(p))
	}
}

// settingsNow asks the API for the settings as of the time that the address names, and for their changes. Without them it answers by
// itself, and says that it has.
func (s *server) settingsNow(v visit) (p adminPage, ok bool) {
	asked := v.r.URL.Query()
	at := formMoment(asked.Get("at"))
	a, late := s.seen(v, settingsAPI, dropEmpty("at", at))
	if s.stopped(v, a, adminPath) {
		return p, false
	}
	p = adminPage{Shell: s.shell(v, "Settings"), Writes: v.who.Role == user.RoleOwner && at == "", status: http.StatusOK}
	p.At, p.Then = moment(at)
	p.Shell.Then = at != ""
	if a.status != http.StatusOK || a.decode(&p.Is) != nil {
		p.status, p.Message = failed(a), a.fault().words()
		return p, true
	}
	p.Asked = p.Is
	p.Form = ui.Form{ID: "settings", Key: newKey(), Action: adminPath, Hidden: []ui.Option{{Value: versionField, Title: a.header.Get("ETag")}}}
	p.Notes = notes(v, settingsKind.notes, late, adminPath)
	var events recordList[happened]
	if h := s.call(v.r, v.portal.Name, http.MethodGet, settingsAPI+"/history", strip(asked, "cursor"), nil); h.status == http.StatusOK && h.decode(&events) == nil {
		people := s.people(v)
		for i, e := range events.Items {
			entry := e.told(settingsKind, events.Items[i+1:], people)
			entry.Then = string(ui.View{Path: adminPath, Query: dropEmpty("at", e.Cursor)}.Address())
			p.Entries = append(p.Entries, entry)
		}
		if events.NextCursor != "" {
			p.Older = string(ui.View{Path: adminPath}.Following(events.NextCursor).Address())
		}
	}
	return p, true
}

// changeSettings saves what was decided, unless somebody decided something else meanwhile.
func (s *server) changeSettings(v visit) {
	if !s.posted(v) {
		return
	}
	sent := decided{Theme: v.r.PostForm.Get("theme"), Mode: v.r.PostForm.Get("mode"), UsersMayChoose: v.r.PostForm.Get("usersMayChoose") == "yes"}
	body := struct {
		Theme          *string `json:"theme"`
		Mode           *string `json:"mode"`
		UsersMayChoose bool    `json:"usersMayChoose"`
	}{UsersMayChoose: sent.UsersMayChoose}
	if sent.Theme != "" {
		body.Theme = &sent.Theme
	}
	if sent.Mode != "" {
		body.Mode = &sent.Mode
	}
	version := v.r.PostForm.Get(versionField)
	a := s.command(v, http.MethodPatch, settingsAPI, body, header{matchHeader, version})
	if s.barred(v, a, adminPath) {
		return
	}
	if a.status < http.StatusBadRequest {
		finish(v, a, adminPath, "saved")
		return
	}
	p, ok := s.settingsNow(v)
	if !ok {
		return
	}
	p.Asked, p.status = sent, failed(a)
	if a.status == http.StatusPreconditionFailed {
		p.Form.Message = "Somebody changed the settings while you did: " + p.Is.words(sent) + " now. What you chose stands below; save again to keep it."
	} else {
		p.Form.Hidden[0].Title = version
		refused(&p.Form, a)
		a.tellWait(v.w)
	}
	render(v.w, v.r, p.status, adminScreen(p))
}

// words tell what is decided otherwise than something else.
func (d decided) words(other decided) string {
	var all []string
	if d.Theme != other.Theme {
		all = append(all, "the theme is "+themeName(d.Theme))
	}
	if d.Mode != other.Mode {
		all = append(all, "light and dark is "+modeName(d.Mode))
	}
	if d.UsersMayChoose != other.UsersMayChoose {
		all = append(all, map[bool]string{true: "users may choose another look", false: "users may not choose another look"}[d.UsersMayChoose])
	}
	if len(all) == 0 {
		return "they are as you chose"
	}
	return strings.Join(all, ", ")
}

// themeName is what a theme is called within a sentence; one that is no more goes by its id.
func themeName(id string) string {
	if id == "" {
		return "each user's choice"
	}
	if t := theme.Named(id); t != nil {
		return t.Name
	}
	return id
}

func modeName(mode string) string {
	switch mode {
	case "":
		return "each user's choice"
	case "auto":
		return "as the system is"
	}
	return "always " + mode
}

// tellSettings says what a change was.
func tellSettings(e happened, _ []happened, _ colleagues) string {
	var before, after decided
	if json.Unmarshal(e.Data["settingsBefore"], &before) != nil || json.Unmarshal(e.Data["settings"], &after) != nil {
		return ""
	}
	return sentence(after.words(before))
}

// decidedWords tell in the picker what is the organization's choice, and not each user's.
func decidedWords(l theme.Look) string {
	var what string
	switch {
	case l.Locked && l.ModeLocked:
		what = l.Chosen().Name + ", " + modeName(l.Mode)
	case l.Locked:
		what = l.Chosen().Name
	default:
		what = capital(modeName(l.Mode))
	}
	return "Your organization chose this look for everybody in it: " + what + ". Its owner can change that in the settings; the rest is yours to choose."
}
