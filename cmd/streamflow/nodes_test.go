package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/natsserver"
	"github.com/streamflow/streamflow/internal/pgtest"
)

// servers are the settings of a Postgres and a NATS that belong to no node.
func servers(t *testing.T) []string {
	t.Helper()
	bus, err := natsserver.Start(natsserver.Config{Dir: t.TempDir(), Token: "bus", Listen: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	key := eventstore.NewMasterKey()
	return []string{
		"STREAMFLOW_DATABASE_URL=" + pgtest.URL(t), "STREAMFLOW_NATS_URL=" + strings.Replace(bus.ClientURL(), "://", "://bus@", 1),
		"STREAMFLOW_MASTER_KEY=" + base64.StdEncoding.EncodeToString(key[:]),
	}
}

const first, second = "correct horse", "battery staple"

// TestRolesOnTwoNodes: a command that one node takes moves a figure that another one computes.
func TestRolesOnTwoNodes(t *testing.T) {
	env := append(servers(t), "STREAMFLOW_PROVIDER_EMAIL=p@ops.example", "STREAMFLOW_PROVIDER_PASSWORD="+first)
	answers := startWith(t, filepath.Join(t.TempDir(), "a"), env, "--migrate", "--demo", "--roles", "api")
	answers.signIn()
	made, record := answers.do("POST", "/api/v2/leads", newLead, "Idempotency-Key", "ken")
	if made.status != http.StatusCreated {
		t.Fatalf("create: %d %v", made.status, record)
	}
	cursor := made.header.Get("StreamFlow-Cursor")
	if behind, _ := answers.do("GET", "/api/portals/client/stats", "", "StreamFlow-Cursor", cursor); behind.status != http.StatusServiceUnavailable {
		t.Fatalf("figures without a projector: %d", behind.status)
	}
	works := startWith(t, filepath.Join(t.TempDir(), "b"), append(env, "STREAMFLOW_ROLES=relay,projector,reactor"))
	if leads := answers.leads(cursor); leads != float64(len(demoLeads))+1 {
		t.Errorf("%v leads", leads)
	}
	if alive, _ := works.do("GET", "/healthz", ""); alive.status != http.StatusOK {
		t.Errorf("a node without the API says of its health %d", alive.status)
	}
	for _, path := range []string{"/api/v2/leads", "/login", "/api/auth/me"} {
		if answer, _ := works.do("GET", path, ""); answer.status != http.StatusNotFound {
			t.Errorf("a node without the API answers %s with %d", path, answer.status)
		}
	}
}

func TestAccountsOfTheEnvironment(t *testing.T) {
	env := servers(t)
	data := filepath.Join(t.TempDir(), "data")
	out, err := streamflow(data, append(env, "STREAMFLOW_ADDR="+freeAddr(t)), "serve", "--migrate").CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(out, []byte("STREAMFLOW_PROVIDER_EMAIL")) {
		t.Fatalf("an external database without any account: %v\n%s", err, out)
	}
	with := func(pairs ...string) *program {
		p := startWith(t, data, append(env, pairs...))
		t.Cleanup(func() { _ = p.command.Process.Kill() })
		return p
	}
	p := with("STREAMFLOW_PROVIDER_EMAIL=p@ops.example", "STREAMFLOW_PROVIDER_PASSWORD="+first,
		"STREAMFLOW_DEVELOPER_EMAIL=d@ops.example", "STREAMFLOW_DEVELOPER_PASSWORD="+first)
	p.enter("p@ops.example", first, http.StatusOK)
	p.enter("d@ops.example", first, http.StatusOK)
	// Not the developer's setting any more, and another password and address of the provider's.
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
	p = with("STREAMFLOW_PROVIDER_EMAIL=q@ops.example", "STREAMFLOW_PROVIDER_PASSWORD="+second)
	p.enter("q@ops.example", second, http.StatusOK)
	p.enter("q@ops.example", first, http.StatusUnauthorized)
	p.enter("p@ops.example", first, http.StatusUnauthorized)
	p.enter("d@ops.example", first, http.StatusUnauthorized)
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
	// Back to the first password: it was known before, and holds again all the same.
	p = with("STREAMFLOW_PROVIDER_EMAIL=q@ops.example", "STREAMFLOW_PROVIDER_PASSWORD="+first, "STREAMFLOW_DEVELOPER_EMAIL=d@ops.example", "STREAMFLOW_DEVELOPER_PASSWORD="+first)
	p.enter("q@ops.example", first, http.StatusOK)
	p.enter("d@ops.example", first, http.StatusOK)
}

func TestBadAccountsAreNamed(t *testing.T) {
	for _, c := range []struct{ env, says string }{
		{"PROVIDER_EMAIL=a@b.example", "go together"},
		{"PROVIDER_PASSWORD=long enough", "go together"},
		{"PROVIDER_EMAIL=a@b.example PROVIDER_PASSWORD=short", "STREAMFLOW_PROVIDER_PASSWORD"},
		{"PROVIDER_EMAIL=nobody PROVIDER_PASSWORD=longenough", "STREAMFLOW_PROVIDER_EMAIL"},
		{"DEVELOPER_EMAIL=a@b.example DEVELOPER_PASSWORD=A@b.example", "anybody"},
		{"DEVELOPER_EMAIL=a@b.example DEVELOPER_PASSWORD=longenough ACCOUNTANT_EMAIL=A@b.example ACCOUNTANT_PASSWORD=longenough", "one portal"},
		{"ROLES=api,", "STREAMFLOW_ROLES"},
	} {
		var out bytes.Buffer
		var env []string
		for part := range strings.FieldsSeq(strings.ReplaceAll(c.env, "long enough", "longenough")) {
			env = append(env, "STREAMFLOW_"+part)
		}
		if code := run([]string{"version"}, env, &out, &out); code != 2 || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: exit %d, want 2 with %q:\n%s", c.env, code, c.says, &out)
		}
	}
	var out bytes.Buffer
	apart := []string{"STREAMFLOW_DATABASE_URL=postgres://x", "STREAMFLOW_ADDR=" + freeAddr(t)}
	if code := run([]string{"serve", "--roles", "relay"}, apart, &out, &out); code != 2 || !strings.Contains(out.String(), "STREAMFLOW_NATS_URL") {
		t.Errorf("a relay alone on a bus of its own: exit %d:\n%s", code, &out)
	}
}

// TestHelpListsFlags: every verb's help names every flag of it with its meaning, and an unknown flag is wrong usage.
func TestHelpListsFlags(t *testing.T) {
	for _, v := range verbs() {
		for _, args := range [][]string{{v.name, "--help"}, {v.name, "something", "-h"}} {
			var out bytes.Buffer
			if code := run(args, []string{"STREAMFLOW_LANES=none"}, &out, &out); code != 0 || !strings.Contains(out.String(), v.summary) {
				t.Errorf("streamflow %v: exit %d:\n%s", args, code, &out)
			}
			for line := range strings.Lines(out.String()) {
				if name, meaning, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, "--") && len(strings.TrimSpace(meaning)) < 10 {
					t.Errorf("streamflow %s: %s has no meaning", v.name, name)
				}
			}
		}
		var out bytes.Buffer
		if code := run([]string{v.name, "--no-such-flag"}, nil, &out, &out); code != 2 || !strings.Contains(out.String(), "--no-such-flag") {
			t.Errorf("streamflow %s --no-such-flag: exit %d:\n%s", v.name, code, &out)
		}
	}
	var out bytes.Buffer
	run([]string{"events", "--help"}, nil, &out, &out)
	for _, flag := range []string{"--after", "--until", "--type", "--tenant", "--stream", "--follow", "--format", "--out", "--quiet", "--json"} {
		if !strings.Contains(out.String(), fmt.Sprintf("\n  %s ", flag)) {
			t.Errorf("events --help does not list %s", flag)
		}
	}
}

