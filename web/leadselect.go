package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	maxSelected = 100 // the longest page of a list
	reasonField = "reason"
	countField  = "n" // how many leads a step was taken with
	// What the list is told was done: a step to all that were ticked, or nothing, because none was.
	allSelected  = "all-"
	noneSelected = "none"
)

// selectedSteps are what can be done with several leads at once. What makes other records of a lead is done one by one.
var selectedSteps = []ui.Option{{Value: stepContact, Title: titleContact}, {Value: stepQualify, Title: "Qualify"}, {Value: stepDisqualify, Title: "Disqualify"}}

// leadsWere says what a step did to some leads.
func leadsWere(n int, step string) string {
	did := map[string]string{stepContact: "contacted", stepQualify: "qualified", stepDisqualify: "disqualified"}[step]
	switch n {
	case 0:
		return "No lead was " + did
	case 1:
		return "One lead was " + did
	}
	return whole(int64(n)) + " leads were " + did
}

// selectedNotes say what was just done to several leads.
func selectedNotes(v visit, dismiss string) []ui.Note {
	q := v.r.URL.Query()
	n, err := strconv.Atoi(q.Get(countField))
	step, all := strings.CutPrefix(q.Get(doneParameter), allSelected)
	if err != nil || n < 1 || !all || !selectable(step) {
		return nil
	}
	return []ui.Note{{Tone: ui.Success, Text: leadsWere(n, step) + ".", Dismiss: dismiss}}
}

func selectable(step string) bool {
	return slices.ContainsFunc(selectedSteps, func(o ui.Option) bool { return o.Value == step })
}

// selected is what came of a step with several leads.
type selected struct {
	Shell   shell
	Done    int
	Of      int
	Step    string
	Refused []refusedLead
	Back    string
	last    *answer // to the last that was done
}

// refusedLead is a lead that a step was not taken with, and why.
type refusedLead struct{ Name, Href, Why string }

// takeSelected takes a step with each lead that is ticked. Each has a key made of the form's and its own id, so that a form that is
// sent twice, or again because some were left over, does nothing twice.
func (s *server) takeSelected(v visit) {
	if !s.posted(v) {
		return
	}
	ids, step, back := slices.Compact(slices.Sorted(slices.Values(v.r.PostForm[ui.RowField]))), v.r.PostForm.Get(ui.ActionField), backOr(v, leadsPath)
	switch _, said := v.r.PostForm[reasonField]; {
	case !selectable(step) || len(ids) > maxSelected:
		s.fail(v, failure{Status: http.StatusBadRequest, Title: "Not read", Text: "At most " + strconv.Itoa(maxSelected) + " leads can be contacted, qualified or disqualified at once."})
	case len(ids) == 0:
		finish(v, &answer{header: http.Header{}}, back, noneSelected)
	case step == stepDisqualify && !said:
		s.askReason(v, http.StatusOK, reasonForm(ids))
	default:
		s.stepThrough(v, ids, selected{Of: len(ids), Step: step, Back: back})
	}
}

func (s *server) stepThrough(v visit, ids []string, done selected) {
	body := map[string]string{}
	if done.Step == stepDisqualify {
		body[reasonField] = v.r.PostForm.Get(reasonField)
	}
	for _, id := range ids {
		a := s.commandAs(v, v.r.PostForm.Get(ui.KeyField)+"."+id, http.MethodPost, leadsAPI+"/"+url.PathEscape(id)+"/"+done.Step, body)
		switch {
		case s.barred(v, a, done.Back):
			return
		case a.unwell():
			s.refuseRest(v, a, done)
			return
		case a.status < http.StatusBadRequest:
			done.Done, done.last = done.Done+1, a
		case a.status == http.StatusUnprocessableEntity && done.Step == stepDisqualify: // a reason that is none is none for any of them
			form := reasonForm(ids)
			form.Fields[0].Value = body[reasonField]
			refused(&form, a)
			s.askReason(v, a.status, form)
			return
		default:
			done.Refused = append(done.Refused, s.refusedLead(v, id, a))
		}
	}
	s.tell(v, done)
}

// tell says what was done: on the list where that is everything, else on a page that names the others.
func (s *server) tell(v visit, done selected) {
	if len(done.Refused) == 0 {
		finish(v, done.last, done.Back, allSelected+done.Step, ui.Option{Value: countField, Title: strconv.Itoa(done.Done)})
		return
	}
	if done.last != nil {
		done.Back = doneAt(done.last, done.Back, "")
	}
	done.Shell = s.shell(v, leadsWere(done.Done, done.Step))
	render(v.w, v.r, http.StatusOK, selectedScreen(done))
}

// refuseRest says how far it got, where the rest has to wait. The page sends the same form again.
func (s *server) refuseRest(v visit, a *answer, done selected) {
	f := a.fault()
	s.fail(v, failure{Status: failed(a), Title: f.Title, Wait: f.wait,
		Text: leadsWere(done.Done, done.Step) + ", of " + strconv.Itoa(done.Of) + ". Try again for the others: nothing is done twice."})
}

func (s *server) refusedLead(v visit, id string, a *answer) refusedLead {
	one := refusedLead{Why: a.fault().words()}
	one.Name, one.Href = s.leadAt(v, id)
	return one
}

// leadAt is what a lead is called, and where it is; no address where there is none. One that cannot be read now goes by its id.
func (s *server) leadAt(v visit, id string) (name, address string) {
	var l leadRecord
	a := s.call(v.r, v.portal.Name, http.MethodGet, leadsAPI+"/"+url.PathEscape(id), nil, nil)
	switch {
	case a.status == http.StatusNotFound:
		return "A lead that is not there", ""
	case a.status != http.StatusOK || a.decode(&l) != nil:
		name = id
	default:
		name = l.called()
	}
	return name, leadsPath + "/" + url.PathEscape(id)
}

// reasonForm asks why nothing will come of some leads.
func reasonForm(ids []string) ui.Form {
	form := ui.Form{ID: "step", Key: newKey(), Action: leadsPath + "/selected", Cancel: leadsPath, Submit: "Disqualify", Danger: true,
		Hidden: []ui.Option{{Value: ui.ActionField, Title: stepDisqualify}},
		Fields: []ui.Field{{Name: reasonField, Label: "Reason", Kind: "textarea", Required: true, Hint: "Why nothing will come of them."}}}
	for _, id := range ids {
		form.Hidden = append(form.Hidden, ui.Option{Value: ui.RowField, Title: id})
	}
	return form
}

func (s *server) askReason(v visit, status int, form ui.Form) {
	title := "Disqualify one lead"
	if n := len(form.Hidden) - 1; n > 1 {
		title = "Disqualify " + strconv.Itoa(n) + " leads"
	}
	s.showForm(v, status, title, "They leave the open leads. This cannot be taken back; their history stays.", form)
}
