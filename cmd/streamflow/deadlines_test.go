package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore"
)

// TestMissedDeadlinesAreRecordedByThemselves: nobody touches the escalation, and of two nodes that look, one records what it missed.
func TestMissedDeadlinesAreRecordedByThemselves(t *testing.T) {
	env := append(servers(t), "STREAMFLOW_PROVIDER_EMAIL=p@ops.example", "STREAMFLOW_PROVIDER_PASSWORD="+first)
	p := startWith(t, filepath.Join(t.TempDir(), "a"), env, "--migrate")
	startWith(t, filepath.Join(t.TempDir(), "b"), env)
	p.enter("p@ops.example", first, 200)
	tenant, _ := p.admit()

	// What happened long ago is told by a clock of then: this test's own, beside those of the nodes.
	c, err := readConfig(append(env, "STREAMFLOW_DATA="+t.TempDir()), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := openNode(t.Context(), c, false, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	then := time.Now().Add(-30 * time.Minute)
	use := &commands.Commands{Log: n.log, Pool: n.engine, Now: func() time.Time { return then }}
	by := commands.Caller{Tenant: uuid.MustParse(tenant), ID: uuid.New(), Fingerprint: []byte("f"), Actor: eventstore.Actor{Kind: "partner", ID: "p", Via: "key"}}
	out, err := use.OpenEscalation(t.Context(), by, escalation.Open{PartnerID: "p", Details: escalation.Details{
		IncidentID: "INC-1", Severity: "critical", Summary: "Down", Description: "It is down.", SourceSystem: "monitor", OccurredAt: then}})
	if err != nil {
		t.Fatal(err)
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		t.Fatal(err)
	}
	read := func() (types []string) {
		events, err := n.log.ReadStream(t.Context(), by.Tenant, eventstore.Stream(escalation.Stream(id)), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			types = append(types, e.Type+" by "+e.Actor.ID)
		}
		return types
	}
	want := []string{"escalation.opened by p", "escalation.response_breached by deadlines"}
	for deadline := time.Now().Add(30 * time.Second); len(read()) < len(want); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was recorded: %q\n%s", read(), p.log)
		}
	}
	time.Sleep(2 * deadlineLook) // both nodes look again
	if got := read(); !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, answer := p.do("GET", "/api/portals/provider/stats", "")
		stats, _ := answer["stats"].(map[string]any)
		breached, _ := stats["escalationsBreached"].(map[string]any)
		if breached["value"] == 1.0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the figure is %v", breached)
		}
	}
}
