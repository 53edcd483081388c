package api

import (
	"net/http"
	"slices"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/history"
)

// settings are what a tenant decided for all of its users.
type settings struct {
	Theme          *string `json:"theme" doc:"What their portal looks like; null where each chooses"`
	Mode           *string `json:"mode" doc:"auto: light or dark as the system is; light or dark: always; null where each chooses"`
	UsersMayChoose bool    `json:"usersMayChoose" doc:"The look is that of who has not chosen another; else it is everybody's"`
}

func shownSettings(r commands.Record[tenant.State]) settings {
	is := r.State.Settings
	return settings{Theme: orNull(is.Theme), Mode: orNull(is.Mode), UsersMayChoose: is.UsersMayChoose}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// settingsRoutes lists the routes of what a tenant decides for all of its users.
func (s *server) settingsRoutes() []route {
	return []route{
		{on: "GET /api/v2/settings", id: "getSettings", summary: "Shows what the tenant decided for all of its users", query: []parameter{atParameter},
			gives: replies{200: settings{}}, frame: s.reading([]string{user.RoleOwner, user.RoleManager}, s.getSettings)},
		{on: "GET /api/v2/settings/history", id: "getSettingsHistory", summary: "Lists the changes of the settings, the newest first", query: ofPage,
			gives: replies{200: page[history.Item]{}}, frame: s.reading([]string{user.RoleOwner, user.RoleManager}, s.settingsHistory)},
		{on: "PATCH /api/v2/settings", id: "changeSettings", summary: "Changes what the tenant decided for all of its users", takes: domain.Patch[tenant.Settings]{},
			gives: replies{200: settings{}}, codes: []problem.Code{problem.InvalidTransition}, frame: s.command([]string{user.RoleOwner}, s.changeSettings)},
	}
}

func (s *server) getSettings(w http.ResponseWriter, q request, m moment) error {
	until := m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace))
	if until == 0 {
		return commands.ErrNotFound
	}
	record, err := s.Commands.Tenant(q.Context(), q.tenant.String(), until)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, q.Request, http.StatusOK, shownSettings(record))
	return nil
}

// settingsHistory answers with what the tenant decided, and not with what else happened to it: that is the provider's matter.
func (s *server) settingsHistory(w http.ResponseWriter, q request, m moment) error {
	until := m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace))
	if until == 0 {
		return commands.ErrNotFound
	}
	events, err := s.Commands.Log.ReadStream(q.Context(), eventstore.ProviderSpace, eventstore.Stream(tenant.Stream(q.tenant.String())), until)
	if err != nil {
		return err
	}
	return s.tell(w, q, slices.DeleteFunc(events, func(e eventstore.Event) bool { return e.Type != tenant.SettingsChanged{}.Type() }))
}

func (s *server) changeSettings(q request) (answer, error) {
	var command tenant.ChangeSettings
	if err := decodePatch(q.Request, &command.Patch); err != nil {
		return answer{}, err
	}
	if theme := command.Values.Theme; theme != "" && !s.offers(theme) {
		return answer{}, problem.Invalid(problem.FieldError{Field: "theme", Code: "not_allowed", Message: "is not one of the themes of /api/theme"})
	}
	out, err := s.Commands.ChangeTenantSettings(q.Context(), q.caller, q.tenant.String(), command)
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	record, err := s.Commands.Tenant(q.Context(), q.tenant.String(), out.Last())
	return answer{outcome: out, status: http.StatusOK, version: record.Version, record: shownSettings(record)}, err
}