// nodeOf opens a node of this process's own, of some roles.
func nodeOf(t *testing.T, roles string, env ...string) *node {
	t.Helper()
	c, err := readConfig(append(append(servers(t), "STREAMFLOW_ROLES="+roles, "STREAMFLOW_DATA="+t.TempDir()), env...), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := openNode(t.Context(), c, true, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n
}

func TestANodeWithoutABusIsMeasured(t *testing.T) {
	told, err := nodeOf(t, "api", "STREAMFLOW_NATS_URL=").diagnose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range told.Components {
		if c.Name == "bus" || c.State != "up" {
			t.Errorf("%+v", c)
		}
	}
}

// A node that only answers requests tells the relay, wherever it runs, of what it commits.
func TestANodeWithoutARelayAnnouncesItsCommits(t *testing.T) {
	n := nodeOf(t, "api")
	pings := make(chan *nats.Msg, 100)
	if _, err := n.nc.ChanSubscribe("streamflow.head.*", pings); err != nil {
		t.Fatal(err)
	}
	if err := n.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	use := &commands.Commands{Log: n.log, Pool: n.engine, Now: time.Now}
	key, err := n.masterKey()
	if err != nil {
		t.Fatal(err)
	}
	n.intake = intake.NewDesk(use, key.AEAD("import"), n.config.logger)
	jobs, err := n.jobs(use)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	for _, job := range jobs {
		done.Go(func() { _ = job(ctx) })
	}
	for i := range 20 { // the first may be made before the job looks
		if err := makeAccount(t.Context(), use, account{Portal: "provider", Email: fmt.Sprintf("p%d@ops.example", i), Password: first}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-pings:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
	t.Error("nobody was told")
}

// The bus being away makes such a node slower, and nothing else.
func TestANodeThatOnlyAnswersStartsWithoutItsBus(t *testing.T) {
	n := nodeOf(t, "api", "STREAMFLOW_NATS_URL=nats://127.0.0.1:1")
	if err := n.ready(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := n.jobs(&commands.Commands{Log: n.log, Pool: n.engine, Now: time.Now}); err != nil {
		t.Error(err)
	}
}

// A read model that this program does not know stays where it is, and keeps no node from its requests.
func TestANodeIsReadyWithoutTheReadModelOfAnotherProgram(t *testing.T) {
	n := nodeOf(t, "api")
	for _, sql := range []string{
		`insert into log.projection (name, version, generation) values ('gone', 1, 1)`,
		`insert into log.checkpoint (projection, generation, lane, position) values ('gone', 1, 1, -10001)`, // as far behind as that
	} {
		if _, err := n.engine.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.ready(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := n.engine.Exec(t.Context(), `update log.checkpoint set position = -10001 where projection = 'figures'`); err != nil {
		t.Fatal(err)
	}
	if n.ready(t.Context()) == nil {
		t.Error("it is ready far behind")
	}
}
