package api_test

import (
	"context"
	"fmt"
	"log/slog"
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

// undone takes an import back to its end, and gives what it shows.
func (s *site) undone(cookie, address string) map[string]any {
	s.t.Helper()
	w := s.do("POST", address+"/undo", call{cookie: cookie})
	s.want(w, 202, "")
	s.ended(cookie, w, "done")
	return members(s.do("GET", address, call{cookie: cookie}))
}

// named finds a lead of the present list by a part of its words.
func (s *site) named(cookie, text string) string {
	s.t.Helper()
	heads, err := s.commands.Log.Heads(s.t.Context())
	must(s.t, err)
	found := items(s.do("GET", "/api/v2/leads?q="+text, call{cookie: cookie, header: map[string]string{api.CursorHeader: s.commands.Log.Token(heads)}}))
	if len(found) != 1 {
		s.t.Fatalf("%s: %v", text, found)
	}
	return "/api/v2/leads/" + fmt.Sprint(found[0]["id"])
}

// stays says what an import that was taken back came to, and why some of it was not.
func stays(is map[string]any) string {
	f, _ := is["counts"].(map[string]any)
	text := fmt.Sprintf("%v: %v taken back, %v kept", is["state"], f["takenBack"], f["kept"])
	var why []string
	for _, one := range is["kept"].([]any) {
		why = append(why, fmt.Sprint(one.(map[string]any)["reason"]))
	}
	slices.Sort(why)
	return strings.Join(append([]string{text}, why...), "\n")
}

func TestAnImportIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	s.lead(owner, `{"name":"Ada","email":"ada@example.com"}`)
	first, _ := s.planned(owner, "", "name,email\nBea,bea@example.com\nKim,kim@example.com\n")
	s.ran(owner, first)
	const file = "name,email,converted\nAda,ada@example.com,\nBea,bea@example.com,\nKim,kim@example.com,yes\nCid,cid@example.com,\nDee,dee@example.com,\nEve,eve@example.com,\n" +
		"Fay,fay@example.com,yes\nGus,gus@example.com,\nHal,hal@example.com,\n"
	address, _ := s.planned(owner, "", file)
	if is := s.ran(owner, address); is["canUndo"] != true || comes(is) != "done: 9 rows, 7 imported, 1 known, 1 duplicates, 0 rejected\n2 Another lead has the same e-mail address, phone number or external id." {
		t.Fatalf("ran: %s", comes(is))
	}
	all := s.leadNames(owner)
	heads, err := s.commands.Log.Heads(t.Context())
	must(t, err)
	s.want(s.do("PATCH", s.named(owner, "dee"), call{cookie: owner, body: `{"company":"Acme"}`}), 200, "")
	s.want(s.do("POST", s.named(owner, "eve")+"/convert", call{cookie: owner}), 201, "")
	s.want(s.do("POST", s.named(owner, "gus")+"/archive", call{cookie: owner}), 200, "")
	cid := s.named(owner, "cid")
	forged := map[string]string{"X-Correlation-Id": "import " + strings.TrimPrefix(address, "/api/v2/imports/")}
	s.want(s.do("POST", "/api/v2/leads", call{cookie: owner, header: forged, body: `{"name":"Zoe","email":"zoe@example.com"}`}), 201, "")
	w := s.do("POST", address+"/undo", call{cookie: owner, key: "undo"})
	s.want(w, 202, "")
	s.ended(owner, w, "done")
	is := members(s.do("GET", address, call{cookie: owner}))
	want := "undone: 2 taken back, 5 kept\nwas archived since it was imported\nwas converted by the import itself: the opportunity, and what else was made of it, stay\n" +
		"was converted since it was imported\nwas edited since it was imported\nwas there before the import, which converted it: that stays"
	if got := stays(is); got != want || is["canUndo"] != false || is["canRun"] != false {
		t.Errorf("taken back:\n%s\nwant\n%s\n%v", got, want, is)
	}
	if names := s.leadNames(owner); names != "Ada,Bea,Dee,Eve,Fay,Kim,Zoe" {
		t.Errorf("after that there are %s", names)
	}
	if w := s.do("GET", "/api/v2/leads?sort=createdAt&limit=100&at="+s.commands.Log.Token(heads), call{cookie: owner}); len(items(w)) != strings.Count(all, ",")+1 {
		t.Errorf("as of before: %s, had %s", w.Body, all)
	}
	history := s.do("GET", cid+"/history", call{cookie: owner})
	if events := items(history); len(events) != 2 || events[0]["type"] != "lead.archived" || events[0]["causationId"] != events[1]["id"] || events[0]["correlationId"] != "import "+fmt.Sprint(is["id"]) {
		t.Errorf("history: %s", history.Body)
	}
	// The same request is the same job; another one is told that it is done; nor is there anything left to run.
	again := s.do("POST", address+"/undo", call{cookie: owner, key: "undo"})
	if again.Code != 202 || again.Body.String() != w.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d %s, first %s", again.Code, again.Body, w.Body)
	}
	for path, says := range map[string]string{"/undo": "taken back already", "/run": "Send the file again", "/plan": ""} {
		w := s.do("POST", address+path, call{cookie: owner, body: `{}`})
		s.want(w, 409, "invalid_transition")
		if !strings.Contains(text(w, "detail"), says) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	if all := items(s.do("GET", "/api/v2/imports", call{cookie: owner})); all[0]["state"] != "undone" {
		t.Errorf("the list of them: %v", all)
	}
}

