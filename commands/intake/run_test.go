package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func opened(t *testing.T) *commands.Commands {
	t.Helper()
	ctx := t.Context()
	url := pgtest.New(t, "migrated", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	pool, err := migrations.Role(ctx, url, "engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := eventstore.Create(ctx, pool, 1); err != nil {
		t.Fatal(err)
	}
	registry, err := commands.Registry()
	if err != nil {
		t.Fatal(err)
	}
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return &commands.Commands{Log: l, Pool: pool, Now: time.Now}
}

// comes runs over a file, or looks at it, and says in a line what it comes to and which rows are left.
func comes(t *testing.T, use *commands.Commands, name, text string, look bool) string {
	t.Helper()
	kind, _ := KindNamed(name)
	rows, err := NewReader(strings.NewReader(text), Options{Kind: kind, Form: CSV, Layout: time.DateOnly})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	w := Work{Use: use, Reader: rows, Look: look, By: commands.Caller{Tenant: uuid.Max, Actor: eventstore.Actor{Kind: "user", ID: "a", Via: "test"}, Correlation: "c"},
		Left: func(one Left) error { left = append(left, fmt.Sprintf("%d %s", one.Line, one.Reason)); return nil }}
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := w.Counts
	return fmt.Sprintf("%d rows, %d imported, %d known, %d duplicates, %d rejected: %s", c.Rows, c.Imported, c.Known, c.Like, c.Rejected, strings.Join(left, "; "))
}

// A look says what the run then comes to, and the run after it changes nothing.
func TestALookSaysWhatTheRunComesTo(t *testing.T) {
	use := opened(t)
	for _, c := range []struct{ kind, text, first, again string }{
		{"leads", "name,email,converted\nAda,ada@example.com,yes\nBea,bea@example.com,\nAda too,ada@example.com,\nCid,none,\n",
			"4 rows, 2 imported, 0 known, 0 duplicates, 2 rejected: 4 ", "4 rows, 0 imported, 2 known, 0 duplicates, 2 rejected: 4 "},
		{"leads", "name,email,externalId\nAda,ada@example.com,7\n", "1 rows, 0 imported, 0 known, 1 duplicates, 0 rejected: 2 ", "1 rows, 0 imported, 0 known, 1 duplicates, 0 rejected: 2 "},
		{"invoices", "organization,externalNumber,issueDate,dueDate,amount,currency,settledOn\nAcme,F-1,2025-01-02,2025-02-01,12.50,EUR,2025-01-20\nacme,F-2,2025-01-03,2025-02-01,1,EUR,\n,F-3,2025-01-03,2025-02-01,1,EUR,\n",
			"3 rows, 2 imported, 0 known, 0 duplicates, 1 rejected: 4 organization", "3 rows, 0 imported, 2 known, 0 duplicates, 1 rejected: 4 organization"},
	} {
		if look := comes(t, use, c.kind, c.text, true); !strings.HasPrefix(look, c.first) {
			t.Errorf("a look at %.40q: %s, want %s", c.text, look, c.first)
		}
		before, err := use.Log.Heads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if comes(t, use, c.kind, c.text, true); head(t, use) != before[1] {
			t.Error("a look changed something")
		}
		if run := comes(t, use, c.kind, c.text, false); !strings.HasPrefix(run, c.first) {
			t.Errorf("a run over %.40q: %s, want %s", c.text, run, c.first)
		}
		ran := head(t, use)
		for _, look := range []bool{true, false} {
			if again := comes(t, use, c.kind, c.text, look); !strings.HasPrefix(again, c.again) || head(t, use) != ran {
				t.Errorf("%.40q again: %s, want %s and nothing new", c.text, again, c.again)
			}
		}
	}
	if changed := comes(t, use, "leads", "name,email\nAda Byron,ada@example.com\n", false); !strings.Contains(changed, "1 rejected: 2 was imported before with other values") {
		t.Errorf("another row under the same key: %s", changed)
	}
}

func head(t *testing.T, use *commands.Commands) eventstore.Mark {
	t.Helper()
	heads, err := use.Log.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return heads[1]
}

func TestWhatCanBeTakenBackSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		action, state string
		kept          bool // what the file held
		can           bool
		says          string
	}{
		{ActionRun, Done, true, true, ""}, {ActionRun, Failed, false, true, ""}, {ActionUndo, Failed, false, true, ""},
		{ActionRun, Failed, true, false, "go on first"}, {ActionRun, "running", true, false, "still being imported"},
		{ActionUndo, Done, false, false, "already"}, {ActionUndo, "running", false, false, "is being taken back"}, {ActionPlan, Done, true, false, "Nothing of it was imported"},
	} {
		is := Import{Action: c.action, State: c.state}
		if c.kept {
			is.Settings = &Settings{}
		}
		if is.CanUndo() != c.can {
			t.Errorf("%s %s can be taken back: %v", c.action, c.state, !c.can)
		}
		if err := is.notUndone(); !c.can && (!errors.Is(err, ErrState) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s %s: %v, want %q", c.action, c.state, err, c.says)
		}
	}
}

