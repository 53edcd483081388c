package rate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The bounds of a policy. A window of whole seconds is what the headers can say; beyond a day it is no rate limit
// but a quota, which must not live in an unlogged table.
const (
	maxLimit  = 1_000_000
	minWindow = time.Second
	maxWindow = 24 * time.Hour
)

// Outage says what a policy falls back to, on each node, while no leases can be had.
type Outage int

const (
	// Share lets a node admit its share of the policy: reads and commands.
	Share Outage = iota
	// Strict lets it admit a quarter of its share: sign-in and what else guards secrets.
	Strict
)

// Policy admits Limit requests at once and Limit a Window on average. The zero Limit switches it off.
type Policy struct {
	Name   string // as the headers show it: lower-case letters, digits and hyphens
	Limit  int
	Window time.Duration
	Outage Outage
}

// Parse reads a policy as it is configured: "1200/1m", "20/10s", or "off".
func Parse(name, text string, outage Outage) (Policy, error) {
	p := Policy{Name: name, Outage: outage}
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return Policy{}, fmt.Errorf("rate policy name %q: needs lower-case letters, digits and hyphens", name)
	}
	text = strings.TrimSpace(text)
	if text == "off" {
		return p, nil
	}
	limit, window, ok := strings.Cut(text, "/")
	if !ok {
		return Policy{}, fmt.Errorf("rate policy %s: %q is not like 1200/1m, and not off", name, text)
	}
	var err error
	if p.Limit, err = strconv.Atoi(limit); err != nil || p.Limit < 1 || p.Limit > maxLimit {
		return Policy{}, fmt.Errorf("rate policy %s: %q is not a number from 1 to %d", name, limit, maxLimit)
	}
	if p.Window, err = time.ParseDuration(window); err != nil || p.Window < minWindow || p.Window > maxWindow || p.Window%time.Second != 0 {
		return Policy{}, fmt.Errorf("rate policy %s: %q is not a duration of whole seconds from %v to %v", name, window, minWindow, maxWindow)
	}
	return p, nil
}

// Off reports whether the policy admits everything.
func (p Policy) Off() bool { return p.Limit == 0 }

// String writes the policy as Parse reads it.
func (p Policy) String() string {
	if p.Off() {
		return "off"
	}
	return fmt.Sprintf("%d/%v", p.Limit, p.Window)
}

// interval is the time in which one token comes back, in nanoseconds.
func (p Policy) interval() int64 { return int64(p.Window) / int64(p.Limit) }

// capacity is the time in which an empty bucket fills, in nanoseconds: the window, less what rounding the interval
// down has lost.
func (p Policy) capacity() int64 { return p.interval() * int64(p.Limit) }

// largestLease bounds how many tokens a node may hold: a second's worth, and a sixteenth of the bucket, so that
// what lies unused on other nodes stays small against the limit.
func (p Policy) largestLease() int {
	return max(1, min(int(int64(time.Second)/p.interval()), p.Limit/16))
}

// fallback is the policy that one of so many nodes applies alone.
func (p Policy) fallback(nodes int) Policy {
	share := p.Limit / max(1, nodes)
	if p.Outage == Strict {
		share /= 4
	}
	p.Limit = max(1, share)
	return p
}
