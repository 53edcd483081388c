package web

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/web/ui"
)

// region is a part of a page that is kept as the server has it: where scripts run, it is asked for again when its records changed.
type region struct {
	ID      string
	Address string // of the page that it is a part of
	Follow  string // where changes are told; empty where there are none, because it is as of then or the page hears of them otherwise
	Every   string // milliseconds until it is asked for again in any case, where it is not a minute
	lagging
	late bool // it lacks what it was asked not to lack
}

// lagging is a part of what the API answers from a read model.
type lagging struct {
	// BehindSince is when the oldest event that is not in it was recorded; zero where it is up to date.
	BehindSince time.Time `json:"behindSince"`
}

// every is how many milliseconds pass until it is asked for again in any case: what is due comes nearer by time alone. What is missing may
// be there soon, and nobody tells of it twice.
func (r region) every() string {
	if r.late || !r.BehindSince.IsZero() {
		return "2000"
	}
	return cmp.Or(r.Every, "60000")
}

// regionOf is the region of a list, from the API's answer for it.
func regionOf(v visit, k *kind, view ui.View, a *answer, lag lagging, late bool) region {
	if view.Query.Get("at") != "" {
		return region{}
	}
	return region{ID: k.noun + "s-region", Address: string(view.Address()), Follow: follow(v, k, a), lagging: lag, late: late}
}

// follow is where changes to a kind of record are told from what an answer reflects on, so that none is missed between the two.
func follow(v visit, k *kind, a *answer) string {
	q := url.Values{"portal": {v.portal.Name}, ofParameter: {k.noun}}
	if cursor := a.header.Get(cursorHeader); cursor != "" {
		q.Set(afterParameter, cursor)
	}
	return "/live?" + q.Encode()
}

// ofParameter names the kind of record whose changes a page follows.
const ofParameter = "of"

// changes asks the API for what happens, and tells which of it is about the records that a page shows. Each event leads on from its
// cursor, also one that the page is not told.
func changes(r *http.Request) (query url.Values, tell func(id, data string) (string, error)) {
	asked := r.URL.Query()
	tell = func(id, data string) (string, error) {
		var happened struct {
			RecordType string `json:"recordType"`
			RecordID   string `json:"recordId"`
		}
		if err := json.Unmarshal([]byte(data), &happened); err != nil {
			return "", err
		}
		if happened.RecordType != asked.Get(ofParameter) || asked.Has("id") && happened.RecordID != asked.Get("id") {
			return "id: " + id + "\n\n", nil
		}
		return "event: changed\nid: " + id + "\ndata: " + id + "\n\n", nil
	}
	return strip(asked, afterParameter), tell
}

// refusal is why what a form asked for was not done; without words nothing was refused.
type refusal struct {
	status int
	words  string
	back   string // address of the page that says so
}

// noted says it on a page, whose status it is then.
func (r refusal) noted(notes []ui.Note, status int) ([]ui.Note, int) {
	if r.words == "" {
		return notes, status
	}
	return append([]ui.Note{{Tone: ui.Danger, Text: r.words, Dismiss: r.back}}, notes...), r.status
}
