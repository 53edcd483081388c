// Package signature signs and verifies requests of partners: HTTP Message Signatures (RFC 9421) with hmac-sha256
// and Content-Digest (RFC 9530), narrowed to one profile so that nothing of it is a caller's choice.
//
// The profile: one signature, labelled sig1, tag "streamflow", over "@method" "@authority" "@path" "@query", with a
// body also "content-type" and "content-digest", on a write also "idempotency-key"; parameters created, expires,
// nonce, keyid, alg and tag, each once. More components may be covered, fewer are refused, and so is every spelling
// of the headers but the canonical one of RFC 9651: two parsers must have no room to read one request differently.
//
// A refusal is a *Failure. To the outside all of them are the same answer; its Reason is for the audit log and the
// signature debugger.
package signature
