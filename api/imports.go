package api

import (
	"encoding/csv"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/domain/user"
)

const (
	importsPath = "/api/v2/imports"
	// leftShown is how many of the rows that are not taken an import shows; its CSV form has all.
	leftShown = 50
	// importsListed is how many imports the list has.
	importsListed = 25
	maxName       = 200
)

// importers may bring files in.
var importers = []string{user.RoleOwner, user.RoleManager, user.RoleProvider}

// isUpload says whether a request's body is a file, which is read as it comes in.
func isUpload(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == importsPath }

// importRoutes lists the routes by which files become records.
func (s *server) importRoutes() []route {
	texts := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
	return []route{
		{on: "POST " + importsPath, id: "createImport", takes: forms{media(formCSV), lines{map[string]any{}}}, gives: replies{202: job{}},
			summary: "Takes a file in, of up to 50 MiB, and brings its rows in or, as a dry run, tells what that would come to",
			query: []parameter{choiceParameter("kind", "what the rows are", "leads"), textParameter("name", "what the file is called"),
				{"map", "takes a field from a column, as COLUMN=field; without a field the column is left out. Columns that are not named are guessed", texts},
				{"set", "gives a field one value in every row, as field=value", texts}, layoutParameter,
				{"dryRun", "looks at every row and changes nothing: the import is then run, or planned again with another mapping", &huma.Schema{Type: huma.TypeBoolean, Default: false}}},
			codes: []problem.Code{problem.IdempotencyInFlight}, frame: s.importing(s.createImport)},
		{on: "GET " + importsPath, id: "listImports", summary: "Lists the newest imports", query: []parameter{tenantParameter}, gives: replies{200: page[importLine]{}},
			frame: s.reading(importers, s.listImports)},
		{on: "GET " + importsPath + "/{id}", id: "getImport", summary: "Shows an import: how its file is read, what its rows come to, and the first of those that are not taken",
			query: []parameter{tenantParameter}, gives: replies{200: shownImport{}}, frame: s.reading(importers, s.getImport)},
		{on: "GET " + importsPath + "/{id}/rejected", id: "getRejectedRows", summary: "Gives all rows of an import that are not taken, each with its reason",
			query: []parameter{tenantParameter}, gives: replies{200: media(formCSV)}, codes: transition, frame: s.reading(importers, s.getRejected)},
		{on: "POST " + importsPath + "/{id}/plan", id: "planImport", summary: "Looks at every row again, read in another way, and changes nothing", takes: mapping{},
			gives: replies{202: job{}}, codes: transition, frame: s.importing(s.planImport)},
		{on: "POST " + importsPath + "/{id}/run", id: "runImport", summary: "Brings the rows in, once; a run whose node ended goes on", takes: struct{}{},
			gives: replies{202: job{}}, codes: transition, frame: s.importing(s.runImport)},
		{on: "POST " + importsPath + "/{id}/undo", id: "undoImport", takes: struct{}{}, gives: replies{202: job{}}, codes: transition, frame: s.importing(s.undoImport),
			summary: "Takes an import back that has ended: the leads that it made are archived, but for those that somebody has changed since; once its node ended it goes on"},
	}
}

var layoutParameter = textParameter("dateLayout", "how dates are written, shown by the day 2 January 2006: 2006-01-02 where it is not said, or 1/2/2006 and the like")

// mapping says how a file is read.
type mapping struct {
	Columns    map[string]string `json:"columns,omitempty" doc:"Column to field; an empty field leaves the column out. Columns that are not named are guessed"`
	Fixed      map[string]string `json:"fixed,omitempty" doc:"Field to the value that it has in every row"`
	DateLayout string            `json:"dateLayout,omitempty" doc:"How dates are written, shown by the day 2 January 2006"`
}

func (m mapping) options() intake.Options {
	if m.DateLayout == "" {
		m.DateLayout = time.DateOnly
	}
	return intake.Options{Columns: m.Columns, Fixed: m.Fixed, Layout: m.DateLayout}
}

