package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/streamflow/streamflow/api"
)

// published is the document of the routes, read as a caller reads it: by a validator that knows nothing of this program.
type published struct {
	document map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

var contractOf = sync.OnceValues(func() (*published, error) {
	text, err := api.OpenAPI()
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	closeObjects(document)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	return &published{document: document.(map[string]any), compiler: compiler}, compiler.AddResource("contract.json", document)
})

// closeObjects makes of "may have more members" "has no others": what we answer today has to be described today.
func closeObjects(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, described := node["properties"]; described && node["type"] == "object" && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}

// at follows a path of member names, and references, from the document's root; the pointer is that of the end.
func (p *published) at(names ...string) (found map[string]any, pointer string) {
	found = p.document
	for _, name := range names {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		found, _ = found[name].(map[string]any)
		if ref, ok := found["$ref"].(string); ok {
			found, pointer = p.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return found, pointer
}

// fits says whether a body is as the content at a place of the document describes it.
func (p *published) fits(contentType string, body []byte, place ...string) error {
	content, pointer := p.at(append(place, "content")...)
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(content) == 0 && len(body) == 0:
		return nil
	case content[media] == nil:
		return fmt.Errorf("%q is not among %v", media, slices.Collect(maps.Keys(content)))
	case media == "text/html" || media == "text/csv":
		return nil
	}
	texts := [][]byte{body}
	if media == "application/x-ndjson" {
		texts = bytes.Split(bytes.TrimRight(body, "\n"), []byte("\n"))
	}
	p.mu.Lock()
	schema, err := p.compiler.Compile("contract.json#" + pointer + "/" + strings.ReplaceAll(media, "/", "~1") + "/schema")
	p.mu.Unlock()
	if err != nil {
		return err
	}
	for _, text := range texts {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// check holds an answer, and the request where it was accepted, against the document.
func (p *published) check(routes chi.Routes, r *http.Request, body []byte, w *httptest.ResponseRecorder) error {
	method, answer := r.Method, w.Body.Bytes()
	if method == http.MethodHead {
		return nil // as GET, without the body
	}
	pattern := routes.Find(chi.NewRouteContext(), method, r.URL.Path)
	if pattern == "" {
		if w.Code == 404 || w.Code == 405 || w.Code == 403 {
			return nil // no operation: nothing describes it
		}
		return fmt.Errorf("answered %d where there is no route", w.Code)
	}
	place := []string{"paths", pattern, strings.ToLower(method), "responses", strconv.Itoa(w.Code)}
	described, _ := p.at(place...)
	if described == nil {
		return fmt.Errorf("status %d is not described", w.Code)
	}
	if err := p.fits(w.Header().Get("Content-Type"), answer, place...); err != nil {
		return fmt.Errorf("answer %d %s: %w", w.Code, answer, err)
	}
	headers, _ := described["headers"].(map[string]any)
	for _, name := range []string{"ETag", "Location", api.CursorHeader, "Idempotent-Replayed", "Retry-After", "Set-Cookie", "RateLimit", "RateLimit-Policy"} {
		if w.Header().Get(name) != "" && headers[name] == nil && w.Code < 400 {
			return fmt.Errorf("answer %d has an undescribed header %s", w.Code, name)
		}
	}
	if len(body) > 0 && w.Code < 300 && r.Header.Get("Content-Type") != "application/x-ndjson" {
		if err := p.fits(r.Header.Get("Content-Type"), body, "paths", pattern, strings.ToLower(method), "requestBody"); err != nil && string(body) != "{}" {
			return fmt.Errorf("accepted %s: %w", body, err)
		}
	}
	return nil
}

// conform makes of a handler one that fails the test where it answers what the document does not describe. A stream of events
// has no end to check.
func conform(t *testing.T, next http.Handler) http.Handler {
	t.Helper()
	contract, err := contractOf()
	must(t, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if err := contract.check(next.(chi.Routes), r, body, answer); err != nil {
			t.Errorf("%s %s is not as /openapi.json says: %v", r.Method, r.URL.Path, err)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// TestTheDocumentIsTheRoutes: what the router serves and what the document describes are the same.
func TestTheDocumentIsTheRoutes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	described := map[string]bool{}
	document, err := contractOf()
	must(t, err)
	paths, _ := document.at("paths")
	ids := map[string]bool{}
	for path := range paths {
		methods, _ := document.at("paths", path)
		for method, operation := range methods {
			described[strings.ToUpper(method)+" "+path] = true
			id := operation.(map[string]any)["operationId"].(string)
			if ids[id] {
				t.Errorf("operationId %s is there twice", id)
			}
			ids[id] = true
		}
	}
	served := map[string]bool{}
	must(t, chi.Walk(s.routes, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served[method+" "+path] = true
		return nil
	}))
	if len(served) < 30 || !maps.Equal(served, described) {
		t.Errorf("served:    %v\ndescribed: %v", slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(described)))
	}
}

// TestTheContractsAreWritten: the files in the repository are what this program serves, and its bodies' examples are of the form.
func TestTheContractsAreWritten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"openapi", "asyncapi"} {
		served := s.do("GET", "/"+name+".json", call{})
		written, err := os.ReadFile("../contracts/" + name + ".json")
		must(t, err)
		if served.Code != 200 || served.Body.String() != string(written) {
			t.Errorf("contracts/%s.json is not what is served: run `make contract`", name)
		}
	}
}

// TestExamples: every example of a body is as its schema says.
func TestExamples(t *testing.T) {
	t.Parallel()
	document, err := contractOf()
	must(t, err)
	paths, _ := document.at("paths")
	examples := 0
	for path := range paths {
		methods, _ := document.at("paths", path)
		for method := range methods {
			body, _ := document.at("paths", path, method, "requestBody", "content", "application/json")
			if body["example"] == nil {
				continue
			}
			examples++
			text, err := json.Marshal(body["example"])
			must(t, err)
			if err := document.fits("application/json", text, "paths", path, method, "requestBody"); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
	}
	if examples == 0 {
		t.Error("no example was found")
	}
}
