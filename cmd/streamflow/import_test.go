package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
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

// importedRows reads a file's rows as an import of leads does.
func importedRows(t *testing.T, text string, options func(*importOptions)) (*rowReader, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leads.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := importOptions{kind: importKinds["leads"], file: path, layout: time.DateOnly}
	if options != nil {
		options(&o)
	}
	return openRows(o)
}

func TestRowsSurviveWhatIsWrongWithOne(t *testing.T) {
	rows, err := importedRows(t, "\ufeffE-Mail,name,Ignored\r\na@x.example, Ann ,1\r\nb@x.example\r\n\"c\"d,Cid,1\r\n\xff@x.example,Dee,1\r\n\r\ne@x.example,\"Eve\nEden\",1\r\n",
		func(o *importOptions) {
			o.mapped, o.fixed = map[string]string{"E-Mail": "email"}, map[string]string{"source": "fair"}
		})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.close()
	for _, want := range []struct {
		line             int
		name, email, bad string
	}{
		{2, "Ann", "a@x.example", ""}, {3, "", "", "has 1 cells, and the header 3"}, {4, "", "", "is no CSV"}, {5, "", "", "not UTF-8"},
		{7, "Eve\nEden", "e@x.example", ""},
	} {
		r, err := rows.next()
		if want.bad != "" {
			if _, ok := errors.AsType[rowError](err); !ok || !strings.Contains(err.Error(), want.bad) || r.line != want.line {
				t.Errorf("line %d: %v, want line %d with %q", r.line, err, want.line, want.bad)
			}
			continue
		}
		if err != nil || r.line != want.line || r.fields["name"] != want.name || r.fields["email"] != want.email || r.fields["source"] != "fair" {
			t.Errorf("line %d: %v %v, want %+v", r.line, r.fields, err, want)
		}
	}
	if _, err := rows.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last row: %v", err)
	}
}

func TestColumnsMustBeThereAndNotFightForAField(t *testing.T) {
	for text, mapped := range map[string]map[string]string{
		"":                 nil,
		"name\n":           {"Nome": "name"},
		"a,b\n":            {"a": "name", "b": "name"},
		"Name,name\nx,y\n": nil,
	} {
		if rows, err := importedRows(t, text, func(o *importOptions) { o.mapped = mapped }); err == nil {
			rows.close()
			t.Errorf("%q with %v was taken", text, mapped)
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
	text := "organization,externalNumber,issueDate,amount\nAcme,1,2024-01-05,10\nACME,2,2024-01-06,10.50\nacme,3,2024-01-07,7\n,4,2024-01-07,7\nacme,5,,7\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := []string{"invoices", path, "--tenant", r.tenant.String(), "--set", "currency=EUR"}
	if err := importFile(t.Context(), call{args: args, config: r.node.config, out: &out, err: io.Discard}); err != nil || !strings.HasPrefix(out.String(), "5 rows: 3 imported, 0 were there already, 2 rejected") {
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
	if made != 1 {
		t.Errorf("%d organizations for one customer", made)
	}
	use := &commands.Commands{Log: r.node.log, Pool: r.node.engine, Now: time.Now}
	if id, err := newInvoiceImporter(use, r.tenant).(*invoiceImporter).makeOrganization(t.Context(), "Acme", "another command"); err != nil || id == "" {
		t.Errorf("organization that is there: %q, %v", id, err)
	}
}
