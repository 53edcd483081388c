package natsserver_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/internal/natsserver"
)

func start(t *testing.T, cfg natsserver.Config) *natsserver.Server {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := natsserver.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func stream(t *testing.T, s *natsserver.Server) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	made, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		t.Fatal(err)
	}
	return js, made
}

func TestMessagesSurviveARestart(t *testing.T) {
	cfg := natsserver.Config{Dir: filepath.Join(t.TempDir(), "nats"), Token: "secret"}
	s := start(t, cfg)
	js, _ := stream(t, s)
	for range 100 {
		if _, err := js.Publish(t.Context(), "s.a", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Ready() || s.ClientURL() != "" {
		t.Errorf("ready %t, address %q; want ready and no port", s.Ready(), s.ClientURL())
	}
	s.Stop()
	s.Stop()
	if s.Ready() {
		t.Error("ready after Stop")
	}
	_, again := stream(t, start(t, cfg))
	info, err := again.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.LastSeq != 100 {
		t.Errorf("last sequence %d after a restart", info.State.LastSeq)
	}
}

func TestPortIsOnLoopbackAndAsksForTheToken(t *testing.T) {
	s := start(t, natsserver.Config{Dir: t.TempDir(), Token: "secret", Listen: true})
	if !strings.HasPrefix(s.ClientURL(), "nats://127.0.0.1:") {
		t.Fatalf("address %q", s.ClientURL())
	}
	for name, opts := range map[string][]nats.Option{"none": nil, "wrong": {nats.Token("guess")}} {
		if conn, err := nats.Connect(s.ClientURL(), opts...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("token %s: got %v, %v", name, conn, err)
		}
	}
	conn, err := nats.Connect(s.ClientURL(), nats.Token("secret"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListeningWithoutATokenIsRefused(t *testing.T) {
	if _, err := natsserver.Start(natsserver.Config{Dir: t.TempDir(), Listen: true}); err == nil {
		t.Fatal("started")
	}
}

func TestSecondServerOnOneFolderIsRefused(t *testing.T) {
	cfg := natsserver.Config{Dir: t.TempDir()}
	start(t, cfg)
	if _, err := natsserver.Start(cfg); !errors.Is(err, natsserver.ErrInUse) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Fatalf("got %v, want ErrInUse naming the folder", err)
	}
}

func TestFailureToStartIsAnErrorNotAnExit(t *testing.T) {
	dir := t.TempDir()
	// JetStream wants a folder here.
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := natsserver.Start(natsserver.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Fatalf("got %v, want why JetStream did not start", err)
	}
	if err := os.Remove(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	start(t, natsserver.Config{Dir: dir}) // the folder was given back
}

func TestMaxStoreIsKept(t *testing.T) {
	s := start(t, natsserver.Config{Dir: t.TempDir(), MaxStore: 1 << 20})
	js, _ := stream(t, s)
	var err error
	for range 40 {
		if _, err = js.Publish(t.Context(), "s.a", make([]byte, 64<<10)); err != nil {
			return
		}
	}
	t.Error("2.5 MiB fit into 1 MiB")
}

// A stream whose limit is above what the disk has free is made, and found again: it is full of what the log has anyway.
func TestStreamMayBeLargerThanTheDisk(t *testing.T) {
	cfg := natsserver.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	js, _ := stream(t, s)
	room, err := s.Room()
	if err != nil || room <= 0 {
		t.Fatalf("room %d, %v", room, err)
	}
	large := jetstream.StreamConfig{Name: "LARGE", Subjects: []string{"l.>"}, MaxBytes: 2 * room}
	if _, err := js.CreateStream(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	js, _ = stream(t, start(t, cfg))
	if _, err := js.Stream(t.Context(), large.Name); err != nil {
		t.Error(err)
	}
}

func TestRoomCountsWhatStreamsHold(t *testing.T) {
	dir := t.TempDir()
	s := start(t, natsserver.Config{Dir: dir})
	js, _ := stream(t, s)
	const messages, size = 64, 512 << 10
	for range messages {
		if _, err := js.Publish(t.Context(), "s.a", make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	// The disk is not this test's alone: what is free counts where it is the same before and after.
	const little = 1 << 20
	for {
		before := free(t, dir)
		room, err := s.Room()
		if err != nil {
			t.Fatal(err)
		}
		if after := free(t, dir); max(before-after, after-before) > little {
			continue
		}
		if held := room - before; held < messages*size-little || held > messages*(size+1<<10)+little {
			t.Errorf("beside what is free there is room for %d, want what %d messages of %d take", held, messages, size)
		}
		return
	}
}

// free is what the disk of a folder has left.
func free(t *testing.T, dir string) int64 {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	return int64(disk.Bavail * uint64(disk.Bsize))
}
