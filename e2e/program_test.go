package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	app    *program // what is tested
	chrome *browser // what it is seen with
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.RemoveAll(results); err != nil { // what stands there is of this run
		return fail(err)
	}
	dir, err := os.MkdirTemp("", "streamflow-e2e-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Postgres may run as another user, who has to come through
		return fail(err)
	}
	if chrome, err = openBrowser(); err != nil { // first: it is what may be missing
		return fail(err)
	}
	defer chrome.close()
	if app, err = start(dir); err != nil {
		return fail(err)
	}
	defer func() {
		if err := app.stop(); err != nil {
			code = fail(err)
		}
	}()
	return m.Run()
}

// program is a running `streamflow serve --demo`.
type program struct {
	binary, data string
	addr         string
	command      *exec.Cmd
	log          *buffer
	url          string
	accounts     map[string]account // by portal
}

// account is a sign-in that the program printed when it started.
type account struct{ email, password string }

// buffer is read while a process writes it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var printed = regexp.MustCompile(`sign in to the (\w+) portal as (\S+) with (\S+)`)

// start builds the program, and starts it on a data folder and a port of its own.
func start(dir string) (*program, error) {
	p := &program{binary: filepath.Join(dir, "streamflow"), data: filepath.Join(dir, "data"), accounts: map[string]account{}}
	build := exec.Command("go", "build", "-o", p.binary, "./cmd/streamflow")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = listener.Addr().String()
	_ = listener.Close() // the program takes it over
	p.url = "http://" + p.addr
	if err := p.serve(); err != nil {
		return nil, err
	}
	for _, found := range printed.FindAllStringSubmatch(p.log.String(), -1) {
		p.accounts[found[1]] = account{found[2], found[3]}
	}
	return p, nil
}

// run is the program with other arguments, on the same data.
func (p *program) run(args ...string) *exec.Cmd {
	c := exec.Command(p.binary, args...)
	// Rate limits are for callers who are no test.
	c.Env = append(os.Environ(), "STREAMFLOW_DATA="+p.data, "STREAMFLOW_ADDR="+p.addr, "STREAMFLOW_LOG=warn", "STREAMFLOW_RATE_API=off", "STREAMFLOW_RATE_AUTH=off")
	return c
}

// serve starts the program, for the first time or again.
func (p *program) serve() error {
	p.log = &buffer{}
	p.command = p.run("serve", "--demo")
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // Ctrl-C is ours to pass on
	if err := p.command.Start(); err != nil {
		return err
	}
	if err := p.ready(); err != nil {
		return errors.Join(err, p.stop())
	}
	return nil
}

func (p *program) ready() error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(p.url + "/readyz")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		// What it printed before it served comes through a pipe, which may be later than the answer.
		if answer.StatusCode == http.StatusOK && strings.Contains(p.log.String(), "streamflow serves") {
			return nil
		}
	}
	return fmt.Errorf("the program is not ready after a minute:\n%s", p.log)
}

// stop ends the program as a person does, and fails where it does not end cleanly.
func (p *program) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	late := time.AfterFunc(30*time.Second, func() { _ = p.command.Process.Kill() })
	defer late.Stop()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("the program did not end cleanly: %w\n%s", err, p.log)
	}
	return nil
}

// client is somebody without a browser, signed in to a portal; nobody where it is empty.
func (p *program) client(t *testing.T, portal string) *http.Client {
	t.Helper()
	if portal == "" {
		return &http.Client{Timeout: patience}
	}
	who, ok := p.accounts[portal]
	if !ok {
		t.Fatalf("the program printed no account of the %s portal:\n%s", portal, p.log)
	}
	return p.signIn(t, who)
}

// signIn is somebody without a browser who has signed in.
func (p *program) signIn(t *testing.T, who account) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: patience}
	answer, err := c.PostForm(p.url+"/login", url.Values{"email": {who.email}, "password": {who.password}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || strings.HasPrefix(answer.Request.URL.Path, "/login") {
		t.Fatalf("sign-in of %s led to %s, %s", who.email, answer.Request.URL.Path, answer.Status)
	}
	return c
}

// ask is a request to the API, as who is signed in to the portal; in a tenant, where staff ask.
func (p *program) ask(t *testing.T, c *http.Client, portal, method, path string, body, into any, tenant ...string) {
	t.Helper()
	var raw []byte
	if method != http.MethodGet {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method, p.url+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("StreamFlow-Portal", portal)
	if len(tenant) > 0 {
		r.Header.Set("StreamFlow-Tenant", tenant[0])
	}
	r.Header.Set("Idempotency-Key", fmt.Sprintf("e2e-%d", time.Now().UnixNano()))
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s: %s", method, path, answer.Status, &text)
	}
	if into != nil {
		if err := json.Unmarshal(text.Bytes(), into); err != nil {
			t.Fatal(err)
		}
	}
}

// sendFiles sends a file of leads that is imported, and one that nobody imports, once, so that there is a page of each.
func (p *program) sendFiles(t *testing.T, c *http.Client) {
	t.Helper()
	p.sendFile(t, c, "run", "name,email\nMargaret Hamilton,margaret@orbits.example\n")
	p.sendFile(t, c, "dryRun", "name,email,Shoe size\nDorothy Vaughan,dorothy@orbits.example,37\nNobody,,\n")
}

func (p *program) sendFile(t *testing.T, c *http.Client, then, file string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+"/api/v2/imports?kind=leads&name=fair.csv&dryRun="+strconv.FormatBool(then == "dryRun"),
		strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/csv")
	r.Header.Set("StreamFlow-Portal", "client")
	r.Header.Set("Idempotency-Key", "e2e-file-"+then)
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var job struct {
		ID, State string
	}
	if err := json.NewDecoder(answer.Body).Decode(&job); err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("the file: %s, %v", answer.Status, err)
	}
	for end := time.Now().Add(time.Minute); job.State == "running" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		p.ask(t, c, "client", http.MethodGet, "/api/v2/jobs/"+job.ID, nil, &job)
	}
	if job.State != "done" {
		t.Fatalf("the file is %s", job.State)
	}
}