// Whose a lead is, and what was done with it since, is told from its events alone.
func TestALeadStaysForAReason(t *testing.T) {
	is := Import{ID: uuid.New(), Tenant: uuid.Max}
	event := func(version int, typ, correlation string) eventstore.Event {
		return eventstore.Event{Stream: "lead-1", Version: version, Type: typ, CorrelationID: correlation, CommandID: uuid.New()}
	}
	made := event(1, lead.Created{}.Type(), is.correlation())
	back := event(2, "lead.archived", is.correlation())
	back.CommandID = takeBackID(is.Tenant, made.CommandID)
	r := retreat{is: is}
	for says, events := range map[string][]eventstore.Event{
		"was there before the import":              {event(1, lead.Created{}.Type(), "elsewhere")},
		"was edited since":                         {made, event(2, "lead.updated", "elsewhere")},
		"was written about since":                  {made, event(2, "lead.noted", "elsewhere")},
		"was given to another owner since":         {made, event(2, "lead.assigned", is.correlation())},
		"was converted by the import itself":       {made, event(2, lead.Converted{}.Type(), is.correlation())},
		"was status changed since it was imported": {made, event(2, "lead.status_changed", "elsewhere")},
		"was restored since it was imported":       {made, back, event(3, "lead.restored", "elsewhere")},
		"":                                         {made, back},
	} {
		why, err := r.one(t.Context(), events)
		if err != nil || !strings.HasPrefix(why, says) || (says == "") != (why == "") {
			t.Errorf("%q, %v; want %q", why, err, says)
		}
	}
	if err := r.tell(t.Context(), []eventstore.Event{made, event(2, lead.Converted{}.Type(), "c")}, []string{"", ""}); err != nil || r.counts.TakenBack != 1 {
		t.Errorf("taken back: %+v, %v", r.counts, err)
	}
}

// One who was silent for so long that another began anew neither adds to what the other keeps nor forgets it.
func TestAWorkerThatWasFencedOffChangesNothing(t *testing.T) {
	use := opened(t)
	d := NewDesk(use, eventstore.NewMasterKey().AEAD("import"), slog.New(slog.DiscardHandler))
	kind, _ := KindNamed("leads")
	by := commands.Caller{Tenant: uuid.Max, Actor: eventstore.Actor{Kind: "user", ID: "a", Via: "test"}, ID: uuid.New(), Fingerprint: []byte("f")}
	is, err := d.Receive(t.Context(), by, Upload{Options: Options{Kind: kind, Form: CSV, Layout: time.DateOnly}, Then: ActionPlan, Body: strings.NewReader("name\nAda\n")})
	if err != nil {
		t.Fatal(err)
	}
	early, late := d.partsOf(is.ID, "kept", uuid.New()), d.partsOf(is.ID, "kept", uuid.New())
	begins := func(p *parts) {
		t.Helper()
		if _, err := use.Pool.Exec(t.Context(), `update app.import set worker = $2 where id = $1`, is.ID, p.worker); err != nil {
			t.Fatal(err)
		}
		if err := p.clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.write(t.Context(), []byte("of "+p.worker.String())); err != nil {
			t.Fatal(err)
		}
	}
	begins(early)
	begins(late)
	if err := early.clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := early.write(t.Context(), []byte("more")); !errors.Is(err, errFenced) {
		t.Errorf("it wrote: %v", err)
	}
	kept := d.partsOf(is.ID, "kept", uuid.Nil)
	if text, err := kept.read(t.Context()); err != nil || string(text) != "of "+late.worker.String() {
		t.Errorf("kept is %q, %v", text, err)
	}
}
