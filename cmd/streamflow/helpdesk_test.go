package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// A help desk's log, as the partner that keeps it hands it over: every case is an escalation, every activity an update.
// docs/guides/helpdesk.md says why each activity is of its kind.

var kindOfActivity = map[string]string{
	"Insert ticket":         "comment",
	"Assign seriousness":    "acknowledged",
	"Take in charge ticket": "in_progress",
	"Wait":                  "waiting",
	"Create SW anomaly":     "comment",
	"Resolve SW anomaly":    "comment",
	"Schedule intervention": "comment",
	"RESOLVED":              "comment",
	"INVALID":               "comment",
	"VERIFIED":              "comment",
	"Resolve ticket":        "resolved",
	"Closed":                "closed",
}

// kindOrder is the order of the kinds that move a case.
var kindOrder = []string{"open", "acknowledged", "in_progress", "resolved", "closed"}

// update is one that a case is told by.
type update struct {
	Kind       string    `json:"kind"`
	Text       string    `json:"text"`
	OccurredAt time.Time `json:"occurredAt"`
	IncidentID string    `json:"incidentId,omitempty"` // where the address does not name the escalation
}

// deskCase is one case of the log.
type deskCase struct {
	Opening struct {
		TenantID     string            `json:"tenantId"`
		IncidentID   string            `json:"incidentId"`
		Severity     string            `json:"severity"`
		Summary      string            `json:"summary"`
		Description  string            `json:"description"`
		SourceSystem string            `json:"sourceSystem"`
		OccurredAt   time.Time         `json:"occurredAt"`
		Metadata     map[string]string `json:"metadata"`
		Historical   bool              `json:"historical"`
	}
	Updates []update
	reached int // in kindOrder
}

// tell adds an activity. One that steps back from an end reopens the case first; one that steps back among the open steps is
// a remark, since nothing was at an end.
func (c *deskCase) tell(activity, resource string, at time.Time) error {
	kind, known := kindOfActivity[activity]
	if !known {
		return fmt.Errorf("activity %q has no kind", activity)
	}
	text := activity + ", by " + resource
	for rank, name := range kindOrder {
		if name != kind {
			continue
		}
		switch {
		case rank < c.reached && c.reached >= 3:
			c.Updates = append(c.Updates, update{Kind: "reopened", Text: "Back to: " + activity, OccurredAt: at})
			c.reached = rank
		case rank < c.reached:
			kind = "comment"
		default:
			c.reached = rank
		}
	}
	c.Updates = append(c.Updates, update{Kind: kind, Text: text, OccurredAt: at})
	return nil
}

func readDesk(t *testing.T, path, tenant string) []*deskCase {
	t.Helper()
	columns, rows := table(t, path)
	var cases []*deskCase
	byID := map[string]*deskCase{}
	for _, cells := range rows {
		at, err := time.Parse("2006/01/02 15:04:05.000", cells[columns["Complete Timestamp"]])
		if err != nil {
			t.Fatal(err)
		}
		id := cells[columns["Case ID"]]
		c := byID[id]
		if c == nil {
			c = &deskCase{}
			o := &c.Opening
			o.TenantID, o.IncidentID, o.Severity, o.SourceSystem = tenant, id, "medium", "help desk"
			o.Summary, o.Description = id+" about product "+cells[columns["product"]], "Taken over from the help desk's log."
			o.OccurredAt, o.Historical, o.Metadata = at, true, map[string]string{}
			for _, name := range []string{"customer", "product", "seriousness_2", "service_level", "service_type", "support_section", "workgroup"} {
				o.Metadata[name] = cells[columns[name]]
			}
			byID[id] = c
			cases = append(cases, c)
		}
		if err := c.tell(cells[columns["Activity"]], cells[columns["Resource"]], at); err != nil {
			t.Fatal(err)
		}
	}
	return cases
}

// desk posts cases to a running server.
type desk struct {
	*realRun
	url string
	key signature.Key
	// again says that all of it was posted before.
	again bool
	posts atomic.Int64
}

