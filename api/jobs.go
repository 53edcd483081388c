package api

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// jobRoutes lists the one route that tells how far long work is, whatever the work.
func (s *server) jobRoutes() []route {
	return []route{{on: "GET /api/v2/jobs/{id}", id: "getJob", summary: "Tells how far a job is, or how it ended: a rebuild for developers, an import for the others",
		query: []parameter{tenantParameter}, gives: replies{200: job{}}, frame: s.reading(slices.Concat(developers, importers), s.getJob)}}
}

// job is long work, as it is or as it ended.
type job struct {
	ID      uuid.UUID  `json:"id"`
	State   string     `json:"state" enum:"running,done,failed"`
	Done    int64      `json:"done"`
	Total   int64      `json:"total"`
	Errors  []jobError `json:"errors"`
	Result  jobResult  `json:"result" doc:"The read model as the job left it, or what an import's rows come to"`
	Action  string     `json:"action"`
	Name    string     `json:"projection,omitempty"`
	Import  string     `json:"import,omitempty"`
	BegunAt time.Time  `json:"begunAt"`
	EndedAt *time.Time `json:"endedAt"`
}

type jobError struct {
	Message string `json:"message"`
}

// jobResult is what a job left, in JSON.
type jobResult jsontext.Value

// MarshalJSON writes it as it is, and null where the job left nothing.
func (r jobResult) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	return r, nil
}

// Schema describes it: what it is depends on the job.
func (r jobResult) Schema(all huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{
		all.Schema(reflect.TypeFor[projection.Condition](), true, ""), all.Schema(reflect.TypeFor[intake.Counts](), true, ""), {Type: "null"}}}
}

// resultOf is what a job left; v is a pointer, nil where that is nothing.
func resultOf[T any](v *T) (jobResult, error) {
	if v == nil {
		return nil, nil
	}
	var b bytes.Buffer
	err := guard.MarshalJSON(&b, v)
	return jobResult(b.Bytes()), err
}

func (s *server) getJob(w http.ResponseWriter, q request, _ moment) error {
	read := s.importJob
	if q.who.Role == user.RoleDeveloper {
		read = s.rebuildJob
	}
	told, err := read(q)
	if err != nil {
		return err
	}
	s.write(w, q.Request, http.StatusOK, told)
	return nil
}

func (s *server) rebuildJob(q request) (job, error) {
	if s.Projector == nil {
		return job{}, notHere()
	}
	found, err := s.Projector.Job(q.Context(), uuid.MustParse(q.id)) // it was looked at before
	if errors.Is(err, projection.ErrNoJob) {
		return job{}, commands.ErrNotFound
	}
	if err != nil {
		return job{}, err
	}
	told := job{ID: found.ID, State: found.State(), Done: found.Done, Total: found.Total, Errors: []jobError{}, Action: found.Action,
		Name: found.Projection, BegunAt: found.BegunAt.UTC(), EndedAt: found.EndedAt}
	switch {
	case found.Error != "":
		told.Errors = append(told.Errors, jobError{found.Error})
	case told.State == projection.JobFailed:
		told.Errors = append(told.Errors, jobError{"its node ended before it did"})
	}
	told.Result, err = resultOf(found.Result)
	return told, err
}
