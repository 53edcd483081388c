package web

import (
	"strings"

	"github.com/streamflow/streamflow/web/ui"
)

func (s *server) lead(v visit) {
	people := s.people(v)
	p, l, ok := recorded[leadRecord](s, v, leadKind, people)
	if !ok {
		return
	}
	if p.known() {
		p.Shell.Title, p.Name, p.Marks = l.called(), l.called(), []ui.Cell{leadStatus(l.Status)}
		if l.Archived {
			p.Marks = append(p.Marks, ui.Cell{Text: "Archived", Tone: ui.Neutral})
		}
		p.Facts = leadFacts(l, people)
		if !p.past() {
			p.Steps = leadSteps(l, p.here)
		}
	}
	render(v.w, v.r, p.status, leadScreen(p, l))
}

// leadFacts are the fields of a lead that say something.
func leadFacts(l leadRecord, people colleagues) []fact {
	return filled(
		fact{"Name", l.Name, ""}, fact{"Company", l.Company, ""}, fact{"E-mail", l.Email, "mailto:" + l.Email}, fact{"Phone", l.Phone, "tel:" + l.Phone},
		fact{"Source", l.Source, ""}, fact{"Value", amount(l.Value), ""}, fact{"Owner", people.called(l.OwnerID), ""}, fact{"Tags", strings.Join(l.Tags, ", "), ""},
		fact{"External id", l.ExternalID, ""}, fact{"Came in on", onDay(l.CreatedOn), ""}, fact{"Converted on", onDay(l.ConvertedOn), ""},
		fact{"Disqualified because", l.DisqualifiedFor, ""}, fact{"Notes", l.Notes, ""}, fact{"Last change", ui.Moment(l.UpdatedAt), ""},
	)
}
