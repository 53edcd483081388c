package problem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/api/problem"
)

// TestEveryCodeIsRegistered reads the constants from the source, so that a code added to one list and forgotten in
// the other fails here and not in front of a client.
func TestEveryCodeIsRegistered(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" {
			declared[strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)] = true
		}
		return false
	})
	if len(declared) < 30 {
		t.Fatalf("found only %d constants of type Code: the test no longer reads the file", len(declared))
	}
	for code := range declared {
		if _, ok := problem.Lookup(problem.Code(code)); !ok {
			t.Errorf("code %s has no entry", code)
		}
	}
	seen := map[problem.Code]bool{}
	for _, e := range problem.All() {
		if !declared[string(e.Code)] {
			t.Errorf("entry %s has no constant", e.Code)
		}
		if seen[e.Code] {
			t.Errorf("entry %s is there twice", e.Code)
		}
		seen[e.Code] = true
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(string(e.Code)) {
			t.Errorf("code %s is not snake_case", e.Code)
		}
		if e.Status < 400 || e.StatusText() == "" || e.Title == "" || e.Cause == "" || e.Remedy == "" {
			t.Errorf("entry %s is not complete: %+v", e.Code, e)
		}
	}
}

// TestCodesOfTheContract holds the statuses that clients were promised.
func TestCodesOfTheContract(t *testing.T) {
	t.Parallel()
	promised := map[problem.Code]int{
		"idempotency_key_required": 400, "malformed_json": 400,
		"unauthenticated": 401, "bad_credentials": 401, "signature_invalid": 401, "clock_skew": 401,
		"forbidden": 403, "scope_missing": 403, "tenant_not_allowed": 403, "tenant_suspended": 403,
		"not_found": 404, "figure_not_from_events": 404, "method_not_allowed": 405,
		"idempotency_in_flight": 409, "in_use": 409, "invalid_transition": 409, "duplicate_lead": 409,
		"duplicate_organization": 409, "duplicate_incident": 409, "duplicate_reference": 409, "lead_already_billed": 409,
		"version_conflict": 412, "payload_too_large": 413, "unsupported_media_type": 415,
		"idempotency_key_reused": 422, "invalid_cursor": 422, "validation_failed": 422,
		"rate_limited": 429, "internal": 500, "read_model_behind": 503, "unavailable": 503,
	}
	for code, status := range promised {
		if e, ok := problem.Page(string(code)); !ok || e.Status != status {
			t.Errorf("%s: status %d, registered %v; want %d", code, e.Status, ok, status)
		}
	}
	if _, ok := problem.Page("../etc/passwd"); ok {
		t.Error("a page for a code that is none")
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("X-Correlation-Id", "abc-1")
	w.Header().Set("ETag", `"v7"`)
	w.Header().Set("Content-Length", "999")
	p := problem.Invalid(problem.FieldError{Field: "lines[0].quantity", Code: problem.FieldOutOfRange, Message: "must be more than 0"})
	p.RetryAfter = 1200 * time.Millisecond
	p.Header = http.Header{"Allow": {"GET, POST"}}
	problem.Write(w, httptest.NewRequest("POST", "/api/v2/in%2Fvoices?x=1", nil), p)

	want := `{"type":"/problems/validation_failed","title":"Some fields are not right","status":422,` +
		`"instance":"/api/v2/in%2Fvoices","code":"validation_failed","correlationId":"abc-1",` +
		`"errors":[{"field":"lines[0].quantity","code":"out_of_range","message":"must be more than 0"}]}`
	if got := w.Body.String(); got != want {
		t.Errorf("body\n%s\nwant\n%s", got, want)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/problem+json", "Retry-After": "2", "Allow": "GET, POST", "Cache-Control": "no-store",
		"ETag": "", "Content-Length": "", "WWW-Authenticate": "",
	} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if w.Code != 422 {
		t.Errorf("status %d", w.Code)
	}
	if p.Instance != "" || p.CorrelationID != "" {
		t.Error("Write changed the problem it was given: a shared one would leak one caller's path to another")
	}
}

func TestUnauthenticatedSaysHow(t *testing.T) {
	t.Parallel()
	if got := problem.New(problem.Unauthenticated, "").GetHeaders().Get("WWW-Authenticate"); got != `Bearer realm="streamflow"` {
		t.Errorf("WWW-Authenticate: %q", got)
	}
	signed := problem.New(problem.SignatureInvalid, "")
	signed.Header = http.Header{"Accept-Signature": {"sig1=()"}}
	if got := signed.GetHeaders(); got.Get("WWW-Authenticate") != "" || got.Get("Accept-Signature") != "sig1=()" {
		t.Errorf("headers of a refused signature: %v", got)
	}
}

func TestAnswersWhateverTheDetail(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.Write(w, httptest.NewRequest("GET", "/", nil), problem.New(problem.Internal, "bad \xff bytes"))
	if !json.Valid(w.Body.Bytes()) || w.Code != 500 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	problem.Write(w, httptest.NewRequest("HEAD", "/", nil), problem.New(problem.NotFound, ""))
	if w.Body.Len() != 0 || w.Code != 404 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
}

func TestUnregisteredCodePanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("New of an unknown code did not panic")
		}
	}()
	_ = problem.New("made_up", "")
}

func TestWholeSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int{0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, -time.Hour: 1, 90 * time.Second: 90} {
		if got := problem.WholeSeconds(d); got != want {
			t.Errorf("WholeSeconds(%v) = %d, want %d", d, got, want)
		}
	}
}

// TestFitsHuma states the three interfaces of huma that Problem serves, without importing it.
func TestFitsHuma(t *testing.T) {
	t.Parallel()
	var err error = problem.New(problem.InUse, "two invoices")
	var status interface{ GetStatus() int }
	var headers interface{ GetHeaders() http.Header }
	var media interface{ ContentType(string) string }
	if !errors.As(err, &status) || !errors.As(err, &headers) || !errors.As(err, &media) {
		t.Fatal("Problem no longer fits")
	}
	if status.GetStatus() != 409 || media.ContentType("application/json") != problem.MediaType || err.Error() != "in_use: two invoices" {
		t.Errorf("%d %s %s", status.GetStatus(), media.ContentType(""), err)
	}
	var body bytes.Buffer
	if json.NewEncoder(&body).Encode(err) != nil || bytes.Contains(body.Bytes(), []byte("Header")) {
		t.Errorf("encoded: %s", body.String())
	}
	if reflect.TypeOf(err).Kind() != reflect.Pointer {
		t.Error("problems are passed by pointer")
	}
}
