package pgtest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// refusing is the address of a server that is not there.
func refusing(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return "postgres://postgres@" + address + "/postgres?sslmode=disable"
}

func TestWaitEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), imageLimit)
	defer cancel()
	asked, why := 0, errors.New("it ended")
	err := waitUntilUp(ctx, refusing(t), func() error {
		if asked++; asked < 3 {
			return nil // still running
		}
		return why
	})
	if !errors.Is(err, why) || asked != 3 {
		t.Errorf("after %d looks: %v", asked, err)
	}
}

func TestWaitHasALimit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := waitUntilUp(ctx, refusing(t), func() error { return nil }); err == nil {
		t.Error("a server that is not there is up")
	}
}
