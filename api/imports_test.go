package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/eventstore"
)

// sends uploads a file; query is what the address asks beside the kind.
func (s *site) sends(cookie, key, query, file string) *httptest.ResponseRecorder {
	return s.do("POST", "/api/v2/imports?kind=leads"+query, call{cookie: cookie, key: key, body: file, header: map[string]string{"Content-Type": "text/csv"}})
}

// planned uploads a file as a dry run, waits for its end, and gives the import's address and what it shows.
func (s *site) planned(cookie, query, file string) (address string, is map[string]any) {
	s.t.Helper()
	w := s.sends(cookie, "", "&dryRun=true"+query, file)
	s.want(w, 202, "")
	s.ended(cookie, w, "done")
	address = "/api/v2/imports/" + text(w, "id")
	w = s.do("GET", address, call{cookie: cookie})
	s.want(w, 200, "")
	return address, members(w)
}

// ran runs an import to its end, and gives what it shows.
func (s *site) ran(cookie, address string) map[string]any {
	s.t.Helper()
	w := s.do("POST", address+"/run", call{cookie: cookie})
	s.want(w, 202, "")
	s.ended(cookie, w, "done")
	return members(s.do("GET", address, call{cookie: cookie}))
}

// comes says what an import's rows come to, and why those that are not taken are not.
func comes(is map[string]any) string {
	f, _ := is["counts"].(map[string]any)
	text := fmt.Sprintf("%v: %v rows, %v imported, %v known, %v duplicates, %v rejected", is["state"], f["rows"], f["imported"], f["known"], f["duplicates"], f["rejected"])
	left, _ := is["left"].([]any)
	for _, one := range left {
		row := one.(map[string]any)
		text += fmt.Sprintf("\n%v %v", row["line"], row["reason"])
	}
	return text
}

// member adds an account of a role to the owner's tenant, and signs it in.
func (s *site) member(owner, role string) string {
	s.t.Helper()
	s.want(s.do("POST", "/api/v2/users", call{cookie: owner, body: `{"email":"` + role + `@ours.example","name":"M","role":"` + role + `","password":"` + secret + `"}`}), 201, "")
	return s.login(role + "@ours.example")
}

func (s *site) leadNames(cookie string) string {
	s.t.Helper()
	heads, err := s.commands.Log.Heads(s.t.Context())
	must(s.t, err)
	w := s.do("GET", "/api/v2/leads?sort=createdAt&limit=100", call{cookie: cookie, header: map[string]string{api.CursorHeader: s.commands.Log.Token(heads)}})
	s.want(w, 200, "")
	var names []string
	for _, one := range items(w) {
		names = append(names, fmt.Sprint(one["name"]))
	}
	slices.Sort(names) // several are brought in at once
	return strings.Join(names, ",")
}