// shownImport is an import as it is shown. What the file holds is there until it is forgotten.
type shownImport struct {
	ID         uuid.UUID         `json:"id"`
	Kind       string            `json:"kind" enum:"leads"`
	State      string            `json:"state" enum:"planning,planned,running,done,undoing,undone,failed"`
	Name       string            `json:"name"`
	Form       string            `json:"form" enum:"csv,ndjson,"`
	Header     []string          `json:"header" doc:"The file's columns"`
	Sample     [][]string        `json:"sample" doc:"The cells of its first rows"`
	Columns    map[string]string `json:"columns" doc:"Column to field; empty where it is left out"`
	Fixed      map[string]string `json:"fixed"`
	DateLayout string            `json:"dateLayout"`
	Fields     []string          `json:"fields" doc:"What a column can be mapped to; one that ends in a dot takes any name after it"`
	Counts     *intake.Counts    `json:"counts" doc:"What the rows come to, or came to; null until all were looked at"`
	Left       []leftRow         `json:"left" doc:"The first rows that are not taken"`
	Done       int64             `json:"done"`
	Total      int64             `json:"total"`
	Error      string            `json:"error"`
	CanRun     bool              `json:"canRun" doc:"It can be run, or go on"`
	CanUndo    bool              `json:"canUndo" doc:"It can be taken back, or that can go on"`
	Kept       []keptLead        `json:"kept" doc:"The first leads that were not taken back; they are told for a day"`
	CreatedAt  time.Time         `json:"createdAt"`
	BegunAt    time.Time         `json:"begunAt"`
	EndedAt    *time.Time        `json:"endedAt"`
	ExpiresAt  time.Time         `json:"expiresAt" doc:"From when on nothing of the file is kept"`
	Cursor     string            `json:"cursor" doc:"From which on a read shows all that the run made"`
}

type leftRow struct {
	Line       int    `json:"line"`
	Reason     string `json:"reason"`
	ExistingID string `json:"existingId" doc:"The record that it is like; empty where it is wrong by itself"`
}

type keptLead struct {
	LeadID string `json:"leadId"`
	Reason string `json:"reason"`
}

// importLine is an import in the list of them.
type importLine struct {
	ID        uuid.UUID      `json:"id"`
	Kind      string         `json:"kind" enum:"leads"`
	Name      string         `json:"name" doc:"What the file is called; empty once it is forgotten"`
	State     string         `json:"state" enum:"planning,planned,running,done,undoing,undone,failed"`
	Counts    *intake.Counts `json:"counts" doc:"What its rows come to, or came to; null until all were looked at"`
	CreatedAt time.Time      `json:"createdAt"`
}

// importing is the frame of what is asked of imports. It is no command of the log; its key is kept with the import.
func (s *server) importing(run func(request) (intake.Import, error)) frame {
	return frame{scheme: bySession, limited: true, roles: importers, writes: true, codes: commandCodes, serve: func(declared route) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			q, err := s.asked(w, r, declared)
			if err != nil {
				return err
			}
			if err := ofTenant(q); err != nil {
				return err
			}
			if q.caller.Version > 0 {
				return commands.ErrVersion // it has none
			}
			if s.Intake == nil {
				return noIntake()
			}
			is, err := run(q)
			if err != nil {
				return importProblem(err)
			}
			if is.Replayed {
				w.Header().Set("Idempotent-Replayed", "true")
			}
			w.Header().Set("Location", jobAddress(q, is))
			told := job{ID: is.ID, State: intake.Running, Errors: []jobError{}, Action: is.Action, Import: is.Kind, BegunAt: is.BegunAt.UTC()}
			if isUpload(r) {
				told.Action, told.BegunAt = intake.ActionUpload, is.CreatedAt.UTC() // which stay, whatever is asked of it later
			}
			s.write(w, r, http.StatusAccepted, told)
			return nil
		}
	}}
}

// ofTenant is whose imports they are; staff must name it.
func ofTenant(q request) error {
	if q.tenant != uuid.Nil {
		return nil
	}
	field := tenantParameter.name
	if q.Method == http.MethodPost {
		field = tenantHeader
	}
	return problem.Invalid(problem.FieldError{Field: field, Code: problem.FieldRequired, Message: "must name the tenant whose import it is"})
}

// jobAddress is where somebody who may know it hears how far an import is.
func jobAddress(q request, is intake.Import) string {
	address := "/api/v2/jobs/" + is.ID.String()
	if q.who.Tenant == uuid.Nil {
		address += "?" + url.Values{tenantParameter.name: {is.Tenant.String()}}.Encode()
	}
	return address
}

func noIntake() error {
	return later(problem.Unavailable, "This node takes no files in.")
}

// importProblem is what an import was refused for.
func importProblem(err error) error {
	if wrong, ok := errors.AsType[intake.Wrong](err); ok {
		return problem.Invalid(problem.FieldError{Field: wrong.Field, Code: problem.FieldOutOfRange, Message: wrong.Text})
	}
	if state, ok := errors.AsType[intake.StateError](err); ok {
		return problem.New(problem.InvalidTransition, state.Text)
	}
	switch {
	case errors.Is(err, intake.ErrTooLarge):
		return problem.New(problem.PayloadTooLarge, "A file may have 50 MiB at most.")
	case errors.Is(err, intake.ErrCut):
		return problem.New(problem.MalformedRequest, "The body could not be read to its end.")
	case errors.Is(err, intake.ErrState):
		return problem.New(problem.InvalidTransition, "That cannot be asked of an import at this step.")
	case errors.Is(err, intake.ErrForgotten):
		return problem.New(problem.InvalidTransition, "Nothing of the file is kept any more. Send it again.")
	case errors.Is(err, intake.ErrBusy):
		return later(problem.IdempotencyInFlight, "")
	}
	return err
}

