package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/streamflow/streamflow/api/contract"
	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/user"
)

// contractVersion is that of the interface, not of the program: it rises with what a caller can see.
const contractVersion = "2.0.0"

// OpenAPI is the description of every route, an OpenAPI 3.1 document in JSON.
func OpenAPI() ([]byte, error) {
	s := &server{Config: Config{Commands: &commands.Commands{}}} // the table needs no more to be read than to be served
	return describe(s.table())
}

// AsyncAPI is the description of every event on the bus, an AsyncAPI 3.0 document in JSON.
func AsyncAPI() ([]byte, error) {
	registry, err := commands.Registry()
	if err != nil {
		return nil, err
	}
	return contract.AsyncAPI(registry, contractVersion)
}

// document answers with a description, which is made once.
func (s *server) document(make func() ([]byte, error)) http.HandlerFunc {
	once := sync.OnceValues(make)
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := once()
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // a client that has gone is told nothing
	}
}

const schemaPrefix = "#/components/schemas/"

// description is an OpenAPI document that is being made.
type description struct {
	document *huma.OpenAPI
	schemas  *contract.Schemas
	taken    []*huma.Schema // what requests hold
}

func describe(table []route) ([]byte, error) {
	schemas := contract.NewSchemas(schemaPrefix)
	d := description{schemas: schemas, document: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "StreamFlow", Version: contractVersion, License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			Description: "Every error is application/problem+json with a stable `code`; the page at its `type` says cause and remedy. " +
				"HEAD is answered wherever GET is. Requests may not have members or parameters that are not listed here."},
		Components: &huma.Components{Schemas: schemas, Responses: map[string]*huma.Response{}, Parameters: headerParameters(), Headers: answerHeaders(), SecuritySchemes: securitySchemes()},
	}}
	schemas.Of(problem.Problem{})
	for _, declared := range table {
		if err := d.add(declared); err != nil {
			return nil, err
		}
	}
	schemas.Open(d.taken)
	return contract.Write(d.document)
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		bySession: {Type: "apiKey", In: "cookie", Name: "sf_client", Description: "The session of a portal, from POST /api/auth/login: " +
			"the cookie is sf_<portal>, behind https __Host-sf_<portal>. The header StreamFlow-Portal chooses where several are sent."},
		bySignature: {Type: "http", Scheme: "signature", Description: "HTTP Message Signatures (RFC 9421) with a partner's key; see the partner guide."},
	}
}

// The headers that requests may carry, by the name under which components hold them.
func headerParameters() map[string]*huma.Param {
	key := &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(255), Pattern: `^[\x21-\x7e]+$`}
	text := &huma.Schema{Type: huma.TypeString}
	return map[string]*huma.Param{
		"IdempotencyKey": {Name: guard.IdempotencyHeader, In: "header", Required: true, Schema: key,
			Description: "One for each intention: the same key with the same request gets the first outcome again"},
		"IfMatch":     {Name: "If-Match", In: "header", Schema: text, Description: "The ETag that the record must still have"},
		"Cursor":      {Name: CursorHeader, In: "header", Schema: text, Description: "A position that the read must have passed"},
		"Portal":      {Name: portalHeader, In: "header", Schema: choiceParameter("", "", user.Portals...).form, Description: "Chooses among several sessions"},
		"Tenant":      {Name: tenantHeader, In: "header", Schema: tenantParameter.form, Description: "The tenant that staff acts for"},
		"Correlation": {Name: guard.CorrelationHeader, In: "header", Schema: text, Description: "Follows the request through the log; made where none is sent"},
	}
}

// The headers that answers carry.
func answerHeaders() map[string]*huma.Header {
	text, seconds := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeInteger}
	return map[string]*huma.Header{
		"ETag":                {Schema: text, Description: "Version of the record, for If-Match"},
		"Location":            {Schema: text, Description: "Address of what was made, or of the way back"},
		CursorHeader:          {Schema: text, Description: "The position that the answer reflects"},
		"Idempotent-Replayed": {Schema: text, Description: "true where the command was carried out before"},
		"RateLimit-Policy":    {Schema: text, Description: `How often one may ask, as "api";q=1200;w=60: quota and window in seconds`},
		"RateLimit":           {Schema: text, Description: `What is left, as "api";r=1199;t=1: requests, and seconds until the quota is whole or, where none is left, until the next`},
		"Retry-After":         {Schema: seconds, Description: "Seconds to wait"},
		"Set-Cookie":          {Schema: text, Description: "The session, or the theme that was chosen"},
		"Accept-Signature":    {Schema: text, Description: "How to sign"},
		"WWW-Authenticate":    {Schema: text, Description: "How to say who one is"},
	}
}