func TestAnImportComesToWhatItsDryRunSaid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	there := s.lead(owner, `{"name":"Ada","email":"ada@example.com"}`)
	first, _ := s.planned(owner, "", "name,email\nBea,bea@example.com\n")
	s.ran(owner, first)
	file := "Full name,E-Mail,Phone,Deal value,Notes\n" +
		"Cid,cid@example.com,,10.50,\"two\nlines\"\n" + // new
		"Ada L,ADA@example.com,,,\n" + // like one that was not imported
		"Dee,dee@example.com,+1 212 555 0100,,\n" + // new
		"Dee again,other@example.com,(212) 555-0100,,\n" + // like a row before
		"Eve,,,,\n" + // nothing to reach her by
		"=Fay,no address,,,\n" +
		"Gus,gus@example.com,,1.234,\n" +
		"short\n"
	address, is := s.planned(owner, "&set=currency%3DUSD&map=Notes%3Dnotes&name=fair.csv", file)
	want := "8 rows, 2 imported, 0 known, 1 duplicates, 5 rejected\n4 Another lead has the same e-mail address, phone number or external id.\n6 is the same record as line 5\n" +
		"7 email: an e-mail address, a phone number or an external id is required\n8 email: is not an e-mail address\n"
	got := comes(is)
	if !strings.HasPrefix(got, "planned: "+want) || !strings.Contains(got, "\n9 value: ") || !strings.HasSuffix(got, "\n10 has 1 cells, and the header 5") {
		t.Errorf("planned:\n%s\nwant\n%s", got, want)
	}
	if left := is["left"].([]any)[0].(map[string]any); "/api/v2/leads/"+fmt.Sprint(left["existingId"]) != there {
		t.Errorf("like %v, want %s", left, there)
	}
	columns := fmt.Sprint(is["columns"])
	if columns != "map[Deal value:value E-Mail:email Full name:name Notes:notes Phone:phone]" || is["name"] != "fair.csv" || len(is["sample"].([]any)) != 5 {
		t.Errorf("read as %s, %v", columns, is)
	}
	if names := s.leadNames(owner); names != "Ada,Bea" {
		t.Errorf("after the dry run there are %s", names)
	}
	is = s.ran(owner, address)
	if after := comes(is); strings.TrimPrefix(after, "done") != strings.TrimPrefix(got, "planned") {
		t.Errorf("ran:\n%s\nplanned:\n%s", after, got)
	}
	if names := s.leadNames(owner); names != "Ada,Bea,Cid,Dee" {
		t.Errorf("after the run there are %s", names)
	}
	_, is = s.planned(owner, "&set=currency%3DUSD&map=Notes%3Dnotes", file)
	if again := comes(is); !strings.HasPrefix(again, "planned: 8 rows, 0 imported, 2 known, 1 duplicates, 5 rejected") {
		t.Errorf("the same file again: %s", again)
	}
	var kept int
	must(t, s.commands.Pool.QueryRow(t.Context(), `select count(*) from app.import_part where import = $1 and holds = 'file'`, strings.TrimPrefix(address, "/api/v2/imports/")).Scan(&kept))
	if kept != 0 {
		t.Errorf("%d pieces of the file are kept after the run", kept)
	}
	if all := items(s.do("GET", "/api/v2/imports", call{cookie: owner})); len(all) != 3 || all[1]["name"] != "fair.csv" || all[1]["state"] != "done" || all[0]["state"] != "planned" {
		t.Errorf("the list of them: %v", all)
	}
	w := s.do("GET", address+"/rejected", call{cookie: owner})
	s.want(w, 200, "")
	if lines := strings.Split(w.Body.String(), "\n"); lines[0] != "line,reason,existingId,Full name,E-Mail,Phone,Deal value,Notes" || len(lines) != 8 ||
		!strings.Contains(w.Body.String(), ",,'=Fay,no address,") {
		t.Errorf("rejected rows:\n%s", w.Body)
	}
}

// A file may be read in another way before it is run, and is run once.
func TestAnImportIsReadAsItIsSaid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	address, is := s.planned(owner, "", "who,where,since\nAda,ada@example.com,1/2/2024\nBea,bea@example.com,2/1/2024\n")
	if got := comes(is); !strings.HasPrefix(got, "planned: 2 rows, 0 imported, 0 known, 0 duplicates, 2 rejected") {
		t.Errorf("without a mapping: %s", got)
	}
	plan := func(body string) *httptest.ResponseRecorder {
		return s.do("POST", address+"/plan", call{cookie: owner, body: body})
	}
	s.want(plan(`{"columns":{"who":"shoe"}}`), 422, "validation_failed")
	s.want(plan(`{"columns":{"who":"name","where":"name"}}`), 422, "validation_failed")
	s.want(plan(`{"columns":{"nowhere":"name"}}`), 422, "validation_failed")
	s.want(plan(`{"dateLayout":"yesterday"}`), 422, "validation_failed")
	w := plan(`{"columns":{"who":"name","where":"email","since":"createdOn"},"dateLayout":"1/2/2006","fixed":{"source":"fair"}}`)
	s.want(w, 202, "")
	s.ended(owner, w, "done")
	if got := comes(members(s.do("GET", address, call{cookie: owner}))); got != "planned: 2 rows, 2 imported, 0 known, 0 duplicates, 0 rejected" {
		t.Errorf("with one: %s", got)
	}
	run := s.do("POST", address+"/run", call{cookie: owner, key: "run"})
	s.want(run, 202, "")
	for _, key := range []string{"run", "another"} {
		again := s.do("POST", address+"/run", call{cookie: owner, key: key})
		s.want(again, 202, "")
		if again.Body.String() != run.Body.String() || again.Header().Get("Location") != run.Header().Get("Location") || again.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("run again by %s: %s, first %s", key, again.Body, run.Body)
		}
	}
	s.ended(owner, run, "done")
	if w := s.do("POST", address+"/run", call{cookie: owner}); w.Code != 202 || w.Body.String() != run.Body.String() || text(s.do("GET", address, call{cookie: owner}), "state") != "done" {
		t.Errorf("run after its end: %d %s", w.Code, w.Body)
	}
	s.want(plan(`{}`), 409, "invalid_transition")
	s.want(s.do("POST", address+"/plan", call{cookie: owner, key: "run", body: `{}`}), 422, "idempotency_key_reused")
	if names := s.leadNames(owner); names != "Ada,Bea" {
		t.Errorf("there are %s", names)
	}
}

