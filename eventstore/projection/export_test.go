package projection

import "time"

// Never is longer than a test runs.
const Never = time.Hour

// LookAfter sets how long an engine is content with silence before it looks into the log itself.
func (e *Engine) LookAfter(idle time.Duration) { e.idle = idle }