func (d *description) add(declared route) error {
	operation := &huma.Operation{
		Method: declared.method(), Path: declared.path(), OperationID: declared.id, Summary: declared.summary, Tags: []string{tagOf(declared.path())},
		Parameters: d.parameters(declared), Responses: map[string]*huma.Response{}, Security: []map[string][]string{},
	}
	switch declared.frame.scheme {
	case bySession:
		operation.Security = append(operation.Security, map[string][]string{bySession: declared.frame.roles})
		operation.Description = "Who: " + strings.Join(declared.frame.roles, ", ") + "."
		if declared.frame.roles == nil {
			operation.Security, operation.Description = []map[string][]string{{bySession: {}}}, "Who: everybody who is signed in."
		}
	case bySignature:
		operation.Security = append(operation.Security, map[string][]string{bySignature: {}})
		operation.Description = "Who: any partner key."
		if declared.frame.scope != "" {
			operation.Security[0][bySignature] = []string{declared.frame.scope}
			operation.Description = "Who: a partner key with " + declared.frame.scope + "."
		}
		if roles := declared.frame.roles; roles != nil {
			operation.Security = append(operation.Security, map[string][]string{bySession: roles})
			operation.Description += " Or, signed in: " + strings.Join(roles, ", ") + "."
		}
	}
	if err := d.body(operation, declared); err != nil {
		return err
	}
	for status, form := range declared.gives {
		operation.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: d.content(form), Headers: successHeaders(declared, status, form)}
	}
	d.refusals(operation, declared)
	d.document.AddOperation(operation)
	return nil
}

// tagOf groups routes by what they are about.
func tagOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/api/"), "/")
	switch {
	case !strings.HasPrefix(path, "/api/"):
		return "server"
	case parts[0] == "v2":
		return parts[1]
	}
	return parts[0]
}

var pathNames = regexp.MustCompile(`\{(\w+)\}`)

func (d *description) parameters(declared route) []*huma.Param {
	var all []*huma.Param
	for _, match := range pathNames.FindAllStringSubmatch(declared.path(), -1) {
		form := &huma.Schema{Type: huma.TypeString}
		switch match[1] {
		case "id":
			form.Format = "uuid"
		case "portal":
			form = choiceParameter("", "", user.Portals...).form
		}
		all = append(all, &huma.Param{Name: match[1], In: "path", Required: true, Schema: form})
	}
	for _, p := range declared.query {
		all = append(all, &huma.Param{Name: p.name, In: "query", Description: p.meaning, Schema: p.form})
	}
	headers := []string{"Correlation"}
	if declared.frame.writes {
		headers = append(headers, "IdempotencyKey")
	}
	if declared.frame.scheme == bySession {
		headers = append(headers, "Portal")
		if declared.frame.writes {
			headers = append(headers, "IfMatch", "Tenant")
		}
	}
	if declared.frame.reads {
		headers = append(headers, "Cursor")
	}
	for _, name := range headers {
		all = append(all, &huma.Param{Ref: "#/components/parameters/" + name})
	}
	return all
}

// content is a body by its media types.
func (d *description) content(form any) map[string]*huma.MediaType {
	switch form := form.(type) {
	case nil:
		return nil
	case media:
		return map[string]*huma.MediaType{string(form): {Schema: &huma.Schema{Type: huma.TypeString}}}
	case exported:
		content := map[string]*huma.MediaType{formCSV: {Schema: &huma.Schema{Type: huma.TypeString}}}
		maps.Copy(content, d.content(form.page))
		maps.Copy(content, d.content(lines{form.item}))
		return content
	case forms:
		all := map[string]*huma.MediaType{}
		for _, one := range form {
			maps.Copy(all, d.content(one))
		}
		return all
	case typed:
		return map[string]*huma.MediaType{form.media: {Schema: d.schemas.Of(form.of)}}
	case lines:
		return map[string]*huma.MediaType{ndjson: {Schema: d.schemas.Of(form.of)}}
	}
	return map[string]*huma.MediaType{"application/json": {Schema: d.schemas.Of(form)}}
}

