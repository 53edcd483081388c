package eventstore_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// TestClaimsOutliveTheirForm: what was claimed before claims were known by a digest is held by the same stream after it.
func TestClaimsOutliveTheirForm(t *testing.T) {
	const before = 16 // the migration before which log.claim had scope and key
	ctx, url := t.Context(), pgtest.URL(t)
	if _, err := migrations.Up(ctx, url, before); err != nil {
		t.Fatal(err)
	}
	claims := []eventstore.Claim{{Scope: "name", Key: []byte("Ada Łovelace")}, {Scope: "name", Key: []byte{0, 255}}, {Scope: "näme", Key: []byte("Ada")}}
	tenants := []uuid.UUID{uuid.New(), uuid.New()}
	older := &store{t: t, url: url}
	for _, tenant := range tenants {
		for _, c := range claims {
			older.sql(`insert into log.claim (tenant, scope, key, stream) values ($1, $2, $3, $4)`, tenant, c.Scope, c.Key, "note-"+tenant.String())
		}
	}
	if err := migrate(ctx, url); err != nil {
		t.Fatal(err)
	}
	s := storeAt(t, url, 1)
	for _, tenant := range tenants {
		holders, err := s.log.Holders(ctx, tenant, append(claims, eventstore.Claim{Scope: "name", Key: []byte("Ada")}))
		mine := eventstore.Stream("note-" + tenant.String())
		if want := []eventstore.Stream{mine, mine, mine, ""}; err != nil || !slices.Equal(holders, want) {
			t.Errorf("holders %q, %v; want %q", holders, err, want)
		}
	}
}