func (s *server) createImport(q request) (intake.Import, error) {
	asked := q.URL.Query()
	kind, ok := intake.KindNamed(asked.Get("kind"))
	if !ok || kind.Name != "leads" {
		return intake.Import{}, problem.Invalid(problem.FieldError{Field: "kind", Code: problem.FieldOutOfRange, Message: "must be leads"})
	}
	read, err := mappingAsked(asked)
	if err != nil {
		return intake.Import{}, err
	}
	up := intake.Upload{Options: read.options(), Name: strings.TrimSpace(asked.Get("name")), Then: intake.ActionRun, Body: q.Body}
	up.Kind = kind
	switch asked.Get("dryRun") {
	case "true":
		up.Then = intake.ActionPlan
	case "", "false":
	default:
		return intake.Import{}, problem.Invalid(problem.FieldError{Field: "dryRun", Code: problem.FieldWrongType, Message: "must be true or false"})
	}
	if len(up.Name) > maxName {
		return intake.Import{}, problem.Invalid(problem.FieldError{Field: "name", Code: problem.FieldOutOfRange, Message: "may have 200 bytes at most"})
	}
	if up.Form, err = fileForm(q.Header); err != nil {
		return intake.Import{}, err
	}
	takesLong(q.Context())
	if q.ContentLength > intake.MaxFile {
		return intake.Import{}, intake.ErrTooLarge
	}
	return s.Intake.Receive(q.Context(), q.caller, up)
}

// fileForm is the form of an upload by its content type.
func fileForm(h http.Header) (string, error) {
	form, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", problem.New(problem.UnsupportedMediaType, "A file is UTF-8.")
	}
	switch {
	case err == nil && form == formCSV:
		return intake.CSV, nil
	case err == nil && form == ndjson:
		return intake.NDJSON, nil
	}
	return "", problem.New(problem.UnsupportedMediaType, "The body must be text/csv or application/x-ndjson.")
}

// mappingAsked reads the mapping of an address. A column's name may hold equals signs, a field's cannot.
func mappingAsked(asked url.Values) (m mapping, err error) {
	m = mapping{Columns: map[string]string{}, Fixed: map[string]string{}, DateLayout: asked.Get(layoutParameter.name)}
	for _, text := range asked["map"] {
		i := strings.LastIndex(text, "=")
		if i < 1 {
			return m, problem.Invalid(problem.FieldError{Field: "map", Code: problem.FieldWrongType, Message: "is written COLUMN=field"})
		}
		m.Columns[text[:i]] = text[i+1:]
	}
	for _, text := range asked["set"] {
		field, value, found := strings.Cut(text, "=")
		if !found || field == "" {
			return m, problem.Invalid(problem.FieldError{Field: "set", Code: problem.FieldWrongType, Message: "is written field=value"})
		}
		m.Fixed[field] = value
	}
	return m, nil
}

func (s *server) planImport(q request) (intake.Import, error) {
	var body mapping
	if err := decode(q.Request, &body); err != nil {
		return intake.Import{}, err
	}
	return s.Intake.Plan(q.Context(), q.caller, uuid.MustParse(q.id), body.options()) // it was looked at before
}

func (s *server) runImport(q request) (intake.Import, error) {
	if err := decode(q.Request, &struct{}{}); err != nil {
		return intake.Import{}, err
	}
	return s.Intake.Execute(q.Context(), q.caller, uuid.MustParse(q.id))
}

func (s *server) undoImport(q request) (intake.Import, error) {
	if err := decode(q.Request, &struct{}{}); err != nil {
		return intake.Import{}, err
	}
	return s.Intake.Undo(q.Context(), q.caller, uuid.MustParse(q.id))
}

// importOf is the import that an address names.
func (s *server) importOf(q request) (intake.Import, error) {
	if err := ofTenant(q); err != nil {
		return intake.Import{}, err
	}
	if s.Intake == nil {
		return intake.Import{}, noIntake()
	}
	return s.Intake.Import(q.Context(), q.tenant, uuid.MustParse(q.id)) // it was looked at before
}

func (s *server) listImports(w http.ResponseWriter, q request, _ moment) error {
	if err := ofTenant(q); err != nil {
		return err
	}
	if s.Intake == nil {
		return noIntake()
	}
	found, err := s.Intake.Newest(q.Context(), q.tenant, importsListed)
	if err != nil {
		return err
	}
	told := page[importLine]{Items: []importLine{}}
	for _, is := range found {
		line := importLine{ID: is.ID, Kind: is.Kind, State: importState(is), CreatedAt: is.CreatedAt.UTC()}
		if is.Settings != nil {
			line.Name = is.Settings.Name
		}
		line.Counts = countsOf(is)
		told.Items = append(told.Items, line)
	}
	s.write(w, q.Request, http.StatusOK, told)
	return nil
}

