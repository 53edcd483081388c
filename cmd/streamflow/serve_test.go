package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamflow/streamflow/internal/pgtest"
)

// The test program is the program itself when it is told to be.
func TestMain(m *testing.M) {
	if os.Getenv("STREAMFLOW_TEST_AS_PROGRAM") != "" {
		os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	pgtest.Main(m)
}

// program is a running `streamflow serve` on a data folder.
type program struct {
	t       *testing.T
	command *exec.Cmd
	log     *bytes.Buffer
	url     string
	client  *http.Client
}

func streamflow(data string, env []string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(append(os.Environ(), "STREAMFLOW_TEST_AS_PROGRAM=1", "STREAMFLOW_DATA="+data), env...)
	return c
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func start(t *testing.T, data string) *program {
	t.Helper()
	return startWith(t, data, nil, "--demo")
}

// startWith starts `serve` with more settings and flags, and waits until it is ready.
func startWith(t *testing.T, data string, env []string, flags ...string) *program {
	t.Helper()
	p := launch(t, data, env, flags...)
	p.awaitReady()
	return p
}

// launch starts `serve` and waits for nothing.
func launch(t *testing.T, data string, env []string, flags ...string) *program {
	t.Helper()
	addr := freeAddr(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, log: &bytes.Buffer{}, url: "http://" + addr, client: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
	p.command = streamflow(data, append([]string{"STREAMFLOW_ADDR=" + addr}, env...), append([]string{"serve"}, flags...)...)
	p.command.Stderr = p.log
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Signal(os.Interrupt) // so that its Postgres ends before the folder is removed
		late := time.AfterFunc(30*time.Second, func() { _ = p.command.Process.Kill() })
		defer late.Stop()
		_ = p.command.Wait() // a test may have ended it
	})
	return p
}

func (p *program) awaitReady() {
	p.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r, err := p.client.Get(p.url + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("not ready in a minute:\n%s", p.log)
		}
	}
}

// answered is what a test looks at of an answer, beside its body.
type answered struct {
	status int
	header http.Header
}

// do sends a request and returns the answer with its body decoded.
func (p *program) do(method, path, body string, header ...string) (answered, map[string]any) {
	p.t.Helper()
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	decoded := map[string]any{}
	_ = json.Unmarshal(raw, &decoded) // an answer without a body stays empty
	return answered{answer.StatusCode, answer.Header}, decoded
}

func (p *program) signIn() { p.signInAs(demoOwner) }

func (p *program) signInAs(a account) {
	p.t.Helper()
	answer, _ := p.do("POST", "/api/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, a.Email, a.Password))
	if answer.status != http.StatusOK {
		p.t.Fatalf("sign in: %d", answer.status)
	}
}

// leads reads how many leads there are, no earlier than the cursor.
func (p *program) leads(cursor string) float64 {
	p.t.Helper()
	answer, stats := p.do("GET", "/api/portals/client/stats", "", "StreamFlow-Cursor", cursor)
	if answer.status != http.StatusOK {
		p.t.Fatalf("stats: %d %v", answer.status, stats)
	}
	return stats["stats"].(map[string]any)["leadsNew90d"].(map[string]any)["value"].(float64)
}

const newLead = `{"name":"Ken Thompson","email":"ken@bell.example"}`

// One command's way: from the route into the log, onto a dashboard, and through the death of everything.
func TestServeSurvivesKillOfEverything(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	p.signIn()
	before := float64(len(demoLeads)) // asked for it without a cursor, the read model may still be on its way
	made, record := p.do("POST", "/api/v2/leads", newLead, "Idempotency-Key", "ken")
	if made.status != http.StatusCreated {
		t.Fatalf("create: %d %v", made.status, record)
	}
	cursor := made.header.Get("StreamFlow-Cursor")
	if after := p.leads(cursor); after != before+1 {
		t.Fatalf("%v leads after creating one, %v before", after, before)
	}
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.command.Wait()

	p = start(t, data)
	p.signIn()
	again, replayed := p.do("POST", "/api/v2/leads", newLead, "Idempotency-Key", "ken")
	if again.status != http.StatusCreated || again.header.Get("Idempotent-Replayed") != "true" || replayed["id"] != record["id"] {
		t.Fatalf("the same command after a kill: %d %v, want the first answer %v", again.status, replayed, record)
	}
	if after := p.leads(cursor); after != before+1 {
		t.Fatalf("%v leads after a kill, want %v", after, before+1)
	}
	out, err := streamflow(data, nil, "events", "--type", "lead.created").Output()
	if err != nil || bytes.Count(out, []byte("\n")) != int(before)+1 {
		t.Fatalf("events beside serve: %v\n%s", err, out)
	}
	if bytes.Contains(out, []byte("ken@bell")) {
		t.Fatal("personal data is printed in the clear")
	}
	figures, err := streamflow(data, nil, "replay", "--as-of", cursor, "--portal", "client", "--json").Output()
	if want := fmt.Sprintf(`"leadsNew90d":{"value":%v,`, before+1); err != nil || !bytes.Contains(figures, []byte(want)) {
		t.Fatalf("replay as of the cursor: %v, want %s in\n%s", err, want, figures)
	}
	p.endsCleanly(data)
}

func (p *program) endsCleanly(data string) {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		p.t.Fatalf("SIGTERM: %v\n%s", err, p.log)
	}
	if _, err := os.Stat(filepath.Join(data, "postgres", "data", "postmaster.pid")); err == nil {
		p.t.Fatal("postgres still runs after a clean end")
	}
}

