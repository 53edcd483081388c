package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	diagnosticsAPI = "/api/fed/developers/diagnostics"
	// relatedShown is how many events of each kind a page of one event lists.
	relatedShown = 20
	// deepest is how deep JSON is indented; deeper than that, indenting makes of a small text a huge one.
	deepest = 32
)

// effect is what a reactor did about an event, or could not do.
type effect struct {
	Reactor string    `json:"reactor"`
	ID      string    `json:"id"`
	State   string    `json:"state"`
	At      time.Time `json:"at"`
	Tries   int       `json:"tries"`
	Error   string    `json:"error"`
}

// related are events that belong to the one shown.
type related struct {
	Title, None string
	Events      []logged
	More        string // address of all of them; empty where all are shown
	Message     string // why it is not known
}

// eventPage is one event.
type eventPage struct {
	Shell   shell
	Event   logged
	Facts   []fact
	Data    string
	Before  []related // what it is caused by, and what came with it
	After   related   // what it caused
	Effects []ui.Entry
	Unknown string // why the effects are not known
}

func (s *server) event(v visit) {
	id := chi.URLParam(v.r, "id")
	p := eventPage{Event: logged{ID: id}}
	a := s.call(v.r, v.portal.Name, http.MethodGet, eventsAPI+"/"+url.PathEscape(id), nil, nil)
	if s.stopped(v, a, p.Event.address()) {
		return
	}
	if a.status != http.StatusOK || a.decode(&p.Event) != nil {
		text := a.fault().words()
		if a.status == http.StatusNotFound {
			text = "There is no event at this address. The link may be incomplete."
		}
		s.fail(v, failure{Status: failed(a), Title: "No such event", Text: text})
		return
	}
	p.Shell = s.shell(v, p.Event.Type)
	p.Facts = eventFacts(p.Event, s.sealed(v, p.Event))
	p.Data = pretty(p.Event.Data)
	p.Before = append(s.causeOf(v, p.Event), s.besides(v, p.Event))
	p.After = s.relatedTo(v, "Led to", "No event was caused by it.", url.Values{"causationId": {p.Event.ID}})
	p.Effects, p.Unknown = s.effectsOf(v, p.Event)
	render(v.w, v.r, http.StatusOK, eventScreen(p))
}

// eventFacts are what the log keeps of an event beside its data.
func eventFacts(e logged, sealed string) []fact {
	all := []fact{
		{"Id", e.ID, ""}, {"Type", e.Type, eventsAddress("type", e.Type)}, {"Schema version", strconv.Itoa(e.SchemaVersion), ""}, {"Stream", e.Stream, streamAddress(e)},
		{"Version", whole(e.Version), ""}, {"Tenant", e.TenantID, eventsAddress("tenantId", e.TenantID)}, {"Lane", strconv.Itoa(e.Lane), ""}, {"Position", whole(e.Position), ""},
		{"Seal", sealed, ""}, {"Recorded", ui.Moment(e.RecordedAt), ""}, {"Effective", momentOr(e.EffectiveAt), ""},
		{"By", e.Actor.Kind, ""}, {"Who", e.Actor.ID, ""}, {"Through", e.Actor.Via, ""},
		{"Command", e.CommandID, string(ui.View{Path: eventsPath, Query: url.Values{"commandId": {e.CommandID}, "tenantId": {e.TenantID}}}.Address())},
		{"Correlation", e.CorrelationID, eventsAddress("correlationId", e.CorrelationID)},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

// momentOr is a time in words, with nothing for none.
func momentOr(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ui.Moment(*t)
}

// sealed says whether a signed tree head covers the event.
func (s *server) sealed(v visit, e logged) string {
	var told struct {
		Lanes []struct {
			Lane int `json:"lane"`
			Seal *struct {
				Size     int64     `json:"size"`
				SealedAt time.Time `json:"sealedAt"`
			} `json:"seal"`
		} `json:"lanes"`
	}
	a := s.call(v.r, v.portal.Name, http.MethodGet, diagnosticsAPI, nil, nil)
	if a.status != http.StatusOK || a.decode(&told) != nil {
		return "Not known just now"
	}
	for _, l := range told.Lanes {
		if l.Lane == e.Lane && l.Seal != nil && l.Seal.Size >= e.Position {
			return "Sealed: the newest seal covers positions 1 to " + whole(l.Seal.Size) + ", " + ui.Moment(l.Seal.SealedAt)
		}
	}
	return "Not sealed yet"
}

// causeOf is the event that led to this one, where one did.
func (s *server) causeOf(v visit, e logged) []related {
	r := related{Title: "Caused by", None: "No event led to it: its command was asked for by " + actorOf(e) + "."}
	if e.CausationID != "" {
		var cause logged
		a := s.call(v.r, v.portal.Name, http.MethodGet, eventsAPI+"/"+url.PathEscape(e.CausationID), nil, nil)
		if a.status == http.StatusOK && a.decode(&cause) == nil {
			r.Events = []logged{cause}
		} else {
			r.Message = "Event " + e.CausationID + ": " + a.fault().words()
		}
	}
	return []related{r}
}

// besides is what the same command made.
func (s *server) besides(v visit, e logged) related {
	r := s.relatedTo(v, "Came with", "Its command made this event alone.", url.Values{"commandId": {e.CommandID}, "tenantId": {e.TenantID}})
	r.Events = slices.DeleteFunc(r.Events, func(o logged) bool { return o.ID == e.ID })
	return r
}

func (s *server) relatedTo(v visit, title, none string, by url.Values) related {
	r := related{Title: title, None: none}
	view := ui.View{Path: eventsPath, Query: url.Values{orderParameter: {oldestFirst}}}
	maps.Copy(view.Query, by)
	q := eventsQuery(view)
	q.Set("limit", strconv.Itoa(relatedShown))
	var list eventList
	a := s.call(v.r, v.portal.Name, http.MethodGet, eventsAPI, q, nil)
	if a.status != http.StatusOK || a.decode(&list) != nil {
		r.Message = a.fault().words()
		return r
	}
	if r.Events = list.Items; list.NextCursor != "" {
		r.More = string(view.Address())
	}
	return r
}

// effectsOf is what reactors did about an event, and what they could not do.
func (s *server) effectsOf(v visit, e logged) ([]ui.Entry, string) {
	var list struct {
		Items []effect `json:"items"`
	}
	a := s.call(v.r, v.portal.Name, http.MethodGet, eventsAPI+"/"+url.PathEscape(e.ID)+"/effects", nil, nil)
	if a.status != http.StatusOK || a.decode(&list) != nil {
		return nil, a.fault().words()
	}
	var all []ui.Entry
	for _, f := range list.Items {
		entry := ui.Entry{At: f.At, Title: "Done", Actor: f.Reactor, Tone: ui.Success, Text: "Effect " + f.ID}
		if f.State != "done" {
			entry.Title, entry.Tone = capital(f.State)+" after "+counted(int64(f.Tries), "attempt"), ui.Danger
			entry.Text += ": " + f.Error
		}
		all = append(all, entry)
	}
	return all, ""
}

// pretty is JSON for people, a member a line. What would grow out of all measure by that stays as it is.
func pretty(data jsontext.Value) string {
	depth, at := 0, 0
	for _, c := range data { // braces in texts count too: it is a bound, not the depth
		switch c {
		case '{', '[':
			at++
			depth = max(depth, at)
		case '}', ']':
			at--
		}
	}
	shown := slices.Clone(data)
	if depth > deepest || shown.Indent(jsontext.WithIndent("  ")) != nil {
		return string(data)
	}
	return string(shown)
}
