package api

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/eventstore"
)

// page is one page of a list.
type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"nextCursor"`
}

// modelPage is one page of a list that is kept by a read model.
type modelPage[T any] struct {
	page[T] `json:",embed"`
	lagging `json:",embed"`
}

const (
	defaultLimit = 25
	maxLimit     = 100
	pageMAC      = 12 // bytes, as many as a cursor carries
)

// limitOf reads how many items a page has.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, problem.Invalid(problem.FieldError{Field: "limit", Code: problem.FieldOutOfRange, Message: "must be 1 to 100"})
	}
	return limit, nil
}

// pageToken names the place behind which the next page begins, in a way that nobody can make up or carry to another list, to
// other filters of it or to another tenant's.
func (s *server) pageToken(r *http.Request, space uuid.UUID, place ...string) *string {
	b, err := json.Marshal(place)
	if err != nil {
		panic(err) // strings that are not UTF-8: no key of ours is
	}
	token := base64.RawURLEncoding.EncodeToString(append(b, s.pageSum(r, space, b)...))
	return &token
}

func (s *server) pageSum(r *http.Request, space uuid.UUID, place []byte) []byte {
	asked := r.URL.Query()
	asked.Del("cursor")
	asked.Del("limit") // a page may be larger than the one before
	return s.Commands.Log.ClaimKey(space, "page "+r.URL.Path+"?"+asked.Encode()+"\n"+string(place))[:pageMAC]
}

// pageOf reads the place that the request's token names, of so many parts; nil where it carries none.
func (s *server) pageOf(r *http.Request, space uuid.UUID, parts int) ([]string, error) {
	text := r.URL.Query().Get("cursor")
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) <= pageMAC {
		return nil, eventstore.ErrCursor
	}
	b, sum := b[:len(b)-pageMAC], b[len(b)-pageMAC:]
	var place []string
	if !hmac.Equal(sum, s.pageSum(r, space, b)) || json.Unmarshal(b, &place) != nil || len(place) != parts {
		return nil, eventstore.ErrCursor
	}
	return place, nil
}

// numberedPage is pageOf for a list whose places are numbers from 1; 0 where the request carries no token.
func (s *server) numberedPage(r *http.Request, space uuid.UUID) (int, error) {
	place, err := s.pageOf(r, space, 1)
	if place == nil {
		return 0, err
	}
	n, err := strconv.Atoi(place[0])
	if err != nil || n < 1 {
		return 0, eventstore.ErrCursor
	}
	return n, nil
}
