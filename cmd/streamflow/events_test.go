package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// following is `events --follow` beside a running serve, and its first line.
func following(t *testing.T, data string) (command *exec.Cmd, out *os.File, first string) {
	t.Helper()
	out, into, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command = streamflow(data, nil, "events", "--follow", "--type", "lead.created")
	command.Stdout = into
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = into.Close() // the program has its own
	t.Cleanup(func() { _ = command.Process.Kill(); out.Close() })
	if first, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return command, out, first
}

// ended waits for a program that is to end by itself, with exit code 0.
func ended(t *testing.T, what string, command *exec.Cmd) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("%s: it goes on", what)
	}
}

func TestEventsEndCleanly(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	command, out, _ := following(t, data)
	out.Close() // nothing is written any more: only a look tells
	ended(t, "nobody reads", command)

	command, _, line := following(t, data)
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	ended(t, "interrupted", command)

	// A later run goes on behind what the earlier one told, into a file that is there when it is whole.
	var told struct {
		Cursor   string `json:"cursor"`
		Position int64  `json:"position"`
	}
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "rest.ndjson")
	summary, err := streamflow(data, nil, "events", "--after", told.Cursor, "--out", file, "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	var written writtenEvents
	if err != nil || json.Unmarshal(summary, &written) != nil || bytes.Count(raw, []byte("\n")) != int(written.Events) {
		t.Fatalf("%s, %v:\n%s", summary, err, raw)
	}
	var next struct {
		Position int64 `json:"position"`
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&next); err != nil || next.Position != told.Position+1 {
		t.Errorf("after position %d comes %d, %v", told.Position, next.Position, err)
	}
	// What cannot be written leaves nothing behind, and an older file as it was.
	if err := streamflow(data, nil, "events", "--after", "forged", "--out", file).Run(); err == nil {
		t.Error("a forged cursor is taken")
	}
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("a run that failed changed the file, %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
}
