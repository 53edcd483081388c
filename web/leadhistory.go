package web

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/web/ui"
)

// happened is an event of a record as the API answers it.
type happened struct {
	Cursor     string    `json:"cursor"`
	Version    int       `json:"version"`
	Type       string    `json:"type"`
	RecordedAt time.Time `json:"recordedAt"`
	Actor      struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
		Via  string `json:"via"`
	} `json:"actor"`
	Data map[string]jsontext.Value `json:"data"`
}

// leadEvents are what the events of a lead are called.
var leadEvents = map[string]struct {
	title string
	tone  ui.Tone
}{
	"lead.created": {"Added", ui.Info}, "lead.updated": {"Changed", ui.Neutral}, "lead.contacted": {"Contacted", ui.Info}, "lead.qualified": {"Qualified", ui.Warning},
	"lead.converted": {"Converted", ui.Success}, "lead.disqualified": {"Disqualified", ui.Danger}, "lead.assigned": {"Given to another owner", ui.Neutral},
	"lead.noted": {"Note", ui.Neutral}, "lead.archived": {"Archived", ui.Warning}, "lead.restored": {"Restored", ui.Info}, "lead.merged": {"Merged with another lead", ui.Info},
	"lead.merged_into": {"Merged into another lead", ui.Warning}, "lead.merge_undone": {"Merge undone", ui.Info}, "lead.unmerged": {"Taken out of a merge", ui.Info},
}

// told is an event in words; the events before it say what a change was from.
func (e happened) told(before []happened, people colleagues) ui.Entry {
	entry := ui.Entry{At: e.RecordedAt, Title: e.Type, Actor: people.called(e.Actor.ID)}
	if words, ok := leadEvents[e.Type]; ok {
		entry.Title, entry.Tone = words.title, words.tone
	}
	switch e.Actor.Kind {
	case "user":
		if e.Actor.ID == people.me.ID {
			entry.Actor = "you"
		}
	case "staff":
		entry.Actor = "the provider"
	default: // system, partner
		entry.Actor = "the " + e.Actor.Kind
	}
	switch e.Type {
	case "lead.created":
		if source := e.text("source"); source != "" {
			entry.Text = "From " + source
		}
	case "lead.updated":
		entry.Text = e.changes(before, people)
	case "lead.disqualified":
		entry.Text = e.text("reason")
	case "lead.assigned":
		entry.Text = people.called(e.text("ownerId"))
	case "lead.noted":
		entry.Text = e.text("text")
	}
	return entry
}

// text is a member of the event's data as a person reads it.
func (e happened) text(name string) string {
	value := e.Data[name]
	if len(value) == 0 {
		return ""
	}
	switch value.Kind() {
	case '"':
		var text string
		if json.Unmarshal(value, &text) == nil {
			return text
		}
	case '{':
		var sum money.Amount
		if json.Unmarshal(value, &sum) == nil && sum.Currency != "" {
			return amount(sum)
		}
		return "…" // a personal text that the visitor may not read, or that is erased
	case '[':
		var all []string
		if json.Unmarshal(value, &all) == nil {
			return strings.Join(all, ", ")
		}
	}
	return value.String()
}

// changes says what a change was from, and to what.
func (e happened) changes(before []happened, people colleagues) string {
	var names, all []string
	_ = json.Unmarshal(e.Data["changed"], &names) // what cannot be read is not told
	last := slices.IndexFunc(before, func(b happened) bool { return b.Type == "lead.created" || b.Type == "lead.updated" })
	for _, name := range names {
		value := e.text(name)
		label := name
		if i := slices.IndexFunc(leadFields, func(f ui.Field) bool { return f.Name == name }); i >= 0 {
			label = leadFields[i].Label
		}
		if name == "ownerId" {
			value = people.called(value)
		}
		if value == "" {
			value = "nothing"
		}
		if last >= 0 && name != "ownerId" { // an owner changes by other events too
			if was := before[last].text(name); was != "" {
				value = was + " → " + value
			}
		}
		all = append(all, label+": "+value)
	}
	return strings.Join(all, "; ")
}