// What was sent under a key is that import for ever, and at once where no dry run is asked for.
func TestAnImportIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	lines := `{"name":"Ada","email":"ada@example.com","tags":["a","b"],"value":null}` + "\nnone\n" + `{"name":"Bea","phone":"+12125550100","converted":true}` + "\n"
	send := func(key, body string) *httptest.ResponseRecorder {
		return s.do("POST", "/api/v2/imports?kind=leads", call{cookie: owner, key: key, body: body, header: map[string]string{"Content-Type": "application/x-ndjson"}})
	}
	w := send("once", lines)
	s.want(w, 202, "")
	s.ended(owner, w, "done")
	if got := comes(members(s.do("GET", "/api/v2/imports/"+text(w, "id"), call{cookie: owner}))); got != "done: 3 rows, 2 imported, 0 known, 0 duplicates, 1 rejected\n2 is no JSON object" {
		t.Errorf("lines: %s", got)
	}
	again := send("once", lines)
	if again.Code != 202 || again.Body.String() != w.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("sent again: %d %s, first %s", again.Code, again.Body, w.Body)
	}
	s.want(send("once", lines+"\n"), 422, "idempotency_key_reused")
	s.want(send("none", lines), 400, "idempotency_key_required")
	if ada := members(s.do("GET", s.named(owner, "Ada"), call{cookie: owner})); fmt.Sprint(ada["tags"]) != "[a b]" {
		t.Errorf("%v", ada)
	}
}

func TestAFileThatIsNoneIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	for name, c := range map[string]struct {
		query, kind, file string
		status            int
		code, says        string
	}{
		"empty":             {file: "", status: 422, code: "validation_failed", says: "is empty"},
		"a mark alone":      {file: "\ufeff", status: 422, code: "validation_failed", says: "is empty"},
		"no header":         {file: "\n\n", status: 422, code: "validation_failed", says: "is empty"},
		"blank header":      {file: " , \na,b\n", status: 422, code: "validation_failed", says: "names the columns"},
		"UTF-16":            {file: "\xff\xfen\x00a\x00", status: 422, code: "validation_failed", says: "UTF-16"},
		"Latin-1":           {file: "Pr\xe9nom,email\n", status: 422, code: "validation_failed", says: "UTF-8"},
		"spreadsheet":       {file: "PK\x03\x04abc", status: 422, code: "validation_failed", says: "spreadsheet"},
		"NUL":               {file: "a\x00b,c\n", status: 422, code: "validation_failed", says: "not text"},
		"bad quotes":        {file: "\"name,email\n", status: 422, code: "validation_failed", says: "no CSV"},
		"two of a field":    {file: "name,full name\nx,y\n", query: "&map=full+name%3Dname&map=name%3Dname", status: 422, code: "validation_failed", says: "only one column"},
		"no such column":    {file: "name,email\nx,y\n", query: "&map=nom%3Dname", status: 422, code: "validation_failed", says: "no column of the file"},
		"no such field":     {file: "name,email\nx,y\n", query: "&map=name%3Dshoe", status: 422, code: "validation_failed", says: "is not one of the fields"},
		"fixed and unknown": {file: "name,email\nx,y\n", query: "&set=shoe%3D1", status: 422, code: "validation_failed", says: "is not one of the fields"},
		"no layout":         {file: "name,email\nx,y\n", query: "&dateLayout=d.m.y", status: 422, code: "validation_failed", says: "no way to write a day"},
		"no mapping":        {file: "name,email\nx,y\n", query: "&map=name", status: 422, code: "validation_failed"},
		"neither":           {file: "name,email\nx,y\n", query: "&dryRun=maybe", status: 422, code: "validation_failed"},
		"unknown parameter": {file: "name,email\nx,y\n", query: "&dry=true", status: 422, code: "validation_failed"},
		"JSON":              {kind: "application/json", file: "{}", status: 415, code: "unsupported_media_type"},
		"another charset":   {kind: "text/csv; charset=latin1", file: "name,email\nx,y\n", status: 415, code: "unsupported_media_type"},
		"no lines":          {kind: "application/x-ndjson", file: "", status: 422, code: "validation_failed", says: "is empty"},
		"no object":         {kind: "application/x-ndjson", file: "1\n2\n", status: 422, code: "validation_failed", says: "JSON object"},
		"a kind of no file": {query: "&kind=boats", file: "name\n", status: 422, code: "validation_failed"},
		"too large":         {file: "name,email\n" + strings.Repeat("x,y\n", 13_200_000), status: 413, code: "payload_too_large"},
	} {
		if c.kind == "" {
			c.kind = "text/csv"
		}
		w := s.do("POST", "/api/v2/imports?kind=leads"+c.query, call{cookie: owner, body: c.file, header: map[string]string{"Content-Type": c.kind}})
		if w.Code != c.status || text(w, "code") != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s, want %d %s with %q", name, w.Code, w.Body, c.status, c.code, c.says)
		}
	}
	var kept int
	must(t, s.commands.Pool.QueryRow(t.Context(), `select (select count(*) from app.import) + (select count(*) from app.import_part)`).Scan(&kept))
	if kept != 0 {
		t.Errorf("%d rows are kept of files that were refused", kept)
	}
}

func TestWhoMayImport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, ours := s.tenant("ours")
	other, _ := s.tenant("others")
	const file = "name,email\nAda,ada@example.com\n"
	address, _ := s.planned(owner, "", file)
	for _, role := range []string{"staff", "accountant"} {
		cookie := s.member(owner, role)
		s.want(s.sends(cookie, "", "", file), 403, "forbidden")
		s.want(s.do("GET", address, call{cookie: cookie}), 403, "forbidden")
		s.want(s.do("POST", address+"/run", call{cookie: cookie}), 403, "forbidden")
	}
	s.want(s.sends("", "", "", file), 401, "unauthenticated")
	if all := items(s.do("GET", "/api/v2/imports", call{cookie: other})); len(all) != 0 {
		t.Errorf("another tenant's list: %v", all)
	}
	for _, path := range []string{address, address + "/rejected", strings.Replace(address, "imports", "jobs", 1)} {
		s.want(s.do("GET", path, call{cookie: other}), 404, "not_found")
	}
	s.want(s.do("POST", address+"/run", call{cookie: other}), 404, "not_found")
	s.want(s.do("POST", address+"/plan", call{cookie: other, body: `{}`}), 404, "not_found")
	if is := s.ran(s.member(owner, "manager"), address); comes(is) != "done: 1 rows, 1 imported, 0 known, 0 duplicates, 0 rejected" {
		t.Errorf("by a manager: %s", comes(is))
	}
	w := s.do("POST", "/api/v2/imports?kind=leads", call{cookie: s.provider, body: "name,email\nBea,bea@example.com\n",
		header: map[string]string{"Content-Type": "text/csv", "StreamFlow-Tenant": ours}})
	s.want(w, 202, "")
	s.ended(s.provider, w, "done")
	s.want(s.sends(s.provider, "", "", file), 422, "validation_failed")
	if names := s.leadNames(owner); names != "Ada,Bea" {
		t.Errorf("there are %s", names)
	}
}