const (
	postedSingly = 100     // cases; no more than half of a small file
	maxBulkLines = 500     // of the contract
	maxBulkBytes = 1 << 20 // likewise
	bulksAtOnce  = 4       // cases do not wait for each other
)

func (d *desk) postAll(cases []*deskCase) error {
	single := min(postedSingly, len(cases)/2)
	for _, c := range cases[:single] {
		if err := d.postSingly(c); err != nil {
			return err
		}
	}
	var all errgroup.Group
	all.SetLimit(bulksAtOnce)
	var bulk bytes.Buffer
	lines := 0
	send := func() {
		body, n := bytes.Clone(bulk.Bytes()), lines
		bulk.Reset()
		lines = 0
		all.Go(func() error { return d.postBulk(body, n) })
	}
	for _, c := range cases[single:] {
		text, n, err := c.lines()
		if err != nil {
			return err
		}
		if lines+n > maxBulkLines || bulk.Len()+len(text) > maxBulkBytes {
			send()
		}
		bulk.Write(text)
		lines += n
	}
	send()
	return all.Wait()
}

// postSingly opens a case and tells its updates, each by a request of its own.
func (d *desk) postSingly(c *deskCase) error {
	body, err := json.Marshal(c.Opening)
	if err != nil {
		return err
	}
	var opened struct {
		EscalationID string `json:"escalationId"`
	}
	if err := d.postOne("/api/federation/escalation", c.Opening.IncidentID, body, http.StatusCreated, &opened); err != nil {
		return err
	}
	for i, u := range c.Updates {
		if body, err = json.Marshal(u); err != nil {
			return err
		}
		var ignored struct{}
		key := fmt.Sprintf("%s/%d", c.Opening.IncidentID, i)
		if err := d.postOne("/api/federation/escalations/"+opened.EscalationID+"/updates", key, body, http.StatusOK, &ignored); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) postOne(path, key string, body []byte, want int, told any) error {
	raw, err := d.post(path, key, "application/json", body, want)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, told)
}

// post sends a signed request and holds its answer to what is wanted.
func (d *desk) post(path, key, mediaType string, body []byte, want int) ([]byte, error) {
	r, err := signedCall{http.MethodPost, d.url + path, body, mediaType, strings.ReplaceAll(key, " ", "-")}.sign(d.Context(), d.key)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	d.posts.Add(1)
	switch replayed := answer.Header.Get("Idempotent-Replayed") == "true"; {
	case err != nil:
		return nil, err
	case answer.StatusCode != want:
		return nil, fmt.Errorf("%s %s: %d %s", path, key, answer.StatusCode, raw)
	case replayed != d.again:
		return nil, fmt.Errorf("%s %s: told as replayed: %t, want %t", path, key, replayed, d.again)
	}
	return raw, nil
}

// lines are a case as lines of a bulk, under the keys that its single requests would have.
func (c *deskCase) lines() ([]byte, int, error) {
	type line struct {
		Command string `json:"command"`
		Key     string `json:"key"`
		Body    any    `json:"body"`
	}
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	id := strings.ReplaceAll(c.Opening.IncidentID, " ", "-")
	err := w.Encode(line{"escalation", id, c.Opening})
	for i, u := range c.Updates {
		u.IncidentID = c.Opening.IncidentID
		if err == nil {
			err = w.Encode(line{"update", fmt.Sprintf("%s/%d", id, i), u})
		}
	}
	return b.Bytes(), 1 + len(c.Updates), err
}

// postBulk sends lines and wants each of them taken.
func (d *desk) postBulk(body []byte, lines int) error {
	raw, err := d.post("/api/federation/commands", uuid.NewString(), "application/x-ndjson", body, http.StatusOK)
	if err != nil {
		return err
	}
	answers := json.NewDecoder(bytes.NewReader(raw))
	for n := 1; n <= lines; n++ {
		var v struct {
			Line    int             `json:"line"`
			Status  int             `json:"status"`
			Problem json.RawMessage `json:"problem"`
		}
		if err := answers.Decode(&v); err != nil || v.Line != n || v.Status >= http.StatusBadRequest {
			return fmt.Errorf("line %d of %d: %+v %s %w", n, lines, v, v.Problem, err)
		}
	}
	return nil
}