func (s *server) getImport(w http.ResponseWriter, q request, _ moment) error {
	is, err := s.importOf(q)
	if err != nil {
		return err
	}
	told := shownImport{ID: is.ID, Kind: is.Kind, State: importState(is), Done: is.Done, Total: is.Total, Error: is.Error, CreatedAt: is.CreatedAt.UTC(), BegunAt: is.BegunAt.UTC(),
		EndedAt: is.EndedAt, ExpiresAt: is.ExpiresAt.UTC(), Header: []string{}, Sample: [][]string{}, Columns: map[string]string{}, Fixed: map[string]string{}, Fields: []string{}, Left: []leftRow{},
		Counts: countsOf(is), CanUndo: is.CanUndo(), Kept: []keptLead{}}
	if is.Action != intake.ActionPlan {
		told.Cursor = is.Cursor
	}
	if set := is.Settings; set != nil {
		told.Name, told.Form, told.Header, told.Columns, told.DateLayout, told.Fields = set.Name, set.Form, set.Header, set.Columns, set.Layout, set.Kind.Fields
		told.Sample, told.Fixed = append(told.Sample, set.Sample...), set.Fixed
		told.CanRun = is.Action == intake.ActionPlan && is.State == intake.Done || is.Action == intake.ActionRun && is.State == intake.Failed
		if is.State != intake.Running {
			err = s.Intake.Left(q.Context(), is, func(one intake.Left) (bool, error) {
				told.Left = append(told.Left, leftRow{one.Line, one.Reason, one.Existing})
				return len(told.Left) < leftShown, nil
			})
		}
	}
	if err == nil && is.Action == intake.ActionUndo && is.State != intake.Running {
		err = s.Intake.Kept(q.Context(), is, func(one intake.Left) (bool, error) {
			told.Kept = append(told.Kept, keptLead{one.Existing, one.Reason})
			return len(told.Kept) < leftShown, nil
		})
	}
	if err != nil {
		return err
	}
	s.write(w, q.Request, http.StatusOK, told)
	return nil
}

// countsOf is what an import's rows come to, once that is known.
func countsOf(is intake.Import) *intake.Counts {
	if is.State == intake.Done || is.Action == intake.ActionUndo {
		return &is.Counts
	}
	return nil
}

// importState is how an import is, in one word.
func importState(is intake.Import) string {
	switch {
	case is.State == intake.Failed, is.Action == intake.ActionRun:
		return is.State
	case is.Action == intake.ActionUndo && is.State == intake.Running:
		return "undoing"
	case is.Action == intake.ActionUndo:
		return "undone"
	case is.State == intake.Running:
		return "planning"
	}
	return "planned"
}

func (s *server) importJob(q request) (job, error) {
	is, err := s.importOf(q)
	if err != nil {
		return job{}, err
	}
	told := job{ID: is.ID, State: is.State, Done: is.Done, Total: is.Total, Errors: []jobError{}, Action: is.Action, Import: is.Kind, BegunAt: is.BegunAt.UTC(), EndedAt: is.EndedAt}
	if is.Error != "" {
		told.Errors = append(told.Errors, jobError{is.Error})
	}
	if is.State == intake.Done {
		told.Result, err = resultOf(&is.Counts)
	}
	return told, err
}

// getRejected streams the rows that are not taken, in a form that a spreadsheet takes for text and an import for what stood in the file.
func (s *server) getRejected(w http.ResponseWriter, q request, _ moment) error {
	is, err := s.importOf(q)
	switch {
	case err != nil:
		return err
	case is.State == intake.Running:
		return importProblem(intake.ErrState)
	case is.Settings == nil:
		return importProblem(intake.ErrForgotten)
	}
	takesLong(q.Context())
	h := w.Header()
	h.Set("Content-Type", formCSV+"; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="rejected.csv"`)
	out := csv.NewWriter(w)
	write := func(cells []string) error {
		for i := range cells {
			cells[i] = inert(cells[i])
		}
		return out.Write(cells)
	}
	err = write(append([]string{"line", "reason", "existingId"}, is.Settings.Header...))
	if err == nil {
		err = s.Intake.Left(q.Context(), is, func(one intake.Left) (bool, error) {
			return true, write(slices.Concat([]string{strconv.Itoa(one.Line), one.Reason, one.Existing}, one.Cells))
		})
	}
	out.Flush()
	if err := errors.Join(err, out.Error()); err != nil && q.Context().Err() == nil {
		s.Logger.ErrorContext(q.Context(), "list of rejected rows cut short", "error", err, "correlation", guard.CorrelationID(q.Context()))
		panic(http.ErrAbortHandler) // so that nobody takes a part for the whole
	}
	return nil
}
