// Package projections holds the read models: one file each, with its tables, its fold and its queries.
package projections

import "github.com/streamflow/streamflow/eventstore/projection"

// All lists the read models.
func All() []projection.Projection {
	return []projection.Projection{Figures, Records}
}
