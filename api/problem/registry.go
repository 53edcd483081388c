package problem

import (
	"net/http"
	"slices"
	"strings"
)

// Entry is what the registry knows about a code: how it is answered, and what the page at TypeURI says about it.
// Title, Cause and Remedy are written for the person who reads the page, not for the program that got the answer.
type Entry struct {
	Code   Code
	Status int // HTTP status
	Title  string
	Cause  string
	Remedy string
}

// TypeURI is the entry's RFC 9457 "type": a path on this server, whose page explains the problem.
func (e Entry) TypeURI() string { return "/problems/" + string(e.Code) }

// StatusText is the reason phrase of the entry's status.
func (e Entry) StatusText() string { return http.StatusText(e.Status) }

// Lookup returns the entry of code; ok is false for a code that is not registered.
func Lookup(code Code) (entry Entry, ok bool) {
	for _, e := range registry {
		if e.Code == code {
			return e, true
		}
	}
	return Entry{}, false
}

// Page returns what `/problems/{code}` shows. The text of the path is not trusted to be a code: ok is false, and the
// answer 404, for any other.
func Page(code string) (entry Entry, ok bool) { return Lookup(Code(code)) }

// All returns every entry, ordered by status and then by code, for the index page, the contract and the tests.
func All() []Entry {
	all := slices.Clone(registry[:])
	slices.SortFunc(all, func(a, b Entry) int {
		if a.Status != b.Status {
			return a.Status - b.Status
		}
		return strings.Compare(string(a.Code), string(b.Code))
	})
	return all
}

