package web

import (
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

// happening is what an event is called.
type happening struct {
	title string
	tone  ui.Tone
}

// told is an event in words; the events before it say what a change was from.
func (e happened) told(k *kind, before []happened, people colleagues) ui.Entry {
	entry := ui.Entry{At: e.RecordedAt, Title: e.Type, Text: k.tells(e, before, people), Actor: e.by(people)}
	if words, ok := k.events[e.Type]; ok {
		entry.Title, entry.Tone = words.title, words.tone
	}
	return entry
}

// by is who did it, as it is said within a sentence.
func (e happened) by(people colleagues) string {
	switch {
	case e.Actor.ID == people.me.ID:
		return "you"
	case e.Actor.Kind == "user", e.Actor.Kind == "staff" && people.knows(e.Actor.ID):
		return people.called(e.Actor.ID)
	case e.Actor.Kind == "staff":
		return "the provider"
	}
	return "the " + e.Actor.Kind // system, partner
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
