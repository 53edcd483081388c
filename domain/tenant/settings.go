package tenant

import "github.com/streamflow/streamflow/domain"

// Settings are what a business decides for all of its users.
type Settings struct {
	// Theme is what their portal looks like; empty where each chooses.
	Theme string `json:"theme,omitempty"`
	// Mode is one of [Modes]; empty where each chooses.
	Mode string `json:"mode,omitempty"`
	// UsersMayChoose makes the look the one of who has not chosen another.
	UsersMayChoose bool `json:"usersMayChoose,omitzero"`
}

// Modes are when a portal is light and when it is dark: as the system is, or always one of the two.
var Modes = []string{"auto", "light", "dark"}

// SettingsChanged is the fact that a business decided something else for its users.
type SettingsChanged struct {
	SettingsBefore Settings `json:"settingsBefore"`
	Settings       Settings `json:"settings"`
}

// Type names the event.
func (SettingsChanged) Type() string { return "tenant.settings_changed" }

// SchemaVersion is 2: version 1 knew the theme alone. What it does not say was not decided.
func (SettingsChanged) SchemaVersion() int { return 2 }

// Evolve keeps the settings.
func (e SettingsChanged) Evolve(s State) State {
	s.Settings = e.Settings
	return s
}

// ChangeSettings changes the given settings.
type ChangeSettings struct {
	domain.Patch[Settings]
}

// Normalize trims the given settings.
func (c ChangeSettings) Normalize() ChangeSettings {
	c.Values.Theme, c.Values.Mode = domain.Line(c.Values.Theme), domain.Line(c.Values.Mode)
	return c
}

// Validate refuses values of the wrong shape.
func (c ChangeSettings) Validate() error {
	var check domain.Check
	check.ID("theme", c.Values.Theme)
	check.OneOf("mode", c.Values.Mode, Modes...)
	return check.Err()
}

// Decide changes what is not so already, of a tenant that is not closed.
func (c ChangeSettings) Decide(s State) ([]Event, error) {
	settings, changed := c.Apply(s.Settings)
	switch {
	case len(changed) == 0:
		return nil, nil
	case s.Status == StatusClosed:
		return nil, domain.InvalidTransition(s.Status, "edited")
	}
	return []Event{SettingsChanged{SettingsBefore: s.Settings, Settings: settings}}, nil
}
