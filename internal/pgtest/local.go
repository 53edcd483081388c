package pgtest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"

	"github.com/streamflow/streamflow/internal/pgserver"
)

// settings are what tests need otherwise than production, on every server that is started for them.
var settings = map[string]string{
	"max_connections": "300", // parallel tests, each with pools of its own
}

// startLocal runs the installed Postgres in a folder that goes away with the process.
func startLocal() (*source, string, error) {
	bin, err := pgserver.Find(os.Getenv("STREAMFLOW_POSTGRES_BIN"))
	if err != nil {
		return nil, "", fmt.Errorf("%w; or start Docker; or set STREAMFLOW_TEST_DATABASE_URL", err)
	}
	folder, err := newScratch()
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), prepareLimit)
	defer cancel()
	server, err := pgserver.Start(ctx, pgserver.Config{
		Dir: folder.dir, Bin: bin, Settings: settings, Unsafe: true,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		folder.remove()
		return nil, "", err
	}
	admin, err := url.Parse(server.AdminURL("postgres"))
	if err != nil {
		return nil, "", err
	}
	stop := func() {
		_ = server.Abort() // nothing of it is kept
		folder.remove()
	}
	return &source{admin: *admin, close: stop}, bin.Dir, nil
}
