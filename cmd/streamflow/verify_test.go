package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore/verify"
)

// verified runs the verb as its user does.
func verified(t *testing.T, data string, args ...string) (verify.Report, string, int) {
	t.Helper()
	var errOut strings.Builder
	c := streamflow(data, nil, append([]string{"verify", "--json"}, args...)...)
	c.Stderr = &errOut
	out, err := c.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok && exit.ExitCode() != 1 {
		return verify.Report{}, errOut.String(), exit.ExitCode()
	}
	var r verify.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, errOut.String())
	}
	return r, errOut.String(), c.ProcessState.ExitCode()
}

// TestVerifyBesideServeAndAlone joins the servers of a running program, and starts them where none runs; it finds what the owner of the
// database changes.
func TestVerifyBesideServeAndAlone(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	var lane verify.Lane
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		r, told, code := verified(t, data)
		if code != 0 || told != "" || len(r.Faults) > 0 {
			t.Fatalf("exit %d: %s%+v", code, told, r)
		}
		if lane = r.Lanes[0]; lane.Head > 0 && lane.Sealed == lane.Head && lane.Bus.Messages == lane.Head {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("not sealed or not published: %+v", lane)
		}
	}
	for _, wrong := range [][]string{{"--lane", "2"}, {"--lane", "-1"}, {"more"}, {"--nothing"}} {
		if _, told, code := verified(t, data, wrong...); code != 2 || !strings.Contains(told, "usage:") {
			t.Errorf("%v: exit %d: %s", wrong, code, told)
		}
	}
	var where connection
	raw, err := os.ReadFile(filepath.Join(data, "connection.json"))
	if err == nil {
		err = json.Unmarshal(raw, &where)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), where.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `set role streamflow_owner; update log.event set actor_id = 'somebody else' where position = 3`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `set role streamflow_engine`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `update rm_`+model(t, conn)+` set tenant = gen_random_uuid()`); err != nil {
		t.Fatal(err)
	}
	r, told, code := verified(t, data, "--lane", "1")
	if code != 1 || len(r.Faults) != 2 || r.Faults[0].Position != 3 || !strings.Contains(told, "I11 lane 1 position 3: ") {
		t.Errorf("exit %d: %s%+v", code, told, r)
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("serve ended with %v:\n%s", err, p.log)
	}
	again, told, code := verified(t, data)
	if code != 1 || len(again.Faults) != 3 || !strings.Contains(again.Faults[2].String(), "I9 projection ") || again.Lanes[0].Bus.Messages != lane.Head {
		t.Errorf("alone, exit %d: %s%+v", code, told, again)
	}
}

// model names a table of a read model that has rows, without the prefix of its schema.
func model(t *testing.T, conn *pgx.Conn) (name string) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `select p.name || '_' || p.generation || '.' || t.tablename from log.projection p
		join pg_tables t on t.schemaname = 'rm_' || p.name || '_' || p.generation
		where (xpath('/row/c/text()', query_to_xml('select count(*) as c from ' || t.schemaname || '.' || t.tablename, false, true, '')))[1]::text <> '0'
		limit 1`).Scan(&name)
	if err != nil {
		t.Fatal(err)
	}
	return name
}
