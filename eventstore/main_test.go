package eventstore_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/streamflow/streamflow/internal/pgtest"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "seed of the random tests; 0 draws one, which is printed")
	opsFlag    = flag.Int("ops", 60_000, "operations of each run against the reference store")
	roundsFlag = flag.Int("rounds", 120, "rounds of each race")
	faultsFlag = flag.Int("faults", 6, "times that each fault is brought about")
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runChild() // a process that a test kills
		return
	}
	flag.Parse()
	pgtest.Main(m)
}

// seed is the test's own, printed so that a failure can be had again.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := *seedFlag
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -args -seed=%d", s)
	return s
}
