package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// retryAfter is how long a caller waits before it asks again for what is not available now.
const retryAfter = time.Second

// later refuses what may be asked again soon.
func later(code problem.Code, detail string) *problem.Problem {
	p := problem.New(code, detail)
	p.RetryAfter = retryAfter
	return p
}

// answerLimit is how long a request waits for what it needs, where the configuration does not say: a database that is frozen, or behind a
// line that fell silent, would else keep it for as long as that lasts.
const answerLimit = 30 * time.Second

type limitKey struct{}

// takesLong lifts the limit from an answer that is as long as what it has to tell, or to take.
func takesLong(ctx context.Context) {
	if limit, ok := ctx.Value(limitKey{}).(*time.Timer); ok {
		limit.Stop()
	}
}

// endpoint answers a request, or says why not.
type endpoint func(w http.ResponseWriter, r *http.Request) error

func (s *server) handle(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		limit := time.AfterFunc(s.AnswerLimit, cancel)
		defer limit.Stop()
		r = r.WithContext(context.WithValue(ctx, limitKey{}, limit))
		if err := e(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// write answers with a body in JSON.
func (s *server) write(w http.ResponseWriter, r *http.Request, code int, body any) {
	var b bytes.Buffer
	if err := guard.MarshalJSON(&b, body); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // a client that has gone is told nothing
}

// fail answers with the problem that an error is. What nobody foresaw is logged and answered without a word of detail.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.Logger.ErrorContext(r.Context(), "request failed", "error", err, "method", r.Method, "path", r.URL.Path,
			"correlation", guard.CorrelationID(r.Context()))
	}
	problem.Write(w, r, p)
}

func problemOf(err error) *problem.Problem {
	var p *problem.Problem
	var invalid domain.Invalid
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &invalid):
		return invalidFields(invalid)
	case errors.Is(err, commands.ErrNotFound):
		return problem.New(problem.NotFound, "")
	case errors.Is(err, commands.ErrVersion):
		return problem.New(problem.VersionConflict, "")
	case errors.Is(err, eventstore.ErrCommandReused):
		return problem.New(problem.IdempotencyKeyReused, "")
	case errors.Is(err, eventstore.ErrCursor):
		return problem.New(problem.InvalidCursor, "")
	case errors.Is(err, projection.ErrBehind):
		return later(problem.ReadModelBehind, "")
	case errors.Is(err, eventstore.ErrErased):
		return problem.New(problem.RuleViolated, "The personal data of this record was erased.")
	case errors.Is(err, eventstore.ErrUnavailable), errors.Is(err, eventstore.ErrContended), errors.Is(err, eventstore.ErrClosed),
		errors.Is(err, password.ErrBusy), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return later(problem.Unavailable, "")
	}
	return problem.New(problem.Internal, "")
}

func invalidFields(invalid domain.Invalid) *problem.Problem {
	fields := make([]problem.FieldError, len(invalid))
	for i, f := range invalid {
		fields[i] = problem.FieldError{Field: f.Field, Code: f.Code, Message: f.Message}
	}
	return problem.Invalid(fields...)
}

// writeRefusal answers with a recorded refusal. A repetition gets the first answer's body, which names the correlation
// id of the request that was decided, while the header goes on naming its own.
func writeRefusal(w http.ResponseWriter, r *http.Request, refusal commands.Refusal) {
	own := w.Header().Get(guard.CorrelationHeader)
	w.Header().Set(guard.CorrelationHeader, refusal.Correlation)
	problem.Write(&ownCorrelation{w, own}, r, problemOfRefusal(refusal))
}

type ownCorrelation struct {
	http.ResponseWriter
	id string
}

func (w *ownCorrelation) WriteHeader(code int) {
	w.Header().Set(guard.CorrelationHeader, w.id)
	w.ResponseWriter.WriteHeader(code)
}

// problemOfRefusal finds the problem of a rule's no: one of the same code, or else the one for its kind.
func problemOfRefusal(refusal commands.Refusal) *problem.Problem {
	code := problem.Code(refusal.Code)
	if _, known := problem.Lookup(code); !known {
		if refusal.Kind == domain.Unprocessable {
			return problem.Invalid(problem.FieldError{Code: refusal.Code, Message: refusal.Text})
		}
		code = problem.RuleViolated
	}
	p := problem.New(code, refusal.Text)
	p.ExistingID = refusal.Params["existingId"]
	for use := range strings.SplitSeq(refusal.Params["usedBy"], ", ") {
		if category, id, ok := strings.Cut(use, " "); ok {
			p.UsedBy = append(p.UsedBy, problem.Use{RecordType: category, RecordID: id})
		}
	}
	return p
}

func etag(version int) string { return `"v` + strconv.Itoa(version) + `"` }

// ifMatch reads the version that a write insists on; 0 where it does not.
func ifMatch(h http.Header) (int, error) {
	text := strings.TrimSpace(h.Get("If-Match"))
	if text == "" || text == "*" {
		return 0, nil
	}
	digits, found := strings.CutPrefix(strings.TrimSuffix(text, `"`), `"v`)
	version, err := strconv.Atoi(digits)
	if !found || err != nil || version < 1 || etag(version) != text {
		return 0, commands.ErrVersion // a tag that we never gave matches nothing
	}
	return version, nil
}