// What was taken back can be brought in anew, and taken back again; what somebody restored meanwhile is there.
func TestWhatWasTakenBackIsImportedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	const file = "name,email\nAda,ada@example.com\nBea,bea@example.com\n"
	var adas []string
	for round := range 3 {
		address, is := s.planned(owner, "", file)
		if got := comes(is); got != "planned: 2 rows, 2 imported, 0 known, 0 duplicates, 0 rejected" {
			t.Fatalf("round %d: %s", round, got)
		}
		if is = s.ran(owner, address); comes(is) != "done: 2 rows, 2 imported, 0 known, 0 duplicates, 0 rejected" {
			t.Fatalf("round %d: %s", round, comes(is))
		}
		if names := s.leadNames(owner); names != "Ada,Bea" {
			t.Fatalf("round %d: %s", round, names)
		}
		adas = append(adas, s.named(owner, "ada"))
		if _, is := s.planned(owner, "", file); comes(is) != "planned: 2 rows, 0 imported, 2 known, 0 duplicates, 0 rejected" {
			t.Fatalf("round %d, again: %s", round, comes(is))
		}
		if got := stays(s.undone(owner, address)); got != "undone: 2 taken back, 0 kept" || s.leadNames(owner) != "" {
			t.Fatalf("round %d: %s", round, got)
		}
	}
	if len(slices.Compact(adas)) != 3 {
		t.Errorf("one lead more than once: %v", adas)
	}
	s.want(s.do("POST", adas[1]+"/restore", call{cookie: owner}), 200, "")
	_, is := s.planned(owner, "", strings.Replace(file, "Bea,", "Beate,", 1)) // and mended
	if got := comes(is); !strings.HasPrefix(got, "planned: 2 rows, 1 imported, 0 known, 1 duplicates, 0 rejected") {
		t.Errorf("after one was restored: %s", got)
	}
}

func TestWhenAnImportCanBeTakenBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("ours")
	other, _ := s.tenant("others")
	address, is := s.planned(owner, "", "name,email\nAda,ada@example.com\n")
	id := strings.TrimPrefix(address, "/api/v2/imports/")
	refused := func(says string) {
		t.Helper()
		w := s.do("POST", address+"/undo", call{cookie: owner})
		s.want(w, 409, "invalid_transition")
		if !strings.Contains(text(w, "detail"), says) {
			t.Errorf("%s, want %q", w.Body, says)
		}
	}
	set := func(sql string) {
		t.Helper()
		_, err := s.commands.Pool.Exec(t.Context(), `update app.import set `+sql+` where id = $1`, id)
		must(t, err)
	}
	if is["canUndo"] != false {
		t.Errorf("planned: %v", is)
	}
	refused("Nothing of it was imported")
	var planned string
	must(t, s.commands.Pool.QueryRow(t.Context(), `select cursor from app.import where id = $1`, id).Scan(&planned))
	s.want(s.do("POST", address+"/undo", call{cookie: other}), 404, "not_found")
	s.want(s.do("POST", address+"/undo", call{cookie: s.member(owner, "staff")}), 403, "forbidden")
	s.want(s.do("POST", "/api/v2/imports/"+uuid.NewString()+"/undo", call{cookie: owner}), 404, "not_found")
	s.ran(owner, address)
	set(`state = 'running', beat_at = clock_timestamp()`)
	refused("still being imported")
	set(`state = 'failed'`)
	refused("Let it go on first")
	set(`state = 'done'`)
	s.want(s.do("POST", address+"/undo", call{cookie: owner, body: `{"all":true}`}), 422, "validation_failed")
	// It needs nothing of the file, and so can be taken back when that is forgotten; also what never came to its end.
	set(`state = 'failed', expires_at = clock_timestamp() - interval '1 second', cursor = '` + planned + `'`)
	must(t, s.desk.Forget(t.Context()))
	run := s.do("POST", address+"/run", call{cookie: owner})
	s.want(run, 409, "invalid_transition")
	s.want(s.do("PATCH", s.named(owner, "ada"), call{cookie: owner, body: `{"notes":"x"}`}), 200, "")
	set(`action = 'undo', state = 'running', beat_at = clock_timestamp()`)
	refused("is being taken back")
	set(`action = 'run', state = 'failed', created_at = clock_timestamp() + interval '30 minutes'`) // by the clock of another server
	if got := stays(s.undone(owner, address)); got != "undone: 0 taken back, 1 kept\nwas edited since it was imported" {
		t.Errorf("forgotten: %s", got)
	}
	set(`ended_at = clock_timestamp() - interval '25 hours'`)
	must(t, s.desk.Forget(t.Context()))
	var kept int
	must(t, s.commands.Pool.QueryRow(t.Context(), `select count(*) from app.import_part`).Scan(&kept))
	if kept != 0 {
		t.Errorf("%d pieces are kept for ever", kept)
	}
}

// A node that ended while it took an import back has done a part; another one goes on, and takes nothing back twice.
func TestTakingBackGoesOnAfterItsNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, tenant := s.tenant("ours")
	const rows = 600
	var file strings.Builder
	file.WriteString("name,email\n")
	for i := range rows {
		fmt.Fprintf(&file, "n%d,n%d@example.com\n", i, i)
	}
	address, _ := s.planned(owner, "", file.String())
	s.ran(owner, address)
	id := uuid.MustParse(strings.TrimPrefix(address, "/api/v2/imports/"))
	_, err := s.commands.Pool.Exec(t.Context(), `update app.import set expires_at = clock_timestamp() - interval '1 second'`) // its settings are of another key
	must(t, err)
	archived := func() (n int) {
		t.Helper()
		must(t, s.commands.Pool.QueryRow(t.Context(), `select count(*) from log.event where type = 'lead.archived'`).Scan(&n))
		return n
	}
	node := intake.NewDesk(s.commands, eventstore.NewMasterKey().AEAD("import"), slog.New(slog.DiscardHandler))
	running, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(running) }()
	by := commands.Caller{Tenant: uuid.MustParse(tenant), ID: uuid.New(), Fingerprint: []byte("f"), Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"}}
	_, err = node.Undo(t.Context(), by, id)
	must(t, err)
	for deadline := time.Now().Add(time.Minute); archived() < 20; {
		if time.Now().After(deadline) {
			t.Fatal("nothing is taken back")
		}
	}
	must(t, pgx.BeginFunc(t.Context(), s.commands.Pool, func(tx pgx.Tx) error { // nothing more is written while its node ends
		_, err := tx.Exec(t.Context(), `select from log.lane for update`)
		end()
		return err
	}))
	must(t, <-ended)
	part := archived()
	is := members(s.do("GET", address, call{cookie: owner}))
	if is["state"] != "failed" || is["canUndo"] != true || part >= rows {
		t.Fatalf("after its node: %v, %d taken back", is, part)
	}
	if got := stays(s.undone(owner, address)); got != fmt.Sprintf("undone: %d taken back, 0 kept", rows) || archived() != rows {
		t.Errorf("gone on from %d: %s, %d archived", part, got, archived())
	}
	// And one that ended just before it said so.
	_, err = s.commands.Pool.Exec(t.Context(), `update app.import set state = 'running', beat_at = clock_timestamp() - interval '16 seconds'`)
	must(t, err)
	if got := stays(s.undone(owner, address)); got != fmt.Sprintf("undone: %d taken back, 0 kept", rows) || archived() != rows {
		t.Errorf("once more: %s, %d archived", got, archived())
	}
}
