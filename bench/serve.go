package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// The goals for the program on its embedded default.
	coldGoal   = 10_000 // ms from a start without a data folder to ready
	warmGoal   = 3_000  // ms from a start on one to ready
	idleGoal   = 150    // MiB of our process, its Postgres not counted
	binaryGoal = 60     // MiB
	warmStarts = 3
	idleAfter  = 5 * time.Second // what starting took is given back by then
	readyWait  = time.Minute
)

// build makes the program and returns where it is.
func (s *suite) build(ctx context.Context, name string, flags ...string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/streamflow/streamflow").Output()
	if err != nil {
		return "", fmt.Errorf("find the program's source; bench runs in its folder: %w", err)
	}
	path := filepath.Join(s.dir, name)
	c := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", path}, flags...), "./cmd/streamflow")...)
	c.Dir = strings.TrimSpace(string(root))
	if len(flags) > 0 {
		c.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is deployed
	}
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// released are the flags with which the program is built for a deployment.
var released = []string{"-trimpath", "-ldflags=-s -w"}

func (s *suite) binaries(ctx context.Context) error {
	for name, flags := range map[string][]string{"binary_mb": released, "binary_plain_mb": nil} {
		path, err := s.build(ctx, "streamflow-"+name, flags...)
		if err != nil {
			return err
		}
		file, err := os.Stat(path)
		if err != nil {
			return err
		}
		note := "as it is deployed: -trimpath, without symbols"
		if flags == nil {
			note = "go build"
		}
		s.results.atMost(name, float64(file.Size())/(1<<20), "MiB", binaryGoal, note)
	}
	return nil
}

// program is a running `streamflow serve`.
type program struct {
	command *exec.Cmd
	log     bytes.Buffer
	url     string
	client  *http.Client
	took    time.Duration // from its start to ready
}

func (s *suite) start(ctx context.Context, binary, data string, args ...string) (*program, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := listener.Addr().String()
	_ = listener.Close() // the program takes it over
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &program{url: "http://" + addr, client: &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}}}
	p.command = exec.CommandContext(ctx, binary, append([]string{"serve"}, args...)...)
	// Rate limits are for callers who are no benchmark.
	p.command.Env = append(os.Environ(), "STREAMFLOW_DATA="+data, "STREAMFLOW_ADDR="+addr, "STREAMFLOW_LOG=warn", "STREAMFLOW_RATE_API=off", "STREAMFLOW_RATE_AUTH=off")
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to pass on
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	p.command.WaitDelay = 20 * time.Second
	began := time.Now()
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < readyWait && ctx.Err() == nil {
		if _, err := p.do(ctx, "GET", "/readyz", "", "", ""); err == nil {
			p.took = time.Since(began)
			return p, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	_ = p.stop()
	return nil, fmt.Errorf("not ready in %s:\n%s", readyWait, &p.log)
}

func (p *program) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("serve: %w\n%s", err, &p.log)
	}
	return nil
}

// serve measures the program as a whole, over HTTP.
func (s *suite) serve(ctx context.Context) error {
	binary, err := s.build(ctx, "streamflow", released...)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	p, err := s.start(ctx, binary, data)
	if err != nil {
		return err
	}
	s.results.atMost("serve_cold_ms", ms(p.took), "ms", coldGoal, "first start: makes its database, migrates it, makes accounts")
	if err := p.stop(); err != nil {
		return err
	}
	var warm []float64
	for range warmStarts {
		if p, err = s.start(ctx, binary, data); err != nil {
			return err
		}
		warm = append(warm, ms(p.took))
		if len(warm) == warmStarts {
			break
		}
		if err := p.stop(); err != nil {
			return err
		}
	}
	s.results.atMost("serve_warm_ms", median(warm), "ms", warmGoal, "")
	select {
	case <-ctx.Done():
	case <-time.After(idleAfter):
	}
	s.results.atMost("idle_rss_mb", residentMB(p.command.Process.Pid), "MiB", idleGoal, "of our process, NATS in it, Postgres not")
	if err := p.stop(); err != nil {
		return err
	}
	if p, err = s.start(ctx, binary, data, "--demo"); err != nil {
		return err
	}
	if err := s.visible(ctx, p); err != nil {
		_ = p.stop()
		return err
	}
	return p.stop()
}
