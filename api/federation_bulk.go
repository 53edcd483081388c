package api

import (
	"bytes"
	"errors"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore"
)

// maxLines bounds a bulk of orders.
const maxLines = 500

const ndjson = "application/x-ndjson"

// verdict is how one line ended.
type verdict struct {
	Line    int              `json:"line"`
	Status  int              `json:"status"`
	ID      string           `json:"id,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty"`
}

// commandLine is one line of a bulk.
type commandLine struct {
	Command string         `json:"command"`
	Key     string         `json:"key" doc:"Decides about repetition, as Idempotency-Key does for a single command"`
	Body    jsontext.Value `json:"body" doc:"As the single command takes it"`
}

// bulkCommand is what a line may ask for. Its path is that of the single order, so a lead or an escalation is the same
// command, whichever way it is repeated.
type bulkCommand struct {
	scope, path string
	run         func(*server, order) (fulfilled, error)
}

var bulkCommands = map[string]bulkCommand{
	"lead":       {scopeLeads, "/api/federation/leads", (*server).federateLead},
	"escalation": {scopeWriteEscalations, "/api/federation/escalation", (*server).federateEscalation},
	"update":     {scopeWriteEscalations, "/api/federation/escalations/updates", (*server).federateUpdate},
	"invoice":    {scopeWriteInvoices, "/api/federation/billing/invoice", (*server).federateInvoice},
}

// bulk carries out one line after the other, so that what is said of one incident stays in its order. Each line stands for
// itself: one that fails stops none, and one that was carried out before answers as it did then.
func (s *server) bulk(w http.ResponseWriter, q signedRequest) error {
	if _, p := guard.IdempotencyKey(q.Header); p != nil {
		return p
	}
	if media, _, err := mime.ParseMediaType(q.Header.Get("Content-Type")); err != nil || media != ndjson {
		return problem.New(problem.UnsupportedMediaType, "The body must be "+ndjson+".")
	}
	takesLong(q.Context())
	lines := bytes.Split(bytes.TrimRight(guard.Body(q.Context()), "\r\n"), []byte("\n"))
	if len(lines) > maxLines {
		return problem.Invalid(problem.FieldError{Code: problem.FieldOutOfRange, Message: "must have at most 500 lines"})
	}
	var b bytes.Buffer
	var seen eventstore.Cursor
	var fresh, repeated bool
	for i, line := range lines {
		v, out := s.line(q, line)
		v.Line = i + 1
		if err := guard.MarshalJSON(&b, v); err != nil {
			return err
		}
		b.WriteByte('\n')
		if out != nil {
			seen = s.later(seen, s.Commands.Log.CursorOf(*out))
			fresh, repeated = fresh || !out.Replayed, repeated || out.Replayed
		}
	}
	if repeated && !fresh {
		w.Header().Set("Idempotent-Replayed", "true") // nothing here was new
	}
	if seen != nil {
		w.Header().Set(CursorHeader, s.Commands.Log.Token(seen))
	}
	w.Header().Set("Content-Type", ndjson)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b.Bytes()) // a client that has gone is told nothing
	return nil
}

// later is the cursor that has passed both.
func (s *server) later(a, b eventstore.Cursor) eventstore.Cursor {
	if a == nil {
		return b
	}
	for lane, mark := range b {
		if mark.Position > a[lane].Position {
			a[lane] = mark
		}
	}
	return a
}

// line carries one line out and judges it. The outcome is nil where no rule ran.
func (s *server) line(q signedRequest, text []byte) (verdict, *eventstore.Outcome) {
	done, err := s.runLine(q, text)
	if err != nil {
		p := problemOf(err)
		if p.Status == http.StatusInternalServerError {
			s.Logger.ErrorContext(q.Context(), "line failed", "error", err, "correlation", guard.CorrelationID(q.Context()))
		}
		return refusedLine(p, guard.CorrelationID(q.Context())), nil
	}
	switch done.outcome.Verdict {
	case eventstore.Refused:
		refusal, err := commands.RefusalOf(done.outcome)
		if err != nil {
			return refusedLine(problemOf(err), guard.CorrelationID(q.Context())), nil
		}
		return refusedLine(problemOfRefusal(refusal), refusal.Correlation), &done.outcome
	case eventstore.Unchanged:
		done.status = http.StatusOK
	}
	return verdict{Status: done.status, ID: done.id}, &done.outcome
}

func refusedLine(p *problem.Problem, correlation string) verdict {
	told := *p // a problem may be shared, its correlation is not
	told.CorrelationID = correlation
	return verdict{Status: told.Status, Problem: &told}
}

func (s *server) runLine(q signedRequest, text []byte) (fulfilled, error) {
	var line commandLine
	if p := guard.DecodeJSON(text, &line); p != nil {
		return fulfilled{}, p
	}
	command, ok := bulkCommands[line.Command]
	if !ok {
		return fulfilled{}, problem.Invalid(problem.FieldError{Field: "command", Code: "not_allowed", Message: "is not a command here"})
	}
	if !q.allows(command.scope) {
		return fulfilled{}, problem.New(problem.ScopeMissing, "")
	}
	key, p := guard.IdempotencyKey(http.Header{guard.IdempotencyHeader: {line.Key}})
	if p != nil {
		return fulfilled{}, p
	}
	done, err := command.run(s, order{q, "", key, command.path, line.Body})
	var failed *problem.Problem
	if errors.As(err, &failed) && failed.Code == problem.MalformedJSON {
		// The line itself was read: what is missing is its body.
		return fulfilled{}, problem.Invalid(problem.FieldError{Field: "body", Code: problem.FieldRequired, Message: "must be given"})
	}
	return done, err
}
