package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

// leadFields are what is asked of a lead. Which of them it needs is for the API to say.
var leadFields = []ui.Field{
	{Name: "name", Label: "Name", Kind: "text", Autocomplete: "off"},
	{Name: "company", Label: "Company", Kind: "text", Autocomplete: "off"},
	{Name: "email", Label: "E-mail", Kind: "email", Autocomplete: "off"},
	{Name: "phone", Label: "Phone", Kind: "tel", Autocomplete: "off"},
	{Name: "source", Label: "Source", Kind: "text", Hint: "Where the lead came from, like website or referral."},
	{Name: "ownerId", Label: "Owner", Kind: "select"},
	{Name: "value", Label: "Expected value", Kind: "text", Hint: "Like 1800 or 1800.50."},
	{Name: "currency", Label: "Currency", Kind: "select"},
	{Name: "externalId", Label: "External id", Kind: "text", Hint: "What another system calls it."},
	{Name: "tags", Label: "Tags", Kind: "text", Hint: "With commas between them."},
	{Name: "notes", Label: "Notes", Kind: "textarea"},
}

// leadNeeds says what no mark at a field can: it is one of several. The API is who checks it.
const leadNeeds = "A lead has a name or a company, and an e-mail address or a phone number; an external id is enough for both."

// leadForm asks for a lead's fields, as a function has them.
func leadForm(title string, people colleagues, value func(name string) string) ui.Form {
	f := ui.Form{ID: "lead", Key: newKey(), Submit: title, Fields: slices.Clone(leadFields)}
	for i := range f.Fields {
		field := &f.Fields[i]
		field.Value = value(field.Name)
		switch field.Name {
		case "ownerId":
			field.Options = append([]ui.Option{{Title: "Nobody"}}, people.options(field.Value)...)
		case "currency":
			field.Options = currencyOptions(field.Value)
		}
	}
	return f
}

// field is a lead's field as a form has it.
func (l leadRecord) field(name string) string {
	switch name {
	case "name":
		return l.Name
	case "company":
		return l.Company
	case "email":
		return l.Email
	case "phone":
		return l.Phone
	case "source":
		return l.Source
	case "ownerId":
		return l.OwnerID
	case "value":
		if l.Value.IsZero() {
			return ""
		}
		return l.Value.Major()
	case "currency":
		return l.Value.Currency
	case "externalId":
		return l.ExternalID
	case "tags":
		return strings.Join(l.Tags, ", ")
	case "notes":
		return l.Notes
	}
	return ""
}

// leadBody is what a form says of a lead; a field without a value is null, which takes it away. A sum that is none is blamed on its
// field.
func leadBody(form *ui.Form, sent url.Values) (body map[string]any, ok bool) {
	body = map[string]any{}
	for _, f := range form.Fields {
		if value := sent.Get(f.Name); value != "" {
			body[f.Name] = value
		} else {
			body[f.Name] = nil
		}
	}
	delete(body, "currency")
	if text := sent.Get("value"); text != "" {
		sum, err := money.ParseMajor(text, sent.Get("currency"))
		if err != nil {
			form.Blame("value", "Enter a number like 1800 or 1800.50, without a sign, and no more decimals than "+sent.Get("currency")+" has.")
			return nil, false
		}
		body["value"] = sum
	}
	if text := sent.Get("tags"); text != "" {
		body["tags"] = strings.Split(text, ",")
	}
	return body, true
}

func (s *server) newLead(v visit) {
	form := leadForm("Add lead", s.people(v), func(name string) string {
		if name == "ownerId" {
			return v.who.ID
		}
		return ""
	})
	form.Action, form.Cancel = leadsPath+"/new", leadsPath
	s.showForm(v, http.StatusOK, "Add a lead", leadNeeds, form)
}

func (s *server) createLead(v visit) {
	if !s.posted(v) {
		return
	}
	form := leadForm("Add lead", s.people(v), v.r.PostForm.Get)
	form.Action, form.Cancel = leadsPath+"/new", leadsPath
	body, ok := leadBody(&form, v.r.PostForm)
	if !ok {
		s.showForm(v, http.StatusUnprocessableEntity, "Add a lead", leadNeeds, form)
		return
	}
	for name, value := range body {
		if value == nil {
			delete(body, name)
		}
	}
	a := s.command(v, http.MethodPost, leadsAPI, body)
	if s.barred(v, a, form.Action) {
		return
	}
	var made leadRecord
	if a.status >= http.StatusBadRequest || a.decode(&made) != nil {
		refuse(v, leadKind, &form, a)
		s.showForm(v, failed(a), "Add a lead", leadNeeds, form)
		return
	}
	finish(v, a, leadsPath+"/"+made.ID, "created")
}

func (s *server) editLead(v visit) {
	l, ok := recordOf[leadRecord](s, v, leadKind)
	if !ok {
		return
	}
	s.showForm(v, http.StatusOK, "Edit "+l.called(), leadNeeds, l.editForm(s.people(v), l.field))
}

// editForm asks for a lead's fields, and is good for the lead's version alone.
func (l leadRecord) editForm(people colleagues, value func(string) string) ui.Form {
	form := leadForm("Save lead", people, value)
	form.Action, form.Cancel = leadsPath+"/"+l.ID+"/edit", leadsPath+"/"+l.ID
	form.Hidden = []ui.Option{{Value: versionField, Title: strconv.Itoa(l.Version)}}
	return form
}

func (s *server) updateLead(v visit) {
	if !s.posted(v) {
		return
	}
	l, ok := recordOf[leadRecord](s, v, leadKind)
	if !ok {
		return
	}
	form := l.editForm(s.people(v), v.r.PostForm.Get)
	body, ok := leadBody(&form, v.r.PostForm)
	if !ok {
		form.Hidden[0].Title = v.r.PostForm.Get(versionField)
		s.showForm(v, http.StatusUnprocessableEntity, "Edit "+l.called(), leadNeeds, form)
		return
	}
	a := s.command(v, http.MethodPatch, leadsAPI+"/"+l.ID, body, header{matchHeader, `"v` + v.r.PostForm.Get(versionField) + `"`})
	switch {
	case s.barred(v, a, leadsPath+"/"+l.ID):
		return
	case a.status < http.StatusBadRequest:
		finish(v, a, backOr(v, leadsPath+"/"+l.ID), "edited")
		return
	case a.status == http.StatusPreconditionFailed:
		overtaken(&form, leadKind, l.field)
	default:
		form.Hidden[0].Title = v.r.PostForm.Get(versionField)
		refuse(v, leadKind, &form, a)
	}
	s.showForm(v, failed(a), "Edit "+l.called(), leadNeeds, form)
}
