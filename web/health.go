package web

import (
	"net/http"
	"time"

	"github.com/streamflow/streamflow/web/ui"
)

// health is what the installation stands on, as measured for the page. It is no part of the log, and there is none of the past.
type health struct {
	Parts   []ui.Stat
	Message string // why nothing is known
}

// health asks the API how the components are.
func (s *server) health(v visit) *health {
	a := s.call(v.r, v.portal.Name, http.MethodGet, diagnosticsAPI, nil, nil)
	var told struct {
		Time       time.Time `json:"time"`
		Components []struct {
			Name      string  `json:"name"`
			State     string  `json:"state"`
			LatencyMS float64 `json:"latencyMs"`
		} `json:"components"`
	}
	if a.status != http.StatusOK || a.decode(&told) != nil {
		return &health{Message: a.fault().words()}
	}
	h := &health{}
	for _, c := range told.Components {
		part := ui.Stat{Name: "component-" + c.Name, Title: capital(c.Name), Source: "gauge", At: told.Time, Tone: ui.Success,
			Values: []ui.Quantity{{Number: capital(c.State), Unit: "answered in " + decimals(c.LatencyMS, 1) + " ms"}}}
		if c.State != "up" {
			part.Tone, part.Values[0].Unit = ui.Danger, "no answer in "+decimals(c.LatencyMS, 1)+" ms"
		}
		h.Parts = append(h.Parts, part)
	}
	return h
}
