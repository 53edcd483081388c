package seal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// childEnv tells this test binary that it is a sealer to be killed: it holds the database's address.
const childEnv = "STREAMFLOW_TEST_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		fmt.Fprintln(os.Stderr, "the child was not killed:", sealAsChild(context.Background(), url))
		os.Exit(1)
	}
	pgtest.Main(m)
}

func sealAsChild(ctx context.Context, url string) error {
	pool, err := migrations.Role(ctx, url, "engine", nil)
	if err != nil {
		return err
	}
	l, err := open(ctx, pool)
	if err != nil {
		return err
	}
	key, err := NewKey(eventstore.MasterKey{1}, "here.example")
	if err != nil {
		return err
	}
	return New(Config{Log: l, Store: NewStore(pool, key), Lane: 1, Logger: slog.New(slog.DiscardHandler)}).serve(ctx)
}
