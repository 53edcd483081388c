// Package guard holds what stands between a socket and a handler: small wrappers on net/http that each do one
// thing, and the rules by which a request is read. None of them knows a route, a tenant's data or a role.
//
// The order in which a server applies them matters: WithCaller, WithCorrelation, SecurityHeaders, Recover,
// RefuseCrossOrigin, ReadBody; then the limit per address, who is calling, the limit per caller, and the route.
package guard
