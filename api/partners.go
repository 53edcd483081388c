package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/api/guard/rate"
	"github.com/streamflow/streamflow/api/guard/signature"
	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/eventstore"
)

// partnerRoutes lists the routes by which the provider admits outside systems.
func (s *server) partnerRoutes() []route {
	return []route{
		{on: "POST /api/v2/partners", id: "createPartner", summary: "Admits an outside system, and gives it a key",
			takes: partner.Details{}, gives: replies{201: admitted{}}, frame: s.command(providers, s.createPartner)},
		{on: "GET /api/v2/partners", id: "listPartners", summary: "Lists the partners, the newest first",
			query: ofPage, gives: replies{200: page[commands.Record[partner.State]]{}}, frame: s.reading(providers, s.listPartners)},
		{on: "GET /api/v2/partners/{id}", id: "getPartner", summary: "Shows a partner",
			query: []parameter{atParameter}, gives: replies{200: commands.Record[partner.State]{}}, frame: s.reading(providers, s.getPartner)},
		{on: "POST /api/v2/partners/{id}/keys", id: "rotatePartnerKey", summary: "Gives the partner a new key",
			takes: rotation{}, gives: replies{201: rotated{}}, codes: transition, frame: s.command(providers, s.rotateKey)},
		{on: "DELETE /api/v2/partners/{id}/keys/{keyId}", id: "revokePartnerKey", summary: "Ends a key at once",
			gives: replies{204: nil}, codes: transition, frame: s.command(providers, s.revokeKey)},
	}
}

// admitted is a partner with the key that was made for it.
type admitted struct {
	Record commands.Record[partner.State] `json:",embed"`
	KeyID  string                         `json:"keyId"`
	shownOnce
}

// rotation asks for a new key.
type rotation struct {
	Overlap string `json:"overlap,omitempty" doc:"How long the key before goes on to hold, like 24h; it ends at once without"`
}

// rotated is the new key.
type rotated struct {
	KeyID              string     `json:"keyId"`
	ValidFrom          time.Time  `json:"validFrom"`
	PreviousValidUntil *time.Time `json:"previousValidUntil"`
	shownOnce
}

// shownOnce is a secret in the answer that made it. A repetition has no secret to show, and says so.
type shownOnce struct {
	Secret *string `json:"secret"`
	State  string  `json:"secretState,omitempty"`
}

func show(secret []byte, out eventstore.Outcome) shownOnce {
	if out.Replayed {
		return shownOnce{State: "issued"}
	}
	text := signature.EncodeSecret(secret)
	return shownOnce{Secret: &text}
}

func (s *server) createPartner(q request) (answer, error) {
	var body partner.Details
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	if body.Rate != "" {
		if _, err := rate.Parse(federationPolicy, body.Rate, rate.Share); err != nil {
			return answer{}, problem.Invalid(problem.FieldError{Field: "rate", Code: "invalid_rate", Message: "is not like 6000/1m: at most 1000000, in at most 24h"})
		}
	}
	secret := signature.NewSecret()
	out, err := s.Commands.CreatePartner(q.Context(), q.caller, partner.Create{Details: body}, secret)
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	made, err := commands.KeyMadeBy(out)
	if err != nil {
		return answer{}, err
	}
	record, err := s.Commands.Partner(q.Context(), made.ID, out.Last())
	return answer{outcome: out, status: http.StatusCreated, location: "/api/v2/partners/" + made.ID, version: record.Version, record: admitted{record, made.KeyID, show(secret, out)}}, err
}

func (s *server) listPartners(w http.ResponseWriter, q request, m moment) error {
	var partners []commands.Record[partner.State]
	if until := m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace)); until > 0 {
		var err error
		if partners, err = s.Commands.Partners(q.Context(), until); err != nil {
			return err
		}
	}
	return newestFirst(s, w, q.Request, partners)
}

// newestFirst answers a page of records that are given oldest first. The token counts from the oldest, so it names the same one
// however many come after.
func newestFirst[T any](s *server, w http.ResponseWriter, r *http.Request, items []T) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	before, err := s.numberedPage(r, eventstore.ProviderSpace)
	if err != nil {
		return err
	}
	answer := page[T]{Items: []T{}}
	end := len(items)
	if before != 0 && before < end {
		end = before
	}
	start := max(0, end-limit)
	for _, item := range slices.Backward(items[start:end]) {
		answer.Items = append(answer.Items, item)
	}
	if start > 0 {
		answer.NextCursor = s.pageToken(r, eventstore.ProviderSpace, strconv.Itoa(start))
	}
	s.write(w, r, http.StatusOK, answer)
	return nil
}

func (s *server) getPartner(w http.ResponseWriter, q request, m moment) error {
	until := m.position(s.Commands.Log.LaneOf(eventstore.ProviderSpace))
	if until == 0 {
		return commands.ErrNotFound
	}
	record, err := s.Commands.Partner(q.Context(), q.id, until)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(record.Version))
	s.write(w, q.Request, http.StatusOK, record)
	return nil
}

// rotateKey gives the partner a new key; the one before holds for the overlap, like 24h, or ends at once.
func (s *server) rotateKey(q request) (answer, error) {
	var body rotation
	if err := decode(q.Request, &body); err != nil {
		return answer{}, err
	}
	var overlap time.Duration
	if body.Overlap != "" {
		var err error
		if overlap, err = time.ParseDuration(body.Overlap); err != nil {
			return answer{}, problem.Invalid(problem.FieldError{Field: "overlap", Code: "invalid_duration", Message: "is not a time like 24h or 30m"})
		}
	}
	secret := signature.NewSecret()
	out, err := s.Commands.RotatePartnerKey(q.Context(), q.caller, q.id, overlap, secret)
	if err != nil || out.Verdict == eventstore.Refused {
		return answer{outcome: out}, err
	}
	made, err := commands.KeyMadeBy(out)
	if err != nil {
		return answer{}, err
	}
	record, err := s.Commands.Partner(q.Context(), q.id, out.Last())
	if err != nil {
		return answer{}, err
	}
	told := rotated{KeyID: made.KeyID, shownOnce: show(secret, out)}
	keys := record.State.Keys
	i := slices.IndexFunc(keys, func(k partner.Key) bool { return k.KeyID == made.KeyID })
	if i < 0 {
		return answer{}, errors.New("partner lacks the key that was made for it")
	}
	told.ValidFrom = keys[i].ValidFrom
	for _, before := range keys[:i] {
		if before.ValidAt(told.ValidFrom.Add(-time.Nanosecond)) { // it held until now, so this is the one that is followed
			told.PreviousValidUntil = &before.ValidUntil
		}
	}
	return answer{outcome: out, status: http.StatusCreated, location: "/api/v2/partners/" + q.id, version: record.Version, record: told}, nil
}

func (s *server) revokeKey(q request) (answer, error) {
	if err := decode(q.Request, &struct{}{}); err != nil {
		return answer{}, err
	}
	out, err := s.Commands.RevokePartnerKey(q.Context(), q.caller, q.id, chi.URLParam(q.Request, "keyId"))
	return answer{outcome: out, status: http.StatusNoContent}, err
}
