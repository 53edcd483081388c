package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	projectionsPath = "/developer/projections"
	projectionsAPI  = "/api/v2/projections"
	jobsAPI         = "/api/v2/jobs"
)

// readModel is a read model as the API answers it.
type readModel struct {
	Name       string         `json:"name"`
	Version    int            `json:"version"`
	Generation int            `json:"generation"`
	Previous   *int           `json:"previousGeneration"`
	State      string         `json:"state"`
	Lanes      []lanePlace    `json:"lanes"`
	Lag        int64          `json:"lag"`
	LagMS      int64          `json:"lagMs"`
	Parked     int64          `json:"parked"`
	ParkedKeys []parkedStream `json:"parkedKeys"`
	Rebuild    *rebuilt       `json:"rebuild"`
}

// lanePlace is how far a read model is in a lane.
type lanePlace struct {
	Lane     int   `json:"lane"`
	Position int64 `json:"position"`
	Head     int64 `json:"head"`
}

// parkedStream is a stream whose events wait behind one that could not be folded.
type parkedStream struct {
	Position int64     `json:"position"`
	TenantID string    `json:"tenantId"`
	Stream   string    `json:"stream"`
	Reason   string    `json:"reason"`
	Events   int64     `json:"events"`
	ParkedAt time.Time `json:"parkedAt"`
}

// rebuilt is a read model's newest rebuild.
type rebuilt struct {
	JobID   string    `json:"jobId"`
	State   string    `json:"state"`
	Done    int64     `json:"done"`
	Total   int64     `json:"total"`
	BegunAt time.Time `json:"begunAt"`
}

// rebuildJob is what the API tells of a rebuild beside that: how it ended.
type rebuildJob struct {
	EndedAt *time.Time `json:"endedAt"`
	Errors  []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// modelStates are the states as marks, and what they mean.
var modelStates = map[string]struct {
	mark ui.Cell
	text string
}{
	"live":       {ui.Cell{Text: "Live", Tone: ui.Success}, "Folds every event as it is recorded."},
	"paused":     {ui.Cell{Text: "Paused", Tone: ui.Warning}, "Is read as it stood when it was paused."},
	"rebuilding": {ui.Cell{Text: "Rebuilding", Tone: ui.Info}, "Is built anew beside the tables that are read, which stay live."},
	"outdated":   {ui.Cell{Text: "Outdated", Tone: ui.Danger}, "Was folded by another version of the program. Rebuild it."},
}

// modelCard is a read model as the page shows it.
type modelCard struct {
	readModel
	Mark    ui.Cell
	Text    string
	Facts   []fact
	Steps   []ui.Step
	Retry   ui.Step
	Waiting ui.Table
	Rebuild rebuildShown
}

// rebuildShown is how a rebuild goes, or how it ended; without a text there was none.
type rebuildShown struct {
	Running     bool
	Done, Total int
	Text        string
	Reason      string // why it failed
}

// projectionsPage is the read models, all of them or one.
type projectionsPage struct {
	Shell   shell
	Name    string // of the one; empty for all
	Cards   []modelCard
	Notes   []ui.Note
	Message string // why there are none
}

// here is where the page is.
func (p projectionsPage) here() string {
	if p.Name == "" {
		return projectionsPath
	}
	return modelAddress(p.Name)
}

func modelAddress(name string) string { return projectionsPath + "/" + url.PathEscape(name) }

func (s *server) projections(v visit) {
	p := projectionsPage{Shell: s.shell(v, "Projections"), Name: chi.URLParam(v.r, "id")}
	path := projectionsAPI
	if p.Name != "" {
		path += "/" + url.PathEscape(p.Name)
	}
	a, late := s.seen(v, path, nil)
	if s.stopped(v, a, p.here()) {
		return
	}
	if a.status == http.StatusNotFound {
		s.fail(v, failure{Status: http.StatusNotFound, Title: "No such projection", Text: "This program folds the log into no tables of that name."})
		return
	}
	models, ok := readModels(a, p.Name != "")
	if !ok {
		p.Message = a.fault().words()
		render(v.w, v.r, failed(a), projectionsScreen(p))
		return
	}
	p.Notes = notes(v, modelNotes, late, p.here())
	for _, m := range models {
		p.Cards = append(p.Cards, m.card(p.here(), s.rebuildOf(v, m.Rebuild)))
	}
	render(v.w, v.r, http.StatusOK, projectionsScreen(p))
}

// readModels reads the API's list, or its answer about one.
func readModels(a *answer, one bool) ([]readModel, bool) {
	var list struct {
		Items []readModel `json:"items"`
	}
	var m readModel
	switch {
	case a.status != http.StatusOK:
		return nil, false
	case one:
		err := a.decode(&m)
		return []readModel{m}, err == nil
	}
	err := a.decode(&list)
	return list.Items, err == nil
}

// rebuildOf is how a rebuild goes. How one ended its job tells.
func (s *server) rebuildOf(v visit, r *rebuilt) rebuildShown {
	if r == nil {
		return rebuildShown{}
	}
	shown := rebuildShown{Running: r.State == "running", Done: int(r.Done), Total: int(r.Total)}
	if shown.Running {
		shown.Text = r.pace(time.Now())
		return shown
	}
	var j rebuildJob
	at := r.BegunAt
	if a := s.call(v.r, v.portal.Name, http.MethodGet, jobsAPI+"/"+url.PathEscape(r.JobID), nil, nil); a.status == http.StatusOK && a.decode(&j) == nil && j.EndedAt != nil {
		at = *j.EndedAt
	}
	if r.State == "done" {
		shown.Text = "Rebuilt from " + whole(r.Total) + " events, " + ui.Moment(at)
		return shown
	}
	shown.Text = "The last rebuild failed, " + ui.Moment(at) + ". The tables that are read are as they were."
	shown.Reason = "Why is not known."
	if len(j.Errors) > 0 {
		shown.Reason = sentence(j.Errors[0].Message)
	}
	return shown
}

// pace is how fast a rebuild goes, and when it will be at its end if it goes on like that.
func (r rebuilt) pace(now time.Time) string {
	seconds := now.Sub(r.BegunAt).Seconds()
	if r.Done == 0 || seconds <= 0 {
		return "It has just begun."
	}
	rate := float64(r.Done) / seconds
	return whole(int64(rate)) + " events a second, about " + lasting(time.Duration(float64(r.Total-r.Done)/rate*float64(time.Second))) + " to go."
}

// lasting is a time span for people: as much of it as matters.
func lasting(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return decimals(d.Seconds(), 1) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min " + strconv.Itoa(int(d.Seconds())%60) + " s"
	}
	return whole(int64(d.Hours())) + " h " + strconv.Itoa(int(d.Minutes())%60) + " min"
}

