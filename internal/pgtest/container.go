package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

const (
	// engineLimit is how long a Docker engine has to answer to count as one; a client program alone is none.
	engineLimit = 2 * time.Second
	// imageLimit is how long the image's download and start may take.
	imageLimit = 3 * time.Minute
	// logLimit and tailLines bound what is read and quoted of the log of a container that ended at its start.
	logLimit  = 1 << 20
	tailLines = 6
)

// imageVariable names the image to test on.
const imageVariable = "STREAMFLOW_TEST_POSTGRES_IMAGE"

var errNoEngine = errors.New("no Docker engine answers")

// startContainer runs Postgres in a container, or returns errNoEngine.
func startContainer() (*source, string, error) {
	if !engineAnswers() {
		return nil, "", errNoEngine
	}
	ctx, cancel := context.WithTimeout(context.Background(), imageLimit)
	defer cancel()
	image := cmp.Or(os.Getenv(imageVariable), "postgres:18")
	command := []string{"postgres"}
	for name, value := range settings {
		command = append(command, "-c", name+"="+value)
	}
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		command = append(command, "-c", name+"=off") // the data is thrown away
	}
	container, err := testcontainers.Run(ctx, image,
		testcontainers.WithEnv(map[string]string{"POSTGRES_PASSWORD": "postgres"}),
		testcontainers.WithExposedPorts("5432/tcp"),
		testcontainers.WithCmd(command...),
		testcontainers.WithLogger(log.NewNoopLogger()))
	stop := func() {
		// At once: by default the stop signal lets Postgres wait for its clients.
		if err := testcontainers.TerminateContainer(container, testcontainers.StopTimeout(0)); err != nil {
			say("remove the container: %v", err)
		}
	}
	if err != nil {
		stop()
		return nil, "", err
	}
	endpoint, err := container.PortEndpoint(ctx, "5432/tcp", "")
	if err != nil {
		if why := ended(ctx, container); why != nil {
			err = why // what ended has no ports
		}
		stop()
		return nil, "", err
	}
	admin := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", "postgres"), Host: endpoint, Path: "/postgres", RawQuery: "sslmode=disable"}
	if err := waitUntilUp(ctx, admin.String(), func() error { return ended(ctx, container) }); err != nil {
		stop()
		return nil, "", err
	}
	return &source{admin: admin, close: stop}, "container of " + image, nil
}

// engineAnswers asks every engine that testcontainers would use: making its client asks each for its state.
func engineAnswers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return false
	}
	_ = engine.Close()
	return true
}

// waitUntilUp returns when Postgres answers at the address, or with what ended says once that says something.
func waitUntilUp(ctx context.Context, address string, ended func() error) error {
	for {
		conn, err := pgx.Connect(ctx, address)
		if err == nil {
			return conn.Close(ctx)
		}
		if why := ended(); why != nil {
			return why
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Postgres: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ended says how the container ended and the last that it wrote, or nothing while it runs.
func ended(ctx context.Context, container testcontainers.Container) error {
	state, err := container.State(ctx)
	if err != nil || state.Running {
		return nil // an engine that does not answer now is no container that ended
	}
	logs, err := container.Logs(ctx)
	if err != nil {
		return fmt.Errorf("it ended with code %d; its log cannot be read: %w", state.ExitCode, err)
	}
	defer logs.Close()
	text, _ := io.ReadAll(io.LimitReader(logs, logLimit))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := lines[max(0, len(lines)-tailLines):]
	return fmt.Errorf("it ended with code %d: %s", state.ExitCode, strings.Join(last, " | "))
}
