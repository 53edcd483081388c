package web

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/web/ui"
)

func (s *server) escalation(v visit) { s.showEscalation(v, refusal{}) }

// showEscalation shows one escalation. Why is what was just refused.
func (s *server) showEscalation(v visit, why refusal) {
	d := s.desk(v)
	p, e, ok := recorded[escalationRecord](s, v, escalationKind, d.people)
	if !ok {
		return
	}
	e.ID, e.TenantID = p.ID, p.Place.Tenant
	comment := ui.Form{}
	if p.known() {
		p.Shell.Title, p.Name = e.Summary, e.Summary
		p.Marks = []ui.Cell{escalationSeverity(e.Severity), escalationStatus(e.Status)}
		p.Facts = e.facts(d)
		if !p.past() {
			if due := dueOf(e.State, d.now).cell(); due.Text != "" {
				p.Marks = append(p.Marks, due)
			}
			p.Steps = e.steps(p.here)
			q, _ := e.asked(stepComment, d)
			comment = q.form
			comment.ID, comment.Still, comment.Cancel = "comment", true, ""
			comment.Hidden = []ui.Option{{Value: backField, Title: p.here}}
		}
	}
	p.Notes, p.status = why.noted(p.Notes, p.status)
	render(v.w, v.r, p.status, escalationScreen(p, e, comment))
}

// facts are the fields of an escalation that say something.
func (e escalationRecord) facts(d desk) []fact {
	all := filled(
		fact{"Incident", e.IncidentID, ""}, fact{"Client", d.client(e), escalationsOf(tenantParameter, e.TenantID)},
		fact{"Partner", d.partner(e.PartnerID), escalationsOf("partnerId", e.PartnerID)}, fact{"Reported by", e.SourceSystem, ""},
		fact{"Owner", e.owner(d), ""}, fact{"Happened", momentOf(e.OccurredAt), ""}, fact{"Received", momentOf(e.OpenedAt), ""},
		fact{"Answer by", e.until(e.RespondBy, e.ResponseBreached), ""}, fact{"Resolve by", e.until(e.ResolveBy, e.ResolveBreached), ""},
		fact{"Description", e.Description, ""}, fact{"Last change", momentOf(e.UpdatedAt), ""},
	)
	for _, a := range e.Attachments {
		all = append(all, fact{"Attachment", a.Name, a.URL})
	}
	return all
}

func (e escalationRecord) owner(d desk) string {
	if e.AssigneeID == "" {
		return "Nobody"
	}
	return d.people.called(e.AssigneeID)
}

// until is a deadline, and whether it was missed.
func (e escalationRecord) until(at time.Time, breached bool) string {
	switch {
	case at.IsZero() && e.Historical:
		return "No deadline: it is history"
	case at.IsZero():
		return ""
	case breached:
		return ui.Moment(at) + ", missed"
	}
	return ui.Moment(at)
}

// metadata is what the partner told beside the fields that every escalation has.
func (e escalationRecord) metadata() []fact {
	var all []fact
	for _, name := range slices.Sorted(maps.Keys(e.Metadata)) {
		all = append(all, fact{name, written(e.Metadata[name]), ""})
	}
	return all
}

// written is a value of metadata as a person reads it.
func written(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "…"
	}
	return string(text)
}

// escalationsOf is the list of those with one value of a filter.
func escalationsOf(filter, value string) string {
	return string(ui.View{Path: escalationsPath, Query: url.Values{filter: {value}}}.Address())
}

// momentOf is a time in words, with nothing for none.
func momentOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ui.Moment(t)
}

// escalationEvents are what the events of an escalation are called.
var escalationEvents = map[string]happening{
	"escalation.opened": {"Opened", ui.Info}, "escalation.commented": {"Comment", ui.Neutral}, "escalation.waiting": {"Waiting", ui.Neutral},
	"escalation.acknowledged": {"Acknowledged", ui.Info}, "escalation.started": {"Work started", ui.Warning}, "escalation.resolved": {"Resolved", ui.Success},
	"escalation.closed": {"Closed", ui.Success}, "escalation.reopened": {"Reopened", ui.Warning}, "escalation.assigned": {"Given to another owner", ui.Neutral},
	"escalation.response_breached": {"Deadline to answer missed", ui.Danger}, "escalation.resolve_breached": {"Deadline to resolve missed", ui.Danger},
}

// tellEscalation says more of an event.
func tellEscalation(e happened, _ []happened, people colleagues) string {
	switch _, fact, _ := strings.Cut(e.Type, "."); fact {
	case "opened":
		return e.text("summary")
	case "assigned":
		if e.text("assigneeId") == "" {
			return "Nobody"
		}
		return people.called(e.text("assigneeId"))
	case "response_breached", "resolve_breached":
		if at, err := time.Parse(time.RFC3339Nano, e.text("deadline")); err == nil {
			return "It was " + ui.Moment(at)
		}
	}
	return e.text("text")
}

// escalationNotes say what was just done to an escalation.
var escalationNotes = map[string]ui.Note{
	stepAcknowledge: {Tone: ui.Success, Text: "The escalation was acknowledged."}, stepStart: {Tone: ui.Success, Text: "Work on the escalation has started."},
	stepSolve: {Tone: ui.Success, Text: "The escalation was resolved."}, stepClose: {Tone: ui.Success, Text: "The escalation was closed. Its history stays."},
	stepReopen: {Tone: ui.Info, Text: "The escalation is open again, and its deadlines run anew."}, stepComment: {Tone: ui.Success, Text: "The comment was added."},
	stepAssign: {Tone: ui.Success, Text: "The escalation has another owner."},
}

// isMove says whether a step leads to another status.
func isMove(step string) bool {
	return slices.ContainsFunc(escalationMoves, func(m move) bool { return m.step == step })
}

// move is a step that leads to another status.
type move struct {
	step, to, title string
	asks            string // what is asked for on the way; empty where it is done at once
}

// The steps of an escalation, by the names of the API's routes.
const (
	stepAcknowledge = "acknowledge"
	stepStart       = "start"
	stepSolve       = "resolve"
	stepClose       = "close"
	stepReopen      = "reopen"
	stepComment     = "comment"
	stepAssign      = "assign"
)

var escalationMoves = []move{
	{stepAcknowledge, escalation.StatusAcknowledged, "Acknowledge", ""}, {stepStart, escalation.StatusInProgress, "Start work", ""},
	{stepSolve, escalation.StatusResolved, "Resolve", "What solved it"}, {stepClose, escalation.StatusClosed, "Close", "Closing words"},
	{stepReopen, escalation.StatusOpen, "Reopen", "Why it is not solved"},
}
