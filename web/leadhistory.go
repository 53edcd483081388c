package web

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/web/ui"
)

// leadEvents are what the events of a lead are called.
var leadEvents = map[string]happening{
	"lead.created": {"Added", ui.Info}, "lead.updated": {"Changed", ui.Neutral}, "lead.contacted": {"Contacted", ui.Info}, "lead.qualified": {"Qualified", ui.Warning},
	"lead.converted": {"Converted", ui.Success}, "lead.disqualified": {"Disqualified", ui.Danger}, "lead.assigned": {"Given to another owner", ui.Neutral},
	"lead.noted": {"Note", ui.Neutral}, "lead.archived": {"Archived", ui.Warning}, "lead.restored": {"Restored", ui.Info}, "lead.merged": {"Merged with another lead", ui.Info},
	"lead.merged_into": {"Merged into another lead", ui.Warning}, "lead.merge_undone": {"Merge undone", ui.Info}, "lead.unmerged": {"Taken out of a merge", ui.Info},
}

// tellLead says more of an event of a lead.
func tellLead(e happened, before []happened, people colleagues) string {
	switch e.Type {
	case "lead.created":
		if source := e.text("source"); source != "" {
			return "From " + source
		}
	case "lead.updated":
		return e.changes(before, people)
	case "lead.disqualified":
		return e.text("reason")
	case "lead.assigned":
		return people.called(e.text("ownerId"))
	case "lead.noted":
		return e.text("text")
	}
	return ""
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
