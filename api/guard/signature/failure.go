package signature

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/streamflow/streamflow/api/problem"
)

// Reason says why a signature was refused. It is for the audit log and the signature debugger, never for the
// caller: to learn which check failed is to learn how to pass it.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	ReasonMalformed  Reason = "malformed"   // headers missing, not parseable, or not of the profile
	ReasonComponents Reason = "components"  // too little covered, or something that was not sent
	ReasonClockSkew  Reason = "clock_skew"  // created too long ago or too far ahead
	ReasonLifetime   Reason = "lifetime"    // expires too long after created, or before it
	ReasonExpired    Reason = "expired"     // after expires
	ReasonKeyUnknown Reason = "key_unknown" // no such key
	ReasonKeyRevoked Reason = "key_revoked" // revoked, or outside its time
	ReasonAuthority  Reason = "authority"   // signed for a host that is not ours
	ReasonMismatch   Reason = "mismatch"    // the MAC is another: wrong secret, or changed on the way
	ReasonDigest     Reason = "digest"      // the body is not the one that was signed
	ReasonReplayed   Reason = "replayed"    // the nonce was spent before
)

// Failure is a refused signature. Error and Problem are fit for the outside; the fields are not.
type Failure struct {
	Reason Reason
	Cause  error  // in words
	KeyID  string // as claimed, proved by nothing; empty where not even that could be read
	Base   string // the signature base that the server derived, where it got so far; it holds no secret
}

func refuse(reason Reason, cause error) *Failure { return &Failure{Reason: reason, Cause: cause} }

// Error says no more than a caller may know.
func (f *Failure) Error() string { return string(f.Code()) }

// Internal says all of it, for a log.
func (f *Failure) Internal() string {
	return fmt.Sprintf("signature refused: %s: %v (key %q)", f.Reason, f.Cause, f.KeyID)
}

// Code is the problem's code: signature_invalid, or clock_skew, which alone is told apart because an honest caller
// cannot find it out otherwise, and an attacker can read it off the Date header.
func (f *Failure) Code() problem.Code {
	if f.Reason == ReasonClockSkew {
		return problem.ClockSkew
	}
	return problem.SignatureInvalid
}

// Problem is the answer to r, the same whatever the reason but for clock_skew: a 401 with Accept-Signature
// (RFC 9421 section 5.1), which states the profile.
func (f *Failure) Problem(r *http.Request, hasBody bool) *problem.Problem {
	p := problem.New(f.Code(), "")
	p.Header = http.Header{"Accept-Signature": {AcceptSignature(r.Method, hasBody)}}
	return p
}

// AcceptSignature gives the value that asks for a signature of the profile. The nonce and the key are the signer's
// to choose, so it names neither: RFC 9421 gives those parameters only a verifier's own value.
func AcceptSignature(method string, hasBody bool) string {
	return Label + `=("` + strings.Join(Required(method, hasBody), `" "`) + `");created;expires;alg="` + Algorithm + `";tag="` + Tag + `"`
}