func (d *description) body(operation *huma.Operation, declared route) error {
	if declared.takes == nil {
		return nil
	}
	content := d.content(declared.takes)
	operation.RequestBody = &huma.RequestBody{Content: content}
	for _, body := range content {
		d.taken = append(d.taken, body.Schema)
		form := body.Schema
		if form.Ref != "" {
			form = d.schemas.SchemaFromRef(form.Ref)
		}
		operation.RequestBody.Required = len(form.Required) > 0 || declared.method() == http.MethodPatch
	}
	body := content["application/json"]
	if body == nil {
		return nil
	}
	if declared.method() == http.MethodPatch {
		content["application/merge-patch+json"] = body
	}
	var err error
	body.Example, err = exampleOf(declared.takes)
	return err
}

// exampleOf is a declared body as an example; nil where it says nothing.
func exampleOf(form any) (any, error) {
	if all, ok := form.(forms); ok {
		form = all[0]
	}
	if reflect.ValueOf(form).IsZero() {
		return nil, nil
	}
	var b bytes.Buffer
	err := guard.MarshalJSON(&b, form)
	return json.RawMessage(b.Bytes()), err
}

func successHeaders(declared route, status int, form any) map[string]*huma.Header {
	var names []string
	if declared.frame.limited {
		names = append(names, "RateLimit-Policy", "RateLimit")
	}
	if declared.frame.writes || declared.frame.reads {
		names = append(names, CursorHeader)
	}
	if declared.frame.writes {
		names = append(names, "Idempotent-Replayed")
	}
	if declared.frame.writes && form != nil || strings.HasSuffix(declared.path(), "{id}") || strings.HasSuffix(declared.path(), "/settings") { // one record, and no list
		names = append(names, "ETag")
	}
	if status == http.StatusCreated || status == http.StatusAccepted || status == http.StatusSeeOther {
		names = append(names, "Location")
	}
	if strings.HasPrefix(declared.path(), "/api/auth/log") || declared.path() == "/api/theme" && declared.method() == http.MethodPost {
		names = append(names, "Set-Cookie")
	}
	return headerRefs(names)
}

func headerRefs(names []string) map[string]*huma.Header {
	refs := map[string]*huma.Header{}
	for _, name := range names {
		refs[name] = &huma.Header{Ref: "#/components/headers/" + name}
	}
	return refs
}

// refusals lists the problems of a route, by status.
func (d *description) refusals(operation *huma.Operation, declared route) {
	codes := slices.Concat(declared.frame.codes, declared.codes)
	if declared.frame.limited {
		codes = append(codes, problem.RateLimited)
	}
	if declared.method() != http.MethodGet {
		codes = append(codes, problem.CrossOriginRefused)
	}
	byStatus := map[int][]string{}
	for _, entry := range problem.All() {
		if slices.Contains(codes, entry.Code) {
			byStatus[entry.Status] = append(byStatus[entry.Status], string(entry.Code))
		}
	}
	for status, codes := range byStatus {
		names := []string{"RateLimit-Policy", "RateLimit"} // where the route is limited and got as far
		switch status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			names = append(names, "Retry-After")
		case http.StatusUnauthorized:
			names = append(names, "WWW-Authenticate", "Accept-Signature")
		}
		// Many routes are refused alike, so the answer is described once, under the names of its codes.
		name := strings.Join(codes, ".")
		d.document.Components.Responses[name] = &huma.Response{Description: http.StatusText(status), Headers: headerRefs(names),
			Content: map[string]*huma.MediaType{problem.MediaType: {Schema: &huma.Schema{AllOf: []*huma.Schema{
				{Ref: schemaPrefix + "Problem"}, choiceOf("code", codes)}}}}}
		operation.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + name}
	}
}

// choiceOf is an object whose member is one of some values.
func choiceOf(name string, values []string) *huma.Schema {
	return &huma.Schema{Properties: map[string]*huma.Schema{name: choiceParameter("", "", values...).form}}
}