func TestSecondServeSaysSoAndExits(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	out, err := streamflow(data, []string{"STREAMFLOW_ADDR=" + freeAddr(t)}, "serve").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("in use")) {
		t.Fatalf("a second serve on the same folder: %v\n%s", err, out)
	}
	if r, _ := p.do("GET", "/readyz", ""); r.status != http.StatusOK {
		t.Fatalf("the first one is not ready any more: %d", r.status)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "serve"},
		{[]string{"--help"}, 0, "STREAMFLOW_DATA"},
		{[]string{"serve", "--help"}, 0, "--demo"},
		{[]string{"fly"}, 2, `no verb "fly"`},
		{[]string{"serve", "--fast"}, 2, "--fast"},
		{[]string{"serve", "--roles", "api,waiter"}, 2, `"waiter"`},
		{[]string{"events", "--format", "xml"}, 2, "xml"},
		{[]string{"events", "--follow", "--format", "parquet"}, 2, "no end"},
		{[]string{"events", "--follow", "--out", "x"}, 2, "no end"},
		{[]string{"events", "--stream", "lead"}, 2, "category"},
		{[]string{"events", "lead.created"}, 2, "lead.created"},
		{[]string{"migrate"}, 2, "status, plan or up"},
		{[]string{"projections", "rebuild"}, 2, "name one"},
		{[]string{"replay"}, 2, "--as-of"},
		{[]string{"replay", "--as-of", "now", "--portal", "x"}, 2, "no portal"},
		{[]string{"version"}, 0, "streamflow"},
	} {
		var out bytes.Buffer
		if code := run(c.args, nil, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("streamflow %v: exit %d, want %d with %q:\n%s", c.args, code, c.code, c.says, &out)
		}
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for _, env := range []string{"STREAMFLOW_LANES=none", "STREAMFLOW_MASTER_KEY=short", "STREAMFLOW_LOG=loud"} {
		var out bytes.Buffer
		name, _, _ := strings.Cut(env, "=")
		if code := run([]string{"version"}, []string{env}, &out, &out); code != 2 || !strings.Contains(out.String(), name) {
			t.Errorf("%s: exit %d:\n%s", env, code, &out)
		}
	}
	var out bytes.Buffer
	if code := run([]string{"version"}, []string{"STREAMFLOW_DATABAZE_URL=x"}, &out, &out); code != 0 || !strings.Contains(out.String(), "STREAMFLOW_DATABAZE_URL is no setting") {
		t.Errorf("an unknown setting: exit %d:\n%s", code, &out)
	}
}
