package api

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/rate"
	"github.com/streamflow/streamflow/commands"
)

// Limits says how often something may be done. A policy that is off limits nothing, and so does the zero value.
type Limits struct {
	Limiter *rate.Limiter // may be nil where every policy is off
	// Auth is for what guards secrets, per address: sign-ins, and signatures that are refused.
	Auth rate.Policy
	// API is for everything else that is asked with a session, per user.
	API rate.Policy
	// Federation is for signed requests, per key, where the partner has no rate of its own.
	Federation rate.Policy
	// Analytics is for reports over many events, per user. No route has it yet.
	Analytics rate.Policy
}

// federationPolicy names the limit of signed requests, whoever set it.
const federationPolicy = "federation"

// admit takes a token of the bucket that a key names, and tells so in the answer.
func (s *server) admit(w http.ResponseWriter, r *http.Request, p rate.Policy, key string) error {
	if p.Off() {
		return nil
	}
	d := s.Limits.Limiter.Take(r.Context(), p, key)
	d.SetHeaders(w.Header())
	if !d.Allowed {
		return d.Problem()
	}
	return nil
}

func addressKey(r *http.Request) string { return "address " + guard.CallerOf(r.Context()).RateKey() }

// charge takes the token of a request that a session was sent with. Where the session proved to be somebody's, that user
// pays, whatever became of the request; else the address does, and no user whom it names. Err is how the request stands so
// far; a trouble of our own costs nobody.
func (s *server) charge(w http.ResponseWriter, r *http.Request, p rate.Policy, who principal, err error) error {
	key := "user " + who.User.String()
	if who.User == uuid.Nil {
		if problemOf(err).Status >= http.StatusInternalServerError {
			return err
		}
		key = addressKey(r)
	}
	if limited := s.admit(w, r, p, key); limited != nil {
		return limited
	}
	return err
}

// chargeKey takes the token of a request whose signature proved right.
func (s *server) chargeKey(w http.ResponseWriter, r *http.Request, key commands.SigningKey) error {
	p := s.Limits.Federation
	if s.Limits.Limiter != nil && key.Partner.State.Rate != "" {
		if own, err := rate.Parse(federationPolicy, key.Partner.State.Rate, p.Outage); err == nil {
			p = own
		}
	}
	return s.admit(w, r, p, "key "+key.KeyID)
}