// A node that ended while it ran an import is told by its silence; another one goes on, and what was done is not done twice.
func TestAnImportGoesOnAfterItsNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, tenant := s.tenant("ours")
	var file strings.Builder
	file.WriteString("name,email\n")
	for i := range 30 {
		fmt.Fprintf(&file, "n%02d,n%d@example.com\n", i, i)
	}
	address, _ := s.planned(owner, "", file.String())
	id := strings.TrimPrefix(address, "/api/v2/imports/")
	// A run begins, brings some in, and its node is gone.
	part, _ := s.planned(owner, "", strings.Join(strings.Split(file.String(), "\n")[:11], "\n"))
	_, err := s.commands.Pool.Exec(t.Context(), `update app.import set action = 'run', begun_at = clock_timestamp(), beat_at = clock_timestamp(), state = 'running' where id = $1`, id)
	must(t, err)
	s.ran(owner, part)
	again := s.do("POST", address+"/run", call{cookie: owner})
	s.want(again, 202, "") // while it is taken to run nobody begins another one
	if w := s.do("GET", address, call{cookie: owner}); text(w, "state") != "running" || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("meanwhile: %s", w.Body)
	}
	_, err = s.commands.Pool.Exec(t.Context(), `update app.import set beat_at = clock_timestamp() - interval '16 seconds' where id = $1`, id)
	must(t, err)
	w := s.do("GET", "/api/v2/jobs/"+id, call{cookie: owner})
	if text(w, "state") != "failed" || !strings.Contains(w.Body.String(), "node ended") {
		t.Errorf("after its node: %s", w.Body)
	}
	if is := s.ran(owner, address); comes(is) != "done: 30 rows, 30 imported, 0 known, 0 duplicates, 0 rejected" {
		t.Errorf("gone on: %s", comes(is))
	}
	if names := strings.Split(s.leadNames(owner), ","); len(names) != 30 {
		t.Errorf("%d leads in %s", len(names), tenant)
	}
}

// Nothing of a file is readable at rest, and nothing is left of it after its day.
func TestWhatAFileHeldIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, ours := s.tenant("ours")
	other, _ := s.tenant("others")
	s.planned(other, "", "name,email\nAda,ada@example.com\n")
	address, _ := s.planned(owner, "&set=notes%3DVeryPersonal", "name,email,Secretive\nVeryPersonal,very.personal@example.com,x\nVeryPersonal,,x\n")
	var found int
	must(t, s.commands.Pool.QueryRow(t.Context(), `select count(*) from app.import i, app.import_part p where position('ersonal' in encode(settings || data, 'escape')) > 0
		or position('Secretive' in encode(settings || data, 'escape')) > 0 or position('ersonal' in i::text) > 0`).Scan(&found))
	if found != 0 {
		t.Errorf("%d pieces can be read", found)
	}
	// The application sees its own tenant's imports, and nobody's files.
	must(t, pgx.BeginFunc(t.Context(), s.commands.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `set local role streamflow_app`)
		for _, tenant := range []struct {
			id   string
			sees int
		}{{"", 0}, {ours, 1}, {uuid.NewString(), 0}} {
			if err == nil {
				err = tx.QueryRow(t.Context(), `with named as materialized (select set_config('streamflow.tenant', $1, true)) select count(*) from named, app.import`, tenant.id).Scan(&found)
			}
			if found != tenant.sees {
				t.Errorf("as %q: %d imports, want %d", tenant.id, found, tenant.sees)
			}
		}
		return err
	}))
	err := pgx.BeginFunc(t.Context(), s.commands.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `set local role streamflow_app`)
		if err == nil {
			_, err = tx.Exec(t.Context(), `select from app.import_part`)
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the application reads files: %v", err)
	}
	_, err = s.commands.Pool.Exec(t.Context(), `update app.import set expires_at = clock_timestamp() - interval '1 second'`)
	must(t, err)
	s.want(s.do("POST", address+"/run", call{cookie: owner}), 409, "invalid_transition")
	s.want(s.do("GET", address+"/rejected", call{cookie: owner}), 409, "invalid_transition")
	if w := s.do("GET", address, call{cookie: owner}); w.Code != 200 || strings.Contains(w.Body.String(), "ersonal") || strings.Contains(w.Body.String(), "Secretive") {
		t.Errorf("after its day: %s", w.Body)
	}
	must(t, s.desk.Forget(t.Context()))
	must(t, s.commands.Pool.QueryRow(t.Context(), `select (select count(*) from app.import_part) + (select count(*) from app.import where settings is not null)`).Scan(&found))
	if found != 0 {
		t.Errorf("%d pieces are kept after a day", found)
	}
}

