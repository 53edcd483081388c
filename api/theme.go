package api

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/domain/tenant"
)

const (
	scopeAdmin  = "admin"  // the portals of the provider's staff
	scopeClient = "client" // the portal of tenants

	formMedia = "application/x-www-form-urlencoded"
	// lookLife is how long a browser keeps what was chosen, in seconds: a year. Browsers allow little more.
	lookLife = 365 * 24 * 60 * 60
)

// Theme is one look of the portals as it is offered.
type Theme struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Dark     bool   `json:"dark"`
	Density  string `json:"density" doc:"Where none is chosen"`
	// LowestContrast is the least contrast of any text on what it stands on, by WCAG 2.2.
	LowestContrast float64 `json:"lowestContrast" doc:"The least contrast of any text, by WCAG 2.2"`
}

// look is what pages look like in one scope.
type look struct {
	Theme   string `json:"theme"`
	Mode    string `json:"mode" doc:"auto: light or dark as the system is; without one that of the theme"`
	Density string `json:"density"`
	Motion  string `json:"motion"`
	Locked  bool   `json:"locked" doc:"The theme is the tenant's choice for all of its users"`
	// ModeLocked is the same of the mode.
	ModeLocked bool `json:"modeLocked" doc:"The mode is the tenant's choice for all of its users"`
}

// lookChoice is what somebody chooses. What is not there stays as it was; a mode that is not there is the theme's own.
type lookChoice struct {
	Scope   string `json:"scope"`
	Theme   string `json:"theme"`
	Mode    string `json:"mode,omitempty" doc:"auto, light or dark; without one that of the theme"`
	Density string `json:"density,omitempty" doc:"compact, cozy or roomy"`
	Motion  string `json:"motion,omitempty" doc:"auto or reduced"`
}

// looks answers what there is to choose, and what is chosen.
type looks struct {
	Themes []Theme `json:"themes"`
	Admin  string  `json:"admin" doc:"The chosen theme of the staff's portals"`
	Client string  `json:"client" doc:"The chosen theme of the tenants' portal"`
	Looks  struct {
		Admin  look `json:"admin"`
		Client look `json:"client"`
	} `json:"looks"`
}

var (
	scopes    = []string{scopeAdmin, scopeClient}
	modes     = tenant.Modes
	densities = []string{"compact", "cozy", "roomy"}
	motions   = []string{"auto", "reduced"}
)

func (s *server) themeRoutes() []route {
	choice := lookChoice{Scope: scopeClient, Theme: "midnight"}
	post := s.open(nil)
	post.serve = func(route) endpoint { return s.chooseLook }
	post.codes = slices.Concat(post.codes, []problem.Code{problem.MalformedJSON, problem.ValidationFailed})
	return []route{
		{on: "GET /api/theme", id: "getThemes", summary: "Lists the themes, and says which are chosen", gives: replies{200: looks{}}, frame: s.open(s.themes)},
		{on: "POST /api/theme", id: "chooseTheme", summary: "Chooses a theme for one of the two scopes; a form is answered with the way back",
			takes: forms{choice, typed{formMedia, choice}}, gives: replies{204: nil, 303: nil}, frame: post},
	}
}

func (s *server) themes(w http.ResponseWriter, r *http.Request) {
	answer := looks{Themes: s.Themes}
	answer.Looks.Admin, answer.Looks.Client = s.lookOf(r, scopeAdmin), s.lookOf(r, scopeClient)
	answer.Admin, answer.Client = answer.Looks.Admin.Theme, answer.Looks.Client.Theme
	s.write(w, r, http.StatusOK, answer)
}

func lookCookie(scope string) string { return "sf_theme_" + scope }

// lookOf reads what the browser keeps. What is not wholly one of the values that may be chosen counts as nothing chosen.
func (s *server) lookOf(r *http.Request, scope string) look {
	l := look{Mode: "auto", Motion: "auto"}
	if len(s.Themes) > 0 {
		l.Theme, l.Density = s.Themes[0].ID, s.Themes[0].Density
	}
	var decided tenant.Settings
	if scope == scopeClient {
		decided = s.decided(r)
		l = s.lookBy(decided, l)
	}
	if cookie, err := r.Cookie(lookCookie(scope)); err == nil {
		l = s.lookIn(cookie.Value, l)
	}
	if !decided.UsersMayChoose {
		l = s.lookBy(decided, l)
		l.Locked, l.ModeLocked = s.offers(decided.Theme), decided.Mode != ""
	}
	return l
}

// lookBy is a look with what a tenant decided of it.
func (s *server) lookBy(decided tenant.Settings, l look) look {
	if s.offers(decided.Theme) {
		l.Theme = decided.Theme
	}
	if decided.Mode != "" {
		l.Mode = decided.Mode
	}
	return l
}

// decided is what the tenant of whoever asks decided for all of its users; nothing where it did not, or nobody is signed in.
func (s *server) decided(r *http.Request) tenant.Settings {
	if _, err := r.Cookie(cookieName("client", guard.CallerOf(r.Context()).HTTPS)); err != nil {
		return tenant.Settings{}
	}
	who, err := s.authenticate(r, "client")
	if err != nil {
		return tenant.Settings{} // who is not let in is told so elsewhere, and sees a page as everybody does
	}
	return who.Settings
}

