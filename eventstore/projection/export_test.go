package projection

import (
	"context"
	"time"
)

// Never is longer than a test runs.
const Never = time.Hour

// LookAfter sets how long an engine is content with silence before it looks into the log itself.
func (e *Engine) LookAfter(idle time.Duration) { e.idle = idle }

// Drop removes a generation as a rebuild does that failed.
func (e *Engine) Drop(ctx context.Context, name string, generation int) error {
	p, err := e.find(name)
	if err != nil {
		return err
	}
	return e.drop(ctx, p, generation)
}

// AnnounceEvery is how often other nodes are told at most.
const AnnounceEvery = announceEvery
