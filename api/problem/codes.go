package problem

// Code names one kind of refusal. It is stable: a client may branch on it for as long as the API version lives, so
// a code is never renamed and never given another meaning.
type Code string

// The codes of the API. Status, wording and remedy of each are in the table of registry.go; a test holds the two
// lists together.
const (
	// 400: the request cannot be read.

	IdempotencyKeyRequired Code = "idempotency_key_required"
	MalformedJSON          Code = "malformed_json"
	MalformedRequest       Code = "malformed_request"

	// 401: nobody, or not who they say.

	Unauthenticated  Code = "unauthenticated"
	BadCredentials   Code = "bad_credentials"
	SignatureInvalid Code = "signature_invalid"
	ClockSkew        Code = "clock_skew"

	// 403: known, but not allowed.

	Forbidden          Code = "forbidden"
	ScopeMissing       Code = "scope_missing"
	TenantNotAllowed   Code = "tenant_not_allowed"
	TenantSuspended    Code = "tenant_suspended"
	CrossOriginRefused Code = "cross_origin_refused"

	// 404 to 415: not here, not so, not this way.

	NotFound             Code = "not_found"
	FigureNotFromEvents  Code = "figure_not_from_events"
	MethodNotAllowed     Code = "method_not_allowed"
	NotAcceptable        Code = "not_acceptable"
	PayloadTooLarge      Code = "payload_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"

	// 409: a rule says no.

	IdempotencyInFlight   Code = "idempotency_in_flight"
	InUse                 Code = "in_use"
	InvalidTransition     Code = "invalid_transition"
	DuplicateLead         Code = "duplicate_lead"
	DuplicateOrganization Code = "duplicate_organization"
	DuplicateIncident     Code = "duplicate_incident"
	DuplicateReference    Code = "duplicate_reference"
	LeadAlreadyBilled     Code = "lead_already_billed"

	// Duplicate and RuleViolated carry the refusals that have no code of their own.

	Duplicate    Code = "duplicate"
	RuleViolated Code = "rule_violated"

	// 412 and 422: the request contradicts the present state, an earlier request, or the contract.

	VersionConflict      Code = "version_conflict"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	InvalidCursor        Code = "invalid_cursor"
	ValidationFailed     Code = "validation_failed"

	// 429 and 5xx: not now.

	RateLimited     Code = "rate_limited"
	Internal        Code = "internal"
	ReadModelBehind Code = "read_model_behind"
	Unavailable     Code = "unavailable"
)

// The codes of a FieldError that this folder and api/guard use; a domain rule may add its own.
const (
	FieldRequired         = "required"
	FieldUnknown          = "unknown"
	FieldControlCharacter = "control_character"
	FieldWrongType        = "wrong_type"
	FieldOutOfRange       = "out_of_range"
)
