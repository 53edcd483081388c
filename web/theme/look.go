package theme

// Look is what a page looks like: a theme and how it is shown. Each is one of the values that GET /api/theme answers.
type Look struct {
	Theme   string `json:"theme"`
	Mode    string `json:"mode"`    // auto, light or dark
	Density string `json:"density"` // compact, cozy or roomy
	Motion  string `json:"motion"`  // auto or reduced
	Locked  bool   `json:"locked"`  // the theme is the organization's choice
	// ModeLocked: so is the mode.
	ModeLocked bool `json:"modeLocked"`
}

// Default is the look of somebody who never chose.
func Default() Look {
	return Look{Theme: All[0].ID, Mode: "auto", Density: All[0].Density, Motion: "auto"}
}

// Chosen is the look's theme, the default one where it names none.
func (l Look) Chosen() *Theme {
	if t := Named(l.Theme); t != nil {
		return t
	}
	return &All[0]
}

// Day is the theme that is shown while the system is light, where the system decides.
func (l Look) Day() *Theme {
	if t := l.Chosen(); t.Dark {
		return Named(t.Pair)
	}
	return l.Chosen()
}

// Dusk is the theme that is shown while the system is dark, where the system decides.
func (l Look) Dusk() *Theme {
	if t := l.Chosen(); !t.Dark {
		return Named(t.Pair)
	}
	return l.Chosen()
}

// Palette is the theme that is shown; where the system decides, while it is light.
func (l Look) Palette() string {
	if l.Mode == "dark" {
		return l.Dusk().ID
	}
	return l.Day().ID
}

// Night is the theme that is shown while the system is dark; empty where the system does not decide.
func (l Look) Night() string {
	if l.Mode == "light" || l.Mode == "dark" {
		return ""
	}
	return l.Dusk().ID
}

// Scheme is the value of the page's color-scheme, which browsers read before any style sheet.
func (l Look) Scheme() string {
	if l.Mode == "light" || l.Mode == "dark" {
		return l.Mode
	}
	return "light dark"
}
