package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

func TestImportUsage(t *testing.T) {
	id := uuid.NewString()
	for _, c := range []struct {
		args string
		says string
	}{
		{"import", "say what the file holds"},
		{"import boats x.csv", `"boats" is not one of`},
		{"import leads x.csv", "--tenant is the id"},
		{"import leads x.csv --tenant acme", "--tenant is the id"},
		{"import leads x.csv --tenant " + id + " --map Size=shoe", `"shoe" is not one of the fields`},
		{"import leads x.csv --tenant " + id + " --set custom.=1", `"custom." is not one of the fields`},
		{"import leads x.csv --tenant " + id + " --map Size", "COLUMN=field"},
		{"import leads x.csv --tenant " + id + " more", "say what the file holds"},
	} {
		var out bytes.Buffer
		if code := run(strings.Fields(c.args), nil, &out, &out); code != 2 || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: exit %d, want 2 with %q:\n%s", c.args, code, c.says, &out)
		}
	}
}

// A later file may say more about a record: what is new is done, what was said before must not have changed.
func TestImportGoesOnWhereAnEarlierFileStopped(t *testing.T) {
	r := newRealRun(t)
	path := filepath.Join(t.TempDir(), "leads.csv")
	for _, step := range []struct {
		text  string
		flags []string
		says  string
	}{
		{"externalId,converted\n1,no\n2,no\n", []string{"--dry-run"}, "2 rows: 2 would be imported, 0 were there already, 0 rejected"},
		{"externalId,converted\n1,no\n2,no\n", nil, "2 rows: 2 imported, 0 were there already, 0 rejected"},
		{"externalId,converted\n1,yes\n2,no\n", nil, "2 rows: 1 imported, 1 were there already, 0 rejected"},
		{"externalId,company\n1,Acme\n,\n", nil, "2 rows: 0 imported, 0 were there already, 2 rejected, see " + path + ".rejected.csv"},
	} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		args := append([]string{"leads", path, "--tenant", r.tenant.String()}, step.flags...)
		if err := importFile(t.Context(), call{args: args, config: r.node.config, out: &out, err: io.Discard}); err != nil || strings.TrimSpace(out.String()) != step.says {
			t.Errorf("%q: %v\n%s, want\n%s", step.text, err, &out, step.says)
		}
	}
	raw, err := os.ReadFile(path + ".rejected.csv")
	if err != nil || !strings.Contains(string(raw), "2,was imported before with other values,1,Acme") || !strings.Contains(string(raw), "required") {
		t.Errorf("rejects: %v\n%s", err, raw)
	}
	args := []string{"leads", path, "--tenant", uuid.NewString()}
	if err := importFile(t.Context(), call{args: args, config: r.node.config, out: io.Discard, err: io.Discard}); err == nil || !strings.Contains(err.Error(), "there is no tenant") {
		t.Errorf("import for a tenant that is none: %v", err)
	}
}

// An organization that is there already is used, whatever its name's case, and made once for many rows.
func TestInvoicesShareTheirOrganization(t *testing.T) {
	r := newRealRun(t)
	path := filepath.Join(t.TempDir(), "invoices.csv")
	text := "organization,externalNumber,issueDate,amount\nAcme,1,2024-01-05,10\nACME,2,2024-01-06,10.50\nacme,3,2024-01-07,7\n,4,2024-01-07,7\nacme,5,,7\nBeta,6,2024-01-07,7\nBETA,7,2024-01-07,7\n"
	use := &commands.Commands{Log: r.node.log, Pool: r.node.engine, Now: time.Now}
	by := commands.Caller{Tenant: r.tenant, ID: uuid.New(), Fingerprint: []byte("f"), Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"}}
	if out, err := use.CreateOrganization(t.Context(), by, organization.Create{Details: organization.Details{Name: "Beta"}}); err != nil || out.Verdict != eventstore.Accepted {
		t.Fatal(out, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := []string{"invoices", path, "--tenant", r.tenant.String(), "--set", "currency=EUR"}
	if err := importFile(t.Context(), call{args: args, config: r.node.config, out: &out, err: io.Discard}); err != nil || !strings.HasPrefix(out.String(), "7 rows: 5 imported, 0 were there already, 2 rejected") {
		t.Fatalf("%v\n%s", err, &out)
	}
	heads := r.heads()
	made := 0
	for page, err := range r.node.log.Scan(t.Context(), 1, 0, heads) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if e.Type == "organization.created" {
				made++
			}
		}
	}
	if made != 2 {
		t.Errorf("%d organizations for two customers", made)
	}
}