// card is a read model as it is shown, with the page that what is done with it leads back to.
func (m readModel) card(back string, rebuild rebuildShown) modelCard {
	state, known := modelStates[m.State]
	if !known {
		state.mark = ui.Cell{Text: capital(m.State), Tone: ui.Warning}
	}
	c := modelCard{readModel: m, Mark: state.mark, Text: state.text, Rebuild: rebuild, Steps: m.steps(back), Retry: m.step(stepRetry, back)}
	behind := "None: every event is folded"
	if m.Lag > 0 {
		behind = counted(m.Lag, "event") + ", the oldest for " + lasting(time.Duration(m.LagMS)*time.Millisecond)
	}
	c.Facts = []fact{{"Version", strconv.Itoa(m.Version) + ", tables of generation " + strconv.Itoa(m.Generation), ""}, {"Position", m.position(), ""}, {"Lag", behind, ""}}
	if m.Parked > 0 {
		c.Waiting = m.waiting()
	} else {
		c.Facts = append(c.Facts, fact{"Parked", "Nothing", ""})
	}
	return c
}

// position is how far it is, in each lane.
func (m readModel) position() string {
	var all []string
	for _, l := range m.Lanes {
		text := whole(l.Position) + " of " + whole(l.Head)
		if len(m.Lanes) > 1 {
			text = "lane " + strconv.Itoa(l.Lane) + ": " + text
		}
		all = append(all, text)
	}
	if all == nil {
		return "not known"
	}
	return strings.Join(all, ", ")
}

// waiting are the streams that wait, each with what it waits for.
func (m readModel) waiting() ui.Table {
	t := ui.Table{ID: "parked-" + m.Name, Caption: "Parked streams of " + m.Name, Columns: []ui.Column{
		{Title: "Stream"}, {Title: "Reason"}, {Title: "Waiting", Number: true}, {Title: "From position", Number: true}, {Title: "Since", Tight: true}}}
	for _, k := range m.ParkedKeys {
		events := ui.View{Path: eventsPath, Query: url.Values{"stream": {k.Stream}, "tenantId": {k.TenantID}}}
		t.Rows = append(t.Rows, ui.Row{ID: k.Stream, Name: k.Stream, Cells: []ui.Cell{
			{Text: shortened(k.Stream), Href: string(events.Address())}, {Text: k.Reason}, {Text: counted(k.Events, "event")}, {Text: whole(k.Position)}, {Text: ui.Moment(k.ParkedAt)}}})
	}
	return t
}

// steps are what can be done with a read model, the likeliest first.
func (m readModel) steps(back string) []ui.Step {
	var all []ui.Step
	if m.State == "paused" {
		all = append(all, m.step(stepResume, back))
	}
	if m.State != "rebuilding" {
		all = append(all, m.step(stepRebuild, back))
	}
	if m.State != "paused" {
		all = append(all, m.step(stepPause, back))
	}
	if m.Previous != nil && m.State != "rebuilding" {
		all = append(all, m.step(stepSwitch, back))
	}
	return all
}

// parkedWords say how much waits, and how much of it the list below shows.
func parkedWords(m readModel) string {
	text := counted(m.Parked, "event") + " could not be folded, or wait behind one that could not. Everything else goes on."
	var listed int64
	for _, k := range m.ParkedKeys {
		listed += k.Events
	}
	if listed < m.Parked {
		text += " The list has the first " + counted(int64(len(m.ParkedKeys)), "stream") + "."
	}
	return text
}
