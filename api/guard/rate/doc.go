// Package rate limits how often something may be done, over all nodes of an installation.
//
// The algorithm is GCRA, a token bucket kept as one number: the theoretical arrival time (TAT), at which the bucket
// would be full again. The number lives in Postgres, by whose clock alone it moves; nodes lease tokens from it, a
// handful at a time where a key is busy, and decide by themselves as long as they have some. A token is charged when
// it is leased, so nodes together never admit more than the policy, and less by at most what they hold unused.
//
// When Postgres does not answer, a node goes on with its share of the policy by its own clock: the limit protects the
// service, it must not be what stops it.
package rate
