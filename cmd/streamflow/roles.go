package main

import (
	"fmt"
	"slices"
	"strings"
)

// The roles of a node: what it does of the installation's work.
const (
	roleAPI       = "api"       // portals and API
	roleRelay     = "relay"     // publishes the log on the bus
	roleProjector = "projector" // keeps the read models up to date
	roleReactor   = "reactor"   // runs consumers with side effects, and records what time alone brings
)

var allRoles = roles{roleAPI, roleRelay, roleProjector, roleReactor}

type roles []string

// readRoles reads a list like "api,relay".
func readRoles(text string) (roles, error) {
	var r roles
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(allRoles, name) {
			return nil, usageError{fmt.Sprintf("%q is not one of the roles %s", name, strings.Join(allRoles, ", "))}
		}
		if !slices.Contains(r, name) {
			r = append(r, name)
		}
	}
	return r, nil
}

func (r roles) has(role string) bool { return slices.Contains(r, role) }

// useBus tells whether a node with these roles needs NATS; the API reads and writes Postgres alone, and
// only tells the others of its commits there, for speed.
func (r roles) useBus() bool { return r.has(roleRelay) || r.has(roleReactor) || r.has(roleProjector) }

// checkRoles refuses nodes that cannot work together.
func (c config) checkRoles() error {
	together := c.roles.has(roleRelay) && c.roles.has(roleReactor) && c.roles.has(roleProjector)
	if c.roles.useBus() && !together && c.databaseURL != "" && c.natsURL == "" {
		return usageError{"STREAMFLOW_NATS_URL is needed when relay, projector and reactor run on different nodes: an embedded bus is its node's own"}
	}
	return nil
}