// lookIn reads a cookie's value, and is otherwise what is given. A theme or a mode that is empty was never chosen.
func (s *server) lookIn(value string, otherwise look) look {
	parts := strings.Split(value, "~")
	if len(parts) != 4 || parts[0] != "" && !s.offers(parts[0]) || parts[1] != "" && !slices.Contains(modes, parts[1]) || !slices.Contains(densities, parts[2]) || !slices.Contains(motions, parts[3]) {
		return otherwise
	}
	return look{Theme: cmp.Or(parts[0], otherwise.Theme), Mode: cmp.Or(parts[1], otherwise.Mode), Density: parts[2], Motion: parts[3]}
}

// own is what the browser keeps of what a tenant may decide: the theme and the mode, each empty where its user never chose one.
func (s *server) own(r *http.Request, scope string) (theme, mode string) {
	if cookie, err := r.Cookie(lookCookie(scope)); err == nil {
		kept := s.lookIn(cookie.Value, look{})
		return kept.Theme, kept.Mode
	}
	return "", ""
}

func (s *server) offers(theme string) bool {
	return slices.ContainsFunc(s.Themes, func(t Theme) bool { return t.ID == theme })
}

func (s *server) chooseLook(w http.ResponseWriter, r *http.Request) error {
	if err := parameters(r, nil); err != nil {
		return err
	}
	choice, isForm, err := decodeLook(r)
	if err == nil {
		err = s.validLook(choice)
	}
	if err != nil {
		return err
	}
	l := s.lookOf(r, choice.Scope)
	for _, t := range s.Themes {
		if t.ID != choice.Theme || l.Locked {
			continue
		}
		if _, err := r.Cookie(lookCookie(choice.Scope)); err != nil {
			l.Density = t.Density
		}
		if l.Theme, l.Mode = t.ID, "light"; t.Dark {
			l.Mode = "dark"
		}
	}
	for _, given := range []struct{ value, into *string }{{&choice.Mode, &l.Mode}, {&choice.Density, &l.Density}, {&choice.Motion, &l.Motion}} {
		if *given.value != "" {
			*given.into = *given.value
		}
	}
	// What the tenant decided is shown, and not kept: the browser has its user's own choice when the tenant's is taken back.
	theme, mode := s.own(r, choice.Scope)
	if l.Locked {
		l.Theme = theme
	}
	if l.ModeLocked {
		l.Mode = mode
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure would keep the cookie from being sent on loopback, where there is no https
		Name: lookCookie(choice.Scope), Value: strings.Join([]string{l.Theme, l.Mode, l.Density, l.Motion}, "~"), Path: "/", MaxAge: lookLife,
		HttpOnly: true, Secure: guard.CallerOf(r.Context()).HTTPS, SameSite: http.SameSiteLaxMode,
	})
	if isForm {
		http.Redirect(w, r, cameFrom(r), http.StatusSeeOther)
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) validLook(c lookChoice) error {
	var themes []string
	for _, t := range s.Themes {
		themes = append(themes, t.ID)
	}
	var found []problem.FieldError
	for _, f := range []struct {
		name, value string
		allowed     []string
		required    bool
	}{{"scope", c.Scope, scopes, true}, {"theme", c.Theme, themes, true}, {"mode", c.Mode, modes, false}, {"density", c.Density, densities, false}, {"motion", c.Motion, motions, false}} {
		switch {
		case f.value == "" && f.required:
			found = append(found, problem.FieldError{Field: f.name, Code: problem.FieldRequired, Message: "is required"})
		case f.value != "" && !slices.Contains(f.allowed, f.value):
			found = append(found, problem.FieldError{Field: f.name, Code: "not_allowed", Message: "must be one of " + strings.Join(f.allowed, ", ")})
		}
	}
	if len(found) > 0 {
		return problem.Invalid(found...)
	}
	return nil
}

// decodeLook reads JSON, or the form of a page.
func decodeLook(r *http.Request) (c lookChoice, isForm bool, err error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != formMedia {
		return c, false, decode(r, &c)
	}
	values, err := url.ParseQuery(string(guard.Body(r.Context())))
	if err != nil {
		return c, true, problem.New(problem.MalformedRequest, "The form could not be read.")
	}
	fields := map[string]*string{"scope": &c.Scope, "theme": &c.Theme, "mode": &c.Mode, "density": &c.Density, "motion": &c.Motion}
	for name, given := range values {
		into, known := fields[name]
		if !known || len(given) != 1 {
			return c, true, problem.Invalid(problem.FieldError{Code: problem.FieldUnknown, Message: "takes scope, theme, mode, density and motion, each once"})
		}
		*into = given[0]
	}
	return c, true, nil
}

// cameFrom is the page that a form was sent from, where it is one of this site's, else the start page.
func cameFrom(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return u.RequestURI()
}