var registry = [...]Entry{
	{IdempotencyKeyRequired, 400, "Idempotency-Key missing or malformed",
		"A write needs exactly one Idempotency-Key header of 1 to 255 visible ASCII characters.",
		"Make a fresh key (a UUIDv7 serves well) for every intention, send it in one header line, and repeat the same key when you repeat the same request."},
	{MalformedJSON, 400, "The body is not well-formed JSON",
		"The body ends early, has data after its end, names a member twice, or is not valid UTF-8.",
		"Send one JSON value, encoded by a JSON library, with every member once."},
	{MalformedRequest, 400, "The request cannot be read",
		"A header, a parameter of the address, or the body's transfer is not well formed.",
		"Correct what `detail` names and send the request again."},
	{Unauthenticated, 401, "Sign-in needed",
		"The request carries no session, token or signature, or one that has ended.",
		"Sign in, or send a valid token as `Authorization: Bearer`."},
	{BadCredentials, 401, "E-mail or password wrong",
		"The pair is not known here. The answer is the same whether or not the account exists.",
		"Check both, or ask for a new password at /reset."},
	{SignatureInvalid, 401, "Signature refused",
		"The HTTP Message Signature (RFC 9421) is missing, is not made as the profile asks, was used before, or was not made with a valid key.",
		"Compare your signature base with the worked example of the partner guide; the provider sees the reason in the signature debugger. Every try needs a new nonce."},
	{ClockSkew, 401, "Clock too far off",
		"The signature's `created` is more than 300 s in the past or 60 s in the future.",
		"Set your clock by the `Date` header of this answer, sign again, and retry with the same Idempotency-Key."},
	{Forbidden, 403, "Not allowed",
		"Your role, or the portal you signed in to, does not include this action.",
		"Ask an owner of the tenant, or the provider, for a role that includes it; docs/permissions.md lists them."},
	{ScopeMissing, 403, "The key lacks the scope",
		"The signature is right, but the key was not given the scope that this route needs.",
		"Ask the provider to add the scope to your partner record."},
	{TenantNotAllowed, 403, "The key may not act for this tenant",
		"The signature is right, but the partner is not allowed for the tenant that the request names.",
		"Check `tenantId`, or ask the provider to allow the tenant for your partner record."},
	{TenantSuspended, 403, "The tenant is suspended",
		"The provider has suspended the tenant; its users and keys cannot act until it is active again.",
		"Speak to the provider. Nothing is lost, and the request may be sent again later."},
	{CrossOriginRefused, 403, "Refused: sent from another site",
		"A page of another origin tried to change something with this browser's session.",
		"Send writes from the portal itself, or use a token instead of a browser session."},
	{NotFound, 404, "Nothing here",
		"There is no such address or record, or it belongs to somebody else.",
		"Check the address and the id."},
	{FigureNotFromEvents, 404, "This figure has no events",
		"The figure is a gauge: it was measured, not added up from the log.",
		"Ask for the events of a figure whose `source` is `log`."},
	{MethodNotAllowed, 405, "Method not allowed",
		"The address exists, but not with this method.",
		"Use one of the methods that the `Allow` header lists."},
	{NotAcceptable, 406, "No such representation",
		"None of the media types in `Accept` can be answered here.",
		"Ask for application/json; lists also offer text/csv and application/x-ndjson."},
	{IdempotencyInFlight, 409, "The same request is still running",
		"A request with this Idempotency-Key has been accepted and has not ended yet.",
		"Send it again, unchanged, after the seconds in `Retry-After`."},
	{InUse, 409, "Still in use",
		"Other records, named in `usedBy`, depend on this one.",
		"Archive or change those first."},
	{InvalidTransition, 409, "Not possible from the present state",
		"The record's state does not allow this step.",
		"Read the record again; `detail` names its state."},
	{DuplicateLead, 409, "This lead exists",
		"A lead with the same e-mail, phone or source and externalId is in the tenant already.",
		"Use the lead that `existingId` names."},
	{DuplicateOrganization, 409, "This organization exists",
		"Another organization of the tenant has the same name, ignoring case.",
		"Use the organization that `existingId` names, or choose another name."},
	{DuplicateIncident, 409, "This incident was reported with other content",
		"The incidentId has been used by you before, with a different escalation.",
		"Post an update to the escalation that `existingId` names, or use a new incidentId."},
	{DuplicateReference, 409, "This reference was used with other content",
		"The reference has been used by you before, with a different invoice.",
		"Read the invoice that `existingId` names, or use a new reference."},
	{LeadAlreadyBilled, 409, "This lead has been billed",
		"A lead is billed once, ever; `existingId` names the invoice.",
		"Remove the line, or ask for a credit of the first invoice."},
	{Duplicate, 409, "This value is taken",
		"Another record holds a value that must be unique.",
		"Use the record that `existingId` names, or choose another value."},
	{RuleViolated, 409, "A rule does not allow this",
		"The request is well formed, but a business rule refuses it in the present state.",
		"`detail` says which rule; change the request or the state."},
	{VersionConflict, 412, "Changed in the meantime",
		"The record is no longer at the version that If-Match names.",
		"Read the record again, look at what changed, and send the request with the new ETag."},
	{PayloadTooLarge, 413, "Body too large",
		"A request body may have 1 MiB; imports have their own limit.",
		"Send less at once, or use an import."},
	{UnsupportedMediaType, 415, "Media type not supported",
		"The body's Content-Type, or a Content-Encoding, is not one that this route reads.",
		"Send application/json (application/merge-patch+json for PATCH), not compressed."},
	{IdempotencyKeyReused, 422, "Idempotency-Key used for another request",
		"This key was used before with another method, path or body.",
		"Use a new key for a new request."},
	{InvalidCursor, 422, "Cursor not valid",
		"The cursor was not made by this server, or was made for another list, filter or caller.",
		"Start again without a cursor and pass on the ones you get, unchanged."},
	{ValidationFailed, 422, "Some fields are not right",
		"The request is well formed, but the fields in `errors` are unknown, missing, of the wrong type or out of range.",
		"Correct the fields; the same Idempotency-Key may be used again."},
	{RateLimited, 429, "Too many requests",
		"The quota that `RateLimit-Policy` describes is used up.",
		"Wait for the seconds in `Retry-After`, then go on more slowly."},
	{Internal, 500, "Something broke here",
		"The server failed in a way it did not expect. The log holds the details under the correlationId.",
		"Send the request again with the same Idempotency-Key; if it fails again, give us the correlationId."},
	{ReadModelBehind, 503, "Not caught up yet",
		"The read model has not passed the StreamFlow-Cursor of your request in the time allowed.",
		"Send the read again after `Retry-After`, or wait longer with `Prefer: wait=30`."},
	{Unavailable, 503, "Not available now",
		"A part that this request needs does not answer.",
		"Send the request again after `Retry-After`, with the same Idempotency-Key."},
}