// A key is one request's, whichever import that is about.
func TestAnImportsKeyIsOfOneRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	const file = "name,email\nAda,ada@example.com\n"
	sent := s.sends(owner, "sent", "&dryRun=true", file)
	s.ended(owner, sent, "done")
	one := "/api/v2/imports/" + text(sent, "id")
	other, _ := s.planned(owner, "", file)
	s.want(s.do("POST", one+"/plan", call{cookie: owner, key: "sent", body: `{}`}), 422, "idempotency_key_reused")
	s.want(s.do("POST", other+"/plan", call{cookie: owner, key: "sent", body: `{}`}), 422, "idempotency_key_reused")
	run := s.do("POST", one+"/run", call{cookie: owner, key: "run"})
	s.want(run, 202, "")
	s.ended(owner, run, "done")
	s.want(s.do("POST", other+"/run", call{cookie: owner, key: "run"}), 422, "idempotency_key_reused")
	s.want(s.sends(owner, "run", "&dryRun=true", file), 422, "idempotency_key_reused")
	s.want(s.do("POST", one+"/plan", call{cookie: owner, key: "sent", body: `{}`}), 422, "idempotency_key_reused") // it was not the last that was asked
}

// A run that failed cannot go on once its file is forgotten, whoever asks for it.
func TestAFailedImportIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	address, _ := s.planned(owner, "", "name,email\nAda,ada@example.com\n")
	w := s.do("POST", address+"/run", call{cookie: owner, key: "run"})
	s.want(w, 202, "")
	s.ended(owner, w, "done")
	_, err := s.commands.Pool.Exec(t.Context(), `update app.import set state = 'failed', expires_at = clock_timestamp() - interval '1 second'`)
	must(t, err)
	for _, key := range []string{"run", "another"} {
		s.want(s.do("POST", address+"/run", call{cookie: owner, key: key}), 409, "invalid_transition")
	}
}

// meanwhile is a part of a text that takes its time.
type meanwhile func()

func (m meanwhile) Read([]byte) (int, error) { m(); return 0, io.EOF }

// A file that comes in so slowly that it was sent again is no part of the one that came to its end.
func TestAFileSentAgainMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ours := s.tenant("ours")
	const rows = 150
	var file strings.Builder
	file.WriteString("name,email,left out\n")
	for i := range rows {
		fmt.Fprintf(&file, "n%d,n%d@example.com,%s\n", i, i, strings.Repeat("x", 20_000))
	}
	kind, _ := intake.KindNamed("leads")
	by := commands.Caller{Tenant: uuid.MustParse(ours), ID: uuid.New(), Fingerprint: []byte("f"), Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"}}
	send := func(body io.Reader) (intake.Import, error) {
		return s.desk.Receive(t.Context(), by, intake.Upload{Options: intake.Options{Kind: kind, Form: intake.CSV, Layout: time.DateOnly}, Then: intake.ActionPlan, Body: body})
	}
	_, err := send(io.MultiReader(strings.NewReader(file.String()[:1_500_000]), meanwhile(func() {
		_, err := s.commands.Pool.Exec(t.Context(), `update app.import set beat_at = clock_timestamp() - interval '16 seconds'`)
		must(t, err)
		_, err = send(strings.NewReader(file.String()))
		must(t, err)
	}), strings.NewReader(file.String()[1_500_000:])))
	if !errors.Is(err, intake.ErrBusy) {
		t.Errorf("the first: %v", err)
	}
	is, err := s.desk.Import(t.Context(), by.Tenant, by.ID)
	for deadline := time.Now().Add(time.Minute); err == nil && is.State == intake.Running && time.Now().Before(deadline); {
		is, err = s.desk.Import(t.Context(), by.Tenant, by.ID)
	}
	if err != nil || is.State != intake.Done || is.Counts.Rows != rows || is.Counts.Imported != rows {
		t.Errorf("the second: %v, %s with %+v", err, is.State, is.Counts)
	}
}
