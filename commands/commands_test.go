package commands_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T) *commands.Commands {
	t.Helper()
	ctx := t.Context()
	url := pgtest.New(t, "migrated", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	pool, err := migrations.Role(ctx, url, "engine", nil)
	must(t, err)
	t.Cleanup(pool.Close)
	must(t, eventstore.Create(ctx, pool, 2))
	registry, err := commands.Registry()
	must(t, err)
	quiet := slog.New(slog.DiscardHandler)
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: quiet})
	must(t, err)
	t.Cleanup(l.Close)
	return &commands.Commands{Log: l, Pool: pool, Now: time.Now}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var space = uuid.MustParse("01900000-0000-7000-8000-000000000042")

// by is a caller with a command of its own.
func by(kind string) commands.Caller {
	return commands.Caller{Tenant: space, Actor: eventstore.Actor{Kind: kind, ID: "a", Via: "test"}, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c"}
}

func TestAnIncidentIsOneEscalation(t *testing.T) {
	c, ctx := open(t), t.Context()
	told := escalation.Open{PartnerID: "p1", Details: escalation.Details{
		IncidentID: "INC-1", Severity: "high", Summary: "down", Description: "all of it", SourceSystem: "pager",
		OccurredAt: time.Now().Add(-time.Minute), Metadata: map[string]any{"nodes": 3},
	}}
	first, err := c.OpenEscalation(ctx, by("partner"), told)
	must(t, err)
	id, err := commands.MadeBy(first)
	must(t, err)
	same, err := c.OpenEscalation(ctx, by("partner"), told)
	must(t, err)
	if again, _ := commands.MadeBy(same); same.Verdict != eventstore.Unchanged || again != id {
		t.Errorf("the same content: verdict %d, escalation %s, want %s", same.Verdict, again, id)
	}
	other := told
	other.Summary = "up"
	out, err := c.OpenEscalation(ctx, by("partner"), other)
	must(t, err)
	if r, _ := commands.RefusalOf(out); out.Code != "duplicate_incident" || r.Params["existingId"] != id {
		t.Errorf("other content: %+v", out)
	}
	other.PartnerID = "p2"
	if out, err = c.OpenEscalation(ctx, by("partner"), other); err != nil || out.Verdict != eventstore.Accepted {
		t.Errorf("another partner's incident: %+v %v", out, err)
	}

	if _, err = c.UpdateEscalation(ctx, by("partner"), id, "p2", escalation.Update{Kind: escalation.KindResolved}); err != commands.ErrNotFound { //nolint:errorlint // it is not wrapped
		t.Errorf("another partner's update: %v", err)
	}
	out, err = c.UpdateEscalation(ctx, by("partner"), id, "p1", escalation.Update{Kind: escalation.KindResolved})
	must(t, err)
	record, err := c.Escalation(ctx, space, id, out.Last())
	must(t, err)
	if record.State.Status != escalation.StatusResolved || record.Version != 2 {
		t.Errorf("after the update: %+v", record)
	}
	out, err = c.UpdateEscalation(ctx, by("partner"), id, "p1", escalation.Update{Kind: escalation.KindAcknowledged})
	if must(t, err); out.Code != "invalid_transition" {
		t.Errorf("a step back: %+v", out)
	}
}

func TestRacingConversionsShareTheOrganization(t *testing.T) {
	c, ctx := open(t), t.Context()
	const racers = 8
	ids := make([]string, racers)
	for i := range ids {
		out, err := c.CreateLead(ctx, by("user"), lead.Create{Details: lead.Details{Name: "N", Company: "Acme", Email: fmt.Sprintf("n%d@acme.example", i)}})
		must(t, err)
		ids[i], err = commands.MadeBy(out)
		must(t, err)
	}
	var done sync.WaitGroup
	for _, id := range ids {
		done.Go(func() {
			if out, err := c.ConvertLead(ctx, by("user"), id, ""); err != nil || out.Verdict != eventstore.Accepted {
				t.Errorf("convert: %+v %v", out, err)
			}
		})
	}
	done.Wait()
	shared := map[string]bool{}
	for _, id := range ids {
		record, err := c.Lead(ctx, space, id, 0)
		must(t, err)
		to := record.State.ConvertedTo
		shared[to.OrganizationID] = true
		person, err := c.Contact(ctx, space, to.ContactID, 0)
		must(t, err)
		if person.State.Subject != record.State.Subject || person.State.Email != record.State.Email {
			t.Errorf("the contact is not the lead's person: %+v", person)
		}
	}
	if len(shared) != 1 {
		t.Errorf("%d organizations, want 1", len(shared))
	}
}

func TestARepeatedTenantGetsItsLostPassword(t *testing.T) {
	c, ctx := open(t), t.Context()
	caller, command := by("staff"), commands.CreateTenant{Name: "Acme", OwnerEmail: "o@acme.example", OwnerName: "O", PasswordHash: "hash 1"}
	_, err := c.CreateTenant(ctx, caller, command)
	must(t, err)
	owner, err := c.UserByEmail(ctx, " O@Acme.example ")
	must(t, err)
	id := uuid.MustParse(owner.ID)
	_, err = c.Pool.Exec(ctx, `delete from app.credential`) // as if the process had died between the two
	must(t, err)
	for _, hash := range []string{"hash 2", "hash 3"} { // each try makes a hash of its own; the first that is kept stays
		command.PasswordHash = hash
		out, err := c.CreateTenant(ctx, caller, command)
		must(t, err)
		kept, err := c.PasswordHash(ctx, id)
		if must(t, err); !out.Replayed || kept != "hash 2" {
			t.Errorf("replayed %t, password %q", out.Replayed, kept)
		}
	}
}

func TestInvalidIsNoOutcome(t *testing.T) {
	c, ctx := open(t), t.Context()
	caller := by("user")
	_, err := c.CreateLead(ctx, caller, lead.Create{})
	if _, ok := err.(domain.Invalid); !ok { //nolint:errorlint // it is not wrapped
		t.Fatalf("err is %v", err)
	}
	out, err := c.CreateLead(ctx, caller, lead.Create{Details: lead.Details{Name: "N", ExternalID: "1"}})
	if must(t, err); out.Replayed || out.Verdict != eventstore.Accepted {
		t.Errorf("the id was used up: %+v", out)
	}
}

func TestTheRegistryKnowsEveryAggregate(t *testing.T) {
	registry, err := commands.Registry()
	must(t, err)
	known := map[string]bool{}
	for _, typ := range registry.Types() {
		category, _, _ := strings.Cut(typ, ".")
		known[category] = true
	}
	files, err := filepath.Glob("../domain/*/testdata/events")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no aggregate has samples of its events")
	}
	for _, file := range files {
		if category := filepath.Base(filepath.Dir(filepath.Dir(file))); !known[category] {
			t.Errorf("%s is not in the registry", category)
		}
	}
}
